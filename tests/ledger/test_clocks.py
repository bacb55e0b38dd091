"""Midnight is UTC's, whatever the machine's timezone; time itself may misbehave."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from tests.ledger.histories import DAY, UNIT, at, cluster, ledger, snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.model import SnapshotRows


@pytest.fixture(params=["America/New_York", "Asia/Kathmandu", "Pacific/Auckland"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield request.param
    time.tzset()


def over_a_clock_change() -> list[SnapshotRows]:
    """Hourly snapshots over 29 March 2026, when Europe's clocks jump, and its neighbours."""
    first = datetime(2026, 3, 28, 20, tzinfo=UTC)
    return [
        snapshot(first + timedelta(hours=n), cluster(total=10 * n, updated_at=first))
        for n in range(34)
    ]


def test_the_machines_timezone_changes_nothing(zone: str) -> None:
    assert zone
    day = datetime(2026, 3, 29, tzinfo=UTC)
    row = ledger(over_a_clock_change(), day).loc["c1"]
    assert row["spend_micros"] == 240 * UNIT
    assert row["observed_seconds"] == 86_400
    assert row["looks"] == 24
    assert row["hours_observed"] == (1 << 24) - 1


def test_a_day_begins_at_utc_midnight_in_every_timezone(zone: str) -> None:
    assert zone
    snapshots = [snapshot(at(f"{day} 05:00"), cluster(total=70 * day**2)) for day in (1, 2, 3)]
    row = ledger(snapshots, DAY).loc["c1"]
    assert row["date"] == pd.Timestamp("2026-03-02")
    # 5 of the 24 hours in which 210 was spent, 19 of those of 350.
    first, second = 210 * UNIT, 350 * UNIT
    assert row["spend_micros"] == (first - first * 19 // 24) + second * 19 // 24


def test_snapshots_are_ordered_by_a_server_clock_that_stepped_back() -> None:
    # The second snapshot was taken after the first, but its clock says five minutes earlier.
    snapshots = [
        snapshot(at("2 10:00"), cluster(total=100)),
        snapshot(at("2 09:55"), cluster(total=101)),
        snapshot(at("2 11:00"), cluster(total=110)),
    ]
    row = ledger(sorted(snapshots, key=lambda taken: taken.started_at), DAY).loc["c1"]
    # From 101 to 100 the counter fell: a reset, estimated; then ten more, metered.
    assert set(row["flags"].split(",")) == {"carried", "reset"}
    assert row["metered_micros"] == 10 * UNIT
    assert row["spend_low_micros"] <= row["spend_micros"] <= row["spend_high_micros"]
    assert row["observed_seconds"] == 3900


def test_late_snapshots_in_any_order_give_the_same_day() -> None:
    snapshots = [snapshot(at(f"2 {hour:02d}:00"), cluster(total=hour)) for hour in range(0, 24, 6)]
    snapshots += [
        snapshot(at("1 18:00"), cluster(total=0)),
        snapshot(at("3 00:00"), cluster(total=30)),
    ]
    in_time = sorted(snapshots, key=lambda taken: taken.started_at)
    without = [taken for taken in in_time if taken.started_at != at("2 12:00")]
    assert ledger(without, DAY).loc["c1", "spend_micros"] == 30 * UNIT
    assert ledger(in_time, DAY).loc["c1", "spend_micros"] == 30 * UNIT
    assert ledger(in_time, DAY).loc["c1", "looks"] == 4


def test_a_walk_that_straddles_midnight_gives_each_day_its_own_rows() -> None:
    # Page one was answered at 23:58, page two at 00:03.
    def straddling(before: float, after: float, start: str, end: str) -> SnapshotRows:
        return snapshot(
            at(start),
            cluster("early", total=before, observed_at=at(start)),
            cluster("late", total=after, observed_at=at(end)),
            minutes=5,
        )

    snapshots = [
        straddling(0, 0, "1 23:58", "2 00:03"),
        straddling(240, 240, "2 23:58", "3 00:03"),
        straddling(480, 480, "3 23:58", "4 00:03"),
    ]
    days = [ledger(snapshots, at(f"{day} 00:00")) for day in (1, 2, 3, 4)]
    assert [list(day.index) for day in days] == [
        ["early"],
        ["early", "late"],
        ["early", "late"],
        ["late"],
    ]
    assert sum(int(day["spend_micros"].sum()) for day in days) == 2 * 480 * UNIT


def test_clusters_that_share_only_the_id_are_different_clusters() -> None:
    old = cluster("x", total=500, region="us", created_at=at("1 00:00"))
    new = cluster("x", total=5, region="eu", created_at=at("2 10:30"), updated_at=at("2 10:30"))
    snapshots = [
        snapshot(at("2 10:00"), old),
        snapshot(at("2 11:00"), new),
        snapshot(at("2 12:00"), new),
    ]
    row = ledger(snapshots, DAY).loc["x"]
    assert {"vanished", "replaced", "created"} <= set(row["flags"].split(","))
    assert row["metered_micros"] == 5 * UNIT  # the new one's whole life, never 5 - 500
    assert row["region"] == "eu"


def test_a_move_between_projects_is_flagged_and_leaves_the_money_where_it_was() -> None:
    snapshots = [
        snapshot(at("1 12:00"), cluster(total=0, project_id="p1")),
        snapshot(at("2 12:00"), cluster(total=240, project_id="p1")),
        snapshot(at("3 12:00"), cluster(total=480, project_id="p2")),
        snapshot(at("4 12:00"), cluster(total=720, project_id="p2")),
    ]
    second, third = (ledger(snapshots, at(f"{day} 00:00")).loc["c1"] for day in (2, 3))
    assert (second["project_id"], second["has_moved"]) == ("p1", False)
    assert (third["project_id"], third["has_moved"]) == ("p2", True)
    assert second["spend_micros"] == third["spend_micros"] == 240 * UNIT
