"""Each case of the ledger's arithmetic, with its numbers written out. Rates are 10.00 an hour."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import pytest

from pipeline.model import State
from tests.ledger.histories import DAY, UNIT, at, cluster, ledger, snapshot

NEXT = DAY + timedelta(days=1)


def money(row: pd.Series) -> tuple[float, float, float]:
    """(low, spend, high) in whole units."""
    return tuple(
        row[name] / UNIT for name in ("spend_low_micros", "spend_micros", "spend_high_micros")
    )


def test_a_rising_counter_is_metered_exactly() -> None:
    row = ledger(
        [
            snapshot(at("2 00:00"), cluster(total=100)),
            snapshot(at("2 01:00"), cluster(total=107.5)),
            snapshot(at("3 00:00"), cluster(total=107.5)),
        ],
        DAY,
    ).loc["c1"]
    assert money(row) == (7.5, 7.5, 7.5)
    assert row["metered_micros"] == 7_500_000
    assert row["running_seconds"] == 2700  # 7.50 at 10.00 an hour


def test_a_first_observation_without_a_snapshot_before_is_carried_in() -> None:
    row = ledger([snapshot(at("2 05:00"), cluster(total=300))], DAY).loc["c1"]
    assert money(row) == (0, 0, 0)
    assert row["carried_in_micros"] == 300 * UNIT
    assert row["flags"] == "carried"


def test_a_cluster_created_after_a_complete_snapshot_is_metered_from_creation() -> None:
    row = ledger(
        [
            snapshot(at("2 05:00"), cluster("other", total=1)),
            snapshot(
                at("2 06:00"),
                cluster("other", total=1),
                cluster("new", total=5, created_at=at("2 05:30")),
            ),
        ],
        DAY,
    ).loc["new"]
    assert money(row) == (5, 5, 5)
    assert row["metered_micros"] == 5 * UNIT
    assert row["running_seconds"] == 1800
    assert row["carried_in_micros"] == 0
    assert row["flags"] == "created"


@pytest.mark.parametrize("created_at", [at("2 04:00"), None], ids=["born earlier", "birth unknown"])
def test_the_first_observation_of_an_older_cluster_is_carried_in(created_at: object) -> None:
    row = ledger(
        [
            snapshot(at("2 05:00"), cluster("other", total=1)),
            snapshot(at("2 06:00"), cluster("late", total=50, created_at=created_at)),
        ],
        DAY,
    ).loc["late"]
    assert money(row) == (0, 0, 0)
    assert row["carried_in_micros"] == 50 * UNIT


def test_an_incomplete_snapshot_before_does_not_make_a_cluster_new() -> None:
    row = ledger(
        [
            snapshot(at("2 05:00"), cluster("other"), state=State.DRIFTED),
            snapshot(at("2 06:00"), cluster("new", total=5, created_at=at("2 05:30"))),
        ],
        DAY,
    ).loc["new"]
    assert row["carried_in_micros"] == 5 * UNIT


def test_a_fallen_counter_is_estimated_between_zero_and_the_whole_time() -> None:
    row = ledger(
        [snapshot(at("2 00:00"), cluster(total=100)), snapshot(at("2 02:00"), cluster(total=3))],
        DAY,
    ).loc["c1"]
    assert money(row) == (0, 20, 20)
    assert row["metered_micros"] == 0
    assert "reset" in row["flags"]


def test_a_counter_is_never_bridged_across_a_null() -> None:
    row = ledger(
        [
            snapshot(at("2 00:00"), cluster(total=100)),
            snapshot(at("2 01:00"), cluster(total=None, status="stopped")),
            snapshot(at("2 02:00"), cluster(total=104, status="stopped")),
        ],
        DAY,
    ).loc["c1"]
    # Running for an unknown part of the first hour: half of it; stopped for the second.
    assert money(row) == (0, 5, 20)
    assert row["metered_micros"] == 0


def test_a_session_shorter_than_the_interval_reveals_a_restart() -> None:
    row = ledger(
        [
            snapshot(at("2 00:00"), cluster(session=40)),
            snapshot(at("2 04:00"), cluster(session=10)),  # began an hour ago
        ],
        DAY,
    ).loc["c1"]
    assert money(row) == (0, 25, 40)  # one hour for sure, half of the three before it


@pytest.mark.parametrize(
    ("status", "spend", "running_minutes"),
    [("running", 5, 30), ("stopping", 5, 30), ("stopped", 0, 0), ("error", 0, 0)],
)
def test_a_vanished_cluster_ran_half_the_time_if_it_was_running(
    status: str, spend: float, running_minutes: int
) -> None:
    row = ledger(
        [
            snapshot(at("2 05:00"), cluster(total=9, status=status), cluster("other")),
            snapshot(at("2 06:00"), cluster("other")),
        ],
        DAY,
    ).loc["c1"]
    assert money(row) == (0, spend, 10)
    assert row["metered_micros"] == 0
    assert row["running_seconds"] == running_minutes * 60
    assert "vanished" in row["flags"]


def test_the_walk_that_misses_a_cluster_counts_to_its_last_page() -> None:
    row = ledger(
        [
            snapshot(at("2 05:00"), cluster(total=9), cluster("other")),
            snapshot(at("2 06:00"), cluster("other"), minutes=12),
        ],
        DAY,
    ).loc["c1"]
    assert money(row) == (0, 6, 12)


def test_an_expiry_inside_the_interval_is_the_end_of_the_cluster() -> None:
    row = ledger(
        [
            snapshot(at("2 05:00"), cluster(total=9, expires_at=at("2 05:45")), cluster("other")),
            snapshot(at("2 06:00"), cluster("other")),
        ],
        DAY,
    ).loc["c1"]
    assert money(row) == (0, 7.5, 10)
    assert row["running_seconds"] == 2700


def test_absence_from_an_incomplete_snapshot_means_nothing() -> None:
    row = ledger(
        [
            snapshot(at("2 05:00"), cluster(total=10), cluster("other")),
            snapshot(at("2 06:00"), cluster("other"), state=State.DRIFTED),
            snapshot(at("2 06:30"), cluster("other"), state=State.SUSPECT),
            snapshot(at("2 07:00"), cluster(total=30), cluster("other")),
        ],
        DAY,
    ).loc["c1"]
    assert money(row) == (20, 20, 20)
    assert row["flags"] == "carried"  # of the first snapshot in history; nothing vanished


def test_without_counter_and_rate_spend_is_unknown_not_zero() -> None:
    row = ledger(
        [snapshot(at("2 00:00"), cluster(rate=None)), snapshot(at("2 01:00"), cluster(rate=None))],
        DAY,
    ).loc["c1"]
    assert pd.isna(row["spend_micros"])
    assert pd.isna(row["spend_high_micros"])
    assert row["unpriced_seconds"] == 3600
    assert row["running_seconds"] == 3600


def test_a_rate_card_prices_what_the_api_does_not() -> None:
    row = ledger(
        [snapshot(at("2 00:00"), cluster(rate=None)), snapshot(at("2 01:00"), cluster(rate=None))],
        DAY,
        rate_card={"A100": 2 * UNIT},
    ).loc["c1"]
    assert money(row) == (0, 16, 16)  # 8 GPUs at 2.00
    assert "rate_card" in row["flags"]


def test_storage_is_charged_to_a_stopped_cluster_only_if_nothing_changed() -> None:
    def spend_while_stopped(**second: object) -> tuple[int, int]:
        row = ledger(
            [
                snapshot(at("2 00:00"), cluster(status="stopped", session=4, total=100)),
                snapshot(at("2 01:00"), cluster(**{"status": "stopped", "session": 4, **second})),
            ],
            DAY,
        ).loc["c1"]
        return row["stopped_spend_micros"], row["running_seconds"]

    assert spend_while_stopped(total=101) == (UNIT, 0)
    # A session that grew means it ran: 1.00 at 10.00 an hour is six minutes.
    assert spend_while_stopped(total=101, session=5) == (0, 360)
    assert spend_while_stopped(total=101, updated_at=at("2 00:30")) == (0, 360)


def test_a_later_creation_time_under_the_same_id_is_another_cluster() -> None:
    row = ledger(
        [
            snapshot(at("2 05:00"), cluster(total=90)),
            snapshot(at("2 06:00"), cluster(total=2, created_at=at("2 05:45"))),
        ],
        DAY,
    ).loc["c1"]
    # The old one: half of the time to the new one's birth; the new one: its own counter.
    assert money(row) == (2, 5.75, 9.5)
    assert row["metered_micros"] == 2 * UNIT
    assert {"replaced", "created"} <= set(row["flags"].split(","))


def test_midnight_divides_money_and_seconds_without_losing_a_unit() -> None:
    snapshots = [
        snapshot(at("2 23:00"), cluster(total=0)),
        snapshot(at("3 00:30"), cluster(total=10.000001)),
        snapshot(at("4 00:00"), cluster(total=10.000001)),
    ]
    before, after = ledger(snapshots, DAY).loc["c1"], ledger(snapshots, NEXT).loc["c1"]
    assert before["spend_micros"] == 6_666_667  # floor(10,000,001 x 3600 / 5400)
    assert after["spend_micros"] == 3_333_334
    # 10.00 buys an hour: 3600 running seconds, two thirds of them before midnight.
    assert (before["running_seconds"], after["running_seconds"]) == (2400, 1200)


def test_the_cut_states_how_much_money_may_be_on_the_other_side() -> None:
    snapshots = [
        snapshot(at("2 23:00"), cluster(total=0)),
        snapshot(at("3 01:00"), cluster(total=10)),
        snapshot(at("4 00:00"), cluster(total=10)),
    ]
    before, after = ledger(snapshots, DAY).loc["c1"], ledger(snapshots, NEXT).loc["c1"]
    # One running hour within two: it may lie wholly on either side.
    assert before["cut_end_micros"] == after["cut_start_micros"] == 5 * UNIT
    assert before["cut_start_micros"] == after["cut_end_micros"] == 0


def test_a_cluster_that_always_ran_has_no_cut_error_at_midnight() -> None:
    snapshots = [
        snapshot(at("2 23:00"), cluster(total=0)),
        snapshot(at("3 01:00"), cluster(total=20)),
    ]
    assert ledger(snapshots, DAY).loc["c1"]["cut_end_micros"] <= 1


def test_a_snapshot_speaks_for_half_an_hour_on_each_side() -> None:
    row = ledger(
        [
            snapshot(at("2 00:00"), cluster(total=0, gpu_utilization_pct=0)),
            snapshot(at("2 06:00"), cluster(total=60, gpu_utilization_pct=95)),
        ],
        DAY,
    ).loc["c1"]
    assert row["running_seconds"] == 6 * 3600
    assert row["band_0_1_seconds"] == 1800
    assert row["band_90_100_seconds"] == 1800
    assert row["band_unseen_seconds"] == 5 * 3600
    assert row["gap_seconds"] == 0


def test_other_time_far_from_any_snapshot_is_a_gap() -> None:
    row = ledger(
        [
            snapshot(at("2 00:00"), cluster(total=0)),
            snapshot(at("2 06:00"), cluster(total=10, status="stopped")),
        ],
        DAY,
    ).loc["c1"]
    assert row["running_seconds"] == 3600
    assert row["stopped_seconds"] == 1800
    assert row["gap_seconds"] == 6 * 3600 - 3600 - 1800


@pytest.mark.parametrize(
    ("reading", "band"),
    [
        (0.0, "band_0_1_seconds"),
        (1.0, "band_0_1_seconds"),
        (1.1, "band_1_5_seconds"),
        (5.0, "band_1_5_seconds"),
        (5.1, "band_5_10_seconds"),
        (100.0, "band_90_100_seconds"),
        (None, "band_no_metrics_seconds"),
    ],
)
def test_a_reading_counts_in_its_band(reading: float | None, band: str) -> None:
    record = cluster(total=0, gpu_utilization_pct=reading)
    row = ledger(
        [
            snapshot(at("2 00:00"), record),
            snapshot(at("2 01:00"), record | {"total_cost_micros": 10 * UNIT}),
        ],
        DAY,
    ).loc["c1"]
    assert row[band] == 3600


def test_utilization_is_weighted_by_the_seconds_it_speaks_for() -> None:
    row = ledger(
        [
            snapshot(at("2 00:00"), cluster(total=0, gpu_utilization_pct=10)),
            snapshot(at("2 00:20"), cluster(total=10 / 3, gpu_utilization_pct=40)),
            snapshot(at("2 01:20"), cluster(total=40 / 3, gpu_utilization_pct=None)),
        ],
        DAY,
    ).loc["c1"]
    # 10 % speaks for 10 minutes, 40 % for 10 + 30, the snapshot without a reading for nothing.
    assert row["gpu_weight_seconds"] == 50 * 60
    assert row["gpu_sum_mpct_seconds"] == (10 * 10 + 40 * 40) * 60 * 1000
    assert row["gpu_max_pct"] == 40


def test_hours_are_a_mask_of_running_snapshots_with_a_reading() -> None:
    row = ledger(
        [
            snapshot(at("2 00:10"), cluster(gpu_utilization_pct=0)),
            snapshot(at("2 00:50"), cluster(gpu_utilization_pct=5)),
            snapshot(at("2 03:00"), cluster(gpu_utilization_pct=5.5)),
            snapshot(at("2 04:00"), cluster(gpu_utilization_pct=None)),
            snapshot(at("2 05:00"), cluster(status="stopped", gpu_utilization_pct=80)),
        ],
        DAY,
    ).loc["c1"]
    assert row["hours_observed"] == 0b1001
    assert row["hours_busy"] == 0b1000
    assert row["last_busy_at"] == at("2 03:00")
    assert row["looks"] == 5


def test_dimensions_are_those_of_the_days_last_snapshot_never_the_latest() -> None:
    snapshots = [
        snapshot(at("2 10:00"), cluster(total=0, project_id="p1")),
        snapshot(at("2 20:00"), cluster(total=0, project_id="p2")),
        snapshot(at("3 10:00"), cluster(total=0, project_id="p3")),
        snapshot(at("4 00:00"), cluster(total=0, project_id="p3")),
    ]
    assert ledger(snapshots, DAY).loc["c1"]["project_id"] == "p2"
    assert ledger(snapshots, DAY).loc["c1"]["has_moved"]


def test_two_snapshots_in_the_same_second_count_once() -> None:
    twice = [
        snapshot(at("2 00:00"), cluster(total=0)),
        snapshot(at("2 01:00"), cluster(total=10), state=State.DRIFTED),
        snapshot(at("2 01:00"), cluster(total=10)),
        snapshot(at("2 02:00"), cluster(total=20)),
    ]
    row = ledger(twice, DAY).loc["c1"]
    assert money(row) == (20, 20, 20)
    assert row["looks"] == 3


def test_the_time_of_an_unknown_status_is_a_gap() -> None:
    row = ledger(
        [
            snapshot(at("2 00:00"), cluster(status="hibernating", rate=0, total=5)),
            snapshot(at("2 01:00"), cluster(status="hibernating", rate=0, total=5)),
        ],
        DAY,
    ).loc["c1"]
    assert row["observed_seconds"] == 0
    assert row["gap_seconds"] == 3600
    assert row["status"] == "hibernating"


def test_an_empty_fleet_has_a_ledger_without_rows() -> None:
    assert ledger([snapshot(at("2 00:00")), snapshot(at("3 00:00"))], DAY).empty
