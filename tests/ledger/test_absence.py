"""Absence is not termination: what the cluster's own counter says of the time in between."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.ledger.days import build_day
from pipeline.ledger.inputs import days_between, inputs_of
from tests.ledger.histories import DAY, UNIT, at, cluster, ledger, refs_of, snapshot

if TYPE_CHECKING:
    from pipeline.model import SnapshotRows


def listed(when: str, total: float, **values: Any) -> SnapshotRows:  # noqa: ANN401
    return snapshot(at(when), cluster(total=total, rate=2.0, **values))


def missing(when: str) -> SnapshotRows:
    return snapshot(at(when), cluster("other", total=1.0))


def money(snapshots: list[SnapshotRows]) -> list[float]:
    row = ledger(snapshots, DAY).loc["c1"]
    names = ("spend_micros", "spend_low_micros", "spend_high_micros", "metered_micros")
    return [float(row[name]) / UNIT for name in names]


def test_a_cluster_that_one_list_misses_lived_by_its_counter() -> None:
    shots = [
        listed("2 00:00", 100), listed("2 10:00", 120), missing("2 11:00"), listed("2 12:00", 124),
        listed("3 00:00", 148),
    ]  # fmt: skip
    assert money(shots) == [48.0, 48.0, 48.0, 48.0]
    assert "vanished" not in ledger(shots, DAY).loc["c1", "flags"]


@pytest.mark.parametrize(
    "after",
    [
        [missing("2 11:00"), missing("2 11:30"), listed("2 12:00", 124)],
        [missing("2 11:00"), listed("2 12:00", 3)],
        [missing("2 11:00"), listed("2 12:00", 124, created_at=at("2 11:30"))],
    ],
    ids=["missed twice", "its counter fell", "created since"],
)
def test_a_cluster_that_is_gone_by_two_lists_or_came_back_as_another_was_gone(
    after: list[SnapshotRows],
) -> None:
    shots = [listed("2 00:00", 100), listed("2 10:00", 120), *after, missing("3 00:00")]
    assert "vanished" in ledger(shots, DAY).loc["c1", "flags"]


def test_an_id_whose_creation_time_moves_at_a_restart_is_the_same_cluster() -> None:
    shots = [
        listed("2 00:00", 100),
        listed("2 10:00", 120),
        listed("2 11:00", 122, created_at=at("2 10:30")),
        listed("3 00:00", 148, created_at=at("2 10:30")),
    ]
    assert money(shots) == [48.0, 48.0, 48.0, 48.0]


def test_walks_that_overlap_break_no_presence() -> None:
    # The server's clock was 20 seconds behind at the second walk.
    late = snapshot(
        at("2 09:59"), cluster(total=120, rate=2.0, observed_at=at("2 10:01")), minutes=2
    )
    early = snapshot(at("2 10:00"), cluster(total=120, rate=2.0, observed_at=at("2 10:00")))
    shots = [listed("2 00:00", 100), late, early, listed("2 12:00", 124), listed("3 00:00", 148)]
    assert money(shots) == [48.0, 48.0, 48.0, 48.0]


@given(
    missed=st.integers(1, 9),
    hours=st.lists(st.integers(1, 9), min_size=10, max_size=10),
    first=st.integers(0, 23),
)
@settings(max_examples=60, deadline=None)
def test_days_agree_on_a_miss_wherever_midnight_lies(
    missed: int, hours: list[int], first: int
) -> None:
    when = at("1 00:00") + timedelta(hours=first)
    shots, total = [], 100
    for number, step in enumerate([0, *hours]):
        when += timedelta(hours=step)
        total += 2 * step
        rows = [cluster(total=total, rate=2.0), cluster("other", total=1.0)]
        shots.append(snapshot(when, *(rows[1:] if number == missed else rows)))
    if missed == len(hours):
        return
    refs = refs_of(shots)
    metered = 0
    for day in days_between(refs):
        wanted = inputs_of(refs, day)
        chosen = [shot for shot, ref in zip(shots, refs, strict=True) if ref in wanted]
        rows = build_day(chosen, day, {})
        metered += int(rows.loc[rows["cluster_id"] == "c1", "metered_micros"].sum())
    assert metered == (total - 100) * UNIT


def stopped(when: str, total: float, **values: Any) -> SnapshotRows:  # noqa: ANN401
    known = {"status": "stopped", "session": 7.0, "updated_at": at("1 00:00")}
    return listed(when, total, **(known | values))


@pytest.mark.parametrize(
    ("values", "hours", "storage"),
    [
        ({}, 24, 12.0),
        ({"session": None}, 24, 0.0),
        ({"updated_at": None}, 24, 0.0),
        ({"updated_at": at("2 05:00")}, 24, 0.0),
        ({"session": None, "updated_at": None}, 2, 0.0),
        ({"session": None}, 2, 12.0),
    ],
)
def test_storage_while_stopped_needs_proof(
    values: dict[str, Any], hours: int, storage: float
) -> None:
    end = f"2 {hours:02d}:00" if hours < 24 else "3 00:00"
    shots = [stopped("2 00:00", 100, **values), stopped(end, 112, **values)]
    row = ledger([*shots, stopped("4 00:00", 112, **values)], DAY).loc["c1"]
    assert row["stopped_spend_micros"] / UNIT == storage
    if not values:
        assert (row["stopped_seconds"], row["gap_seconds"]) == (86_400, 0)


def test_a_session_that_cost_more_than_the_counter_rose_shows_a_reset() -> None:
    # 2.00 an hour from 00:00 on; the counter began again at 04:00 and passed its old value.
    shots = [
        listed("2 00:00", 3, session=1.0),
        listed("2 06:00", 4, session=4.0),
        listed("3 00:00", 40, session=40.0),
    ]
    spend, low, high, _ = money(shots)
    assert "reset" in ledger(shots, DAY).loc["c1", "flags"]
    assert low <= 48.0 <= high
    assert low < spend
