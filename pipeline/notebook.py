"""The notebook interface: the stored data, and what is derived from it, as plain DataFrames.

Every method reads the store again and changes nothing. The frames are those that the nightly report
is made from; docs/columns.md has their columns, units and dtypes.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd

from pipeline.errors import SettingsError, StorageError
from pipeline.ledger.inputs import last_closed_day
from pipeline.schema import LEDGER, SNAPSHOT
from pipeline.settings import Rules
from pipeline.spelling import nearest
from pipeline.store import Store
from pipeline.transform import idle, spend, utilization

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence


class OpenStore:
    """A data directory, opened for reading.

    Invalid arguments raise :class:`~pipeline.errors.SettingsError`.
    """

    def __init__(self, uri: str, options: Mapping[str, str] | None = None) -> None:
        """Open ``uri``; ``options`` are the ``AWS_...`` variables of an object store.

        Raises:
            StorageError: the directory is empty.
        """
        self.store = Store(uri, options)
        if self.store.is_empty():
            where = self.store.files.path("") or uri
            raise StorageError(f"{where}: nothing is stored there; run `fleetledger extract`")

    def __repr__(self) -> str:
        days = sorted({ref.day for ref in self.store.ledger_days()})
        span = f", {days[0]} to {days[-1]}" if days else ""
        return (
            f"<{self.store.files.place}: accounts {', '.join(self.store.accounts()) or 'none'}; "
            f"{len(self.store.snapshots())} snapshots; {len(days)} ledger days{span}>"
        )

    def snapshots(
        self, since: date | str | None = None, columns: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """One row per cluster and snapshot, from the UTC day ``since`` on."""
        _check_columns(columns, (*SNAPSHOT.names, "snapshot_state"))
        refs = self.store.snapshots(first=_day("since", since))
        return self.store.read_snapshots(refs, columns)

    def ledger(
        self,
        first: date | str | None = None,
        last: date | str | None = None,
        columns: Collection[str] | None = None,
    ) -> pd.DataFrame:
        """One row per cluster and UTC day, from ``first`` to ``last`` (both included)."""
        _check_columns(columns, LEDGER.names)
        begin, end = _day("first", first) or date.min, _day("last", last) or date.max
        if begin > end:
            raise SettingsError(f"first {begin} is after last {end}: swap them")
        return self.store.read_ledger(begin, end, columns=columns)

    def spend(
        self, *by: str, first: date | str | None = None, last: date | str | None = None
    ) -> pd.DataFrame:
        """Spend per cluster and day, or summed ``by`` columns such as "project_id", "date".

        ``by`` may also be "owner": the cluster's owner when findings were last made.
        """
        rows = spend.spend_rows(self.ledger(first, last))
        if "owner" in by:
            rows = rows.assign(owner=self._owners(rows))
        return spend.by(rows, *by) if by else rows

    def utilization(
        self, first: date | str | None = None, last: date | str | None = None
    ) -> pd.DataFrame:
        """One row per cluster: the use of its GPUs, most unused money first."""
        return utilization.rank(self.ledger(first, last))

    def idle(
        self,
        first: date | str | None = None,
        last: date | str | None = None,
        rules: Rules | None = None,
    ) -> pd.DataFrame:
        """Idle candidates, most provable waste first.

        The default window is the ``idle_window_days`` up to the last closed day.
        """
        rules = rules or Rules()
        end = _day("last", last) or self._last_closed()
        if first is None and end is not None:
            first = end - timedelta(days=rules.idle_window_days - 1)
        return idle.candidates(self.utilization(first, end), rules)

    def _owners(self, rows: pd.DataFrame) -> pd.Series[Any]:
        """The owner of each row; null without an owner, or without findings of the cluster."""
        key = ["account", "cluster_id"]
        days = self.store.findings_digests()
        if not days:
            return pd.Series(None, rows.index, dtype="object")
        findings = self.store.read_findings(max(days))[[*key, "owner"]].drop_duplicates(key)
        both = (frame[key].astype("str") for frame in (rows, findings))
        wanted, known = (pd.MultiIndex.from_frame(frame) for frame in both)
        # get_indexer gives -1 for a cluster without findings, which takes the None at the end.
        owners = pd.Series([*findings["owner"].astype("object"), None], dtype="object")
        return owners.take(known.get_indexer(wanted)).set_axis(rows.index)

    def _last_closed(self) -> date | None:
        closed = [last_closed_day(self.store.snapshots(name)) for name in self.store.accounts()]
        return max((day for day in closed if day is not None), default=None)


def _day(name: str, value: date | str | None) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    try:
        return date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError as error:
        raise SettingsError(f"{name} {value!r}: not a day, such as '2026-06-15'") from error


def _check_columns(columns: Collection[str] | None, known: Sequence[str]) -> None:
    for name in columns or ():
        if name not in known:
            near = nearest(name, known)
            hint = f"did you mean {near!r}? " if near else ""
            raise SettingsError(f"no column {name!r}; {hint}See docs/columns.md")
