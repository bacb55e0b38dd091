"""Samples at random instants: which snapshots are one, and what a day counts of them."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from pipeline.ledger.random_instants import intervals_of
from pipeline.model import SnapshotRows, Spread
from tests.ledger.histories import DAY, at, cluster, ledger, snapshot

HOUR = 3600


def spread(rows: SnapshotRows, start: str, seconds: int = HOUR) -> SnapshotRows:
    return msgspec.structs.replace(rows, spread=Spread(start=at(start), seconds=seconds))


def history(**of_ten: object) -> list[SnapshotRows]:
    """A snapshot in each of the hours from 9 to 11, and one after the day."""
    return [
        spread(snapshot(at("2 09:20"), cluster(gpu_utilization_pct=0.0)), "2 09:00"),
        spread(snapshot(at("2 10:40"), cluster(**of_ten)), "2 10:00"),
        snapshot(at("2 11:05"), cluster(gpu_utilization_pct=90.0)),
        snapshot(at("3 00:05"), cluster()),
    ]


def counts(snapshots: list[SnapshotRows]) -> list[int]:
    row = ledger(snapshots, DAY).loc["c1"]
    names = ("samples", "busy_samples", "seconds", "interval_seconds")
    return [int(row[f"random_{name}"]) for name in names]


def test_only_snapshots_at_random_instants_count() -> None:
    assert counts(history(gpu_utilization_pct=80.0)) == [2, 1, 2 * HOUR, HOUR]


def test_a_stopped_cluster_is_known_not_to_work_and_one_without_a_reading_is_unknown() -> None:
    assert counts(history(status="stopped", gpu_utilization_pct=None)) == [2, 0, 2 * HOUR, HOUR]
    assert counts(history(gpu_utilization_pct=None)) == [1, 0, HOUR, HOUR]
    assert counts(history(status="hibernating")) == [1, 0, HOUR, HOUR]


def test_an_interval_across_midnight_gives_each_day_its_part() -> None:
    shots = [
        spread(snapshot(at("1 12:00"), cluster()), "1 00:00", 24 * HOUR),
        spread(snapshot(at("3 03:00"), cluster()), "2 06:00", 24 * HOUR),
        snapshot(at("4 00:05"), cluster()),
    ]
    assert counts(shots) == [0, 0, 18 * HOUR, 24 * HOUR]
    following = ledger(shots, DAY + timedelta(days=1)).loc["c1"]
    assert (following["random_samples"], following["random_seconds"]) == (1, 6 * HOUR)


def test_time_before_a_cluster_was_created_is_not_sampled() -> None:
    shots = [
        snapshot(at("2 08:00")),
        spread(snapshot(at("2 09:40"), cluster(created_at=at("2 09:30"))), "2 09:00"),
        spread(snapshot(at("2 10:10"), cluster(created_at=at("2 09:30"))), "2 10:00"),
        snapshot(at("2 10:20")),
        snapshot(at("3 00:05")),
    ]
    samples, _, seconds, _ = counts(shots)
    assert samples == 2
    assert seconds == 50 * 60


def test_an_interval_that_repeats_an_earlier_one_is_no_stratum() -> None:
    shots = [
        spread(snapshot(at("2 09:20")), "2 09:00"),
        spread(snapshot(at("2 09:50")), "2 09:30"),
        spread(snapshot(at("2 10:20")), "2 09:58"),
        snapshot(at("2 11:00")),
    ]
    assert intervals_of(shots)[1].tolist() == [HOUR, 0, HOUR, 0]
