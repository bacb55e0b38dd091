"""Forecast: what the period will cost, several ways, each with the error it would have had.

- floor: what runs now, at its rate, to its expiry or the period's end. Nothing new starts in it.
- run rate: the mean of the last 7 days (of all, while there are fewer), every day.
- recent: a mean in which each day counts half as much as the one after it; it follows a change.
- trend: yesterday's level, and half of what a day gained between the last two weeks, damped by a
  tenth a day; after 14 days of history.
- seasonal: the same with each weekday's share of its week, as far as the last 4 weeks agree on it;
  after 28 days of history.
- naive: yesterday again; a baseline, never quoted.

Back-test: from every earlier day that has the history a method needs, the next days (at most 7) are
forecast and compared; error = sum of |forecast - actual| per day over the sum of the actual. The
interval is the 10th and 90th percentile of actual over forecast, seen from at least 10 days.
The method with the smallest error is quoted, among those tested from every weekday (or, while the
history is short, from as many days as any method); never the naive one.

Refused under 3 days of history. Assumption: spend without a known price is not in it, so
the forecast is of priced spend. Known limit: work that starts tomorrow is in no history.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pipeline.transform.fold import between, day_number, day_numbers

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from pipeline.arrays import Floats

    Method = Callable[[Floats, int, int], Floats]
    Tested = list[tuple[Floats, Floats]]

LEAST_DAYS = 3
WEEK = 7
SEASON = 28
HORIZON = 7
_LEAST_ORIGINS = 10
_FAIR_ORIGINS = WEEK
"""From each weekday: a small error seen from fewer may be luck."""
_TRUST_IN_TREND, _DAMPING = 0.5, 0.9
FLOOR, RUN_RATE, RECENT, TREND, SEASONAL = "floor", "run rate", "recent", "trend", "seasonal"
NAIVE = "naive"
_NEEDED = ("date", "status", "hourly_rate_micros", "expires_at", "spend_micros")


@dataclass(frozen=True)
class Estimate:
    """One method's estimate."""

    method: str
    remaining_micros: int
    """For the days that are left."""
    total_micros: int
    """With what is already spent."""
    error_share: float | None
    """Its back-tested error, 0-1; None without a day to test on."""
    low_micros: int | None
    high_micros: int | None
    origins: int
    """Days it was tested from."""


@dataclass(frozen=True)
class Forecast:
    """A period's spend, so far and to come."""

    first: date
    until: date
    spent_micros: int
    days_left: int
    history_days: int
    estimates: tuple[Estimate, ...]
    refused: str | None = None
    """Why there is no forecast."""

    @property
    def best(self) -> Estimate | None:
        """The estimate with the smallest back-tested error; run rate while none was tested."""
        usable = [e for e in self.estimates if e.method in (RUN_RATE, RECENT, TREND, SEASONAL)]
        tested = [e for e in usable if e.error_share is not None]
        enough = min(_FAIR_ORIGINS, max((e.origins for e in tested), default=0))
        fair = [e for e in tested if e.origins >= enough]
        return min(fair, key=lambda e: e.error_share or 0.0) if fair else next(iter(usable), None)

    def plus(self, micros: int) -> Forecast:
        """With spend of clusters that are in no series, and of which no more is expected."""

        def add(value: int | None) -> int | None:
            return None if value is None else value + micros

        return replace(
            self,
            spent_micros=self.spent_micros + micros,
            estimates=tuple(
                replace(
                    estimate,
                    total_micros=estimate.total_micros + micros,
                    low_micros=add(estimate.low_micros),
                    high_micros=add(estimate.high_micros),
                )
                for estimate in self.estimates
            ),
        )


def forecast(ledger: pd.DataFrame, as_of: date, until: date | None = None) -> Forecast:
    """The spend of the month of ``as_of`` (or of the days up to ``until``).

    On the last day of a month, the next month is forecast.
    """
    first, end = _period(as_of, until)
    days_left = (end - as_of).days
    past = between(ledger[list(_NEEDED)], date.min, as_of)
    series, start = daily(past, as_of)
    spent = int(series[max(0, day_number(first) - start) :].sum()) if first <= as_of else 0
    if len(series) < LEAST_DAYS:
        reason = f"{len(series)} days of history; a forecast needs at least {LEAST_DAYS}"
        return Forecast(first, end, spent, days_left, len(series), (), reason)
    estimates = [_floor(past, series, start, days_left, spent)]
    for name, (method, least) in METHODS.items():
        if len(series) >= least:
            ahead = float(method(series, start, days_left).sum())
            tested = _back_test(series, start, method, least)
            estimates.append(_estimate(name, ahead, spent, tested))
    return Forecast(first, end, spent, days_left, len(series), tuple(estimates))


def daily(ledger: pd.DataFrame, last: date) -> tuple[Floats, int]:
    """Spend per day from the ledger's first day to ``last``, and that first day's number."""
    if ledger.empty:
        return np.zeros(0), day_number(last)
    days = day_numbers(ledger["date"])
    start = int(days.min())
    series = np.zeros(day_number(last) - start + 1)
    np.add.at(series, days - start, ledger["spend_micros"].to_numpy(np.float64, na_value=0.0))
    return series, start


def _run_rate(series: Floats, start: int, ahead: int) -> Floats:
    del start
    return np.full(ahead, series[-WEEK:].mean())


def _recent(series: Floats, start: int, ahead: int) -> Floats:
    del start
    return np.full(ahead, _level(series))


