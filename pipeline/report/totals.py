"""The report's numbers, unrounded, each computed once.

Waste: a cluster's findings are about the same money, so a cluster counts with its largest, and the
fleet's is the sum over clusters. Only what is proven is called so; the rest is told apart.
GPU use: the mean over running time with a reading, each hour weighted by the GPUs that ran in it;
clusters whose GPU count is unknown stay out.
Bounds: sums of the rows' bounds, widened by the money that may lie on the other side of the
window's first and last midnight.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd

from pipeline.report.model import Totals
from pipeline.rules import CLEAR, FINDING, INSUFFICIENT_DATA, PROVEN
from pipeline.schema import BAND_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from pipeline.model import NotObserved

CLUSTER = ["account", "cluster_id"]
_WEEK = 7


def gather(
    *,
    currency: str,
    day: date | None,
    window_days: int,
    ledger: pd.DataFrame,
    utilization: pd.DataFrame,
    findings: pd.DataFrame,
    days: Collection[date] | None = None,
    damaged: int = 0,
    not_observed: Sequence[NotObserved] = (),
) -> Totals:
    """The numbers of the report of ``day``; ``days`` are the days that have a ledger, ``damaged``
    the stored files that could not be read. The date and the days before it are compared without
    the accounts ``not_observed`` on it.
    """
    if day is None:
        return Totals(currency=currency, day=None, first=None, damaged=damaged)
    nothing = None if damaged or not_observed else 0
    lacking = ledger["account"].isin([one.account for one in not_observed])
    compared = ledger[~lacking.to_numpy(bool)] if not_observed else ledger
    first = day - timedelta(days=window_days - 1)
    known = sorted(d for d in (days if days is not None else dates(ledger)) if d <= day)
    window = within(ledger, first, day)
    waste = waste_by_cluster(findings)
    proven = proven_by_cluster(findings).reindex(waste.index, fill_value=0)
    use, seconds, behind = _gpu_use(utilization)
    low, high = _bounds(window)
    judged, unjudged = _judged(findings)
    before = [d for d in known if day - timedelta(days=_WEEK) <= d < day]
    of_month = [d for d in known if (d.year, d.month) == (day.year, day.month)]
    return Totals(
        currency=currency,
        day=day,
        first=first,
        damaged=damaged,
        days_known=sum(d >= first for d in known),
        clusters=len(clusters(window)),
        day_micros=_spent(within(compared, day, day), nothing) if day in known else None,
        week_before_micros=_mean(within(compared, before[0], before[-1]), before)
        if before
        else None,
        week_before_days=len(before),
        month_micros=_spent(within(ledger, of_month[0], day), nothing) if of_month else None,
        month_first=of_month[0] if of_month else None,
        spend_micros=_spent(window, nothing),
        low_micros=low,
        high_micros=high,
        metered_micros=int(window["metered_micros"].sum()),
        waste_micros=int(proven.sum()),
        wasteful=int((proven > 0).sum()),
        unproven_micros=int((waste - proven).sum()),
        unproven=int(((waste > 0) & (proven == 0)).sum()),
        found=len(clusters(open_findings(findings))),
        judged=judged,
        unjudged=unjudged,
        saving_micros=total(open_findings(findings)["counted_saving_micros"]),
        gpu_use_pct=use,
        gpu_read_seconds=seconds,
        gpu_clusters=behind,
        not_observed=tuple(not_observed),
    )


def dates(ledger: pd.DataFrame) -> list[date]:
    """The days that have rows, in order."""
    return [stamp.date() for stamp in sorted(ledger["date"].unique())]


def within(frame: pd.DataFrame, first: date, last: date) -> pd.DataFrame:
    """The rows of the days ``first`` to ``last``, both included."""
    return frame[frame["date"].between(pd.Timestamp(first), pd.Timestamp(last))]


def clusters(frame: pd.DataFrame) -> pd.DataFrame:
    """The distinct clusters of ``frame``."""
    return frame[CLUSTER].drop_duplicates()


def total(values: pd.Series[Any]) -> int | None:
    """An exact sum; None where no value is known."""
    return int(values.sum()) if values.notna().any() else None


def open_findings(findings: pd.DataFrame) -> pd.DataFrame:
    """What was found and is not silenced by an exclusion."""
    return findings[(findings["outcome"] == FINDING) & findings["exclusion"].isna()]


def waste_by_cluster(findings: pd.DataFrame) -> pd.Series[Any]:
    """Waste per cluster, whatever its grade: the largest of its findings."""
    found = open_findings(findings)
    return found.groupby(CLUSTER, observed=True)["provable_waste_micros"].max().fillna(0)


def proven_by_cluster(findings: pd.DataFrame) -> pd.Series[Any]:
    """The same of proven findings alone; a rule that does not grade speaks of what is certain."""
    is_proven = findings["grade"].isna() | (findings["grade"] == PROVEN)
    return waste_by_cluster(findings[is_proven.to_numpy(bool)])


def _judged(findings: pd.DataFrame) -> tuple[int, int]:
    """Clusters that a rule judged, and those that none could for want of data."""
    worth = findings["outcome"].astype("str").map({FINDING: 2, CLEAR: 2, INSUFFICIENT_DATA: 1})
    best = findings[CLUSTER].assign(worth=worth.fillna(0)).groupby(CLUSTER, observed=True).max()
    return int((best["worth"] == 2).sum()), int((best["worth"] == 1).sum())  # noqa: PLR2004


def _spent(rows: pd.DataFrame, nothing: int | None) -> int | None:
    """Spend of ``rows``: unknown where none is priced, ``nothing`` where there are none."""
    return total(rows["spend_micros"]) if len(rows) else nothing


def _mean(rows: pd.DataFrame, days: list[date]) -> int | None:
    """Mean daily spend of ``days``."""
    spent = _spent(rows, 0)
    return None if spent is None else round(spent / len(days))


def _bounds(window: pd.DataFrame) -> tuple[int, int | None]:
    if not len(window):
        return 0, 0
    starts = window["date"] == window["date"].min()
    ends = window["date"] == window["date"].max()
    cut = int(window.loc[starts, "cut_start_micros"].sum())
    cut += int(window.loc[ends, "cut_end_micros"].sum())
    high = window["spend_high_micros"]
    low = max(0, int(window["spend_low_micros"].fillna(0).sum()) - cut)
    return low, None if high.isna().any() else int(high.sum()) + cut


def _gpu_use(utilization: pd.DataFrame) -> tuple[float | None, int, int]:
    mean = utilization["gpu_mean_pct"]
    read = utilization[list(BAND_COLUMNS)].sum(axis=1)
    weight = (read * utilization["gpu_count"]).where(mean.notna()).fillna(0).astype("int64")
    whole = int(weight.sum())
    if not whole:
        return None, 0, 0
    return float((mean.fillna(0) * weight).sum() / whole), whole, int((weight > 0).sum())
