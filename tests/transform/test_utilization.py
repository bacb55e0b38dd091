"""One fold per cluster: means, bands, samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from pipeline import schema
from pipeline.transform import utilization

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., Any]

UNIT = schema.MICROS_PER_UNIT


def only(frame: pd.DataFrame) -> pd.Series[Any]:
    assert len(frame) == 1
    return frame.iloc[0]


def test_means_weigh_readings_by_running_time(row: Make, ledger: Make) -> None:
    got = only(
        utilization.rank(
            ledger(
                row("2026-03-01", gpu=90.0, hours=6, seen=range(6)),
                row("2026-03-02", gpu=10.0, hours=18, seen=range(18)),
            )
        )
    )
    assert got["gpu_mean_pct"] == pytest.approx(30.0)
    assert got["gpu_max_pct"] == 90.0
    assert got["unused_micros"] == 168 * UNIT


def test_the_95th_percentile_is_the_upper_edge_of_its_band(row: Make, ledger: Make) -> None:
    day = row("2026-03-01", gpu=0.0)
    day |= {"band_0_1_seconds": 94, "band_30_40_seconds": 5, "band_90_100_seconds": 1}
    assert only(utilization.rank(ledger(day)))["gpu_p95_pct"] == 40.0
    day |= {"band_0_1_seconds": 95}
    assert only(utilization.rank(ledger(day)))["gpu_p95_pct"] == 40.0
    day |= {"band_0_1_seconds": 114}
    assert only(utilization.rank(ledger(day)))["gpu_p95_pct"] == 1.0


def test_the_idle_share_is_of_running_time_with_a_reading(row: Make, ledger: Make) -> None:
    day = row("2026-03-01", gpu=None)
    day |= {"band_0_1_seconds": 60, "band_1_5_seconds": 30, "band_5_10_seconds": 10}
    assert only(utilization.rank(ledger(day)))["idle_share_pct"] == pytest.approx(90.0)


def test_without_a_reading_nothing_is_claimed(row: Make, ledger: Make) -> None:
    got = only(utilization.rank(ledger(row("2026-03-01", gpu=None, memory=None, cpu=None))))
    for column in (
        "gpu_mean_pct",
        "gpu_p95_pct",
        "idle_share_pct",
        "busy_share_bound",
        "unused_micros",
        "cpu_mean_pct",
        "memory_max_pct",
    ):
        assert pd.isna(got[column]), column
    assert got["samples"] == 0
    assert got["band_no_metrics_seconds"] == 86400


def test_samples_are_distinct_clock_hours_and_cover_hours_of_the_week(
    row: Make, ledger: Make
) -> None:
    got = only(
        utilization.rank(
            ledger(
                row("2026-03-02", gpu=0.0, seen=[2, 3]),  # a Monday
                row("2026-03-09", gpu=50.0, seen=[2]),  # the next one
                row("2026-03-10", gpu=0.0, seen=[2]),
            )
        )
    )
    assert (got["samples"], got["busy_samples"]) == (4, 1)
    assert got["hour_of_week_coverage"] == pytest.approx(3 / 168)
    assert got["last_busy_at"] == pd.Timestamp("2026-03-09T02:00Z")


def test_dimensions_are_those_of_the_latest_day_whatever_the_order_of_rows(
    row: Make, ledger: Make
) -> None:
    got = only(
        utilization.rank(
            ledger(
                row("2026-03-02", project_id="new", status="stopped", hourly_rate_micros=None),
                row("2026-03-01", project_id="old"),
            )
        )
    )
    assert (got["project_id"], got["status"]) == ("new", "stopped")
    assert got["hourly_rate_micros"] == 10 * UNIT


def test_the_most_unused_money_comes_first_and_the_unknown_last(row: Make, ledger: Make) -> None:
    frame = utilization.rank(
        ledger(
            row("2026-03-01", cluster_id="unknown", gpu=None),
            row("2026-03-01", cluster_id="busy", gpu=90.0),
            row("2026-03-01", cluster_id="idle", gpu=0.0),
        )
    )
    assert frame["cluster_id"].tolist() == ["idle", "busy", "unknown"]


def test_a_zero_rate_and_no_gpus_are_facts_not_unknowns(row: Make, ledger: Make) -> None:
    got = only(
        utilization.rank(ledger(row("2026-03-01", hourly_rate_micros=0, gpu_count=0, gpu=0.0)))
    )
    assert (got["spend_micros"], got["gpu_seconds"], got["unused_micros"]) == (0, 0, 0)


def test_bounds_are_the_windows_and_unknown_if_one_row_is(row: Make, ledger: Make) -> None:
    got = only(
        utilization.rank(
            ledger(
                row("2026-03-01", spend_micros=10, cut_start_micros=4, cut_end_micros=1),
                row("2026-03-02", spend_micros=10, cut_start_micros=1, cut_end_micros=30),
            )
        )
    )
    assert (got["spend_low_micros"], got["spend_high_micros"]) == (0, 54)
    unbounded = row("2026-03-01", spend_high_micros=None)
    assert pd.isna(only(utilization.rank(ledger(unbounded)))["spend_high_micros"])


def test_an_empty_ledger_ranks_no_cluster(ledger: Make) -> None:
    frame = utilization.rank(ledger())
    assert frame.empty
    assert list(frame) == list(schema.UTILIZATION.names)


def test_bounds_are_widened_at_the_clusters_own_edges(days: Make, ledger: Make) -> None:
    cut = {"spend_micros": 20 * UNIT, "cut_start_micros": 3 * UNIT, "cut_end_micros": 2 * UNIT}
    alone = ledger(*days("2026-03-05", 3, **cut))
    beside_one_that_left = ledger(
        *days("2026-03-05", 3, **cut), *days("2026-03-01", 2, cluster_id="left", spend_micros=0)
    )
    for rows in (alone, beside_one_that_left):
        got = utilization.rank(rows).set_index("cluster_id").loc["c1"]
        assert got["spend_low_micros"] == (60 - 5) * UNIT
        assert got["spend_high_micros"] == (60 + 5) * UNIT
