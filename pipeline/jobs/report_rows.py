"""The ledger rows that a report is made from, and the utilization of its clusters.

Utilization needs nearly all columns, but is one row per cluster: of a fleet that does not fit in
memory at once, it is made from one range of cluster ids after the other, and the rows are then read
without the columns that only utilization needs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from pipeline.jobs.ledger_rows import LedgerRows, Span, id_ranges, read_rows
from pipeline.schema import BAND_COLUMNS, LEDGER, UTILIZATION
from pipeline.transform import utilization
from pipeline.transform.findings.owners import owner_of
from pipeline.transform.fold import Fold, between, stacked
from pipeline.transform.observed import observed_days

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    import pandas as pd

    from pipeline.store import Store
    from pipeline.transform.findings.owners import Owner
    from pipeline.transform.observed import Until

_OF_UTILIZATION_ALONE = {
    *BAND_COLUMNS,
    *("gpu_max_pct", "has_moved"),
    *("memory_weight_seconds", "memory_sum_mpct_seconds", "memory_max_pct"),
    *("cpu_weight_seconds", "cpu_sum_mpct_seconds", "cpu_max_pct"),
    *("random_samples", "random_busy_samples", "random_seconds", "random_interval_seconds"),
    *("last_busy_at", "first_observed_at"),
}
REPORT_COLUMNS = tuple(name for name in LEDGER.names if name not in _OF_UTILIZATION_ALONE)
"""What the sections of a report read of ledger rows."""


@dataclass(frozen=True)
class ReportDays:
    """The days that a report is about."""

    span: Span
    window: date
    """The first day of its window."""
    evidence: date
    """The first day of the rules' window."""

    @classmethod
    def of(cls, span: Span, window_days: int, evidence_days: int) -> ReportDays:
        """Windows of so many days up to the last one."""
        first_days = (span.last - timedelta(days=days - 1) for days in (window_days, evidence_days))
        return cls(span, *first_days)


@dataclass(frozen=True, eq=False)
class Utilization:
    """``transform.utilization.facts`` of some clusters, in the order of account and id."""

    window: pd.DataFrame
    evidence: pd.DataFrame
    """Of the rules' window."""

    @classmethod
    def none(cls) -> Utilization:
        """Of no clusters."""
        return cls(UTILIZATION.empty(), UTILIZATION.empty())

    @classmethod
    def of(cls, rows: LedgerRows, days: ReportDays, until: Until) -> Utilization:
        """From ledger rows with all columns; ``until``: the last observed day of each account."""
        known = [day for day in rows.days if day <= days.span.last]
        return cls(
            *(
                utilization.facts(
                    Fold.of(observed_days(between(rows.recent, first, days.span.last), until)),
                    max(known, default=days.span.last),
                    until,
                )
                for first in (days.window, days.evidence)
            )
        )

    def map(self, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Utilization:
        """Both, changed."""
        return Utilization(change(self.window), change(self.evidence))

    def with_owners(self, owners: Sequence[Owner]) -> Utilization:
        """With the ``owner`` of each cluster, that of its last day as in ledger rows."""
        return self.map(lambda used: used.assign(owner=owner_of(owners, used)))

    def of_owner(self, name: str) -> Utilization:
        """Only the clusters of an owner."""
        return self.map(lambda used: used[(used["owner"] == name).to_numpy(bool)])

    @classmethod
    def together(cls, parts: Sequence[Utilization]) -> Utilization:
        """That of all ``parts``, each of other clusters."""
        return cls(
            stacked([part.window for part in parts]), stacked([part.evidence for part in parts])
        )


@dataclass(frozen=True, eq=False)
class ReportRows:
    """What a report is made from."""

    rows: LedgerRows
    """The recent ones with :data:`REPORT_COLUMNS`."""
    utilization: Utilization


def read_report_rows(
    store: Store,
    days: ReportDays,
    until: Until,
    damaged: list[str],
    *,
    accounts: Collection[str] | None = None,
    rows: LedgerRows | None = None,
    known: Utilization | None = None,
) -> ReportRows:
    """The rows of ``days``, and the utilization that follows from them.

    Damaged files are left out and their keys appended to ``damaged``. ``rows`` and ``known``
    are what the findings have read already.
    """
    refs = days.span.refs(store, accounts)
    if rows is None and known is None:
        ranges = id_ranges(store, days.span, refs)
        if len(ranges) == 1:
            rows = read_rows(store, days.span, refs, damaged)
        else:
            recent = days.span.recent_of(refs)
            parts = (read_rows(store, days.span, recent, [], ids=ids) for ids in ranges)
            known = Utilization.together([Utilization.of(part, days, until) for part in parts])
    if rows is None:
        rows = read_rows(store, days.span, refs, damaged, columns=REPORT_COLUMNS)
    known = known or Utilization.of(rows, days, until)
    # The columns must not depend on whether the rows fit in memory.
    return ReportRows(replace(rows, recent=rows.recent[list(REPORT_COLUMNS)]), known)
