"""The totals of a report, unrounded, each computed once.

Waste: the findings of one cluster are about the same money, so a cluster counts with its largest
one, and the fleet's waste is the sum over clusters. Proven and unproven waste are kept apart.
GPU use: the mean over running time with a reading, each hour weighted by the GPUs that ran in it;
clusters whose GPU count is unknown are left out.
Bounds: sums of the rows' bounds, widened by the money that may belong to the other side of the
window's first and last midnight.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from pipeline.model import NotObserved  # noqa: TC001  # msgspec reads the annotations
from pipeline.rules import CLEAR, FINDING, INSUFFICIENT_DATA, LIKELY, PROVEN
from pipeline.schema import BAND_COLUMNS, CLUSTER_KEY
from pipeline.transform.findings.by_cluster import (
    clusters,
    open_findings,
    proven_waste,
    waste,
)
from pipeline.transform.fold import between, day_numbers, number, outer_cuts

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import pandas as pd

_WEEK = 7


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """The report's numbers, unrounded: what every sentence and card is written from."""

    currency: str
    day: date | None
    """The report's date: the last closed day."""
    first: date | None
    """First day of the window."""
    damaged: int = 0
    """Stored files that were skipped: without them, nothing seen does not mean nothing there."""
    days_known: int = 0
    """Days of the window that have a ledger."""
    clusters: int = 0
    """Clusters seen in the window."""
    day_micros: int | None = None
    """Spend on the report's date."""
    week_before_micros: int | None = None
    """Mean daily spend of the (up to 7) known days before it."""
    week_before_days: int = 0
    month_micros: int | None = None
    """Spend of the date's month up to and including the date, as far as it is known."""
    month_first: date | None = None
    """The first day of the month that is known."""
    spend_micros: int | None = None
    """Spend of the window."""
    low_micros: int | None = None
    high_micros: int | None = None
    metered_micros: int = 0
    waste_micros: int = 0
    """Proven waste: per cluster the largest of its proven findings, summed."""
    wasteful: int = 0
    """Clusters with proven waste."""
    unproven_micros: int = 0
    """What the likely and suspected findings would add to it."""
    unproven: int = 0
    """Clusters with waste of which none is proven."""
    with_findings: int = msgspec.field(default=0, name="found")
    """Clusters with at least one finding."""
    judged: int = 0
    """Clusters at least one rule could judge."""
    unjudged: int = 0
    """Clusters that no rule could judge, at least one of them for lack of data."""
    saving_micros: int | None = None
    """Counted savings of the next 30 days, proven and likely ones; null without findings."""
    saving_proven_micros: int = 0
    saving_likely_micros: int = 0
    """The two parts of it; the rest is of rules that do not grade."""
    saving_suspected_micros: int = 0
    """What suspicions may save where nothing is counted: in no sum with the others."""
    gpu_use_pct: float | None = None
    """Mean GPU use weighted by running GPU time that has a reading."""
    gpu_read_seconds: int = 0
    gpu_clusters: int = 0
    """Clusters behind that mean."""
    not_observed: tuple[NotObserved, ...] = ()
    """Accounts without data on the date: what they cost on it is in no number."""


