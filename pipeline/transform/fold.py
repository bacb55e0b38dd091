"""A window is a fold over cluster-days.

Every column of a ledger row is added (money, seconds), or its maximum or union (hour masks) is
taken, so any window of any clusters is one grouped pass. Dimensions are those of a cluster's latest
row and are never joined back to earlier ones: yesterday's money stays with yesterday's project.

Method: every row gets the number of its cluster, in the order of account and id; pandas then
groups by that integer. Masked integers keep money exact and unknown values unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pandas.api.types import union_categoricals

from pipeline.schema import CLUSTER_KEY

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from numpy.typing import NDArray

    from pipeline.arrays import Floats, Ints


HOURS_OF_WEEK = 168
_EPOCH_ORDINAL = 719_163
_DAY_MICROSECONDS = 86_400_000_000
_ALL_HOURS = (1 << 24) - 1
_SPARSE = 8
"""Groups are counted in a table if it has at most so many places per row."""


def day_numbers(dates: pd.Series[Any]) -> Ints:
    """Days since 1970-01-01 of a column of ledger dates."""
    # A division of integers takes a fifth of the time of numpy's conversion to days.
    days: Ints = dates.to_numpy("datetime64[us]").view(np.int64) // _DAY_MICROSECONDS
    return days


def day_number(day: date) -> int:
    """Days since 1970-01-01 of a date."""
    return day.toordinal() - _EPOCH_ORDINAL


def between(frame: pd.DataFrame, first: date, last: date) -> pd.DataFrame:
    """The rows of the days ``first`` to ``last``, both included."""
    day = day_numbers(frame["date"])
    inside = (day >= day_number(first)) & (day <= day_number(last))
    rows: pd.DataFrame = frame if inside.all() else rows_at(frame, np.flatnonzero(inside))
    return rows


def has_flag(flags: pd.Series[Any], flag: str) -> NDArray[np.bool_]:
    """Whether each row of a ledger's ``flags`` has the flag."""
    kinds = flags.astype("category")
    having = [words for words in kinds.cat.categories if flag in words.split(",")]
    return kinds.isin(having).to_numpy(bool)


def number(
    frame: pd.DataFrame, keys: Sequence[str], *, unknown_last: bool = False
) -> tuple[Ints, int]:
    """The number of each row's group among the combinations of ``keys``, in their order.

    An unknown value comes before all others, or after them with ``unknown_last``.
    """
    code, width = np.zeros(len(frame), dtype=np.int64), 1
    for key in keys:
        part, distinct = _in_order(frame[key])
        place = np.where(part < 0, distinct, part) if unknown_last else part + 1
        code = code * (distinct + 1) + place
        width *= distinct + 1
    return dense(code, width)


def first_rows(code: Ints, size: int) -> Ints:
    """The position of the first row of each group, of ``size`` groups that all have rows."""
    first = np.zeros(size, dtype=np.int64)
    first[code[::-1]] = np.arange(len(code))[::-1]  # of repeated indexes, the last one stays
    return first


def dense(code: Ints, width: int) -> tuple[Ints, int]:
    """Numbers below ``width``, numbered again without those that do not occur; and how many do."""
    if width > _SPARSE * len(code):
        numbered, distinct = pd.factorize(code, sort=True)
        return numbered.astype(np.int64), len(distinct)
    # A table of all numbers takes less time than a hash of those that occur.
    occurs = np.zeros(width, dtype=bool)
    occurs[code] = True
    place = np.cumsum(occurs) - 1
    return place[code], int(occurs.sum())


def _in_order(values: pd.Series[Any]) -> tuple[Ints, int]:
    """The rank of each value among the distinct ones, -1 where unknown; and how many there are."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        # By text: the order of categories is that of the files that were read first.
        rank = np.append(values.cat.categories.argsort().argsort(), -1)
        return rank[values.cat.codes].astype(np.int64), len(rank) - 1
    if not isinstance(values.dtype, pd.StringDtype):
        code, distinct = pd.factorize(values, sort=True)
        return code.astype(np.int64), len(distinct)
    # The sort of ``factorize`` turns every distinct text into an object first.
    code, distinct = pd.factorize(values.array)
    rank = np.full(len(distinct) + 1, -1, dtype=np.int64)
    rank[distinct.argsort()] = np.arange(len(distinct))
    return rank[code], len(distinct)


def pooled(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The rows of all ``parts``, which have the same columns; their categories are united."""
    same = {
        name: union_categoricals([part[name] for part in parts]).dtype
        for name, dtype in parts[0].dtypes.items()
        if isinstance(dtype, pd.CategoricalDtype)
    }
    return pd.concat([part.astype(same) for part in parts], ignore_index=True)


