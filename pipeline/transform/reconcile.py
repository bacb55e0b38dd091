"""A bill against the ledger, by account and UTC day.

Method: both are sums of a day. What both have is matched. What was billed beyond the ledger is
unobserved on a day that was not observed in full (no ledger day, or the first snapshot came during
it); on any other day it is the residual: money that no snapshot shows, such as that of clusters
created and deleted between two. A residual below 0 is spend that was not billed. Nothing is scaled:
the ledger stays what the snapshots show.

Known limits: an estimate that is too high by as much as money is missing hides it
(``estimated_micros`` has the amount at stake). Money of an interval across midnight may be on the
other day; the bounds of a day allow for it, and sums over days do not depend on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pipeline.schema import RECONCILIATION
from pipeline.transform import spend

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import date

_SPEND = ("spend_micros", "spend_low_micros", "spend_high_micros", "estimated_micros")


def reconcile(
    bills: Mapping[str, Mapping[date, int]],
    ledger: pd.DataFrame,
    observed: Mapping[str, Collection[date]],
) -> pd.DataFrame:
    """The rows of ``schema.RECONCILIATION``: every billed day, by account and date.

    Args:
        bills: micros by account and day.
        ledger: the ledger rows of these days; a day without rows, but observed, has spent nothing.
        observed: the days of each account that were observed in full.
    """
    rows = pd.DataFrame(
        [
            (account, pd.Timestamp(day), micros, day in observed.get(account, ()))
            for account, days in sorted(bills.items())
            for day, micros in sorted(days.items())
        ],
        columns=["account", "date", "billed_micros", "is_observed"],
    )
    if rows.empty:
        return RECONCILIATION.empty()
    known = spend.by(ledger, "account", "date").astype({"account": "object"})
    rows = rows.merge(known[["account", "date", *_SPEND]], how="left", on=["account", "date"])
    is_observed = rows["is_observed"].to_numpy(bool)
    has_no_cluster = is_observed & ~_keys(rows).isin(_keys(known)).to_numpy(bool)
    for name in _SPEND:
        rows[name] = rows[name].astype("Int64").mask(has_no_cluster, 0)
    billed = rows["billed_micros"].to_numpy(np.int64)
    spent = rows["spend_micros"].to_numpy(np.int64, na_value=0)
    excess = billed - spent
    rows["matched_micros"] = np.minimum(billed, spent)
    rows["unobserved_micros"] = np.where(is_observed, 0, np.maximum(excess, 0))
    rows["residual_micros"] = np.where(is_observed, excess, np.minimum(excess, 0))
    low, high = rows["spend_low_micros"], rows["spend_high_micros"]
    is_within = (low <= rows["billed_micros"]) & (rows["billed_micros"] <= high)
    rows["is_within_bounds"] = is_within.astype("boolean").mask(~is_observed)
    return RECONCILIATION.enforce(rows)


@dataclass(frozen=True)
class Sums:
    """The sums of a comparison, in micros."""

    billed: int
    spend: int
    matched: int
    unobserved: int
    above: int
    """Of the residuals above 0: billed, and in no snapshot."""
    below: int
    """Of the residuals below 0, negative: in the ledger, and not billed."""
    outside_bounds: int
    """Days on which the bill is outside the bounds of spend."""
    with_bounds: int
    """Days whose bounds are known: those that were observed in full."""

    @property
    def residual(self) -> int:
        """Both kinds of residuals; they may cancel each other."""
        return self.above + self.below


def sums(rows: pd.DataFrame) -> Sums:
    """The sums of :func:`reconcile`'s rows; residuals above and below 0 stay apart."""
    residual, is_within = rows["residual_micros"], rows["is_within_bounds"]
    return Sums(
        billed=int(rows["billed_micros"].sum()),
        spend=int(rows["spend_micros"].sum()),
        matched=int(rows["matched_micros"].sum()),
        unobserved=int(rows["unobserved_micros"].sum()),
        above=int(residual.clip(lower=0).sum()),
        below=int(residual.clip(upper=0).sum()),
        outside_bounds=int((~is_within.astype("boolean")).sum()),
        with_bounds=int(is_within.notna().sum()),
    )


def _keys(rows: pd.DataFrame) -> pd.Series[str]:
    return rows["account"].astype(str) + " " + rows["date"].astype(str)
