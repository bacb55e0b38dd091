"""Whether everything that was stored is still there and undamaged, and no day lacks its inputs.

Without reading data: every name, every certificate and note, every small file. With it: every
bit. Damage is a file that is not what was written. A warning is something to do: a ledger day that
is stale, a file that does not belong to the store. A gap between snapshots is past and is no
problem: ``ledger`` warns of it once, and until then its days are missing, which is a warning.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec

from pipeline.errors import DamageError, Exit, StorageError
from pipeline.schema import FINDINGS, LEDGER, SNAPSHOT
from pipeline.store import final_days, layout, ledger, listings, reports, runs, snapshots, tables
from pipeline.store.damage import damaged

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

    from pipeline.schema import Table
    from pipeline.store.files import Files

MAX_GAP = timedelta(hours=26)
"""A nightly snapshot that is two hours late is not a gap yet."""
TWO_DAYS = timedelta(days=2)


class Severity(StrEnum):
    """How bad a problem is."""

    DAMAGE = "damage"
    WARNING = "warning"


class Problem(msgspec.Struct, frozen=True, order=True):
    """A problem of one file, in one line for the user."""

    severity: Severity
    key: str
    message: str


class Gap(msgspec.Struct, frozen=True):
    """A long time without a complete snapshot, between two of them."""

    account: str
    begin: datetime
    end: datetime

    @property
    def message(self) -> str:
        """One line for the user; from two days on its length is in days."""
        elapsed = self.end - self.begin
        hours = elapsed.total_seconds() / 3600
        length = f"{elapsed.days} days" if elapsed >= TWO_DAYS else f"{hours:.0f} h"
        return (
            f"account {self.account}: no complete snapshot for {length}, "
            f"from {self.begin:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M} UTC; "
            "it is past and cannot be filled"
        )


class Checked(msgspec.Struct, frozen=True):
    """The number of files checked, their problems, and the gaps between snapshots."""

    files: int
    problems: tuple[Problem, ...]
    gaps: tuple[Gap, ...] = ()

    @property
    def exit_code(self) -> Exit:
        """The exit code of the process."""
        severities = {problem.severity for problem in self.problems}
        if Severity.DAMAGE in severities:
            return Exit.DAMAGE
        return Exit.WARNINGS if severities else Exit.DONE


def check(
    files: Files,
    *,
    read_data: bool = False,
    expected: Mapping[str, Mapping[date, str]] | None = None,
    max_gap: timedelta = MAX_GAP,
) -> Checked:
    """Check the whole store.

    Args:
        files: Its files.
        read_data: Read every bit: seals, page checksums, rows, recomputed totals.
        expected: The digest each account's days should have; None leaves staleness unchecked.
        max_gap: The longest time between two complete snapshots that is no gap.
    """
    keys = [key for folder in _FOLDERS for key in files.keys(folder)]
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        results = pool.map(lambda key: verify(files, key, read_data=read_data), keys)
        problems = [problem for problem in results if problem is not None]
    problems += _report_problems(files)
    if expected is not None:
        problems += _stale_days(files, expected)
    return Checked(len(keys), tuple(sorted(problems)), tuple(_gaps(files, max_gap)))


_FOLDERS = (
    layout.SNAPSHOTS,
    layout.LEDGER,
    layout.FINDINGS,
    layout.REPORTS,
    layout.RUNS,
    layout.STATE,
)


def verify(files: Files, key: str, *, read_data: bool) -> Problem | None:
    """The problem of one file by itself, if it has one; reports are checked as folders."""
    try:
        if not _is_ours(files, key, read_data=read_data):
            message = f"{files.url(key)} is not a file of the store; move it elsewhere"
            return Problem(Severity.WARNING, key, message)
    except (DamageError, StorageError) as error:
        return Problem(Severity.DAMAGE, key, str(error))
    return None


def _is_ours(files: Files, key: str, *, read_data: bool) -> bool:
    """Whether ``key`` is a file of the store; raises if it is damaged."""
    if snapshot := layout.parse_snapshot(key):
        snapshots.certificate(files, snapshot)
        _verify_rows(files, key, SNAPSHOT, read_data=read_data)
    elif day := layout.parse_ledger(key):
        ledger.verify_notes(files, day)
        _verify_rows(files, key, LEDGER, read_data=read_data)
    elif layout.parse_final(key):
        _verify_final_day(files, key)
    elif layout.parse_findings(key):
        tables.read_notes(files, key)
        _verify_rows(files, key, FINDINGS, read_data=read_data)
    elif layout.is_run(key):
        runs.read(files, key)
    elif name := layout.parse_state(key):
        runs.get_state(files, name)
    else:
        return key.startswith(f"{layout.REPORTS}/")
    return True


def _verify_rows(files: Files, key: str, kind: Table, *, read_data: bool) -> None:
    """Check every bit of a table's file, and its rows against the totals in its footer."""
    if not read_data:
        return
    table, _ = tables.read(files, key, kind)
    recorded = tables.read_totals(files, key)
    present = tables.totals(table)
    known = {name: present.sums.get(name) for name in recorded.sums if name in kind.stored.names}
    if recorded.rows != present.rows or not known.items() <= recorded.sums.items():
        raise damaged(files, key, "its rows do not add up to the totals in its footer")