def _level(series: Floats, part: float = 0.5) -> float:
    """The mean of days of which each counts that part of the one after it."""
    weight = part ** np.arange(len(series))[::-1]
    return float((series * weight).sum() / weight.sum())


def _naive(series: Floats, start: int, ahead: int) -> Floats:
    del start
    return np.full(ahead, series[-1])


def _trend(series: Floats, start: int, ahead: int) -> Floats:
    del start
    return np.asarray(np.maximum(series[-1] + _gain(series, ahead), 0.0))


def _gain(series: Floats, ahead: int) -> Floats:
    """What each day ahead gains on the last: the mean gain of the last two weeks, damped."""
    step = (series[-WEEK:].mean() - series[-2 * WEEK : -WEEK].mean()) / WEEK
    return np.asarray(_TRUST_IN_TREND * step * np.cumsum(_DAMPING ** np.arange(1, ahead + 1)))


def _seasonal(series: Floats, start: int, ahead: int) -> Floats:
    last = start + len(series)
    share = _weekday_shares(series[-SEASON:], (np.arange(last - SEASON, last)) % WEEK)
    usual = share[np.arange(last - WEEK, last) % WEEK]
    if not usual.any():
        return np.zeros(ahead)
    level = _level(series[-WEEK:][usual > 0] / usual[usual > 0], 0.25)
    today = share[np.arange(last, last + ahead) % WEEK]
    return np.asarray(np.maximum(level + _gain(series, ahead), 0.0) * today)


def _weekday_shares(days: Floats, weekday: NDArray[np.int64]) -> Floats:
    """Each weekday's share of the mean of its week, drawn to 1 as far as its weeks disagree."""
    middle = np.convolve(days, np.ones(WEEK) / WEEK, mode="valid")
    half = WEEK // 2
    share = np.divide(days[half:-half], middle, out=np.ones(len(middle)), where=middle > 0)
    of_day = [share[weekday[half:-half] == day] for day in range(WEEK)]
    mean = np.array([each.mean() for each in of_day])
    noise = float(np.mean([each.var(ddof=1) / len(each) for each in of_day]))
    signal = max(float(mean.var(ddof=1)) - noise, 0.0)
    trust = signal / (signal + noise) if signal > 0 else 0.0
    return np.asarray(1.0 + trust * (mean / mean.mean() - 1.0))


METHODS: dict[str, tuple[Method, int]] = {
    RUN_RATE: (_run_rate, LEAST_DAYS),
    RECENT: (_recent, LEAST_DAYS),
    TREND: (_trend, 2 * WEEK),
    SEASONAL: (_seasonal, SEASON),
    NAIVE: (_naive, LEAST_DAYS),
}
"""Each method and the days of history it needs."""


def _back_test(
    series: Floats, start: int, method: Method, least: int
) -> list[tuple[Floats, Floats]]:
    """Forecast and actual days, from every origin that has ``least`` days before it."""
    tested = []
    for origin in range(least, len(series)):
        actual = series[origin : origin + HORIZON]
        tested.append((method(series[:origin], start, len(actual)), actual))
    return tested


def _floor(
    ledger: pd.DataFrame, series: Floats, start: int, days_left: int, spent: int
) -> Estimate:
    """What runs, at its rate, to its expiry: from today, and from every earlier day."""
    running = ledger[(ledger["status"] == "running") & ledger["hourly_rate_micros"].notna()]
    day = day_numbers(running["date"])
    rate = running["hourly_rate_micros"].to_numpy(np.float64)
    # Hours from the end of the row's own day to the cluster's expiry.
    end = running["date"].dt.tz_localize("UTC") + pd.Timedelta(days=1)
    hours = ((running["expires_at"] - end).dt.total_seconds() / 3600.0).fillna(np.inf)
    left = np.maximum(hours.to_numpy(np.float64), 0.0)

    def ahead(rows: NDArray[np.bool_], days: int) -> Floats:
        lasting = np.clip(left[rows][:, None] - 24.0 * np.arange(days), 0.0, 24.0)
        return np.asarray((lasting * rate[rows][:, None]).sum(axis=0))

    tested = []
    for origin in range(LEAST_DAYS, len(series)):
        actual = series[origin : origin + HORIZON]
        tested.append((ahead(day == start + origin - 1, len(actual)), actual))
    today = ahead(day == start + len(series) - 1, days_left)
    return _estimate(FLOOR, float(today.sum()), spent, tested)


def _estimate(name: str, ahead: float, spent: int, tested: list[tuple[Floats, Floats]]) -> Estimate:
    missed = sum(float(np.abs(guess - actual).sum()) for guess, actual in tested)
    total = sum(float(actual.sum()) for _, actual in tested)
    ratios = [float(actual.sum() / guess.sum()) for guess, actual in tested if guess.sum() > 0]
    low = high = None
    if len(ratios) >= _LEAST_ORIGINS:
        low, high = (spent + round(ahead * q) for q in np.quantile(ratios, (0.1, 0.9)))
    return Estimate(
        method=name,
        remaining_micros=round(ahead),
        total_micros=spent + round(ahead),
        error_share=missed / total if total > 0 else None,
        low_micros=low,
        high_micros=high,
        origins=len(tested),
    )


def _period(as_of: date, until: date | None) -> tuple[date, date]:
    if until is not None:
        return as_of.replace(day=1), until
    end = _month_end(as_of)
    if end > as_of:
        return as_of.replace(day=1), end
    return as_of + timedelta(days=1), _month_end(as_of + timedelta(days=1))


def _month_end(day: date) -> date:
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])
