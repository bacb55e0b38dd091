"""Prune: remove old snapshots without changing any amount in the ledger.

A ledger day is recorded as final if it is closed, older than the thinning age, has the digest of
its inputs, and is built from them again to equal bytes. Only snapshots that no day except final
ones reads are removed: after the thinning age all but the last complete snapshot of a day, after
the dropping age that one too. The record is durable before anything is removed, so a run that dies
in between leaves more than it must, never less.
"""

from __future__ import annotations

import logging
from datetime import date, timedelta
from typing import TYPE_CHECKING

import msgspec

from pipeline.errors import DamageError, Exit, SettingsError
from pipeline.jobs.ledger import rate_card
from pipeline.jobs.ledger_inputs import InputReader
from pipeline.ledger.days import build_rows
from pipeline.ledger.inputs import days_between, digest_of, inputs_of, is_closed
from pipeline.schema import LEDGER
from pipeline.settings import MOST_DAYS
from pipeline.store import final_days, ledger, listings, tables
from pipeline.store.layout import SNAPSHOTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.jobs import Job
    from pipeline.model import LedgerRef, SnapshotRef
    from pipeline.store.files import Files

log = logging.getLogger(__name__)

THIN_AFTER_DAYS, DROP_AFTER_DAYS = 90, 400
"""The ages of ``fleetledger prune`` if neither options nor settings name one."""


class Ages(msgspec.Struct, frozen=True, kw_only=True):
    """The ages at which snapshots are removed, in days before ``today``."""

    today: date
    """The date of the newest snapshot."""
    thin_after_days: int
    """Older days keep one snapshot each."""
    drop_after_days: int
    """Older days keep none."""

    def __post_init__(self) -> None:
        if not 1 <= self.thin_after_days <= self.drop_after_days:
            raise SettingsError(
                f"prune: thin after {self.thin_after_days} days (--thin-after or "
                f"retention.thin_after_days), drop after {self.drop_after_days} (--drop-after or "
                "retention.drop_after_days): give at least one day, and drop no sooner than thin"
            )

    def is_thinned(self, day: date) -> bool:
        """Whether ``day`` is past the thinning age."""
        return day <= self.today - timedelta(days=self.thin_after_days)

    def is_dropped(self, day: date) -> bool:
        """Whether ``day`` is past the dropping age."""
        return day <= self.today - timedelta(days=self.drop_after_days)


class Blocked(msgspec.Struct, frozen=True):
    """A day old enough whose snapshots are kept."""

    account: str
    day: date
    reason: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a prune would do, as ``--dry-run`` shows it."""

    finalize: tuple[LedgerRef, ...]
    """Days to verify and record as final first."""
    remove: tuple[SnapshotRef, ...]
    blocked: tuple[Blocked, ...]
    freed_bytes: int


class Pruned(msgspec.Struct, frozen=True, kw_only=True):
    """What a prune did."""

    final: tuple[LedgerRef, ...]
    removed: tuple[SnapshotRef, ...]
    blocked: tuple[Blocked, ...]
    freed_bytes: int
    spend_micros: int
    """All spend in the ledger: the same before and after."""


def ages_of(job: Job, thin_after_days: int | None, drop_after_days: int | None) -> Ages:
    """The ages as of the newest snapshot: a clock that is ahead makes no snapshot old.

    An age that is given alone is the only one that holds: without the other, nothing is dropped, or
    nothing is thinned before it is dropped. Without both, the defaults of ``fleetledger prune``.

    Raises:
        SettingsError: dropping is sooner than thinning.
    """
    thin, drop = thin_after_days, drop_after_days
    if thin is None and drop is None:
        thin, drop = THIN_AFTER_DAYS, DROP_AFTER_DAYS
    drop = MOST_DAYS if drop is None else drop
    today = max((ref.day for ref in job.snapshots()), default=job.now().date())
    return Ages(
        today=min(today, job.now().date()),
        thin_after_days=drop if thin is None else thin,
        drop_after_days=drop,
    )


def plan(job: Job, ages: Ages) -> Plan:
    """What a prune would do now; only names and final records are read."""
    card = rate_card(job.settings)
    finalize: list[LedgerRef] = []
    remove: list[SnapshotRef] = []
    blocked: list[Blocked] = []
    for account in sorted({ref.account for ref in job.store.snapshots()}):
        history = _History(job.store.files, account)
        ready, reasons = history.ready(card, ages)
        finalize += ready
        blocked += reasons
        remove += history.removable(ages, history.final | {ref.day for ref in ready})
    return Plan(
        finalize=tuple(finalize),
        remove=tuple(remove),
        blocked=tuple(blocked),
        freed_bytes=_bytes_of(job.store.files, remove),
    )


def prune(job: Job, ages: Ages) -> Pruned:
    """Record final days, then remove the snapshots that only they needed."""
    files = job.store.files
    before = _spend(files)
    planned = plan(job, ages)
    blocked = list(planned.blocked)
    final = []
    for ref in planned.finalize:
        reason = _finalize(job, ref)
        if reason is None:
            final.append(ref)
        else:
            blocked.append(reason)
    # Planned again from the final days as recorded: a day that was not verified keeps its inputs.
    removed: list[SnapshotRef] = []
    for account in sorted({ref.account for ref in planned.remove}):
        history = _History(files, account)
        removed += history.removable(ages, history.final)
    freed = _bytes_of(files, removed)
    for snapshot in removed:
        files.delete(snapshot.key)
        log.info("pruned %s", snapshot.key)
    files.sweep()
    after = _spend(files)
    if before != after:
        raise DamageError(
            f"prune of {files.place}: spend was {before} micros before and is {after} after; "
            "restore the ledger folder from a backup"
        )
    job.add("snapshots_pruned", len(removed))
    job.add("bytes_freed", freed)
    return Pruned(
        final=tuple(final),
        removed=tuple(removed),
        blocked=tuple(blocked),
        freed_bytes=freed,
        spend_micros=after,
    )


def apply_retention(job: Job) -> Pruned | None:
    """Prune by the settings' ages; None if they have none. What is kept is a message."""
    settings = job.settings.retention
    thin, drop = settings.thin_after_days, settings.drop_after_days
    if thin is None and drop is None:
        return None
    done = prune(job, ages_of(job, thin, drop))
    if done.removed:
        job.note(Exit.DONE, f"retention: {summary(len(done.removed), done.freed_bytes)} removed")
    for reason in reasons(done.blocked):
        job.note(Exit.DONE, f"retention: {reason}")
    return done


