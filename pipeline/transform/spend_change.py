"""Why spend changed between two periods: the bridge of :mod:`~pipeline.transform.changes`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from pipeline.transform.changes import CAUSES, bridge_rows

if TYPE_CHECKING:
    import pandas as pd

Period = tuple[date, date]
"""The first and the last day."""

_WEEK = timedelta(days=7)


@dataclass(frozen=True, eq=False)
class SpendChange:
    """The difference in spend of two periods, split into causes that add up to it exactly."""

    before: Period
    after: Period
    rows: pd.DataFrame
    """``changes.bridge_rows``: a row per cluster and cause."""

    @property
    def by_cause(self) -> pd.DataFrame:
        """cause, clusters, micros: the causes there are, in the order of ``changes.CAUSES``."""
        groups = self.rows.groupby("cause", sort=False)["micros"].agg(["size", "sum"])
        ordered = groups.reindex([cause for cause in CAUSES if cause in groups.index])
        ordered = ordered.rename(columns={"size": "clusters", "sum": "micros"})
        table: pd.DataFrame = ordered.rename_axis("cause").reset_index()
        return table.astype({"clusters": "int64", "micros": "int64"})


def spend_change(ledger: pd.DataFrame, before: Period, after: Period) -> SpendChange:
    """The change from ``before`` to ``after``."""
    return SpendChange(before, after, bridge_rows(ledger, before, after))


def last_two_weeks(day: date) -> tuple[Period, Period]:
    """The seven days before the week that ends on ``day``, and that week."""
    start = day - _WEEK + timedelta(days=1)
    return (start - _WEEK, start - timedelta(days=1)), (start, day)
