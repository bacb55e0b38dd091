"""The layout of the store: references to paths and back. Pure; no other module builds paths.

Keys are relative, with ``/``, the same on a disk and in an object store. No text of the API (a
cluster's id, a name) is part of a key; names that are (accounts, commands) are checked here.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

from pipeline.errors import StorageError
from pipeline.model import FILE_NAME, LedgerRef, SnapshotRef, State

SNAPSHOTS = "snapshots"
LEDGER = "ledger"
FINDINGS = "findings"
REPORTS = "reports"
RUNS = "runs"
STATE = "state"
LOCKS = "locks"
CLOCK = "locks/clock"
"""In an object store: written to read the time of its clock."""
DISCARDED = "discarded"
FOLDERS = (SNAPSHOTS, LEDGER, FINDINGS, REPORTS, RUNS, STATE)
"""The folders with something worth keeping: a store with none of them is empty."""

SUMS = "SHA256SUMS"
"""In each report's folder: the sums of its files, in the format of ``sha256sum --check``."""
LATEST = "latest"
"""Beside the reports: a pointer to the newest."""
KEPT = ".kept-"
"""After a name, with a number: a folder that was in a pointer's place and has no other copy."""
TEMPORARY = ".tmp-"
"""The prefix of temporary names: of a writer at work, or left by a dead one."""

_NAME = FILE_NAME
_DAY = r"\d{4}-\d{2}-\d{2}"
_DIGEST = r"[0-9a-z]{4,128}"
_SNAPSHOT = re.compile(
    rf"{SNAPSHOTS}/account=({_NAME})/date=({_DAY})/(\d{{8}}T\d{{6}}Z)-([a-z]+)\.parquet"
)
_LEDGER = re.compile(rf"{LEDGER}/account=({_NAME})/date=({_DAY})/({_DIGEST})\.parquet")
_FINAL = re.compile(rf"{LEDGER}/account=({_NAME})/date=({_DAY})/({_DIGEST})\.final\.json")
_FINDINGS = re.compile(rf"{FINDINGS}/date=({_DAY})/({_DIGEST})\.parquet")
_REPORT = re.compile(rf"{REPORTS}/({_DAY})/({_NAME})")
_SCOPED = re.compile(rf"({REPORTS}/(?:periods|accounts/{_NAME})/{_NAME})/({_NAME})")
_RUN = re.compile(rf"{RUNS}/\d{{8}}T\d{{6}}Z-\d{{3}}-{_NAME}\.json")
_STATE = re.compile(rf"{STATE}/({_NAME})")
_STAMP = "%Y%m%dT%H%M%SZ"


def snapshot(account: str, started_at: datetime, state: State) -> SnapshotRef:
    """The reference of a snapshot; its name has whole seconds."""
    moment = started_at.astimezone(UTC).replace(microsecond=0)
    folder = f"{SNAPSHOTS}/account={safe_name(account)}/date={moment.date()}"
    return SnapshotRef(
        account, moment, state, f"{folder}/{moment.strftime(_STAMP)}-{state.value}.parquet"
    )


def parse_snapshot(key: str) -> SnapshotRef | None:
    """The reference of a snapshot's path; None if it is not one."""
    match = _SNAPSHOT.fullmatch(key)
    if match is None:
        return None
    account, day, stamp, state = match.groups()
    if day.replace("-", "") != stamp[:8]:
        return None
    try:
        return SnapshotRef(account, datetime.fromisoformat(stamp), State(state), key)
    except ValueError:
        return None


def ledger(account: str, day: date, digest: str) -> LedgerRef:
    """The reference of a ledger day."""
    key = f"{LEDGER}/account={safe_name(account)}/date={day}/{_safe_digest(digest)}.parquet"
    return LedgerRef(account, day, digest, key)


def parse_ledger(key: str) -> LedgerRef | None:
    """The reference of a ledger day's path; None if it is not one."""
    return _account_day(_LEDGER, key)


def final(account: str, day: date, digest: str) -> LedgerRef:
    """The reference of the record that makes a ledger day final."""
    key = f"{LEDGER}/account={safe_name(account)}/date={day}/{_safe_digest(digest)}.final.json"
    return LedgerRef(account, day, digest, key)


