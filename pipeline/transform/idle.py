"""Idle candidates: clusters whose GPUs do no work, most provable waste first.

Method: the rule ``idle`` on a utilization table. A candidate is graded suspected, likely or proven
by the share of its running time without work, by the highest busy share that its samples do not
exclude, and by whether they were taken at random instants. The ranking key is the money that those
samples prove wasted (``measures.provable_waste``), so an expensive cluster with two samples does
not outrank a cheaper one with samples all week.

Assumption: the table covers the rules' window (``rules.idle_window_days``), as in the findings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import rules as catalogue
from pipeline import schema
from pipeline.transform.findings.measures import derive, provable_waste
from pipeline.transform.findings.rule_engine import evaluate

if TYPE_CHECKING:
    import pandas as pd

    from pipeline import settings


def of_findings(utilization: pd.DataFrame, findings: pd.DataFrame) -> pd.DataFrame:
    """The candidates among ``findings``, with the same grades and money.

    ``utilization`` covers the rules' window.
    """
    claimed = findings[
        (findings["rule_id"].astype("str") == catalogue.IDLE.id)
        & (findings["outcome"].astype("str") == catalogue.FINDING)
    ]
    claims = claimed[[*schema.CLUSTER_KEY, "grade", "provable_waste_micros"]].astype(
        {"account": "str"}
    )
    rows = utilization.astype({"account": "str"}).merge(claims, on=schema.CLUSTER_KEY, how="inner")
    return schema.IDLE.enforce(_ranked(rows))


def _ranked(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.rename(columns={"spend_micros": "window_spend_micros"}).sort_values(
        ["provable_waste_micros", *schema.CLUSTER_KEY],
        ascending=[False, True, True],
        kind="stable",
    )


def candidates(utilization: pd.DataFrame, rules: settings.Rules) -> pd.DataFrame:
    """The findings of the rule ``idle`` with their evidence, most provable waste first."""
    if utilization.empty:
        return schema.IDLE.empty()
    evidence = derive(utilization, rules)
    outcomes = evaluate(catalogue.IDLE, evidence, rules)
    rows = evidence.assign(grade=outcomes.grade, provable_waste_micros=provable_waste(evidence))
    return schema.IDLE.enforce(_ranked(rows[outcomes.is_finding]))
