from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from pipeline.ledger.inputs import (
    digests,
    gaps,
    inputs_of,
    is_closed,
    last_closed_day,
    long_gaps,
    midnight,
    observed_until,
)
from pipeline.model import SnapshotRef, State
from tests.ledger.histories import at

DAY = date(2026, 3, 2)


def ref(when: str, state: State = State.COMPLETE) -> SnapshotRef:
    started = at(when)
    return SnapshotRef("a", started, state, f"x/{started:%Y%m%dT%H%M%SZ}-{state}.parquet")


def read(*refs: SnapshotRef, day: date = DAY) -> list[str]:
    return [f"{ref.started_at:%-d %H:%M}" for ref in inputs_of(refs, day)]


def test_a_day_reads_its_own_snapshots_and_two_complete_neighbours_on_each_side() -> None:
    times = ["1 02:00", "1 11:00", "2 02:00", "2 14:00", "3 02:00", "3 14:00"]
    refs = [ref(when) for when in ("1 01:00", *times, "4 01:00")]
    assert read(*refs) == times


def test_incomplete_neighbours_before_a_complete_one_are_read_too() -> None:
    refs = [
        ref("1 02:00"),
        ref("1 14:00", State.DRIFTED),
        ref("2 02:00"),
        ref("3 02:00", State.UNPROVEN),
        ref("3 14:00", State.SUSPECT),
        ref("4 02:00"),
        ref("5 02:00"),
    ]
    assert read(*refs, ref("6 02:00")) == [
        *("1 02:00", "1 14:00", "2 02:00", "3 02:00", "3 14:00", "4 02:00", "5 02:00")
    ]


def test_a_walk_that_may_reach_past_midnight_is_not_the_last_neighbour() -> None:
    # The walk of 23:30 may end after midnight, so its rows may need the snapshots before it.
    neighbours = [ref("1 20:30"), ref("1 21:30"), ref("1 22:30"), ref("1 23:30")]
    assert read(*neighbours, ref("2 00:30"), ref("3 00:00")) == [
        "1 21:30",
        "1 22:30",
        "1 23:30",
        "2 00:30",
        "3 00:00",
    ]
    # One that ended before the next began, at midnight, is.
    assert (
        read(ref("1 21:00"), ref("1 22:00"), ref("1 23:00"), ref("2 00:00"), ref("3 00:00"))[0]
        == "1 22:00"
    )


def test_a_day_without_snapshots_reads_its_neighbours() -> None:
    assert read(ref("1 02:00"), ref("3 02:00")) == ["1 02:00", "3 02:00"]


@pytest.mark.parametrize(
    ("after", "closed"),
    [
        (ref("3 00:00"), True),
        (ref("2 23:59"), False),
        (ref("3 00:00", State.DRIFTED), False),
        (ref("5 00:00"), True),
    ],
)
def test_a_day_is_closed_by_a_complete_snapshot_at_or_after_its_end(
    after: SnapshotRef, *, closed: bool
) -> None:
    refs = [ref("2 01:00"), after]
    assert is_closed(refs, DAY) is closed


def test_the_last_closed_day_is_before_the_newest_complete_snapshot() -> None:
    assert last_closed_day([ref("1 02:00"), ref("4 02:00")]) == date(2026, 3, 3)
    assert last_closed_day([ref("1 02:00"), ref("1 20:00"), ref("2 01:00", State.DRIFTED)]) is None
    assert last_closed_day([]) is None


def years(*days: str) -> list[SnapshotRef]:
    return [
        SnapshotRef("a", datetime.fromisoformat(f"{day}T02:00Z"), State.COMPLETE, f"x/{day}")
        for day in days
    ]


def test_the_history_starts_again_after_a_pause_of_more_than_400_days() -> None:
    refs = years("1970-01-01", "2026-03-01", "2026-03-02", "2026-03-03")
    assert [str(day) for day in digests(refs, {})] == [
        "1970-01-01",
        "2026-03-01",
        "2026-03-02",
        "2026-03-03",
    ]
    # What was there before changes no day of now.
    assert digests(refs, {}).items() >= digests(refs[1:], {}).items()
    assert not is_closed(refs, refs[0].day)
    assert last_closed_day(refs) == date(2026, 3, 2)
    assert last_closed_day(refs[:2]) is None
    assert long_gaps(refs) == [(refs[0], refs[1])]


def test_a_pause_of_400_days_has_every_day() -> None:
    refs = years("2025-01-26", "2026-03-02")
    assert len(digests(refs, {})) == 401
    assert inputs_of(refs, date(2025, 8, 1)) == refs
    assert last_closed_day(refs) == date(2026, 3, 1)
    assert long_gaps(refs) == []


def test_a_late_snapshot_makes_only_the_days_that_read_it_stale() -> None:
    refs = [ref(f"{day} 02:00") for day in range(1, 8)]
    late = sorted([*refs, ref("4 14:00")])
    before, after = digests(refs, {}), digests(late, {})
    changed = {day.day for day in after if before.get(day) != after[day]}
    assert changed == {3, 4, 5, 6}


def test_the_rate_card_is_part_of_a_days_digest() -> None:
    refs = [ref("1 02:00"), ref("2 02:00")]
    assert digests(refs, {}) != digests(refs, {"A100": 1})


def test_midnight_is_utc() -> None:
    assert midnight(DAY + timedelta(days=1)) == at("3 00:00")


def test_a_gap_is_a_stretch_far_longer_than_the_usual_spacing() -> None:
    hourly = [ref(f"2 {hour:02d}:00") for hour in range(6)]
    assert gaps(hourly) == []
    assert gaps([*hourly, ref("2 09:00"), ref("2 10:00")]) == [(at("2 05:00"), at("2 09:00"))]
    assert gaps(hourly[:1]) == []


@pytest.mark.parametrize(
    ("refs", "built", "final", "until"),
    [
        ((), (), (), None),
        (("2 02:00",), (2,), (), None),  # its one day is open
        (("2 02:00", "3 02:00"), (2, 3), (), 2),
        (("2 02:00", "3 02:00", "3 14:00"), (2, 3), (), 2),  # half a day is none
        (("2 02:00", "5 02:00"), (2, 3, 4, 5), (), 4),  # days in between are built
        (("2 02:00", "5 02:00"), (2, 3), (), 3),  # as far as they are
        (("9 02:00",), (2, 3, 4), (2, 3, 4), 4),  # their snapshots were pruned
        ((), (2,), (2,), 2),
    ],
)
def test_an_account_is_observed_until_its_last_closed_day_in_the_ledger(
    refs: tuple[str, ...], built: tuple[int, ...], final: tuple[int, ...], until: int | None
) -> None:
    days = [date(2026, 3, day) for day in built]
    got = observed_until([ref(when) for when in refs], days, {date(2026, 3, day) for day in final})
    assert got == (None if until is None else date(2026, 3, until))


def test_a_snapshot_that_is_not_complete_observes_nothing() -> None:
    refs = [ref("2 02:00"), ref("3 02:00"), ref("4 02:00", State.UNPROVEN)]
    built = [date(2026, 3, day) for day in (2, 3, 4)]
    assert observed_until(refs, built) == date(2026, 3, 2)