def compute_totals(
    *,
    currency: str,
    day: date | None,
    window_days: int,
    ledger: pd.DataFrame,
    utilization: pd.DataFrame,
    findings: pd.DataFrame,
    days: Collection[date],
    damaged: int = 0,
    not_observed: Sequence[NotObserved] = (),
) -> Totals:
    """The totals of the report of ``day``; before a day is closed (None) all are empty.

    Args:
        currency: the account's currency.
        day: the report's date, the last day of the window.
        window_days: days of the window.
        ledger: ledger rows of the window and of the date's month.
        utilization: ``utilization.rank`` of the window.
        findings: every cluster under every rule, as of ``day``.
        days: the days that have a ledger, empty ones included.
        damaged: how many stored files could not be read.
        not_observed: the accounts without data on ``day``. The date and the days before it are
            compared without them.
    """
    if day is None:
        return Totals(currency=currency, day=None, first=None, damaged=damaged)
    # Where data is missing, the spend of no rows is unknown, not zero.
    if_no_rows = None if damaged or not_observed else 0
    lacking = ledger["account"].isin([account.account for account in not_observed])
    compared = ledger[~lacking.to_numpy(bool)] if not_observed else ledger
    first = day - timedelta(days=window_days - 1)
    known = sorted(d for d in days if d <= day)
    window = between(ledger, first, day)
    open_rows = open_findings(findings)
    wasted = waste(open_rows)
    proven = proven_waste(open_rows).reindex(wasted.index, fill_value=0)
    use, seconds, gpu_clusters = _gpu_use(utilization)
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
        clusters=len(utilization),
        day_micros=_spend(between(compared, day, day), if_no_rows) if day in known else None,
        week_before_micros=_mean_spend(between(compared, before[0], before[-1]), before)
        if before
        else None,
        week_before_days=len(before),
        month_micros=_spend(between(ledger, of_month[0], day), if_no_rows) if of_month else None,
        month_first=of_month[0] if of_month else None,
        spend_micros=_spend(window, if_no_rows),
        low_micros=low,
        high_micros=high,
        metered_micros=int(window["metered_micros"].sum()),
        waste_micros=int(proven.sum()),
        wasteful=int((proven > 0).sum()),
        unproven_micros=int((wasted - proven).sum()),
        unproven=int(((wasted > 0) & (proven == 0)).sum()),
        with_findings=len(clusters(open_rows)),
        judged=judged,
        unjudged=unjudged,
        saving_micros=known_sum(open_rows["counted_saving_micros"]),
        saving_proven_micros=_saved(open_rows, PROVEN),
        saving_likely_micros=_saved(open_rows, LIKELY),
        saving_suspected_micros=int(open_rows["suspected_saving_micros"].fillna(0).sum()),
        gpu_use_pct=use,
        gpu_read_seconds=seconds,
        gpu_clusters=gpu_clusters,
        not_observed=tuple(not_observed),
    )


def known_sum(values: pd.Series[Any]) -> int | None:
    """An exact sum of the known values; None where no value is known."""
    return int(values.sum()) if values.notna().any() else None


def _saved(findings: pd.DataFrame, grade: str) -> int:
    """The counted savings of one grade."""
    of_grade = (findings["grade"].astype("object") == grade).to_numpy(bool)
    return int(findings.loc[of_grade, "counted_saving_micros"].fillna(0).sum())


def _judged(findings: pd.DataFrame) -> tuple[int, int]:
    """How many clusters a rule judged, and how many none could for lack of data."""
    code, size = number(findings, CLUSTER_KEY)
    outcome = findings["outcome"]
    judged, unjudged = np.zeros((2, size), dtype=bool)
    judged[code[outcome.isin([FINDING, CLEAR])]] = True
    unjudged[code[outcome == INSUFFICIENT_DATA]] = True
    return int(judged.sum()), int((unjudged & ~judged).sum())


def _spend(rows: pd.DataFrame, if_no_rows: int | None) -> int | None:
    """Spend of ``rows``: None where none is priced, ``if_no_rows`` where there are none."""
    return known_sum(rows["spend_micros"]) if len(rows) else if_no_rows


def _mean_spend(rows: pd.DataFrame, days: list[date]) -> int | None:
    """Mean daily spend of ``days``."""
    spend = _spend(rows, 0)
    return None if spend is None else round(spend / len(days))


def _bounds(window: pd.DataFrame) -> tuple[int, int | None]:
    """The least and the most the window can have cost; the most is None where a row has none."""
    if not len(window):
        return 0, 0
    cut = int(outer_cuts(window, day_numbers(window["date"])).sum())
    high = window["spend_high_micros"]
    low = max(0, int(window["spend_low_micros"].fillna(0).sum()) - cut)
    return low, None if high.isna().any() else int(high.sum()) + cut


def _gpu_use(utilization: pd.DataFrame) -> tuple[float | None, int, int]:
    """Mean GPU use in percent, the GPU seconds behind it, and the clusters behind it."""
    mean = utilization["gpu_mean_pct"]
    read = utilization[list(BAND_COLUMNS)].sum(axis=1)
    weight = (read * utilization["gpu_count"]).where(mean.notna()).fillna(0).astype("int64")
    seconds = int(weight.sum())
    if not seconds:
        return None, 0, 0
    return float((mean.fillna(0) * weight).sum() / seconds), seconds, int((weight > 0).sum())