def parse_final(key: str) -> LedgerRef | None:
    """The reference of a final record's path; None if it is not one."""
    return _account_day(_FINAL, key)


def _account_day(pattern: re.Pattern[str], key: str) -> LedgerRef | None:
    match = pattern.fullmatch(key)
    day = None if match is None else _parse_day(match[2])
    return None if match is None or day is None else LedgerRef(match[1], day, match[3], key)


def findings(day: date, digest: str) -> str:
    """The key of a day's findings."""
    return f"{FINDINGS}/date={day}/{_safe_digest(digest)}.parquet"


def parse_findings(key: str) -> tuple[date, str] | None:
    """The day and digest of a findings file's path; None if it is not one."""
    match = _FINDINGS.fullmatch(key)
    day = None if match is None else _parse_day(match[1])
    return None if match is None or day is None else (day, match[2])


def report(day: date) -> str:
    """The folder of a day's report."""
    return f"{REPORTS}/{day}"


def parse_report(key: str) -> tuple[date, str] | None:
    """The day and name of a report file's path; None if it is not one."""
    match = _REPORT.fullmatch(key)
    day = None if match is None else _parse_day(match[1])
    return None if match is None or day is None else (day, match[2])


def scoped_report(name: str, account: str = "") -> str:
    """The folder of the report ``name`` of a period, or of an account.

    No part of it is a date at the place of a day's report, so that it is never taken for one.
    """
    scope = f"accounts/{safe_name(account)}" if account else "periods"
    return f"{REPORTS}/{scope}/{safe_name(name)}"


def parse_scoped_report(key: str) -> tuple[str, str] | None:
    """The folder and name of a file of such a report; None if it is not one."""
    match = _SCOPED.fullmatch(key)
    return None if match is None else (match[1], match[2])


def run(command: str, started_at: datetime, number: int) -> str:
    """The key of a run's record; ``number`` distinguishes runs of the same second."""
    stamp = started_at.astimezone(UTC).strftime(_STAMP)
    return f"{RUNS}/{stamp}-{number:03}-{safe_name(command)}.json"


def is_run(key: str) -> bool:
    """Whether ``key`` is a run's record."""
    return _RUN.fullmatch(key) is not None


def state(name: str) -> str:
    """The key of a small state file."""
    return f"{STATE}/{safe_name(name)}"


def parse_state(key: str) -> str | None:
    """The name of a state file; None if it is not one."""
    match = _STATE.fullmatch(key)
    return None if match is None else match[1]


def parse_account(folder: str) -> str | None:
    """The account of an ``account=`` folder; None if it is not one."""
    match = re.fullmatch(rf"account=({_NAME})", folder)
    return None if match is None else match[1]


def lock(name: str) -> str:
    """The key of a lock's file."""
    return f"{LOCKS}/{safe_name(name)}.lock"


def discarded(key: str) -> str:
    """The key of a snapshot or a report's file after it was discarded."""
    return f"{DISCARDED}/{key.removeprefix(f'{SNAPSHOTS}/')}"


def discard_record(key: str) -> str:
    """The key of the record beside a discarded snapshot."""
    return f"{discarded(key)}.json"


def is_within(folder: str, first: date | None, last: date | None) -> bool:
    """Whether a ``date=`` folder is in the window first to last; every other folder is."""
    if not folder.startswith("date="):
        return True
    day = folder.removeprefix("date=")
    return (first is None or day >= first.isoformat()) and (last is None or day <= last.isoformat())


def safe_name(name: str) -> str:
    """``name``, if it is valid as a file's name on every disk and in every object store.

    Raises:
        StorageError: it is not.
    """
    if re.fullmatch(_NAME, name) is None:
        raise StorageError(
            f"{name[:80]!r} cannot name a file of the store: use letters, digits, '_', '-', '.' "
            "(at most 64)"
        )
    return name


def _safe_digest(digest: str) -> str:
    if re.fullmatch(_DIGEST, digest) is None:
        raise StorageError(f"{digest[:80]!r} is not a digest: use lower-case hexadecimal digits")
    return digest


def _parse_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
