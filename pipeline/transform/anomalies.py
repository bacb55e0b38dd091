"""Unusual spend: compared with the same weekday, by a spread that old spikes do not widen.

Method: a fleet's level drifts as clusters come and go, so each day is taken as its share of the
level before it, the mean of the seven days before. A day's share is compared with the median share
of the same weekday of up to 60 days before it once there are six of them, else with that of the
same kind of day (working day or weekend). usual = that median x the level; spread = 1.4826 x the
median absolute deviation of all earlier shares from the median of their kind, at least 8 % of the
usual share (a constant series has no spread, and a cent is no anomaly); score = |day - usual| /
spread. Unusual is a score above 3.5 *and* a distance that is at least a floor in money *and* 1.5
times the second-largest distance of the series' own earlier days, in either direction: a sudden
fall may be a job that died. So a machine that is on and off at will is unusual only where it does
what it never did. The largest one does not count, or one spike would hide the next. After a week of
nothing only more than on any day before is unusual.

What cannot be seen: a change smaller than the largest of these three limits, in money
(``Scores.detectable``). Nothing is unusual with fewer than 21 earlier days or 5 comparable ones.
Unknown spend is left out, not taken for zero. Detection rate and false alarms are measured in
benchmarks/foresight.py; docs/accuracy.md has the figures.

Known limits: a holiday is a working day; a step is unusual for some days, until the level is there;
in the first weeks, when few earlier days are known, about 1 % of the days of erratic series are
unusual.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pipeline.schema import MICROS_PER_UNIT
from pipeline.transform.fold import day_number, day_numbers, first_rows, number

if TYPE_CHECKING:
    from datetime import date

    from numpy.typing import NDArray

    from pipeline import settings
    from pipeline.arrays import Floats, Ints


HISTORY_DAYS = 60
_SAME_WEEKDAYS = 6
_NORMAL = 1.4826
"""The median absolute deviation of a normal distribution, times this, is its standard deviation."""
_LEAST_SPREAD = 0.08
_LEVEL_DAYS = 7
_LEAST_LEVEL_DAYS = 3
_WEEKEND = 5
_CUTS: dict[str, list[str]] = {"fleet": [], "project": ["project_id"], "gpu_type": ["gpu_type"]}
_MONEY = ("spend_micros", "usual_micros", "deviation_micros")
_FIGURES = {**dict.fromkeys(_MONEY, "int64"), "score": "float64"}
UNUSUAL = ("date", "cut", "group", *_FIGURES)


@dataclass(frozen=True)
class Scores:
    """One day of many series against their own past; NaN where nothing is known."""

    day: Floats
    earlier_days: Ints
    history_days: Ints
    usual: Floats
    score: Floats
    spread: Floats
    """Of a day, in micros."""
    past_deviation: Floats
    """The second-largest distance of an earlier day from its usual spend, in micros."""

    @property
    def deviation(self) -> Floats:
        """The day's distance from the usual spend, in micros."""
        return np.abs(self.day - self.usual)

    def detectable(self, rules: settings.Rules) -> Floats:
        """The smallest distance that would have been unusual, in micros."""
        least = rules.anomaly_min_money * MICROS_PER_UNIT
        own = np.fmax(self.past_deviation * rules.anomaly_past_factor, least)
        return np.fmax(self.spread * rules.anomaly_score, own)


