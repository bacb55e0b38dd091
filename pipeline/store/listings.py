"""Listings, from file names alone: each function is one listing, and no file is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.store import layout

if TYPE_CHECKING:
    from datetime import date

    from pipeline.model import LedgerRef, SnapshotRef
    from pipeline.store.files import Files


def accounts(files: Files) -> list[str]:
    """The accounts that have snapshots or ledger days."""
    folders = [*files.folders(layout.SNAPSHOTS), *files.folders(layout.LEDGER)]
    return sorted({name for folder in folders if (name := layout.parse_account(folder))})


def snapshots(
    files: Files,
    account: str | None = None,
    first: date | None = None,
    last: date | None = None,
) -> list[SnapshotRef]:
    """The stored snapshots, by account and time."""
    keys = _keys(files, layout.SNAPSHOTS, account, first, last)
    return sorted(ref for ref in map(layout.parse_snapshot, keys) if ref is not None)


def ledger_days(
    files: Files,
    account: str | None = None,
    first: date | None = None,
    last: date | None = None,
) -> list[LedgerRef]:
    """The stored ledger days, by account and day."""
    keys = _keys(files, layout.LEDGER, account, first, last)
    return sorted(ref for ref in map(layout.parse_ledger, keys) if ref is not None)


def final_days(
    files: Files,
    account: str | None = None,
    first: date | None = None,
    last: date | None = None,
) -> list[LedgerRef]:
    """The records of final days, by account and day."""
    keys = _keys(files, layout.LEDGER, account, first, last)
    return sorted(ref for ref in map(layout.parse_final, keys) if ref is not None)


def findings_days(
    files: Files, first: date | None = None, last: date | None = None
) -> list[tuple[date, str]]:
    """Days and keys of the stored findings; of several files of a day, the last one is read."""
    keys = _keys(files, layout.FINDINGS, None, first, last)
    return sorted((parsed[0], key) for key in keys if (parsed := layout.parse_findings(key)))


def findings_digests(files: Files) -> dict[date, str]:
    """The digest of each day's findings."""
    parsed = (layout.parse_findings(key) for _, key in findings_days(files))
    return dict(pair for pair in parsed if pair is not None)


def report_days(files: Files) -> list[date]:
    """The days that have a report."""
    parsed = (layout.parse_report(key) for key in files.keys(layout.REPORTS))
    return sorted({pair[0] for pair in parsed if pair is not None})


def scoped_reports(files: Files) -> list[str]:
    """The folders of the reports of periods and accounts."""
    parsed = (layout.parse_scoped_report(key) for key in files.keys(layout.REPORTS))
    return sorted({pair[0] for pair in parsed if pair is not None})


def discarded_snapshots(files: Files, account: str) -> list[str]:
    """The keys of an account's discarded snapshots."""
    keys = files.keys(f"{layout.DISCARDED}/account={layout.safe_name(account)}")
    return [key for key in keys if key.endswith(".parquet")]


def _keys(
    files: Files, folder: str, account: str | None, first: date | None, last: date | None
) -> list[str]:
    if account is not None:
        folder += f"/account={layout.safe_name(account)}"
    return files.keys(folder, lambda name: layout.is_within(name, first, last))
