"""What became of made-up findings."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd

from pipeline import schema
from tests.report.factories.clusters import DAY, UNIT


def with_states(findings: pd.DataFrame, **states: dict[str, object]) -> pd.DataFrame:
    """``findings`` with the columns of their life, by ``CLUSTER__RULE``."""
    rows = findings.astype({"gone_reason": "object", "state": "object"})
    for key, values in states.items():
        cluster_id, rule = key.split("__")
        here = (rows["cluster_id"] == cluster_id) & (rows["rule_id"].astype("str") == rule)
        for column, value in values.items():
            rows.loc[here, column] = value
    return schema.FINDINGS.enforce(rows)


def with_every_state(findings: pd.DataFrame) -> pd.DataFrame:
    """One finding new, one open, one reopened, one gone by chance, one gone by acting on it."""
    before, early = pd.Timestamp(DAY - timedelta(days=10)), pd.Timestamp(DAY - timedelta(days=25))
    return with_states(
        findings,
        cluster_a2__idle={
            "state": "open",
            "found_on": before,
            "promised_micros": 600 * UNIT,
            "waiting_cost_micros": 200 * UNIT,
        },
        cluster_a3__idle={"state": "new", "found_on": pd.Timestamp(DAY)},
        cluster_a7__idle_loaded={"state": "reopened", "found_on": early},
        cluster_a5__idle={
            "state": "gone",
            "found_on": early,
            "gone_on": pd.Timestamp(DAY),
            "gone_reason": "resumed work",
            "promised_micros": 90 * UNIT,
        },
        cluster_a1__idle={
            "state": "gone",
            "found_on": early,
            "gone_on": before,
            "gone_reason": "stopped",
            "promised_micros": 300 * UNIT,
            "realised_micros": 80 * UNIT,
        },
        cluster_a1__underutilized={
            "state": "gone",
            "found_on": early,
            "gone_on": before,
            "gone_reason": "stopped",
            "promised_micros": 0,
            "realised_micros": 0,
        },
    )
