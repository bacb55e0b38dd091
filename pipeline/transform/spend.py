"""Spend: where each unit of money went, and how well that is known.

Method: ledger days are cut by any of their dimensions and added. Assumption: none beyond the
ledger's. Three things are kept apart in every sum: metered money (read off the cost counter),
estimated money (rate times time), and time nothing could price. A row without a price is counted
in ``unpriced_rows`` and ``unpriced_seconds``; it is neither dropped nor taken for zero.

Bounds: low and high add up over rows. An interval that crosses the window's first or last midnight
may have its money on the other side, so each end of a window widens the bounds by that row's cut;
midnights inside the window widen nothing. Cut by date, each day is a window of its own.

Known limit: money of clusters that were created and deleted between two looks is not in the ledger.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from pipeline import schema

if TYPE_CHECKING:
    from datetime import date

DIMENSIONS = (
    "date",
    "account",
    "project_id",
    "region",
    "gpu_type",
    "template_id",
    "cluster_id",
)

_ADDED = (
    "spend_micros",
    "spend_low_micros",
    "metered_micros",
    "stopped_spend_micros",
    "unpriced_seconds",
    "running_seconds",
)


@dataclass(frozen=True)
class Total:
    """Money of a window; ``None`` means that nothing could be priced."""

    first: date | None
    last: date | None
    clusters: int
    spend_micros: int | None
    low_micros: int
    high_micros: int | None
    """None: at least one row has no upper bound."""
    metered_micros: int
    estimated_micros: int
    unpriced_rows: int
    unpriced_seconds: int
    running_seconds: int

    @property
    def metered_share(self) -> float | None:
        """Share of the spend read off a counter, 0-1; None without spend."""
        return self.metered_micros / self.spend_micros if self.spend_micros else None

    @property
    def estimated_share(self) -> float | None:
        """Share of the spend that is estimated, 0-1; None without spend."""
        return self.estimated_micros / self.spend_micros if self.spend_micros else None

    @property
    def unpriced_share(self) -> float | None:
        """Seconds without a price, as a share of running and unpriced seconds; None without any."""
        whole = max(self.running_seconds, self.unpriced_seconds)
        return self.unpriced_seconds / whole if whole else None


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
    worked = _widened(rows, every_day="date" in dims)
    groups = worked.groupby(keys, observed=True, dropna=False, sort=True)
    out = groups[[*_ADDED, "_high", "_gpu"]].sum(min_count=1)
    out["clusters"] = groups["_cluster"].nunique()
    counts = groups[["_no_spend", "_no_high", "_no_gpus"]].sum()
    out["spend_high_micros"] = out["_high"].mask(counts["_no_high"] > 0)
    out["gpu_seconds"] = out["_gpu"].mask(counts["_no_gpus"] > 0)
    out["unpriced_rows"] = counts["_no_spend"]
    out["spend_low_micros"] = out["spend_low_micros"].fillna(0).clip(lower=0)
    out["estimated_micros"] = out["spend_micros"].fillna(0) - out["metered_micros"]
    out = out.reset_index()
    order = (["date"] if "date" in dims else []) + ["spend_micros"]
    out = out.sort_values(
        order, ascending=[c == "date" for c in order], kind="stable", na_position="last"
    )
    return out[[*keys, *_MEASURES]].reset_index(drop=True)


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


def window_total(rows: pd.DataFrame) -> Total:
    """Money of all of ``rows`` (ledger or spend rows), bounds widened by the outer two cuts."""
    if rows.empty:
        return Total(None, None, 0, None, 0, 0, 0, 0, 0, 0, 0)
    worked = _widened(rows, every_day=False)
    spend = rows["spend_micros"]
    known = spend.notna()
    total = int(spend[known].sum()) if known.any() else None
    metered = int(rows["metered_micros"].sum())
    return Total(
        first=rows["date"].min().date(),
        last=rows["date"].max().date(),
        clusters=int(worked["_cluster"].nunique()),
        spend_micros=total,
        low_micros=max(0, int(worked["spend_low_micros"].fillna(0).sum())),
        high_micros=None if worked["_no_high"].any() else int(worked["_high"].sum()),
        metered_micros=metered,
        estimated_micros=(total or 0) - metered,
        unpriced_rows=int((~known).sum()),
        unpriced_seconds=int(rows["unpriced_seconds"].sum()),
        running_seconds=int(rows["running_seconds"].sum()),
    )


def _widened(rows: pd.DataFrame, *, every_day: bool) -> pd.DataFrame:
    """``rows`` with bounds widened at the window's ends (of each day, if ``every_day``)."""
    dates = rows["date"]
    start = rows["cut_start_micros"].where(every_day | (dates == dates.min()), 0)
    end = rows["cut_end_micros"].where(every_day | (dates == dates.max()), 0)
    cut = (start + end).astype("Int64")
    running = rows["running_seconds"] > 0
    gpus = rows["running_seconds"] * rows["gpu_count"]
    key = rows["account"].astype("str") + "/" + rows["cluster_id"].astype("str")
    return rows.assign(
        spend_low_micros=rows["spend_low_micros"] - cut,
        _high=rows["spend_high_micros"] + cut,
        _gpu=gpus.where(running, 0),
        _no_spend=rows["spend_micros"].isna(),
        _no_high=rows["spend_high_micros"].isna(),
        _no_gpus=gpus.isna() & running,
        _cluster=pd.factorize(key)[0],
    )
