"""Discard: take a bad snapshot out, and with it what would not exist without it.

Days are pure functions of their snapshots, so whatever else read it is stale now and built again
by the next ``ledger`` or ``nightly``. Only what no snapshot asks for any more has to be removed:
ledger days beyond the others' reach, and findings and reports of days that never were.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from pipeline.errors import Exit, SettingsError
from pipeline.jobs.findings import forget_policies
from pipeline.jobs.report import forget_budgets
from pipeline.ledger.inputs import days_between, last_closed_day
from pipeline.store import discards

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.jobs import Job
    from pipeline.model import SnapshotRef
    from pipeline.store.discards import Derived


class Discarded(msgspec.Struct, frozen=True, kw_only=True):
    """What a discard did."""

    snapshot: str
    moved_to: str
    removed: Derived


def discard(job: Job, name: str, by: str, reason: str) -> Discarded:
    """Take out the snapshot that ``name`` names: a path, a key or a file's name.

    Raises:
        SettingsError: there is none, or more than one.
        LockedError: another run is at work.
    """
    account = _find(job, name).account
    with job.store.lock("derive"), job.store.lock(f"extract-{account}"):
        ref = _find(job, name)
        before = job.store.snapshots()
        after = [one for one in before if one != ref]
        removed = _caused(job, ref, before, after)
        _note_final_days(job, ref)
        last = _last_day(after)
        if last < _last_day(before):
            forget_policies(job, last)
            forget_budgets(job, last)
        for day in removed.report_days:
            job.store.forget_sent(day)
        moved = discards.execute(job.store.files, ref, removed, job.now(), by, reason)
    job.add("snapshots_discarded", 1)
    job.add("ledger_days_removed", len(removed.ledger_days))
    job.add("reports_removed", len(removed.report_days))
    return Discarded(snapshot=ref.key, moved_to=job.store.url(moved), removed=removed)


def _find(job: Job, name: str) -> SnapshotRef:
    found = [ref for ref in job.store.snapshots() if _is_named(job, ref, name)]
    if len(found) == 1:
        return found[0]
    if found:
        keys = ", ".join(ref.key for ref in found)
        raise SettingsError(f"{name}: names {len(found)} snapshots, give one of: {keys}")
    raise SettingsError(
        f"{name}: no snapshot of {job.settings.data_dir} has this path, key or file name; "
        "give one as `extract` or `check` prints it"
    )


def _is_named(job: Job, ref: SnapshotRef, name: str) -> bool:
    if name in {ref.key, job.store.url(ref.key), ref.key.rpartition("/")[2]}:
        return True
    path = job.store.files.path(ref.key)
    return path is not None and Path(name).absolute() == path


def _caused(
    job: Job, ref: SnapshotRef, before: Sequence[SnapshotRef], after: Sequence[SnapshotRef]
) -> Derived:
    """What exists only because of ``ref``."""
    mine = [one for one in after if one.account == ref.account]
    first = max((one.day for one in mine if one < ref), default=None)
    last = min((one.day for one in mine if one > ref), default=None)

    def is_beside(day: date) -> bool:
        """Whether ``day`` lies between the snapshots on both sides of ``ref``."""
        return (first < day if first else ref.day <= day) and (
            day < last if last else day <= ref.day
        )

    kept = {*days_between(mine), *(day for _, day in job.store.final_days(ref.account))}
    stored = job.store.ledger_days()
    gone = [
        one for one in stored
        if one.account == ref.account and is_beside(one.day) and one.day not in kept
    ]  # fmt: skip
    left = {one.day for one in stored if one not in gone}
    until, was = _last_day(after), _last_day(before)

    def never_was(day: date) -> bool:
        return until < day <= was or (is_beside(day) and day not in left | kept)

    return discards.Derived(
        ledger_days=tuple(one.day for one in gone),
        findings_days=tuple(day for day in job.store.findings_digests() if never_was(day)),
        report_days=tuple(day for day in job.store.report_days() if never_was(day)),
    )


def _last_day(refs: Sequence[SnapshotRef]) -> date:
    """The last day a report can be of: the last closed one, or the newest while none is."""
    accounts = {ref.account for ref in refs}
    closed = [last_closed_day([r for r in refs if r.account == name]) for name in accounts]
    known = [day for day in closed if day is not None] or [ref.day for ref in refs]
    return max(known, default=date.min)


def _note_final_days(job: Job, ref: SnapshotRef) -> None:
    days = job.store.days_final_on(ref)
    if days:
        shown = ", ".join(str(day) for day in days)
        job.note(
            Exit.WARNINGS,
            f"{ref.key}: final ledger days were made from it and stay as they are, since prune "
            f"has removed what they could be built from: {shown}",
        )
