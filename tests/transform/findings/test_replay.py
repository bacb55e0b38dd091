"""Rules tried on the past, and what owners then did."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from pipeline.settings import Rules
from pipeline.transform.findings import replay
from pipeline.transform.findings.judge import Policy
from tests.transform.chain import judge_days

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., Any]


def test_a_replay_knows_nothing_of_the_future_and_is_the_same_every_time(
    days: Make, ledger: Make
) -> None:
    policy = Policy(Rules())
    early = ledger(*days("2026-03-01", 8))
    later = ledger(*days("2026-03-01", 8), *days("2026-03-09", 9, gpu=99.0))
    frames = dict(judge_days(early, policy, date(2026, 3, 1), date(2026, 3, 8)))
    two = dict(judge_days(later, policy, date(2026, 3, 1), date(2026, 3, 8)))
    for day, frame in frames.items():
        pd.testing.assert_frame_equal(frame, two[day])


def test_precision_is_what_owners_did_within_the_horizon(days: Make, ledger: Make) -> None:
    off = {"status": "stopped", "hours": 0, "spend_micros": 0}
    rows = ledger(
        *days("2026-03-01", 5, cluster_id="terminated"),
        *days("2026-03-01", 6, cluster_id="stopped"),
        *days("2026-03-07", 14, cluster_id="stopped", **off),
        *days("2026-03-01", 20, cluster_id="kept"),
        *days("2026-03-16", 5, cluster_id="too-new"),
    )
    last = date(2026, 3, 20)
    flagged = replay.flags(judge_days(rows, Policy(Rules()), date(2026, 3, 3), last))
    got = replay.precision(flagged, rows, last)
    row = got[got["rule_id"] == "idle"].iloc[0].to_dict()
    assert row.pop("precision") == pytest.approx(2 / 3)
    assert row == {
        "rule_id": "idle", "flagged": 4, "acted_on": 2, "kept": 1, "undecided": 1,
    }  # fmt: skip
