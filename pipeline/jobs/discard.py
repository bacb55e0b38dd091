"""Discard: remove a bad snapshot, and what would not exist without it.

Days are pure functions of their snapshots, so every other day that read the snapshot is stale now
and is built again by the next ``ledger`` or ``nightly``. Only what no snapshot accounts for any
more has to be removed: ledger days outside the range of the other snapshots, and the findings and
reports of such days.
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
from pipeline.store.discard import Derived
from pipeline.store.discard import discard as discard_snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.jobs import Job
    from pipeline.model import SnapshotRef


class Discarded(msgspec.Struct, frozen=True, kw_only=True):
    """What a discard did."""

    snapshot: str
    moved_to: str
    removed: Derived


def discard(job: Job, name: str, by: str, reason: str) -> Discarded:
    """Remove the snapshot that ``name`` identifies: a path, a key or a file's name.

    Raises:
        SettingsError: there is none, or more than one.
        LockedError: another run holds one of the locks.
    """
    account = _find(job, name).account
    with job.store.lock("derive"), job.store.lock(f"extract-{account}"):
        ref = _find(job, name)
        before = job.store.snapshots()
        after = [other for other in before if other != ref]
        derived = _derived_from(job, ref, before, after)
        _warn_of_final_days(job, ref)
        last = _last_report_day(after)
        if last < _last_report_day(before):
            forget_policies(job, last)
            forget_budgets(job, last)
        for day in derived.report_days:
            job.store.forget_sent(day)
        moved = discard_snapshot(job.store.files, ref, derived, job.now(), by, reason)
    job.add("snapshots_discarded", 1)
    job.add("ledger_days_removed", len(derived.ledger_days))
    job.add("reports_removed", len(derived.report_days))
    return Discarded(snapshot=ref.key, moved_to=job.store.url(moved), removed=derived)


def _find(job: Job, name: str) -> SnapshotRef:
    refs = [ref for ref in job.store.snapshots() if _is_named(job, ref, name)]
    if len(refs) == 1:
        return refs[0]
    if refs:
        keys = ", ".join(ref.key for ref in refs)
        raise SettingsError(f"{name}: names {len(refs)} snapshots, give one of: {keys}")
    raise SettingsError(
        f"{name}: no snapshot of {job.settings.data_dir} has this path, key or file name; "
        "give one as `extract` or `check` prints it"
    )


def _is_named(job: Job, ref: SnapshotRef, name: str) -> bool:
    if name in {ref.key, job.store.url(ref.key), ref.key.rpartition("/")[2]}:
        return True
    path = job.store.files.path(ref.key)
    return path is not None and Path(name).absolute() == path


def _derived_from(
    job: Job, ref: SnapshotRef, before: Sequence[SnapshotRef], after: Sequence[SnapshotRef]
) -> Derived:
    """What exists only because of ``ref``."""
    others = [other for other in after if other.account == ref.account]
    previous = max((other.day for other in others if other < ref), default=None)
    following = min((other.day for other in others if other > ref), default=None)

    def is_beside(day: date) -> bool:
        """Whether ``day`` lies between the snapshots before and after ``ref``."""
        return (previous < day if previous else ref.day <= day) and (
            day < following if following else day <= ref.day
        )

    kept = {*days_between(others), *(day for _, day in job.store.final_days(ref.account))}
    stored = job.store.ledger_days()
    removed = [
        ledger_day for ledger_day in stored
        if ledger_day.account == ref.account
        and is_beside(ledger_day.day)
        and ledger_day.day not in kept
    ]  # fmt: skip
    left = {ledger_day.day for ledger_day in stored if ledger_day not in removed}
    last_before, last_after = _last_report_day(before), _last_report_day(after)

    def has_no_data(day: date) -> bool:
        """Whether a report of ``day`` was made from ``ref`` alone."""
        return last_after < day <= last_before or (is_beside(day) and day not in left | kept)

    return Derived(
        ledger_days=tuple(ledger_day.day for ledger_day in removed),
        findings_days=tuple(day for day in job.store.findings_digests() if has_no_data(day)),
        report_days=tuple(day for day in job.store.report_days() if has_no_data(day)),
    )


def _last_report_day(refs: Sequence[SnapshotRef]) -> date:
    """The last day a report can be of: the last closed day, or the newest if none is closed."""
    accounts = {ref.account for ref in refs}
    closed = [last_closed_day([r for r in refs if r.account == name]) for name in accounts]
    days = [day for day in closed if day is not None] or [ref.day for ref in refs]
    return max(days, default=date.min)


def _warn_of_final_days(job: Job, ref: SnapshotRef) -> None:
    days = job.store.final_days_built_from(ref)
    if days:
        shown = ", ".join(str(day) for day in days)
        job.note(
            Exit.WARNINGS,
            f"{ref.key}: final ledger days were made from it and are not changed, because prune "
            f"has removed their other snapshots: {shown}",
        )
