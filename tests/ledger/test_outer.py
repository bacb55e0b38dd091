"""Outer snapshots: a day is the same without the rows that it does not need."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings

from pipeline.ledger import outer
from pipeline.ledger.days import build_rows
from pipeline.ledger.inputs import days_between, inputs_of, near_of
from pipeline.ledger.observations import History, join
from pipeline.model import SnapshotRows, Spread, State
from tests.ledger.histories import at, cluster, refs_of, snapshot
from tests.ledger.test_invariants import PHASES, histories

DAY = at("4 00:00").date()


def without_hidden(snapshots: list[SnapshotRows], day: object = DAY) -> tuple[History, History]:
    """A day's inputs, and the same with only the rows that it needs."""
    refs = refs_of(snapshots)
    inputs = inputs_of(refs, day)
    history = join([each for each, ref in zip(snapshots, refs, strict=True) if ref in inputs])
    tables = list(history.tables)
    for place, ids in outer.needed_ids(history, near_of(inputs, day), day).items():
        tables[place] = outer.rows_of(tables[place], ids)
    return history, History(history.snapshots, tables)


def rows(snapshots: list[SnapshotRows]) -> list[int]:
    return [len(table) for table in without_hidden(snapshots)[1].tables]


@given(histories())
@settings(max_examples=60, deadline=None, phases=PHASES)
def test_a_day_is_the_same_without_the_rows_it_does_not_need(
    snapshots: list[SnapshotRows],
) -> None:
    for day in days_between(refs_of(snapshots)):
        history, needed = without_hidden(snapshots, day)
        assert build_rows(needed, day, {}).to_pylist() == build_rows(history, day, {}).to_pylist()


def daily(*missing: int, ids: tuple[str, ...] = ("c1", "c2")) -> list[SnapshotRows]:
    """Six daily snapshots at noon; c2 is not in those of the days ``missing``."""
    return [
        snapshot(
            at(f"{day} 12:00"),
            *(cluster(name, total=day) for name in ids if name != "c2" or day not in missing),
        )
        for day in range(1, 8)
    ]


@pytest.mark.parametrize(
    ("missing", "left"),
    [
        ((), [0, 2, 2, 2, 0]),  # 2 to 6 March; the day is the 4th
        ((3,), [1, 1, 2, 2, 0]),  # missed once before the day
        ((5,), [0, 2, 2, 1, 1]),  # and after it
        ((3, 4, 5, 6, 7), [0, 1, 1, 1, 0]),  # gone before the day
        ((1, 2, 3, 4, 5), [0, 1, 1, 1, 0]),  # came after it
    ],
)
def test_only_clusters_that_the_nearest_complete_snapshot_misses_are_needed_of_those_beyond(
    missing: tuple[int, ...], left: list[int]
) -> None:
    assert rows(daily(*missing)) == left


def test_a_snapshot_that_reaches_into_the_day_hides_nothing() -> None:
    snapshots = daily()
    slow, sampled = (
        [
            SnapshotRows(
                state=State.COMPLETE,
                started_at=each.started_at,
                finished_at=each.finished_at + late * (number == 2),
                spread=spread if number == 1 else None,
                frame=each.frame,
            )
            for number, each in enumerate(snapshots)
        ]
        for late, spread in (
            (timedelta(hours=13), None),
            (timedelta(0), Spread(start=at("2 11:00"), seconds=2 * 86_400)),
        )
    )
    assert rows(slow) == rows(sampled) == [2, 2, 2, 2, 0]


def test_an_observation_in_the_same_second_hides_nothing() -> None:
    snapshots = daily()
    frame = snapshots[4].frame
    snapshots[5] = SnapshotRows(
        state=State.COMPLETE,
        started_at=snapshots[5].started_at,
        finished_at=snapshots[5].finished_at,
        frame=snapshots[5].frame.assign(observed_at=frame["observed_at"]),
    )
    assert rows(snapshots) == [0, 2, 2, 2, 2]
