"""Forecasts say how wrong they would have been."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import schema
from pipeline.transform.forecast import (
    FLOOR,
    NAIVE,
    RECENT,
    RUN_RATE,
    SEASONAL,
    TREND,
    forecast,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., Any]

UNIT = schema.MICROS_PER_UNIT


def by_method(ledger: pd.DataFrame, as_of: date, until: date | None = None) -> dict[str, Any]:
    return {e.method: e for e in forecast(ledger, as_of, until).estimates}


def test_under_three_days_there_is_no_forecast(days: Make, ledger: Make) -> None:
    got = forecast(ledger(*days("2026-03-01", 2)), date(2026, 3, 2))
    assert got.estimates == ()
    assert got.quoted is None
    assert got.refused == "2 days of history; a forecast needs at least 3"
    assert forecast(ledger(), date(2026, 3, 2)).refused is not None


def test_a_steady_fleet_is_forecast_without_error(days: Make, ledger: Make) -> None:
    got = forecast(ledger(*days("2026-03-01", 10)), date(2026, 3, 10))
    assert (got.first, got.until, got.days_left) == (date(2026, 3, 1), date(2026, 3, 31), 21)
    assert got.spent_micros == 2400 * UNIT
    for estimate in got.estimates:
        assert estimate.total_micros == 31 * 240 * UNIT
        assert estimate.error_share == 0


def test_the_floor_ends_with_the_expiry_and_counts_only_what_runs(days: Make, ledger: Make) -> None:
    ends = pd.Timestamp("2026-03-12T12:00Z")
    rows = ledger(
        *days("2026-03-01", 10, cluster_id="a", expires_at=ends),
        *days("2026-03-01", 10, cluster_id="b", status="stopped", hours=0, spend_micros=0),
    )
    floor = by_method(rows, date(2026, 3, 10))[FLOOR]
    assert floor.remaining_micros == 36 * 10 * UNIT


def test_weekends_are_learned_after_four_weeks(row: Make, ledger: Make) -> None:
    start = date(2026, 1, 5)
    spend = [100 * UNIT if n % 7 < 5 else 20 * UNIT for n in range(35)]
    rows = [
        row((start + timedelta(days=n)).isoformat(), spend_micros=s) for n, s in enumerate(spend)
    ]
    got = by_method(ledger(*rows), date(2026, 2, 8), until=date(2026, 2, 15))
    assert got[SEASONAL].remaining_micros == 540 * UNIT
    assert got[SEASONAL].daily_micros == (100 * UNIT,) * 5 + (20 * UNIT,) * 2
    assert got[SEASONAL].error_share == pytest.approx(0)
    assert got[SEASONAL].error_share < got[RUN_RATE].error_share < got[NAIVE].error_share
    assert SEASONAL not in by_method(ledger(*rows[:27]), date(2026, 1, 31))


def test_the_interval_holds_what_came_in_four_of_five_cases(row: Make, ledger: Make) -> None:
    rng = np.random.default_rng(3)
    start = date(2026, 1, 1)
    rows = [
        row((start + timedelta(days=n)).isoformat(), spend_micros=int(UNIT * rng.uniform(80, 120)))
        for n in range(40)
    ]
    got = by_method(ledger(*rows), date(2026, 2, 9))[RUN_RATE]
    assert got.low_micros < got.total_micros < got.high_micros
    assert 0 < got.error_share < 0.2


def test_on_the_last_day_of_a_month_the_next_one_is_forecast(days: Make, ledger: Make) -> None:
    got = forecast(ledger(*days("2026-03-20", 12)), date(2026, 3, 31))
    assert (got.first, got.until, got.days_left) == (date(2026, 4, 1), date(2026, 4, 30), 30)
    assert got.spent_micros == 0


def test_a_fleet_without_spend_has_no_error_to_speak_of(days: Make, ledger: Make) -> None:
    got = forecast(ledger(*days("2026-03-01", 5, spend_micros=None)), date(2026, 3, 5))
    assert got.quoted is not None
    assert (got.quoted.total_micros, got.quoted.error_share) == (0, None)


def test_the_median_of_the_methods_is_quoted_whatever_their_errors(row: Make, ledger: Make) -> None:
    rows = [
        row(str(day.date()), spend_micros=(100 if day.day_of_week < 5 else 40) * UNIT)
        for day in pd.date_range("2026-01-05", periods=35)
    ]
    got = forecast(ledger(*rows), rows[-1]["date"].date(), date(2026, 2, 9))
    one_day = {e.method: e.remaining_micros for e in got.estimates}
    parts = [one_day[m] for m in (RUN_RATE, RECENT, TREND, SEASONAL)]
    assert got.quoted is not None
    assert got.quoted.remaining_micros == pytest.approx(sum(sorted(parts)[1:3]) / 2, abs=1)


@given(
    spend=st.lists(st.integers(0, 1000), min_size=3, max_size=45),
    days_left=st.integers(0, 40),
)
def test_a_forecast_is_never_outside_its_own_interval(spend: list[int], days_left: int) -> None:
    first = pd.Timestamp("2026-01-01")
    frame = pd.DataFrame(
        {
            "date": [first + pd.Timedelta(days=n) for n in range(len(spend))],
            "status": "running",
            "hourly_rate_micros": UNIT,
            "expires_at": pd.Series(pd.NaT, range(len(spend)), dtype="datetime64[us, UTC]"),
            "spend_micros": [amount * UNIT for amount in spend],
            "flags": "",
        }
    )
    last = frame["date"].iloc[-1].date()
    for estimate in forecast(frame, last, last + timedelta(days=days_left)).estimates:
        if estimate.low_micros is not None and estimate.high_micros is not None:
            assert estimate.low_micros <= estimate.total_micros <= estimate.high_micros


def test_a_cluster_that_vanished_on_the_last_day_is_not_in_the_floor(
    days: Make, ledger: Make
) -> None:
    gone = days("2026-03-01", 10, cluster_id="gone")
    gone[-1]["flags"] = "vanished"
    rows = ledger(*days("2026-03-01", 10, cluster_id="here"), *gone)
    floor = by_method(rows, date(2026, 3, 10))[FLOOR]
    assert floor.remaining_micros == 21 * 240 * UNIT


def test_a_trend_is_followed_by_half_and_dies_out(row: Make, ledger: Make) -> None:
    start = date(2026, 1, 5)
    rows = [
        row((start + timedelta(days=n)).isoformat(), spend_micros=(100 + 10 * n) * UNIT)
        for n in range(20)
    ]
    got = by_method(ledger(*rows), date(2026, 1, 24), until=date(2026, 1, 26))
    assert got[TREND].remaining_micros == (290 * 2 + 4.5 + 4.5 + 4.05) * UNIT
    assert got[TREND].error_share < got[NAIVE].error_share < got[RUN_RATE].error_share


def test_weekdays_that_never_agree_are_no_pattern(row: Make, ledger: Make) -> None:
    noise = np.random.default_rng(3).normal(100, 10, 42)
    rows = [
        row(str(day.date()), spend_micros=round(spend * UNIT))
        for day, spend in zip(pd.date_range("2026-01-05", periods=42), noise, strict=True)
    ]
    got = by_method(ledger(*rows), date(2026, 2, 15))
    ahead, days = got[SEASONAL].remaining_micros, 13
    assert 85 * UNIT < ahead / days < 115 * UNIT