def stacked(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The rows of ``parts``, each of other clusters, in the order of account and id."""
    parts = [part for part in parts if len(part)] or list(parts[:1])
    if len(parts) == 1:
        return parts[0]
    frame = pooled(parts)
    order = np.argsort(number(frame, CLUSTER_KEY)[0], kind="stable")
    is_sorted = (order == np.arange(len(order))).all()
    return frame if is_sorted else frame.take(order).reset_index(drop=True)


def ratio(part: Floats, total: Floats, default: float = np.nan) -> Floats:
    """``part / total`` where the total is above 0, else ``default``."""
    share: Floats = np.divide(part, total, out=np.full(len(total), default), where=total > 0)
    return share


def outer_cuts(frame: pd.DataFrame, day: Ints, *, every_day: bool = False) -> Ints:
    """Per row the micros that may lie beyond the first or last midnight of the window.

    The window's bounds are its rows' bounds, widened by these: midnights inside it move no money in
    or out. ``every_day``: each day is a window of its own.
    """
    first, last = (day.min(), day.max()) if len(day) else (0, 0)
    start = frame["cut_start_micros"].to_numpy(np.int64)
    end = frame["cut_end_micros"].to_numpy(np.int64)
    cuts = np.where(every_day | (day == first), start, 0)
    return cuts + np.where(every_day | (day == last), end, 0)


def rows_at(values: Any, rows: Ints | None) -> Any:  # noqa: ANN401 (a frame or a series, as given)
    """``values`` at the ascending positions ``rows``; not copied where they are one stretch."""
    if rows is None:
        return values
    if len(rows) and rows[-1] - rows[0] + 1 == len(rows):
        return values.iloc[rows[0] : rows[-1] + 1]
    return values.take(rows)


@dataclass(frozen=True)
class Fold:
    """Ledger rows with the number of each row's cluster (0 to ``size`` - 1)."""

    ledger: pd.DataFrame
    code: Ints
    size: int
    rows: Ints | None = None
    """The positions in ``ledger`` that it covers; None: all. ``code`` has one value for each."""

    @classmethod
    def of(cls, ledger: pd.DataFrame, rows: Ints | None = None) -> Fold:
        """Number the clusters of ``ledger`` (of its ``rows``) by account and id."""
        code, size = number(rows_at(ledger[CLUSTER_KEY], rows), CLUSTER_KEY)
        return cls(ledger, code, size, rows)

    @classmethod
    def within(cls, ledger: pd.DataFrame, first: date, last: date) -> Fold:
        """The rows of the days ``first`` to ``last``, both included; nothing is copied."""
        day = day_numbers(ledger["date"])
        inside = (day >= day_number(first)) & (day <= day_number(last))
        return cls.of(ledger, None if inside.all() else np.flatnonzero(inside))

    def only(self, chosen: NDArray[np.bool_]) -> Fold:
        """The same clusters over the chosen rows alone; nothing is copied but their positions."""
        rows = np.flatnonzero(chosen) if self.rows is None else self.rows[chosen]
        return Fold(self.ledger, self.code[chosen], self.size, rows)

    def of_clusters(self, wanted: NDArray[np.bool_]) -> Fold:
        """The wanted clusters alone, renumbered in the same order."""
        if wanted.all():
            return self
        kept = self.only(wanted[self.code])
        renumbered = np.cumsum(wanted) - 1
        return Fold(self.ledger, renumbered[kept.code], int(wanted.sum()), kept.rows)

    def __getitem__(self, column: str) -> pd.Series[Any]:
        values: pd.Series[Any] = rows_at(self.ledger[column], self.rows)
        return values

    @cached_property
    def day(self) -> Ints:
        """Day number of each row."""
        return day_numbers(self["date"])

    @cached_property
    def last(self) -> Ints:
        """Position of each cluster's latest row."""
        return self._last_where(np.ones(len(self.code), dtype=bool))

    def _last_where(self, rows: NDArray[np.bool_]) -> Ints:
        """Position of each cluster's latest row among ``rows``; -1 where there is none."""
        positions = np.flatnonzero(rows)
        positions = positions[np.argsort(self.day[positions], kind="stable")]
        latest = np.full(self.size, -1, dtype=np.int64)
        latest[self.code[positions]] = positions  # of repeated indexes, the last one stays
        return latest

    def latest(self, columns: Sequence[str]) -> pd.DataFrame:
        """``columns`` as of each cluster's latest row."""
        positions = self.last if self.rows is None else self.rows[self.last]
        return self.ledger[list(columns)].take(positions).reset_index(drop=True)

    def latest_known(self, column: str) -> pd.Series[Any]:
        """Each cluster's latest value of ``column`` that is known."""
        values = self[column]
        position = self._last_where(values.notna().to_numpy())
        taken = values.take(np.maximum(position, 0)) if len(values) else values
        return taken.reset_index(drop=True).where(pd.Series(position >= 0))

    def total(self, columns: Sequence[str]) -> pd.DataFrame:
        """Sums per cluster, masked as the columns are; null where no row knows the value."""
        return pd.DataFrame({name: self._total(self[name]) for name in columns})

    def _total(self, values: pd.Series[Any]) -> pd.Series[Any]:
        if values.dtype == np.int64:  # always known
            return pd.Series(self.add(values.to_numpy()))
        total = pd.Series(self.add(values.to_numpy(np.int64, na_value=0)), dtype="Int64")
        known = values.notna().to_numpy(bool)
        return total if known.all() else total.where(self.any_of(known))

    def highest(self, columns: Sequence[str]) -> pd.DataFrame:
        """Maxima per cluster of columns of reals, times, or integers that are always known."""
        return pd.DataFrame({name: self._extreme(name, np.fmax, np.maximum) for name in columns})

    def lowest(self, columns: Sequence[str]) -> pd.DataFrame:
        """Minima per cluster of the same."""
        return pd.DataFrame({name: self._extreme(name, np.fmin, np.minimum) for name in columns})

    def _extreme(self, column: str, of_reals: np.ufunc, of_integers: np.ufunc) -> pd.Series[Any]:
        """The largest or smallest value per cluster; null where no row knows it."""
        series = self[column]
        if series.dtype == "float64":
            reals = np.full(self.size, np.nan)
            of_reals.at(reals, self.code, series.to_numpy())
            return pd.Series(reals)
        known = series.notna().to_numpy(bool)
        integers = series.to_numpy(dtype="datetime64[us]") if series.dtype.kind == "M" else series
        values = np.asarray(integers).view(np.int64)
        limits = np.iinfo(np.int64)
        start = limits.min if of_integers is np.maximum else limits.max
        out = np.full(self.size, start)
        of_integers.at(out, self.code[known], values[known])
        if series.dtype.kind != "M":
            return pd.Series(out)
        times = np.where(self.any_of(known), out, limits.min).view("datetime64[us]")
        return pd.Series(pd.DatetimeIndex(times).tz_localize("UTC"))

    def any_of(self, rows: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Whether each cluster has at least one of ``rows``."""
        result = np.zeros(self.size, dtype=bool)
        result[self.code[rows]] = True
        return result

    def add(self, values: Ints) -> Ints:
        """Exact sums per cluster of one value per row."""
        out = np.zeros(self.size, dtype=np.int64)
        np.add.at(out, self.code, values)
        return out

    def outer_cuts(self) -> Ints:
        """Per row the micros that may lie beyond the first or last midnight of its cluster's rows.

        Another cluster's first and last day do not matter.
        """
        first = np.full(self.size, np.iinfo(np.int64).max)
        last = np.full(self.size, np.iinfo(np.int64).min)
        np.minimum.at(first, self.code, self.day)
        np.maximum.at(last, self.code, self.day)
        starts = np.where(self.day == first[self.code], self["cut_start_micros"], 0)
        ends = np.where(self.day == last[self.code], self["cut_end_micros"], 0)
        return np.asarray(starts + ends, dtype=np.int64)

    def by_day(self, column: str, first: int, last: int) -> NDArray[np.float64]:
        """``column`` as one row per cluster, one value per day; NaN where it is not known."""
        grid = np.full((self.size, last - first + 1), np.nan)
        inside = (self.day >= first) & (self.day <= last)
        values = self[column].to_numpy(np.float64, na_value=np.nan)
        grid[self.code[inside], self.day[inside] - first] = values[inside]
        return grid

    def hours(self, column: str) -> Ints:
        """How many hours of ``column``'s 24-bit masks are set, per cluster."""
        return self.add(np.bitwise_count(self[column].to_numpy(np.int64)).astype(np.int64))

    def week(self, column: str) -> Ints:
        """Hour masks united by weekday: one row per cluster, seven 24-bit masks, Monday first."""
        weekday = (self.day + 3) % 7  # 1970-01-01 was a Thursday
        united = np.zeros(self.size * 7, dtype=np.int64)
        np.bitwise_or.at(
            united, self.code * 7 + weekday, self[column].to_numpy(np.int64) & _ALL_HOURS
        )
        return united.reshape(self.size, 7)
