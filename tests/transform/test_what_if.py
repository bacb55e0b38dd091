"""Prices of a change."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from pipeline import schema
from pipeline.errors import SettingsError
from pipeline.settings import Rules
from pipeline.transform import what_if
from pipeline.transform.findings import judge
from pipeline.transform.what_if import Change

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., Any]

UNIT = schema.MICROS_PER_UNIT
LAST = date(2026, 3, 10)
MONTH = 30 * 240 * UNIT


@pytest.mark.parametrize(
    ("change", "after"),
    [
        (Change("stop"), 0),
        (Change("gpus", value=2), MONTH // 4),
        (Change("schedule", value=42), MONTH // 4),
        (Change("schedule", value=168), MONTH),
        (Change("rate_card", rate_card={"A100": 2.0}), 30 * 24 * 16 * UNIT),
        (Change("stop", match="train-*"), 0),
    ],
)
def test_a_change_is_priced(days: Make, ledger: Make, change: Change, after: int) -> None:
    got = what_if.what_if(ledger(*days("2026-03-01", 10)), LAST, change, Rules())
    assert got["before_micros"].tolist() == [MONTH]
    assert got["after_micros"].tolist() == [after]
    assert got["difference_micros"].tolist() == [after - MONTH]
    assert got["is_priced"].tolist() == [True]


def test_a_stopped_cluster_keeps_its_own_storage_charge(days: Make, ledger: Make) -> None:
    rows = ledger(
        *days("2026-03-01", 5),
        *days("2026-03-06", 5, status="stopped", hours=0, spend_micros=24 * UNIT,
              stopped_spend_micros=24 * UNIT),
    )  # fmt: skip
    got = what_if.what_if(rows, LAST, Change("stop"), Rules())
    assert got["after_micros"].tolist() == [30 * 24 * UNIT]


def test_a_finding_and_what_if_give_the_same_two_figures(days: Make, ledger: Make) -> None:
    rows = ledger(*days("2026-03-01", 10, is_random=False))
    finding = judge.judge_day(rows, judge.Policy(Rules()), LAST).query("rule_id == 'idle'").iloc[0]
    assert finding["action"] == "stop"
    got = what_if.what_if(rows, LAST, Change("stop"), Rules()).iloc[0]
    # Ten days have cost 2,400.00; thirty at that rate are 7,200.00.
    assert got["saving_micros"] == finding["counted_saving_micros"] == 2400 * UNIT
    assert got["run_rate_saving_micros"] == finding["run_rate_saving_micros"] == 7200 * UNIT


@pytest.fixture
def fleet(days: Make, ledger: Make) -> pd.DataFrame:
    """Idle clusters to stop and to terminate, and the storage of two others, one of them gone."""
    stopped: dict[str, Any] = {"status": "stopped", "hours": 0}
    return ledger(
        *days("2026-02-09", 30, cluster_id="stop-a", is_random=False),
        *days("2026-02-25", 14, cluster_id="stop-b", is_random=False, gpu_count=4),
        *days("2026-02-09", 30, cluster_id="terminate"),
        *days("2026-02-09", 30, cluster_id="stored", spend_micros=24 * UNIT,
              stopped_spend_micros=24 * UNIT, **stopped),
        *days("2026-02-09", 20, cluster_id="gone", spend_micros=120 * UNIT,
              stopped_spend_micros=120 * UNIT, **stopped),
    )  # fmt: skip


def test_what_if_and_the_findings_of_a_fleet_with_storage_agree(fleet: pd.DataFrame) -> None:
    judged = judge.judge_day(fleet, judge.Policy(Rules()), LAST).query("rule_id == 'idle'")
    idle = judged.set_index("cluster_id")
    assert idle["action"].dropna().to_dict() == {
        "stop-a": "stop",
        "stop-b": "stop",
        "terminate": "terminate",
    }
    for cluster in ("stop-a", "stop-b"):
        got = what_if.what_if(fleet, LAST, Change("stop", cluster), Rules()).iloc[0]
        assert got["after_micros"] > 0
        assert got["saving_micros"] == idle.loc[cluster, "net_saving_micros"]
        assert got["run_rate_saving_micros"] == idle.loc[cluster, "run_rate_saving_micros"]
    # What stays charged of a stopped cluster, terminating it saves too.
    got = what_if.what_if(fleet, LAST, Change("stop", "terminate"), Rules()).iloc[0]
    assert got["before_micros"] == idle.loc["terminate", "run_rate_saving_micros"]
    assert got["before_micros"] - got["after_micros"] == got["run_rate_saving_micros"]


@pytest.mark.parametrize(
    "change",
    [Change("stop"), Change("gpus", value=2), Change("schedule", value=42),
     Change("rate_card", rate_card={"A100": 2.0})],
    ids=lambda change: change.kind,
)  # fmt: skip
def test_a_clusters_amounts_are_the_same_under_every_pattern(
    fleet: pd.DataFrame, change: Change
) -> None:
    everything = what_if.what_if(fleet, LAST, change, Rules())
    for pattern in ("stop-a", "stop-*", "*a*", "terminate", "p1"):
        some = what_if.what_if(fleet, LAST, replace(change, match=pattern), Rules())
        same = everything[everything["cluster_id"].isin(some["cluster_id"])].reset_index(drop=True)
        pd.testing.assert_frame_equal(some, same)


def test_what_cannot_be_priced_does_not_change(days: Make, ledger: Make) -> None:
    rows = ledger(*days("2026-03-01", 10, gpu_count=0))
    for change in (Change("gpus", value=2), Change("rate_card", rate_card={"T4": 1.0})):
        got = what_if.what_if(rows, LAST, change, Rules())
        assert got["is_priced"].tolist() == [False]
        assert got["difference_micros"].tolist() == [0]


def test_only_listed_clusters_that_match_are_priced(days: Make, ledger: Make) -> None:
    rows = ledger(
        *days("2026-03-01", 9, cluster_id="gone"),
        *days("2026-03-01", 10, cluster_id="here"),
        *days("2026-03-01", 10, cluster_id="other", name="x", project_id="q"),
    )
    assert what_if.what_if(rows, LAST, Change("stop", match="p1"), Rules())[
        "cluster_id"
    ].tolist() == ["here"]
    assert what_if.what_if(ledger(), LAST, Change("stop"), Rules()).empty


@pytest.mark.parametrize(
    "bad", [Change("gpus", value=0), Change("schedule", value=200), Change("rate_card")]
)
def test_an_invalid_change_is_refused(ledger: Make, bad: Change) -> None:
    with pytest.raises(SettingsError, match="what-if"):
        what_if.what_if(ledger(), LAST, bad, Rules())
