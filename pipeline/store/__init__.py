"""The store: everything the product keeps, on a local disk or in an object store.

Facts (snapshots) are published once and never changed; what follows from them (ledger days,
findings, reports) is replaced as a whole. Nothing here knows what the numbers mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.settings import LEASE_SECONDS
from pipeline.store import discards, findings, layout, ledger, reports, runs, snapshots
from pipeline.store import final_days as finals
from pipeline.store.open_files import open_files

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import date

    import pandas as pd

    from pipeline.model import Certificate, LedgerRef, RunRecord, Snapshot, SnapshotRef


class Store:
    """A data directory. Every failure is a StorageError or a DamageError that names the file."""

    def __init__(
        self, uri: str, options: Mapping[str, str] | None = None, lease_seconds: int = LEASE_SECONDS
    ) -> None:
        """Open ``uri``: a folder, or ``s3://bucket/prefix`` with ``options`` (``AWS_...``), where
        a lock outlives a run that died by ``lease_seconds``.
        """
        self.files = open_files(uri, options or {}, lease_seconds)

    def is_empty(self) -> bool:
        """Whether nothing was ever kept here: a new place, or a mistyped one."""
        return not {*self.files.folders("")} & {*layout.FOLDERS}

    def publish_snapshot(self, snapshot: Snapshot) -> SnapshotRef:
        """Store a look at the fleet, once; AlreadyStoredError if another writer was first."""
        return snapshots.publish(self.files, snapshot)

    def snapshots(
        self, account: str | None = None, first: date | None = None, last: date | None = None
    ) -> list[SnapshotRef]:
        """The stored snapshots, by account and time, of the UTC days first to last."""
        return snapshots.listing(self.files, account, first, last)

    def accounts(self) -> list[str]:
        """The accounts that have snapshots or ledger days."""
        names = [*self.files.folders(layout.SNAPSHOTS), *self.files.folders(layout.LEDGER)]
        return sorted({account for name in names if (account := layout.parse_account(name))})

    def read_snapshot(self, ref: SnapshotRef, columns: Sequence[str] | None = None) -> Snapshot:
        """A stored snapshot, or those of its columns that are asked for."""
        return snapshots.read(self.files, ref, columns)

    def read_snapshots(
        self,
        refs: Sequence[SnapshotRef],
        columns: Sequence[str] | None = None,
        damaged: list[str] | None = None,
    ) -> pd.DataFrame:
        """The rows of many snapshots, and ``snapshot_state``: what each look may be trusted for."""
        return snapshots.read_frame(self.files, refs, columns, damaged)

    def read_rows(
        self, refs: Sequence[SnapshotRef], columns: Sequence[str], damaged: list[str]
    ) -> tuple[list[Certificate], list[int], pd.DataFrame]:
        """Certificates, numbers of rows, and the rows of all as one frame; ``damaged`` files are
        skipped and said there.
        """
        return snapshots.read_rows(self.files, refs, columns, damaged)

    def certificate(self, ref: SnapshotRef) -> Certificate:
        """What a snapshot's extraction proved, without reading its rows."""
        return snapshots.certificate(self.files, ref)

    def ledger_days(
        self, account: str | None = None, first: date | None = None, last: date | None = None
    ) -> list[LedgerRef]:
        """The stored ledger days, by account and day."""
        return ledger.listing(self.files, account, first, last)

    def publish_ledger_day(
        self, account: str, day: date, digest: str, frame: pd.DataFrame
    ) -> LedgerRef:
        """Store a ledger day, then remove the files of that day it replaces."""
        ref = layout.ledger(account, day, digest)
        ledger.publish(self.files, ref, frame)
        return ref

    def final_days(self, account: str | None = None) -> dict[tuple[str, date], str]:
        """Digests of the days that are never built again, by account and day."""
        finals = ledger.final_listing(self.files, account, None)
        return {(ref.account, ref.day): ref.digest for ref in finals}

    def days_final_on(self, ref: SnapshotRef) -> list[date]:
        """The final days that were built from ``ref``."""
        return finals.days_on(self.files, ref)

    def late_ignored(
        self, account: str | None = None, first: date | None = None
    ) -> list[SnapshotRef]:
        """Snapshots that came too late for a final day: stored, but no day may read them.

        ``first``: look only at final days from there on.
        """
        refs = self.snapshots(account, first)
        return finals.late(self.files, refs, account, first) if refs else []

    def read_ledger(
        self,
        first: date,
        last: date,
        accounts: Collection[str] | None = None,
        columns: Collection[str] | None = None,
        damaged: list[str] | None = None,
    ) -> pd.DataFrame:
        """The ledger rows of a window; given ``damaged``, bad files are skipped and said there."""
        refs = self.ledger_days(None, first, last)
        wanted = [ref for ref in refs if accounts is None or ref.account in accounts]
        return ledger.read(self.files, wanted, columns, damaged)

    def damaged_ledger(self, keys: Collection[str]) -> list[str]:
        """Those of the ledger files ``keys`` that are there and are damaged."""
        return ledger.still_damaged(self.files, keys)

    def publish_findings(
        self, day: date, digest: str, frame: pd.DataFrame, left_out: Collection[str] = ()
    ) -> str:
        """Store the findings of a day in place of earlier ones; their key. ``left_out``: the
        ledger files that could not be read.
        """
        return findings.publish(self.files, day, digest, frame, left_out)

    def findings_left_out(self, day: date) -> list[str]:
        """The ledger files that the findings of a day were made without."""
        return findings.left_out(self.files, day)

    def findings_digests(self) -> dict[date, str]:
        """The days that have findings, and the digest in each one's name."""
        return findings.digests(self.files)

    def read_findings(self, day: date) -> pd.DataFrame:
        """The findings of a day."""
        return findings.read(self.files, day)

    def publish_report(self, day: date, files: Mapping[str, bytes]) -> str:
        """Store a day's report in place of an earlier one; where it is, as a user names it."""
        return self.files.url(reports.publish(self.files, day, files))

    def report_days(self) -> list[date]:
        """The days that have a report."""
        return reports.days(self.files)

    def read_report(self, day: date) -> dict[str, bytes]:
        """The files of a day's report."""
        return reports.read(self.files, day)

    def record_run(self, run: RunRecord) -> str:
        """Keep what a run did; the record's key."""
        return runs.record(self.files, run)

    def runs(self, limit: int) -> list[RunRecord]:
        """The last runs, newest first."""
        return runs.newest(self.files, limit)

    def put_state(self, name: str, data: bytes) -> None:
        """Keep a small piece of state: sent mails, resume points."""
        runs.put_state(self.files, name, data)

    def get_state(self, name: str) -> bytes | None:
        """What was last kept under ``name``."""
        return runs.get_state(self.files, name)

    def forget_sent(self, day: date) -> None:
        """Forget who got the report of ``day``: it was none."""
        for key in self.files.keys(layout.STATE):
            if (layout.parse_state(key) or "").startswith(f"sent-{day}"):
                self.files.delete(key)

    def discarded(self, account: str) -> int:
        """How many snapshots of an account were taken out."""
        return discards.count(self.files, account)

    def lock(self, name: str) -> AbstractContextManager[None]:
        """Hold a lock while the block runs; LockedError if another run holds it."""
        return self.files.lock(name)

    def confirm_locks(self) -> None:
        """Before what cannot be taken back: LockedError if a lock that is held was lost."""
        self.files.confirm_locks()

    def sweep(self) -> int:
        """Remove what dead writers left behind; how many files."""
        return self.files.sweep()

    def url(self, key: str) -> str:
        """A key as a user would name the file."""
        return self.files.url(key)
