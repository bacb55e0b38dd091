"""The notebook's door: what is stored, and what follows from it, as plain DataFrames.

Every method reads the store anew, changes nothing, and gives the frames that the nightly report
is made from: columns, units and dtypes are those of docs/columns.md.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from pipeline.settings import Rules
from pipeline.store import Store
from pipeline.transform import idle, spend, utilization

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import pandas as pd


class OpenStore:
    """A data directory, opened for reading."""

    def __init__(self, uri: str, options: Mapping[str, str] | None = None) -> None:
        """Open ``uri``; ``options`` are the ``AWS_...`` variables of an object store."""
        self.store = Store(uri, options)

    def snapshots(
        self, since: date | str | None = None, columns: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """Every look at every cluster, from the UTC day ``since`` on."""
        refs = self.store.snapshots(first=_day(since))
        return self.store.read_snapshots(refs, columns)

    def ledger(
        self,
        first: date | str | None = None,
        last: date | str | None = None,
        columns: Collection[str] | None = None,
    ) -> pd.DataFrame:
        """One row per cluster and UTC day, from ``first`` to ``last`` (both included)."""
        return self.store.read_ledger(
            _day(first) or date.min, _day(last) or date.max, columns=columns
        )

    def spend(
        self, *by: str, first: date | str | None = None, last: date | str | None = None
    ) -> pd.DataFrame:
        """Spend per cluster and day, or summed ``by`` columns such as "project_id", "date"."""
        rows = spend.spend_rows(self.ledger(first, last))
        return spend.by(rows, *by) if by else rows

    def utilization(
        self, first: date | str | None = None, last: date | str | None = None
    ) -> pd.DataFrame:
        """One row per cluster: how its GPUs were used, most unused money first."""
        return utilization.rank(self.ledger(first, last))

    def idle(
        self,
        first: date | str | None = None,
        last: date | str | None = None,
        rules: Rules | None = None,
    ) -> pd.DataFrame:
        """Idle candidates, most provable waste first."""
        return idle.candidates(self.utilization(first, last), rules or Rules())


def _day(value: date | str | None) -> date | None:
    return date.fromisoformat(value) if isinstance(value, str) else value
