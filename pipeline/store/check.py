"""Is everything that was stored still there, whole, and enough to answer for every day?

Without reading data: every name, every certificate and note, every small file. With it: every
bit. Damage is a file that is not what was written; a warning is something to do (a gap in the
looks, a ledger day that is stale, a file that is not ours).
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec

from pipeline.errors import DamageError, Exit, StorageError
from pipeline.schema import FINDINGS, LEDGER, SNAPSHOT
from pipeline.store import final_days, layout, ledger, reports, runs, snapshots, tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

    from pipeline.schema import Table
    from pipeline.store.files import Files

MAX_GAP = timedelta(hours=26)
"""A nightly look that is two hours late is not a gap yet."""


class Severity(StrEnum):
    """How bad a problem is."""

    DAMAGE = "damage"
    WARNING = "warning"


class Problem(msgspec.Struct, frozen=True, order=True):
    """One line for the user."""

    severity: Severity
    key: str
    message: str


class Checked(msgspec.Struct, frozen=True):
    """What was looked at, and what is wrong with it."""

    files: int
    problems: tuple[Problem, ...]

    @property
    def exit_code(self) -> Exit:
        """What the process shall say."""
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
        files: Where it is.
        read_data: Read every bit: seals, page checksums, rows, recomputed totals.
        expected: The digest each account's days should carry; None leaves staleness unchecked.
        max_gap: The longest time between two complete looks that is no gap.
    """
    keys = [key for folder in _FOLDERS for key in files.keys(folder)]
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        found = pool.map(lambda key: verify(files, key, read_data=read_data), keys)
        problems = [problem for problem in found if problem is not None]
    problems += _reports(files)
    problems += _gaps(files, max_gap)
    if expected is not None:
        problems += _stale(files, expected)
    return Checked(len(keys), tuple(sorted(problems)))


_FOLDERS = (
    layout.SNAPSHOTS,
    layout.LEDGER,
    layout.FINDINGS,
    layout.REPORTS,
    layout.RUNS,
    layout.STATE,
)


def verify(files: Files, key: str, *, read_data: bool) -> Problem | None:
    """What is wrong with one file, taken by itself; reports are checked as folders."""
    try:
        if not _is_sound(files, key, read_data=read_data):
            message = f"{files.url(key)} is not a file of the store; move it elsewhere"
            return Problem(Severity.WARNING, key, message)
    except (DamageError, StorageError) as error:
        return Problem(Severity.DAMAGE, key, str(error))
    return None


def _is_sound(files: Files, key: str, *, read_data: bool) -> bool:
    """Whether ``key`` is one of ours; raises if it is damaged."""
    if snapshot := layout.parse_snapshot(key):
        snapshots.certificate(files, snapshot)
        _rows(files, key, SNAPSHOT, read_data=read_data)
    elif day := layout.parse_ledger(key):
        ledger.verify_notes(files, day)
        _rows(files, key, LEDGER, read_data=read_data)
    elif layout.parse_final(key):
        _final(files, key)
    elif layout.parse_findings(key):
        tables.read_notes(files, key)
        _rows(files, key, FINDINGS, read_data=read_data)
    elif layout.is_run(key):
        runs.read(files, key)
    elif name := layout.parse_state(key):
        runs.get_state(files, name)
    else:
        return key.startswith(f"{layout.REPORTS}/")
    return True


def _rows(files: Files, key: str, kind: Table, *, read_data: bool) -> None:
    """Every bit of a table's file, and its rows against the totals in its footer."""
    if not read_data:
        return
    table, _ = tables.read(files, key, kind)
    recorded = tables.read_totals(files, key)
    present = tables.totals(table)
    known = {name: present.sums.get(name) for name in recorded.sums if name in kind.stored.names}
    if recorded.rows != present.rows or not known.items() <= recorded.sums.items():
        raise tables.damage(files, key, "its rows do not add up to the totals in its footer")


def _final(files: Files, key: str) -> None:
    """A final record, and that the day it speaks of is there as it was."""
    record = final_days.read(files, key)
    ref = layout.ledger(record.account, record.day, record.digest)
    if ref.key not in files.keys(ref.key.rpartition("/")[0]):
        raise tables.damage(files, ref.key, "it is missing, and its day is final")
    if final_days.content_hash(files, ref) != record.sha256:
        raise tables.damage(files, ref.key, "it is not the file that was made final")


def _reports(files: Files) -> Iterator[Problem]:
    days = reports.days(files)
    for day in days:
        for name, error in reports.verify(files, day)[1].items():
            yield Problem(Severity.DAMAGE, f"{layout.report(day)}/{name}", str(error))
    key = f"{layout.REPORTS}/{layout.LATEST}"
    latest = files.pointed(key)
    for name in files.folders(layout.REPORTS):
        if name.startswith(layout.LATEST + layout.KEPT):
            where = f"{layout.REPORTS}/{name}"
            message = f"{files.url(where)} was reports/latest in a copied store and is nowhere else"
            yield Problem(Severity.WARNING, where, f"{message}; move it elsewhere")
    if days and latest is None:
        message = f"{files.url(key)} does not point to the newest report, {days[-1]}"
        yield Problem(
            Severity.WARNING, key, f"{message}; the next report puts it right: run: report"
        )
    elif days and latest != days[-1].isoformat():
        error = tables.damage(files, key, f"it does not name the newest report, {days[-1]}")
        yield Problem(Severity.DAMAGE, key, str(error))


def _gaps(files: Files, max_gap: timedelta) -> Iterator[Problem]:
    """Stretches without a complete look, where days are not final yet."""
    last_final = {ref.account: ref.day for ref in ledger.final_listing(files, None, None)}
    complete = [ref for ref in snapshots.listing(files, None, None, None) if ref.is_complete]
    for one, other in pairwise(complete):
        elapsed = other.started_at - one.started_at
        if one.account != other.account or elapsed <= max_gap:
            continue
        if (settled := last_final.get(one.account)) is not None and one.day < settled:
            continue  # thinned by prune; the ledger answers for those days
        yield Problem(
            Severity.WARNING,
            other.key,
            f"account {one.account}: no complete look for {elapsed.total_seconds() / 3600:.0f} h, "
            f"from {one.started_at:%Y-%m-%d %H:%M} to {other.started_at:%Y-%m-%d %H:%M} UTC; "
            "run extract more often",
        )


def _stale(files: Files, expected: Mapping[str, Mapping[date, str]]) -> Iterator[Problem]:
    """Ledger days that are not what their snapshots say; final days are never stale."""
    final = {(ref.account, ref.day) for ref in ledger.final_listing(files, None, None)}
    stored = {(r.account, r.day): r for r in ledger.listing(files, None, None, None)}
    wanted = {(account, day): d for account, days in expected.items() for day, d in days.items()}
    for account, day in sorted(wanted.keys() | stored.keys()):
        ref, digest = stored.get((account, day)), wanted.get((account, day))
        if (account, day) in final or (ref is not None and ref.digest == digest):
            continue
        what = "stale" if ref and digest else "without snapshots" if ref else "missing"
        key = ref.key if ref else layout.ledger(account, day, digest or "none").key
        message = f"ledger day {day} of account {account} is {what}; run: ledger"
        yield Problem(Severity.WARNING, key, message)