def score(series: Floats, first_day: int, column: int) -> Scores:
    """The day ``column`` of every row of ``series`` (micros per day from ``first_day``)."""
    start = max(0, column - HISTORY_DAYS)
    level = _level(series, start, column)
    days = series[:, start : column + 1]
    share = np.divide(days, level, out=np.full(days.shape, np.nan), where=level > 0)
    past, weekday = share[:, :-1], (first_day + np.arange(start, column) + 3) % 7
    today = (first_day + column + 3) % 7
    same, is_rest, rests = weekday == today, weekday >= _WEEKEND, today >= _WEEKEND
    of_kind = {rest: _median(past[:, is_rest == rest]) for rest in (False, True)}
    off = np.abs(past - np.where(is_rest, of_kind[True][:, None], of_kind[False][:, None]))
    by_weekday = _known(past[:, same]) >= _SAME_WEEKDAYS
    usual = np.where(by_weekday, _median(past[:, same]), of_kind[rests])
    spread = np.maximum(_NORMAL * _median(off), _LEAST_SPREAD * np.abs(usual))
    distance = np.abs(share[:, -1] - usual)
    ratio = np.divide(distance, spread, out=np.full(len(series), np.inf), where=spread > 0)
    ratio = np.where(distance == 0, 0.0, ratio)
    ratio[np.isnan(distance)] = np.nan
    usual, spread = usual * level[:, -1], spread * level[:, -1]
    # Of the first week the level is no whole week's, and the distance from it says nothing.
    past_level = np.where(np.arange(start, column) >= _LEVEL_DAYS, level[:, :-1], np.nan)
    # A day after a week of nothing is as far from its usual spend as it is from nothing.
    far = np.where(past_level > 0, off * past_level, np.where(past_level == 0, days[:, :-1], 0.0))
    past_deviation = np.sort(np.nan_to_num(far), axis=1)[:, -2:-1].sum(axis=1)

    # Shares of a level of 0 do not exist: only more than on any earlier day is unusual.
    resting = level[:, -1] == 0
    most = np.nanmax(days[:, :-1], axis=1, initial=0.0)
    usual[resting] = 0.0
    ratio[resting] = np.where(days[:, -1] > most, np.inf, 0.0)[resting]
    ratio[np.isnan(days[:, -1])] = np.nan
    kinds = np.where(by_weekday, _known(past[:, same]), _known(past[:, is_rest == rests]))
    comparable = np.where(resting, _known(days[:, :-1]), kinds)
    earlier = _known(days[:, :-1])
    return Scores(days[:, -1], earlier, comparable, usual, ratio, spread, past_deviation)


def _level(series: Floats, start: int, column: int) -> Floats:
    """The mean of the days before each of the days ``start`` to ``column``; NaN before three."""
    first = max(0, start - _LEVEL_DAYS)
    values = series[:, first:column]
    pad = ((0, 0), (1, 0))
    total = np.pad(np.cumsum(np.nan_to_num(values), axis=1), pad)
    known = np.pad(np.cumsum(~np.isnan(values), axis=1), pad)
    end = np.arange(start, column + 1) - first
    begin = np.maximum(end - _LEVEL_DAYS, 0)
    days = known[:, end] - known[:, begin]
    spent = total[:, end] - total[:, begin]
    enough = days >= _LEAST_LEVEL_DAYS
    mean: Floats = np.divide(spent, days, out=np.full(spent.shape, np.nan), where=enough)
    return mean


def _known(values: Floats) -> Ints:
    return np.asarray((~np.isnan(values)).sum(axis=1), dtype=np.int64)


def daily_sums(ledger: pd.DataFrame) -> pd.DataFrame:
    """The spend of each day, project and GPU type: few rows, which give the same results."""
    keys = ["date", "project_id", "gpu_type"]
    code, size = number(ledger, keys)
    sums = np.zeros(size, dtype=np.int64)
    np.add.at(sums, code, ledger["spend_micros"].to_numpy(np.int64, na_value=0))
    return ledger[keys].take(first_rows(code, size)).assign(spend_micros=sums)


def scan(
    rows: pd.DataFrame, dims: list[str], rules: settings.Rules, last: date, days: int = 1
) -> pd.DataFrame:
    """Unusual days among the last ``days`` of the spend series of each group of ``dims``.

    No ``dims`` means the fleet. A group without rows on a day that the ledger has spent
    nothing that day. Columns: date, the dims, spend, usual and deviation in micros, score.
    """
    columns = ["date", *dims, *_FIGURES]
    series, first, names = _daily(rows, dims, last)
    width = series.shape[1]
    parts = []
    for column in range(max(0, width - days), width):
        scores = score(series, first, column)
        hit = is_unusual(scores, rules)
        if not hit.any():
            continue
        part = names[hit][dims].assign(
            date=pd.Timestamp(0) + pd.Timedelta(days=first + column),
            spend_micros=scores.day[hit].astype(np.int64),
            usual_micros=np.floor(scores.usual[hit]).astype(np.int64),
            score=scores.score[hit],
        )
        part["deviation_micros"] = part["spend_micros"] - part["usual_micros"]
        parts.append(part[columns])
    if not parts:
        return pd.DataFrame(columns=columns).astype({"date": "datetime64[us]", **_FIGURES})
    return _ordered(pd.concat(parts, ignore_index=True))


