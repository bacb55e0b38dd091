"""Spend: where each unit of money went, and how well that is known.

Method: ledger days are cut by any of their dimensions and added. Assumption: none beyond the
ledger's. Every sum separates metered money (read from the cost counter), estimated money (rate
times time), and time without a known price. A row without a price is counted
in ``unpriced_rows`` and ``unpriced_seconds``; it is neither dropped nor taken for zero.

Bounds: low and high add up over rows. An interval that crosses the window's first or last midnight
may have its money on the other side, so each end of a window widens the bounds by that row's cut;
midnights inside the window widen nothing. Cut by date, each day is a window of its own.

Known limit: clusters that were created and deleted between two snapshots are not in the ledger.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipeline import schema
from pipeline.transform.fold import day_numbers, dense, first_rows, number, outer_cuts

if TYPE_CHECKING:
    from pipeline.arrays import Bools, Ints


DIMENSIONS = (
    "date",
    "account",
    "project_id",
    "region",
    "gpu_type",
    "template_id",
    "owner",
    "cluster_id",
)
"""``owner`` is a column that the caller adds (``owners.owner_of``)."""


def spend_rows(ledger: pd.DataFrame) -> pd.DataFrame:
    """The columns money is cut by, one row per cluster-day."""
    rows = ledger.assign(gpu_seconds=ledger["running_seconds"] * ledger["gpu_count"])
    return schema.SPEND.enforce(rows)


def by(rows: pd.DataFrame, *dims: str) -> pd.DataFrame:
    """Spend per combination of ``dims``: by date, then most money first.

    Columns: the dimensions, ``clusters``, ``spend_micros``, ``spend_low_micros``,
    ``spend_high_micros``, ``metered_micros``, ``estimated_micros``, ``stopped_spend_micros``,
    ``unpriced_rows``, ``unpriced_seconds``, ``running_seconds``, ``gpu_seconds``.

    Raises:
        ValueError: not a dimension.
    """
    unknown = set(dims) - set(DIMENSIONS)
    if unknown or not dims:
        raise ValueError(f"cannot cut spend by {sorted(unknown)}; one or more of {DIMENSIONS}")
    keys = ["account", *dims] if "cluster_id" in dims and "account" not in dims else list(dims)
    code, size = number(rows, keys)
    money = _Money.of(rows, every_day="date" in dims)

    def add(values: Ints) -> Ints:
        total = np.zeros(size, dtype=np.int64)
        np.add.at(total, code, values)
        return total

    out = rows[keys].take(first_rows(code, size)).reset_index(drop=True)
    out["clusters"] = _clusters(rows, dims, code, size)
    unpriced = add(money.is_unpriced.astype(np.int64))
    has_spend = add(1 - money.is_unpriced.astype(np.int64)) > 0
    spend = add(money.spend)
    out["spend_micros"] = pd.Series(spend, dtype="Int64").where(has_spend)
    out["spend_low_micros"] = np.maximum(add(money.low), 0)
    unbounded = add(money.is_unbounded.astype(np.int64)) > 0
    out["spend_high_micros"] = pd.Series(add(money.high), dtype="Int64").mask(unbounded)
    for column in ("metered_micros", "stopped_spend_micros", "unpriced_seconds", "running_seconds"):
        out[column] = add(rows[column].to_numpy(np.int64))
    out["estimated_micros"] = spend - out["metered_micros"]
    out["unpriced_rows"] = unpriced
    uncounted = add(money.is_uncounted.astype(np.int64)) > 0
    out["gpu_seconds"] = pd.Series(add(money.gpu_seconds), dtype="Int64").mask(uncounted)
    order = (["date"] if "date" in dims else []) + ["spend_micros"]
    out = out.sort_values(
        order, ascending=[c == "date" for c in order], kind="stable", na_position="last"
    )
    return out[[*keys, *_MEASURES]].reset_index(drop=True)


def total(rows: pd.DataFrame) -> dict[str, int | None]:
    """The sums of ``spend_micros``, ``spend_low_micros`` and ``spend_high_micros`` of :func:`by`.

    The upper end is None where some row has none.
    """
    high = rows["spend_high_micros"]
    return {
        "spend_micros": int(rows["spend_micros"].sum()),
        "spend_low_micros": int(rows["spend_low_micros"].sum()),
        "spend_high_micros": None if high.isna().any() else int(high.sum()),
    }


_MEASURES = (
    "clusters",
    "spend_micros",
    "spend_low_micros",
    "spend_high_micros",
    "metered_micros",
    "estimated_micros",
    "stopped_spend_micros",
    "unpriced_rows",
    "unpriced_seconds",
    "running_seconds",
    "gpu_seconds",
)


@dataclass(frozen=True)
class _Money:
    """Rows as plain integers: unknown values are 0 and marked by the flags."""

    spend: Ints
    low: Ints
    high: Ints
    gpu_seconds: Ints
    is_unpriced: Bools
    is_unbounded: Bools
    is_uncounted: Bools

    @classmethod
    def of(cls, rows: pd.DataFrame, *, every_day: bool) -> _Money:
        """``rows`` with bounds widened at the window's ends (of each day, if ``every_day``)."""
        cut = outer_cuts(rows, day_numbers(rows["date"]), every_day=every_day)
        running, gpus = rows["running_seconds"], rows["gpu_count"]
        return cls(
            spend=_known(rows["spend_micros"]),
            low=_known(rows["spend_low_micros"]) - cut,
            high=_known(rows["spend_high_micros"]) + cut,
            gpu_seconds=running.to_numpy(np.int64) * _known(gpus),
            is_unpriced=rows["spend_micros"].isna().to_numpy(bool),
            is_unbounded=rows["spend_high_micros"].isna().to_numpy(bool),
            is_uncounted=(gpus.isna() & (running > 0)).to_numpy(bool),
        )


def _known(values: pd.Series[Any]) -> Ints:
    return values.to_numpy(np.int64, na_value=0)


def _clusters(rows: pd.DataFrame, dims: tuple[str, ...], code: Ints, size: int) -> Ints:
    """How many clusters each group has."""
    if "cluster_id" in dims:
        return np.ones(size, dtype=np.int64)
    if "date" in dims:  # a cluster has one row a day
        return np.bincount(code, minlength=size).astype(np.int64)
    cluster, width = number(rows, schema.CLUSTER_KEY)
    # One pair of group and cluster is one cluster of the group, however many days it has.
    pair, pairs = dense(code * width + cluster, size * width)
    group_of = np.zeros(pairs, dtype=np.int64)
    group_of[pair] = code
    return np.bincount(group_of, minlength=size).astype(np.int64)
