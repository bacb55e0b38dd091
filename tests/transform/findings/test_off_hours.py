"""Off-hours claims: what weeks that are left out must confirm."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.settings import Rules
from pipeline.transform.findings import judge
from pipeline.transform.findings.off_hours import off_hours
from pipeline.transform.fold import Fold, day_number
from tests.transform.conftest import make_ledger, make_row

if TYPE_CHECKING:
    from collections.abc import Sequence

LAST = date(2026, 3, 15)
"""A Sunday: the weeks are calendar weeks."""
WEEK = 168
OFFICE = frozenset(day * 24 + hour for day in range(5) for hour in range(9, 18))
"""Its off-hours are 4 nights of 15 hours and a weekend of 63."""
Hours = frozenset[int]
ALL: Hours = frozenset(range(WEEK))


def mask(hours: Hours, day: int) -> int:
    return sum(1 << hour for hour in range(24) if day * 24 + hour in hours)


def rows_of(
    weeks: Sequence[Hours], seen: Sequence[Hours] | None = None, cluster_id: str = "c1"
) -> list[dict[str, Any]]:
    """A cluster that runs around the clock and was busy in those hours; the latest week last."""
    observed = seen or [ALL] * len(weeks)
    first = LAST - timedelta(days=7 * len(weeks) - 1)
    return [
        make_row(
            str(first + timedelta(days=7 * n + day)),
            cluster_id=cluster_id,
            gpu=50.0,
            hours_observed=mask(observed[n], day),
            hours_busy=mask(busy & observed[n], day),
        )
        for n, busy in enumerate(weeks)
        for day in range(7)
    ]


def measured(weeks: Sequence[Hours], seen: Sequence[Hours] | None = None) -> dict[str, float]:
    fold = Fold.of(make_ledger(*rows_of(weeks, seen)))
    last = day_number(LAST)
    window = fold.only(fold.day > last - 14)
    row = off_hours(fold, window, last, 1).iloc[0]
    return {str(name).removeprefix("off_hours_"): float(value) for name, value in row.items()}


def outcome(weeks: Sequence[Hours], seen: Sequence[Hours] | None = None) -> str:
    ledger = make_ledger(*rows_of(weeks, seen))
    frame = judge.judge_day(ledger, judge.Policy(Rules()), LAST)
    row = frame[frame["rule_id"] == "off_hours"].iloc[0]
    decided = "" if pd.isna(row["decided_by"]) else f" {row['decided_by']}"
    return f"{row['outcome']}{decided}"


def shifted(hours: Hours, by: int) -> Hours:
    return frozenset((hour + by) % WEEK for hour in hours)


def test_an_office_is_confirmed_by_every_week() -> None:
    for weeks in (2, 3, 4):
        assert measured([OFFICE] * weeks) == {
            "per_week": 123, "weeks": weeks, "samples": 246, "busy_share": 0, "shift_rank": 1,
        }  # fmt: skip
        assert outcome([OFFICE] * weeks) == "FINDING"


def test_a_rhythm_of_every_day_has_the_rank_of_seven_days() -> None:
    daily = frozenset(day * 24 + hour for day in range(7) for hour in range(9, 18))
    assert measured([daily, daily])["shift_rank"] == 7
    assert outcome([daily, daily]) == "FINDING"


def test_quiet_hours_of_one_week_that_the_next_one_works_in_are_no_claim() -> None:
    # 48 hours are quiet in both weeks, but each week works in half of the other's.
    first, second = frozenset(range(72)), frozenset(range(48, 120))
    # Shifts up to 48 hours either way of the best one leave as many.
    assert measured([first, second]) == {
        "per_week": 48, "weeks": 2, "samples": 96, "busy_share": 48 / 96, "shift_rank": 97,
    }  # fmt: skip
    assert outcome([first, second]).startswith("CLEAR when:off_hours_busy_share")


def test_rare_work_at_any_hour_is_no_rhythm() -> None:
    weeks = [frozenset({30, 31}), frozenset({110})]
    assert measured(weeks)["busy_share"] == pytest.approx(2 / 167)
    assert measured(weeks)["shift_rank"] > 100
    assert outcome(weeks).startswith("CLEAR when:off_hours_shift_rank")


def test_a_third_week_at_work_at_night_ends_the_claim() -> None:
    nights = OFFICE | frozenset(range(24 + 18, 24 + 24))
    assert outcome([OFFICE, OFFICE]) == "FINDING"
    assert measured([nights, OFFICE, OFFICE])["busy_share"] == 6 / 123 < 0.05
    late = nights | frozenset(range(48 + 18, 48 + 24))
    assert outcome([late, OFFICE, OFFICE]).startswith("CLEAR when:off_hours_busy_share")


def test_a_week_off_does_not_end_a_claim_that_two_weeks_confirm() -> None:
    nothing: Hours = frozenset()
    for weeks in ([OFFICE, nothing, OFFICE], [nothing, OFFICE, OFFICE, OFFICE]):
        assert measured(weeks)["shift_rank"] == 1
        assert outcome(weeks) == "FINDING"
    assert outcome([OFFICE, nothing]).startswith("CLEAR when:off_hours_busy_share")
    # Whether the rhythm goes on after a week off is not known yet.
    assert outcome([OFFICE, OFFICE, nothing]).startswith("CLEAR when:off_hours_shift_rank")
    # Work in a single week has no rhythm.
    assert measured([nothing, nothing, frozenset({30})])["shift_rank"] == WEEK


def test_only_the_last_four_weeks_count() -> None:
    assert measured([ALL, OFFICE, OFFICE, OFFICE, OFFICE]) == measured([OFFICE] * 4)


def test_a_week_without_samples_tests_nothing() -> None:
    nothing: Hours = frozenset()
    partly = measured([OFFICE] * 3, [nothing, ALL, ALL])
    assert partly == measured([OFFICE] * 2)
    alone = measured([OFFICE] * 2, [nothing, ALL])
    assert alone["weeks"] == 0
    assert np.isnan([alone["busy_share"], alone["shift_rank"]]).all()


def test_a_cluster_that_never_worked_has_no_rhythm() -> None:
    nothing: Hours = frozenset()
    assert measured([nothing, nothing])["shift_rank"] == WEEK


def in_runs(quiet: list[bool]) -> int:
    """Hours in runs of 12 or more, one run at a time around the circle."""
    if all(quiet):
        return WEEK
    start = quiet.index(False)
    runs = "".join("q" if quiet[(start + n) % WEEK] else " " for n in range(WEEK)).split()
    return sum(len(run) for run in runs if len(run) >= 12)


hours = st.frozensets(st.integers(0, WEEK - 1), max_size=12)
blocks = st.lists(
    st.tuples(st.integers(0, WEEK - 1), st.integers(1, 60)), min_size=1, max_size=3
).map(lambda all_: frozenset((a + n) % WEEK for a, length in all_ for n in range(length)))


@settings(max_examples=25)
@given(weeks=st.lists(blocks, min_size=2, max_size=2), gaps=st.lists(hours, min_size=2, max_size=2))
def test_two_weeks_agree_with_counting_by_hand(weeks: list[Hours], gaps: list[Hours]) -> None:
    seen = [ALL - gap for gap in gaps]
    got = measured(weeks, seen)

    def off(by: int) -> int:
        """The off-hours if the later week were shifted."""
        there = [shifted(seen[1], by), shifted(weeks[1] & seen[1], by)]
        quiet = [
            (hour in seen[0] or hour in there[0])
            and not (hour in weeks[0] & seen[0] or hour in there[1])
            for hour in range(WEEK)
        ]
        return in_runs(quiet)

    assert got["per_week"] == off(0)
    if got["per_week"] and weeks[0] | weeks[1] and got["weeks"] == 2:
        # A shift of one week forwards is one of the other week backwards.
        assert got["shift_rank"] == sum(off(by) >= off(0) for by in range(WEEK))


@settings(max_examples=25)
@given(weeks=st.lists(blocks, min_size=2, max_size=4), by=st.integers(1, WEEK - 1), data=st.data())
def test_neither_the_order_of_weeks_nor_their_common_beginning_matters(
    weeks: list[Hours], by: int, data: st.DataObject
) -> None:
    expected = measured(weeks)
    del expected["samples"]  # those of the last two weeks
    for other in (data.draw(st.permutations(weeks)), [shifted(week, by) for week in weeks]):
        got = measured(other)
        del got["samples"]
        np.testing.assert_equal(got, expected)


def test_clusters_are_measured_independently() -> None:
    many = [[OFFICE, OFFICE], [frozenset(range(72)), frozenset(range(48, 120))]]
    rows = [rows_of(weeks, cluster_id=f"c{n}") for n, weeks in enumerate(many)]
    fold = Fold.of(make_ledger(*rows[0], *rows[1]))
    frame = off_hours(fold, fold, day_number(LAST), 1)
    assert frame["off_hours_shift_rank"].tolist() == [1, 97]
    assert frame["off_hours_per_week"].tolist() == [123, 48]