def _daily(rows: pd.DataFrame, dims: list[str], last: date) -> tuple[Floats, int, pd.DataFrame]:
    """Spend of each group (a row) on each day (a column) up to ``last``, NaN on unknown days.

    Also the number of the first day, and the groups' values of ``dims``.
    """
    past, day = rows[["date", "spend_micros", *dims]], day_numbers(rows["date"])
    inside = day <= day_number(last)
    if not inside.all():
        past, day = past[inside], day[inside]
    if past.empty:
        return np.zeros((0, 0)), 0, past[dims]
    first = int(day.min())
    width = day_number(last) - first + 1
    group, groups = number(past, dims, unknown_last=True)
    spend = past["spend_micros"].to_numpy(np.float64, na_value=0.0)
    sums = np.bincount(group * width + day - first, spend, groups * width)
    series = sums.astype(np.float64, copy=False).reshape(groups, width)
    series[:, np.bincount(day - first, minlength=width) == 0] = np.nan
    return series, first, past[dims].take(first_rows(group, groups)).reset_index(drop=True)


def detectable_change(rows: pd.DataFrame, rules: settings.Rules, last: date) -> int | None:
    """The smallest change of the fleet's spend on ``last`` that is unusual, in micros.

    None where there are too few earlier days to compare with.
    """
    series, first, _ = _daily(rows, [], last)
    if not len(series):
        return None
    scores = score(series, first, series.shape[1] - 1)
    smallest = scores.detectable(rules)[0]
    is_known = np.isfinite(smallest) and _has_history(scores, rules)[0]
    return math.ceil(smallest) if is_known else None


def _has_history(scores: Scores, rules: settings.Rules) -> NDArray[np.bool_]:
    """Whether there are enough days to compare with."""
    enough = scores.earlier_days >= rules.anomaly_min_days
    return np.asarray(enough & (scores.history_days >= rules.anomaly_min_history))


def unusual_days(rows: pd.DataFrame, rules: settings.Rules, last: date, days: int) -> pd.DataFrame:
    """:func:`scan` of the fleet, of each project and of each GPU type, latest day first.

    Columns: date, ``cut`` (fleet, project, gpu_type), ``group``, then as there.
    """
    parts = []
    for cut, dims in _CUTS.items():
        part = scan(rows, dims, rules, last, days)
        group = part[dims[0]].astype("object") if dims else None
        parts.append(part.drop(columns=dims).assign(cut=cut, group=group))
    known = [part for part in parts if len(part)] or parts[:1]
    return _ordered(pd.concat(known, ignore_index=True))[[*UNUSUAL]]


def _ordered(table: pd.DataFrame) -> pd.DataFrame:
    order = np.lexsort((-table["deviation_micros"].abs(), -day_numbers(table["date"])))
    return table.iloc[order].reset_index(drop=True)


def is_unusual(scores: Scores, rules: settings.Rules) -> NDArray[np.bool_]:
    """Which series are unusual on the day, by the rule's own thresholds."""
    with np.errstate(invalid="ignore"):
        return np.asarray(
            _has_history(scores, rules)
            & (scores.score > rules.anomaly_score)
            & (scores.deviation >= rules.anomaly_min_money * MICROS_PER_UNIT)
            & (scores.deviation > rules.anomaly_past_factor * scores.past_deviation)
        )


def _median(values: Floats) -> Floats:
    """The median of the known values of each row; NaN where none is known."""
    if not values.shape[1]:
        return np.full(len(values), np.nan)
    ordered, known = np.sort(values, axis=1), _known(values)  # unknown ones come last
    row = np.arange(len(values))
    median: Floats = (ordered[row, (known - 1) // 2] + ordered[row, known // 2]) / 2.0
    return median