def _verify_final_day(files: Files, key: str) -> None:
    """Check a final record, and that the ledger file of its day has not changed."""
    record = final_days.read(files, key)
    ref = layout.ledger(record.account, record.day, record.digest)
    if ref.key not in files.keys(ref.key.rpartition("/")[0]):
        raise damaged(files, ref.key, "it is missing, and its day is final")
    if final_days.content_hash(files, ref) != record.sha256:
        raise damaged(files, ref.key, "it is not the file that was made final")


def _report_problems(files: Files) -> Iterator[Problem]:
    days = listings.report_days(files)
    for folder in (*map(layout.report, days), *listings.scoped_reports(files)):
        for name, error in reports.verify(files, folder)[1].items():
            yield Problem(Severity.DAMAGE, f"{folder}/{name}", str(error))
    key = f"{layout.REPORTS}/{layout.LATEST}"
    latest = files.read_pointer(key)
    for name in files.folders(layout.REPORTS):
        if name.startswith(layout.LATEST + layout.KEPT):
            where = f"{layout.REPORTS}/{name}"
            message = f"{files.url(where)} was reports/latest in a copied store and is nowhere else"
            yield Problem(Severity.WARNING, where, f"{message}; move it elsewhere")
    if days and latest is None:
        message = f"{files.url(key)} does not point to the newest report, {days[-1]}"
        yield Problem(
            Severity.WARNING,
            key,
            f"{message}; the next report repairs it; run: fleetledger report",
        )
    elif days and latest != days[-1].isoformat():
        error = damaged(files, key, f"it does not name the newest report, {days[-1]}")
        yield Problem(Severity.DAMAGE, key, str(error))


def _gaps(files: Files, max_gap: timedelta) -> Iterator[Gap]:
    """Long times without a complete snapshot, on days that are not final yet."""
    last_final = {ref.account: ref.day for ref in listings.final_days(files)}
    complete = [ref for ref in listings.snapshots(files) if ref.is_complete]
    for earlier, later in pairwise(complete):
        elapsed = later.started_at - earlier.started_at
        if earlier.account != later.account or elapsed <= max_gap:
            continue
        final = last_final.get(earlier.account)
        if final is not None and earlier.day < final:
            continue  # thinned by prune: final ledger days do not need these snapshots
        yield Gap(earlier.account, earlier.started_at, later.started_at)


def _stale_days(files: Files, expected: Mapping[str, Mapping[date, str]]) -> Iterator[Problem]:
    """Ledger days that do not follow from their snapshots; final days are never stale."""
    final = {(ref.account, ref.day) for ref in listings.final_days(files)}
    stored = {(ref.account, ref.day): ref for ref in listings.ledger_days(files)}
    wanted = {(account, day): d for account, days in expected.items() for day, d in days.items()}
    for account, day in sorted(wanted.keys() | stored.keys()):
        ref, digest = stored.get((account, day)), wanted.get((account, day))
        if (account, day) in final or (ref is not None and ref.digest == digest):
            continue
        what = "stale" if ref and digest else "without snapshots" if ref else "missing"
        key = ref.key if ref else layout.ledger(account, day, digest or "none").key
        message = f"ledger day {day} of account {account} is {what}; run: fleetledger ledger"
        yield Problem(Severity.WARNING, key, message)
