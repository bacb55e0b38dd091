"""Ledger rows of consecutive days: all columns of the recent ones, a few of the older ones.

Findings and reports compare the last weeks with the months before, of which they need the spend
alone. A fleet of many clusters is read in ranges of cluster ids, so that memory does not grow with
it: see :meth:`pipeline.store.Store.id_ranges`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.model import EVERY_ID
from pipeline.transform.fold import pooled

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import date

    import pandas as pd

    from pipeline.model import IdRange, LedgerRef
    from pipeline.store import Store

ROWS_AT_ONCE = 4_000_000
"""Cluster-days with all columns that are in memory at once: about 2 GB. Several ranges take up
to a quarter more CPU than one.
"""
HISTORY_COLUMNS = (
    *("date", "account", "cluster_id", "name", "project_id", "gpu_type", "template_id"),
    *("status", "hourly_rate_micros", "expires_at", "spend_micros", "flags"),
)
"""What is read of older days."""


@dataclass(frozen=True)
class Span:
    """Days to read."""

    oldest: date
    """From this day on, :data:`HISTORY_COLUMNS`."""
    recent: date
    """From this day on, all columns."""
    last: date

    def with_days_of(self, other: Span) -> Span:
        """The span that has all of both."""
        return Span(
            min(self.oldest, other.oldest),
            min(self.recent, other.recent),
            max(self.last, other.last),
        )

    def refs(self, store: Store, accounts: Collection[str] | None = None) -> list[LedgerRef]:
        """The stored ledger days in it."""
        refs = store.ledger_days(None, self.oldest, self.last)
        return [ref for ref in refs if accounts is None or ref.account in accounts]

    def recent_of(self, refs: Sequence[LedgerRef]) -> list[LedgerRef]:
        """Those of ``refs`` that are read with all columns."""
        return [ref for ref in refs if ref.day >= self.recent]


@dataclass(frozen=True, eq=False)
class LedgerRows:
    """The rows of a span."""

    recent: pd.DataFrame
    history: pd.DataFrame
    """Those of the recent days too."""
    days: frozenset[date]
    """The days that were read, empty ones included."""


def id_ranges(store: Store, span: Span, refs: Sequence[LedgerRef]) -> list[IdRange]:
    """Ranges of cluster ids whose rows of the recent days fit in memory; one if all do.

    ``refs``: the ledger days of ``span``.
    """
    return store.id_ranges(span.recent_of(refs), ROWS_AT_ONCE)


def read_rows(
    store: Store,
    span: Span,
    refs: Sequence[LedgerRef],
    damaged: list[str],
    *,
    columns: Collection[str] | None = None,
    history: Collection[str] = HISTORY_COLUMNS,
    ids: IdRange = EVERY_ID,
) -> LedgerRows:
    """The rows of ``refs``, the ledger days of ``span``; only those of the clusters ``ids``.

    Damaged files are left out and their keys appended to ``damaged``. ``columns``: those of the
    recent days, by default all; ``history``: those of the history.
    """
    skipped: list[str] = []
    older = [ref for ref in refs if ref.day < span.recent]
    rows = store.read_ledger_days(span.recent_of(refs), columns, skipped, ids)
    together = rows[list(history)]
    if older:
        together = pooled([store.read_ledger_days(older, history, skipped, ids), together])
    damaged += [ref.key for ref in refs if ref.key in skipped]
    days = frozenset(ref.day for ref in refs if ref.key not in skipped)
    return LedgerRows(rows, together, days)