def summary(snapshots: int, freed_bytes: int) -> str:
    """How many snapshots, and their size."""
    return f"{snapshots:,} snapshot{'s' * (snapshots != 1)} ({freed_bytes / 1e6:,.1f} MB)"


def reasons(blocked: Sequence[Blocked]) -> list[str]:
    """A sentence for each account and reason, with the days it holds for."""
    days: dict[tuple[str, str], list[date]] = {}
    for each in blocked:
        days.setdefault((each.account, each.reason), []).append(each.day)
    texts = []
    for (account, reason), held in days.items():
        first, last = min(held), max(held)
        of = f"{first}" if first == last else f"{len(held)} days from {first} to {last}"
        texts.append(f"account {account}, {of}: the snapshots are kept: {reason}")
    return texts


def _bytes_of(files: Files, removed: Sequence[SnapshotRef]) -> int:
    """What the snapshots take; one that is gone in the meantime takes nothing."""
    if not removed:
        return 0
    sizes = files.sizes(SNAPSHOTS)
    return sum(sizes.get(ref.key, 0) for ref in removed)


class _History:
    """The snapshots and ledger days of one account, from their names."""

    def __init__(self, files: Files, account: str) -> None:
        self.account = account
        self.refs = listings.snapshots(files, account)
        self.late = set(final_days.late_snapshots(files, self.refs, account, None))
        self.usable = [ref for ref in self.refs if ref not in self.late]
        self.days = {ref.day: ref for ref in listings.ledger_days(files, account)}
        self.final = {ref.day for ref in listings.final_days(files, account)}

    def ready(self, card: Mapping[str, int], ages: Ages) -> tuple[list[LedgerRef], list[Blocked]]:
        """Days that may become final, and the reasons why other old days may not."""
        ready, reasons = [], []
        for day in self._open_days():
            if not ages.is_thinned(day):
                continue
            ref = self.days.get(day)
            if not is_closed(self.usable, day):
                reasons.append(Blocked(self.account, day, "no complete snapshot after it yet"))
            elif ref is None or ref.digest != digest_of(inputs_of(self.usable, day), card):
                reasons.append(Blocked(self.account, day, "missing or stale: run ledger first"))
            else:
                ready.append(ref)
        return ready, reasons

    def removable(self, ages: Ages, final: set[date]) -> list[SnapshotRef]:
        """Snapshots on ``final`` days that no other day reads, except the one kept per day."""
        needed = {
            ref
            for day in self._open_days()
            if day not in final
            for ref in inputs_of(self.usable, day)
        }
        # Complete ones sort last, so of each day the last complete snapshot is kept.
        kept = {ref.day: ref for ref in sorted(self.usable, key=lambda r: (r.is_complete, r))}
        return [
            ref
            for ref in self.refs
            if ref.day in final
            and ref not in needed
            and (
                ages.is_dropped(ref.day)
                or (ages.is_thinned(ref.day) and ref not in self.late and kept[ref.day] != ref)
            )
        ]

    def _open_days(self) -> list[date]:
        """Days between the first snapshot and the last that are not final yet."""
        return [day for day in days_between(self.usable) if day not in self.final]


def _finalize(job: Job, ref: LedgerRef) -> Blocked | None:
    """Verify a day and record it as final; the reason if it cannot be."""
    store = job.store
    inputs = inputs_of(_History(store.files, ref.account).usable, ref.day)
    try:
        stored, notes = tables.read(store.files, ref.key, LEDGER)
        ledger.verify_notes(store.files, ref, notes)
        history = InputReader().history(store, inputs, ref.day)
    except DamageError as error:
        return Blocked(ref.account, ref.day, str(error))
    built = ledger.encode_rows(ref, build_rows(history, ref.day, rate_card(job.settings)))
    if ledger.encode_rows(ref, stored) != built:
        return Blocked(
            ref.account,
            ref.day,
            "built again, the day differs from the stored one: run ledger --rebuild first",
        )
    final_days.record(store.files, ref, inputs, tables.totals(stored), job.now())
    log.info("recorded ledger day %s of account %s as final", ref.day, ref.account)
    return None


def _spend(files: Files) -> int:
    """All spend in the ledger, from the footers."""
    days = listings.ledger_days(files)
    return sum(tables.read_totals(files, ref.key).sums["spend_micros"] for ref in days)
