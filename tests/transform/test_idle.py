"""Idle claims say no more than their samples allow."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from pipeline import schema
from pipeline.settings import Rules
from pipeline.transform import idle, utilization
from pipeline.transform.findings import judge

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    Make = Callable[..., Any]

UNIT = schema.MICROS_PER_UNIT


def candidates_of(rows: pd.DataFrame) -> pd.DataFrame:
    return idle.candidates(utilization.rank(rows), Rules())


def test_two_weeks_of_hourly_snapshots_without_work_prove_idleness(
    days: Make, ledger: Make
) -> None:
    got = candidates_of(ledger(*days("2026-03-01", 14)))
    assert got["grade"].tolist() == ["proven"]
    assert got["samples"].tolist() == [336]
    assert got["busy_share_bound"].tolist() == pytest.approx([0.00888], abs=1e-5)
    # 14 days x 24 h x 10.00, all of it seen, less the share that the bound leaves possible.
    assert got["provable_waste_micros"].tolist() == [int(3360 * UNIT * 0.05 ** (1 / 336))]


def test_snapshots_at_a_fixed_minute_never_prove_idleness(days: Make, ledger: Make) -> None:
    got = candidates_of(ledger(*days("2026-03-01", 14, is_random=False)))
    assert got["grade"].tolist() == ["likely"]
    assert got["has_random_samples"].tolist() == [False]
    assert got["busy_share_bound"].tolist() == pytest.approx([0.00888], abs=1e-5)


def test_nightly_snapshots_at_two_speak_for_that_hour_alone(days: Make, ledger: Make) -> None:
    got = candidates_of(ledger(*days("2026-01-01", 60, seen=[2])))
    assert got["grade"].tolist() == ["suspected"]
    # 60 of 1,440 hours are sampled; all others may have been busy.
    bound = 23 / 24 + (1 - 0.05 ** (1 / 60)) / 24
    assert got["busy_share_bound"].tolist() == pytest.approx([bound])
    waste, spend = got["provable_waste_micros"].iloc[0], got["window_spend_micros"].iloc[0]
    assert waste == pytest.approx(spend * (1 - bound), abs=1)


def test_one_random_instant_a_day_speaks_for_the_whole_day(days: Make, ledger: Make) -> None:
    whole_day = {"random_seconds": 86_400, "random_interval_seconds": 86_400}
    got = candidates_of(ledger(*days("2026-03-01", 14, seen=[2], **whole_day)))
    assert got["busy_share_bound"].tolist() == pytest.approx([0.19264], abs=1e-5)
    assert got["grade"].tolist() == ["likely"]
    waste, spend = got["provable_waste_micros"].iloc[0], got["window_spend_micros"].iloc[0]
    assert waste == int(spend * 0.05 ** (1 / 14))


def test_hours_without_a_sample_count_as_busy(days: Make, ledger: Make) -> None:
    # 36 hours on three afternoons without a snapshot.
    rows = days("2026-03-02", 14)
    for row in rows[1:4]:
        row |= {"random_samples": 12, "random_seconds": 12 * 3600, "hours_observed": 0xFFF}
    got = candidates_of(ledger(*rows))
    assert got["grade"].tolist() == ["likely"]
    assert got["busy_share_bound"].iloc[0] > 36 / 336


def test_a_cluster_that_runs_in_office_hours_is_sampled_around_the_clock(
    days: Make, ledger: Make
) -> None:
    office = sum(1 << hour for hour in range(8, 17))
    rows = days("2026-03-01", 14, hours=9, hours_observed=office)
    got = candidates_of(ledger(*rows))
    # 0.9 % of 336 hours may have been busy, which is 2.4 % of the 126 that it ran.
    assert got["busy_share_bound"].tolist() == pytest.approx([0.00888 * 336 / 126], abs=1e-4)
    assert got["grade"].tolist() == ["proven"]


def test_three_days_are_likely_at_best(days: Make, ledger: Make) -> None:
    assert candidates_of(ledger(*days("2026-03-01", 3)))["grade"].tolist() == ["likely"]


@pytest.mark.parametrize("metric", ["gpu", "memory", "cpu"])
def test_a_missing_reading_is_never_idle(days: Make, ledger: Make, metric: str) -> None:
    assert candidates_of(ledger(*days("2026-03-01", 14, **{metric: None}))).empty


def test_a_busy_or_loaded_or_stopped_or_gone_cluster_is_no_candidate(
    days: Make, ledger: Make
) -> None:
    rows = ledger(
        *days("2026-03-01", 14, cluster_id="busy", gpu=80.0),
        *days("2026-03-01", 14, cluster_id="loaded", memory=95.0),
        *days("2026-03-01", 14, cluster_id="cpu", cpu=60.0),
        *days("2026-03-01", 14, cluster_id="stopped", status="stopped"),
        *days("2026-03-01", 13, cluster_id="gone"),
        *days("2026-03-01", 14, cluster_id="vanished", flags="vanished"),
    )
    assert candidates_of(rows).empty


def test_candidates_come_by_the_money_they_prove(days: Make, ledger: Make) -> None:
    rows = ledger(
        *days("2026-03-01", 14, cluster_id="dear-unseen", seen=[2], hourly_rate_micros=50 * UNIT),
        *days("2026-03-01", 14, cluster_id="cheap-watched"),
    )
    assert candidates_of(rows)["cluster_id"].tolist() == ["cheap-watched", "dear-unseen"]


def test_provable_waste_is_below_the_least_the_spend_can_have_been(
    days: Make, ledger: Make
) -> None:
    rows = days("2026-03-01", 14, spend_low_micros=7)
    assert candidates_of(ledger(*rows))["provable_waste_micros"].tolist() == [97]
    rows = days("2026-03-01", 14, spend_micros=None, spend_low_micros=None, spend_high_micros=None)
    assert candidates_of(ledger(*rows))["provable_waste_micros"].tolist() == [0]


def test_an_empty_fleet_has_no_candidates(ledger: Make) -> None:
    assert list(candidates_of(ledger())) == list(schema.IDLE.names)


def test_the_list_of_idle_clusters_has_the_findings_own_money(days: Make, ledger: Make) -> None:
    rows = ledger(
        *days("2026-03-01", 14, cluster_id="idle", spend_micros=7, hours=23),
        *days("2026-03-01", 14, cluster_id="busy", gpu=90.0),
    )
    judged = judge.judge_day(rows, judge.Policy(Rules()), date(2026, 3, 14))
    got = idle.of_findings(utilization.rank(rows), judged)
    judged_idle = judged[(judged["rule_id"] == "idle") & (judged["outcome"] == "FINDING")]
    columns = ["cluster_id", "grade", "provable_waste_micros"]
    assert got[columns].astype(str).to_numpy().tolist() == (
        judged_idle[columns].astype(str).to_numpy().tolist()
    )
    assert got["cluster_id"].tolist() == ["idle"]
    assert idle.of_findings(utilization.rank(ledger()), schema.FINDINGS.empty()).empty
