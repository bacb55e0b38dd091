"""The store: everything the product keeps, in a local folder or in an object store.

Facts (snapshots) are published once and never changed. What is made from them (ledger days,
findings, reports) is replaced as a whole. Nothing here knows what the numbers mean.

Listings, records, state and locks need no table library; the methods that read or write tables
import the modules that do, so that a command such as ``status`` starts without pandas and pyarrow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pipeline.model import EVERY_ID
from pipeline.settings import LEASE_SECONDS
from pipeline.store import final_days, layout, listings, rehearsal, reports, runs
from pipeline.store.choose_backend import choose_backend

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import date

    import pandas as pd
    import pyarrow as pa

    from pipeline.model import Certificate, IdRange, LedgerRef, RunRecord, Snapshot, SnapshotRef

T = TypeVar("T")


class Store:
    """A data directory. Every failure is a StorageError or a DamageError that names the file."""

    def __init__(
        self, uri: str, options: Mapping[str, str] | None = None, lease_seconds: int = LEASE_SECONDS
    ) -> None:
        """Open ``uri``: a folder, or ``s3://bucket/prefix`` with ``options`` (``AWS_...``).

        ``lease_seconds``: how long an object store keeps the lock of a run that died.
        """
        self.files = choose_backend(uri, options or {}, lease_seconds)

    def is_empty(self) -> bool:
        """Whether nothing is kept here: a new place, or a mistyped one."""
        return not {*self.files.folders("")} & {*layout.FOLDERS}

    def publish_snapshot(self, snapshot: Snapshot) -> SnapshotRef:
        """Store a snapshot, once; AlreadyStoredError if another writer was first."""
        from pipeline.store import snapshots

        return snapshots.publish(self.files, snapshot)

    def snapshots(
        self, account: str | None = None, first: date | None = None, last: date | None = None
    ) -> list[SnapshotRef]:
        """The stored snapshots of the UTC days first to last, by account and time."""
        return listings.snapshots(self.files, account, first, last)

    def accounts(self) -> list[str]:
        """The accounts that have snapshots or ledger days."""
        return listings.accounts(self.files)

    def read_snapshot(self, ref: SnapshotRef, columns: Sequence[str] | None = None) -> Snapshot:
        """A stored snapshot, with only these of its columns if any are given."""
        from pipeline.store import snapshots

        return snapshots.read(self.files, ref, columns)

    def read_snapshots(
        self,
        refs: Sequence[SnapshotRef],
        columns: Sequence[str] | None = None,
        damaged: list[str] | None = None,
    ) -> pd.DataFrame:
        """The rows of many snapshots, and the ``snapshot_state`` of each row's snapshot.

        Given ``damaged``, damaged files are skipped and their keys appended to it.
        """
        from pipeline.store import snapshots

        return snapshots.read_frame(self.files, refs, columns, damaged)

    def read_rows(
        self, refs: Sequence[SnapshotRef], columns: Sequence[str], damaged: list[str] | None = None
    ) -> tuple[list[Certificate], list[pa.Table]]:
        """The certificate and the rows of each snapshot, sorted by cluster.

        Given ``damaged``, damaged files are skipped and their keys appended to it.
        """
        from pipeline.store import snapshots

        return snapshots.read_rows(self.files, refs, columns, damaged)

    def certificate(self, ref: SnapshotRef) -> Certificate:
        """The certificate of a snapshot, without reading its rows."""
        from pipeline.store import snapshots

        return snapshots.certificate(self.files, ref)

    def ledger_days(
        self, account: str | None = None, first: date | None = None, last: date | None = None
    ) -> list[LedgerRef]:
        """The stored ledger days, by account and day."""
        return listings.ledger_days(self.files, account, first, last)

    def publish_ledger_day(
        self, account: str, day: date, digest: str, frame: pd.DataFrame
    ) -> LedgerRef:
        """Store a ledger day, then remove the files of that day it replaces."""
        from pipeline.store import ledger

        ref = layout.ledger(account, day, digest)
        self.publish_ledger_file(ref, ledger.encode(ref, frame))
        return ref

    def publish_ledger_file(self, ref: LedgerRef, data: bytes) -> None:
        """Store the encoded file of a ledger day, then remove the files it replaces."""
        from pipeline.store import ledger

        ledger.publish(self.files, ref, data)

    def final_days(self, account: str | None = None) -> dict[tuple[str, date], str]:
        """Digests of the days that are never built again, by account and day."""
        return {
            (ref.account, ref.day): ref.digest for ref in listings.final_days(self.files, account)
        }

    def final_days_built_from(self, ref: SnapshotRef) -> list[date]:
        """The final days that were built from ``ref``."""
        return final_days.days_built_from(self.files, ref)

    def late_ignored(
        self, account: str | None = None, first: date | None = None
    ) -> list[SnapshotRef]:
        """Snapshots that came too late for a final day: stored, but no day may read them.

        ``first``: consider only final days from this one on.
        """
        refs = self.snapshots(account, first)
        return final_days.late_snapshots(self.files, refs, account, first) if refs else []

    def read_ledger(
        self,
        first: date,
        last: date,
        accounts: Collection[str] | None = None,
        columns: Collection[str] | None = None,
        damaged: list[str] | None = None,
    ) -> pd.DataFrame:
        """The ledger rows of the days first to last.

        Given ``damaged``, damaged files are skipped and their keys appended to it.
        """
        from pipeline.store import ledger

        refs = self.ledger_days(None, first, last)
        wanted = [ref for ref in refs if accounts is None or ref.account in accounts]
        return ledger.read(self.files, wanted, columns, damaged)

    def read_ledger_days(
        self,
        refs: Sequence[LedgerRef],
        columns: Collection[str] | None = None,
        damaged: list[str] | None = None,
        ids: IdRange = EVERY_ID,
    ) -> pd.DataFrame:
        """The rows of ``ids`` on some ledger days, as :meth:`read_ledger` returns them."""
        from pipeline.store import ledger

        return ledger.read(self.files, refs, columns, damaged, ids)

    def id_ranges(self, refs: Sequence[LedgerRef], rows: int) -> list[IdRange]:
        """Ranges of cluster ids that together are all, of about ``rows`` rows of ``refs`` each."""
        from pipeline.store import ledger

        return ledger.id_ranges(self.files, refs, rows)

    def damaged_ledger(self, keys: Collection[str]) -> list[str]:
        """Those of the ledger files ``keys`` that exist and are damaged."""
        from pipeline.store import ledger

        return ledger.still_damaged(self.files, keys)

    def publish_findings(
        self, day: date, digest: str, frame: pd.DataFrame, left_out: Collection[str] = ()
    ) -> str:
        """Store the findings of a day in place of earlier ones; their key.

        ``left_out``: the ledger files that could not be read.
        """
        from pipeline.store import findings

        return findings.publish(self.files, day, digest, frame, left_out)

    def findings_left_out(self, day: date) -> list[str]:
        """The ledger files that were left out of the findings of a day."""
        from pipeline.store import findings

        return findings.left_out(self.files, day)

    def findings_digests(self) -> dict[date, str]:
        """The days that have findings, and their digests."""
        return listings.findings_digests(self.files)

    def read_findings(self, day: date, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """The findings of a day, with only these of their columns if any are given."""
        from pipeline.store import findings

        return findings.read(self.files, day, columns)

    def publish_report(self, day: date, files: Mapping[str, bytes]) -> str:
        """Store a day's report in place of an earlier one; its path as a user names it."""
        return self.files.url(reports.publish(self.files, day, files))

    def publish_scoped_report(self, folder: str, files: Mapping[str, bytes]) -> str:
        """Store a report of a period or an account in ``folder``; its path as a user names it.

        It is not one of the days' reports: nothing sends it, and ``latest`` never names it.
        """
        return self.files.url(reports.publish_scoped(self.files, folder, files))

    def scoped_reports(self) -> list[str]:
        """The folders of the reports of periods and accounts."""
        return listings.scoped_reports(self.files)

    def report_days(self) -> list[date]:
        """The days that have a report."""
        return listings.report_days(self.files)

    def read_report(self, day: date, names: Collection[str] | None = None) -> dict[str, bytes]:
        """The files of a day's report; only those of ``names`` that it has, if they are given."""
        return reports.read(self.files, day, names)

    def record_run(self, run: RunRecord) -> str:
        """Keep the record of a run; its key."""
        return runs.record(self.files, run)

    def runs(self, limit: int) -> list[RunRecord]:
        """The last runs, newest first."""
        return runs.newest(self.files, limit)

    def put_state(self, name: str, data: bytes) -> None:
        """Keep a small piece of state, such as sent mails and resume points."""
        runs.put_state(self.files, name, data)

    def get_state(self, name: str) -> bytes | None:
        """The data that was last kept under ``name``."""
        return runs.get_state(self.files, name)

    def read_state(self, name: str, kind: type[T]) -> T | None:
        """The JSON value that was last kept under ``name``; None if there is none."""
        return runs.read_state(self.files, name, kind)

    def forget_sent(self, day: date) -> None:
        """Forget who got the report of ``day``, which was discarded."""
        for key in self.files.keys(layout.STATE):
            if (layout.parse_state(key) or "").startswith(f"sent-{day}"):
                self.files.delete(key)

    def discarded(self, account: str) -> int:
        """The number of an account's discarded snapshots."""
        return len(listings.discarded_snapshots(self.files, account))

    def lock(self, name: str) -> AbstractContextManager[None]:
        """Hold a lock while the block runs; LockedError if another run holds it."""
        return self.files.lock(name)

    def confirm_locks(self) -> None:
        """Before a step that cannot be undone: LockedError if a lock that is held was lost."""
        self.files.confirm_locks()

    def rehearse(self) -> None:
        """Lock, and write, read and remove a small file; the error of what is not possible."""
        rehearsal.rehearse(self.files)

    def sweep(self) -> int:
        """Remove what dead writers left behind; the number of files."""
        return self.files.sweep()

    def url(self, key: str) -> str:
        """``key`` as a user would name the file."""
        return self.files.url(key)
