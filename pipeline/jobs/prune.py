"""Thin old snapshots without losing a cent.

A ledger day that is closed, older than the thinning age, carries the digest of its inputs and
comes out equal when it is built from them once more, is recorded as final. Only snapshots that no
day but final ones reads may go: after the thinning age all but the last complete look of a day,
after the dropping age that one too. The record is durable before anything is removed, so a run
that dies in between leaves more than it must, never less.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

import msgspec

from pipeline.errors import DamageError, SettingsError
from pipeline.schema import LEDGER
from pipeline.store import final_days, ledger, snapshots, tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from pipeline.model import LedgerRef, SnapshotRef
    from pipeline.store.files import Files


class LedgerRule(Protocol):
    """What the ledger says about its days. ``refs``: one account's snapshots, sorted by time."""

    def days_between(self, refs: Sequence[SnapshotRef]) -> Sequence[date]:
        """The days there are."""

    def inputs_of(self, refs: Sequence[SnapshotRef], day: date) -> Sequence[SnapshotRef]:
        """The snapshots a day reads."""

    def digest_of(self, inputs: Sequence[SnapshotRef]) -> str:
        """The digest of a day that reads ``inputs``."""

    def is_closed(self, refs: Sequence[SnapshotRef], day: date) -> bool:
        """Whether nothing later can change the day."""

    def build(self, inputs: Sequence[SnapshotRef], day: date) -> pd.DataFrame:
        """The day's rows, built anew from ``inputs``."""


class Ages(msgspec.Struct, frozen=True, kw_only=True):
    """How long what is kept, counted in days back from ``today``."""

    today: date
    thin_after_days: int
    """Older days keep one look each."""
    drop_after_days: int
    """Older days keep none."""

    def __post_init__(self) -> None:
        if not 1 <= self.thin_after_days <= self.drop_after_days:
            raise SettingsError(
                f"prune: thin after {self.thin_after_days} days, drop after "
                f"{self.drop_after_days}: give at least one day, and drop no sooner than thin"
            )

    def is_thinned(self, day: date) -> bool:
        """Whether ``day`` is past the thinning age."""
        return day <= self.today - timedelta(days=self.thin_after_days)

    def is_dropped(self, day: date) -> bool:
        """Whether ``day`` is past the dropping age."""
        return day <= self.today - timedelta(days=self.drop_after_days)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a prune would do: what ``--dry-run`` shows."""

    finalize: tuple[LedgerRef, ...]
    """Days to verify and record as final first."""
    remove: tuple[SnapshotRef, ...]
    blocked: tuple[str, ...]
    """Days old enough whose snapshots stay, each with the reason."""


class Pruned(msgspec.Struct, frozen=True, kw_only=True):
    """What a prune did."""

    final: tuple[LedgerRef, ...]
    removed: tuple[SnapshotRef, ...]
    blocked: tuple[str, ...]
    spend_micros: int
    """All money in the ledger: the same before and after."""


def plan(files: Files, rule: LedgerRule, ages: Ages) -> Plan:
    """What a prune would do now; nothing is read but names and final records."""
    finalize: list[LedgerRef] = []
    remove: list[SnapshotRef] = []
    blocked: list[str] = []
    for account in sorted({ref.account for ref in snapshots.listing(files, None, None, None)}):
        history = _History(files, account)
        ready, reasons = history.ready(rule, ages)
        finalize += ready
        blocked += reasons
        remove += history.removable(rule, ages, history.final | {ref.day for ref in ready})
    return Plan(finalize=tuple(finalize), remove=tuple(remove), blocked=tuple(blocked))


def execute(files: Files, rule: LedgerRule, ages: Ages, recorded_at: datetime) -> Pruned:
    """Record final days, then remove what only they needed."""
    before = _spend(files)
    planned = plan(files, rule, ages)
    blocked = list(planned.blocked)
    final = []
    for ref in planned.finalize:
        reason = _finalize(files, rule, ref, recorded_at)
        if reason is None:
            final.append(ref)
        else:
            blocked.append(reason)
    # Planned again from what is recorded now: a day that failed its proof keeps its inputs.
    removed = []
    for account in sorted({ref.account for ref in planned.remove}):
        history = _History(files, account)
        removed += history.removable(rule, ages, history.final)
    for snapshot in removed:
        files.delete(snapshot.key)
    files.sweep()
    after = _spend(files)
    if before != after:
        raise DamageError(
            f"prune of {files.place}: spend was {before} micros before and is {after} after; "
            "restore the ledger folder from a backup"
        )
    return Pruned(
        final=tuple(final), removed=tuple(removed), blocked=tuple(blocked), spend_micros=after
    )


class _History:
    """One account's names, as the ledger sees them: without what came too late."""

    def __init__(self, files: Files, account: str) -> None:
        self.account = account
        self.refs = snapshots.listing(files, account, None, None)
        self.late = set(final_days.late(files, self.refs, account, None))
        self.live = [ref for ref in self.refs if ref not in self.late]
        self.days = {ref.day: ref for ref in ledger.listing(files, account, None, None)}
        self.final = {ref.day for ref in ledger.final_listing(files, account, None)}

    def ready(self, rule: LedgerRule, ages: Ages) -> tuple[list[LedgerRef], list[str]]:
        """Days that may become final, and why other old days may not."""
        ready, reasons = [], []
        for day in self._open_days(rule):
            if not ages.is_thinned(day):
                continue
            ref = self.days.get(day)
            if not rule.is_closed(self.live, day):
                reasons.append(self._reason(day, "no complete look after it yet"))
            elif ref is None or ref.digest != rule.digest_of(rule.inputs_of(self.live, day)):
                reasons.append(self._reason(day, "missing or stale: run ledger first"))
            else:
                ready.append(ref)
        return ready, reasons

    def removable(self, rule: LedgerRule, ages: Ages, final: set[date]) -> list[SnapshotRef]:
        """Snapshots on ``final`` days that no other day reads, less the one kept per day."""
        needed = {
            ref
            for day in self._open_days(rule)
            if day not in final
            for ref in rule.inputs_of(self.live, day)
        }
        kept = {ref.day: ref for ref in sorted(self.live, key=lambda r: (r.is_complete, r))}
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

    def _open_days(self, rule: LedgerRule) -> list[date]:
        """Days between the first look and the last that are not final yet."""
        return [day for day in rule.days_between(self.live) if day not in self.final]

    def _reason(self, day: date, why: str) -> str:
        return f"account {self.account}, {day}: its snapshots stay: {why}"


def _finalize(files: Files, rule: LedgerRule, ref: LedgerRef, recorded_at: datetime) -> str | None:
    """Verify a day and record it as final; the reason if it cannot be."""
    history = _History(files, ref.account)
    inputs = rule.inputs_of(history.live, ref.day)
    try:
        stored, notes = tables.read(files, ref.key, LEDGER)
        again = ledger.encode(ref, rule.build(inputs, ref.day))
    except DamageError as error:
        return f"account {ref.account}, {ref.day}: its snapshots stay: {error}"
    if tables.encode(stored, LEDGER, notes) != again:
        return (
            f"account {ref.account}, {ref.day}: its snapshots stay: built again, the day differs "
            "from what is stored: run ledger --rebuild first"
        )
    final_days.record(files, ref, inputs, recorded_at)
    return None


def _spend(files: Files) -> int:
    """All money in the ledger, from the footers."""
    days = ledger.listing(files, None, None, None)
    return sum(tables.read_totals(files, ref.key).sums["spend_micros"] for ref in days)
