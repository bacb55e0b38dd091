"""Ledger: build the days whose file is missing or was made from other inputs."""

from __future__ import annotations

import logging
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

import msgspec

from pipeline.errors import Exit
from pipeline.jobs.downgrade import refuse_downgrade
from pipeline.jobs.future_snapshots import warn_of_future_snapshots
from pipeline.jobs.ledger_inputs import InputReader
from pipeline.ledger.days import build_rows
from pipeline.ledger.inputs import (
    LONGEST_GAP_DAYS,
    digest_of,
    gaps,
    inputs_by_day,
    inputs_of,
    long_gaps,
)
from pipeline.schema import MICROS_PER_UNIT
from pipeline.store import layout
from pipeline.store.ledger import encode_rows

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import date, datetime

    from pipeline.jobs import Job
    from pipeline.ledger.observations import History
    from pipeline.model import LedgerRef, SnapshotRef
    from pipeline.settings import Settings
    from pipeline.store import Store

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DayTask:
    """A ledger day to build."""

    ref: LedgerRef
    inputs: tuple[SnapshotRef, ...]
    """The snapshots that it reads."""


@dataclass(frozen=True)
class BuiltDay:
    """A ledger day that was built, and its file."""

    data: bytes
    """Empty if an input is damaged."""
    rows: int
    seconds: float
    damaged: tuple[str, ...] = ()
    """The keys of inputs that are damaged."""


def update_ledger(job: Job, *, rebuild: bool = False) -> list[date]:
    """Build stale and missing days (with ``rebuild`` all days); the days built.

    A damaged snapshot is left out with a warning. The days it belongs to are built again each time
    until the file is repaired or removed.

    Raises:
        StorageError: a newer version of the program has used the store, or it cannot be written.
    """
    refuse_downgrade(job.store)
    card = rate_card(job.settings)
    warn_of_future_snapshots(job)
    usable, final, tasks = {}, {}, []
    for account in job.store.accounts():
        final[account] = {day for _, day in job.store.final_days(account)}
        usable[account] = _usable(job, account, final[account])
        present = {ref.day: ref.digest for ref in job.store.ledger_days(account)}
        for day, inputs in inputs_by_day(usable[account]).items():
            digest = digest_of(inputs, card)
            if day not in final[account] and (rebuild or present.get(day) != digest):
                tasks.append(DayTask(layout.ledger(account, day, digest), tuple(inputs)))
    _build_all(job, tasks, usable, card)
    for account, refs in usable.items():
        _warn_of_new_gaps(job, account, refs, final[account])
    job.add("days_built", len(tasks))
    return [task.ref.day for task in tasks]


def rate_card(settings: Settings) -> dict[str, int]:
    """Micros per GPU-hour by GPU type."""
    return {name: round(price * MICROS_PER_UNIT) for name, price in settings.rate_card.items()}


def _build_all(
    job: Job,
    tasks: Sequence[DayTask],
    usable: Mapping[str, Sequence[SnapshotRef]],
    card: Mapping[str, int],
) -> None:
    """Build the days of ``tasks`` by the engine and store them in this order.

    Days with damaged inputs are then built here, without these.
    """
    undamaged = {account: list(refs) for account, refs in usable.items()}
    days = job.progress.days("ledger", [task.ref.day for task in tasks])
    again = []
    with closing(job.each(partial(build_file, InputReader(), card), tasks)) as results:
        for task, _, built in zip(tasks, days, results, strict=True):
            if built.damaged:
                again.append(task.ref)
            else:
                _publish(job, task, built)
    for ref in again:
        start = monotonic()
        history, inputs = _read(job, undamaged[ref.account], ref.day)
        left = DayTask(layout.ledger(ref.account, ref.day, digest_of(inputs, card)), tuple(inputs))
        _publish(job, left, _encoded(left, history, card, start))


def build_file(
    reader: InputReader, card: Mapping[str, int], store: Store, task: DayTask
) -> BuiltDay:
    """The file of a ledger day; nothing is stored."""
    start = monotonic()
    damaged: list[str] = []
    history = reader.history(store, task.inputs, task.ref.day, damaged)
    if damaged:
        return BuiltDay(b"", 0, monotonic() - start, tuple(damaged))
    return _encoded(task, history, card, start)


def _encoded(task: DayTask, history: History, card: Mapping[str, int], start: float) -> BuiltDay:
    rows = build_rows(history, task.ref.day, card)
    return BuiltDay(encode_rows(task.ref, rows), len(rows), monotonic() - start)


def _publish(job: Job, task: DayTask, built: BuiltDay) -> None:
    job.store.publish_ledger_file(task.ref, built.data)
    log.info(
        "built ledger day %s of account %s: %d snapshots, %d rows, %.2f s, %s",
        task.ref.day, task.ref.account, len(task.inputs), built.rows, built.seconds, task.ref.key,
    )  # fmt: skip


def _read(job: Job, undamaged: list[SnapshotRef], day: date) -> tuple[History, list[SnapshotRef]]:
    """The history that a day is built from, and its inputs.

    A damaged snapshot is removed from ``undamaged`` with a warning, and the inputs are chosen
    again without it.
    """
    while True:
        inputs = inputs_of(undamaged, day)
        damaged: list[str] = []
        history = InputReader().history(job.store, inputs, day, damaged)
        if not damaged:
            return history, inputs
        for key in damaged:
            job.note(
                Exit.WARNINGS,
                f"{job.store.url(key)}: damaged, left out of the ledger; "
                "see `fleetledger check --read-data` for details",
            )
        undamaged[:] = [ref for ref in undamaged if ref.key not in damaged]


def _usable(job: Job, account: str, final: Collection[date]) -> list[SnapshotRef]:
    """The snapshots that days may read: all but those that came too late for a final day, which
    are kept with a warning.
    """
    refs = job.snapshots(account)
    if not final:
        return refs
    late = job.store.late_ignored(account)
    messages = [
        f"{ref.key}: came after its day was final; stored, but no day reads it" for ref in late
    ]
    _warn_once(job, f"late-{account}", messages)
    return [ref for ref in refs if ref not in late]


def _warn_of_new_gaps(
    job: Job, account: str, refs: Sequence[SnapshotRef], final: Collection[date]
) -> None:
    """Warn of times without a snapshot; of a final day ``prune`` may have removed them."""
    too_long = {before.started_at: before.key for before, _ in long_gaps(refs)}
    messages = [
        f"{account}: no snapshot between {begin:%Y-%m-%d %H:%M:%SZ} and {end:%Y-%m-%d %H:%M:%SZ}"
        + (_too_long(too_long[begin]) if begin in too_long else "")
        for begin, end in gaps([ref for ref in refs if ref.day not in final])
        if not _has_final_day(begin, end, final)
    ]
    _warn_once(job, f"gaps-{account}", messages)


def _has_final_day(begin: datetime, end: datetime, final: Collection[date]) -> bool:
    """Whether a day between two snapshots is final."""
    return any(begin.date() <= day <= end.date() for day in final)


def _too_long(key: str) -> str:
    return (
        f": more than {LONGEST_GAP_DAYS} days, so the days between are not built; if the date of "
        f"{key} is wrong, remove it: fleetledger discard {key}"
    )


def _warn_once(job: Job, name: str, messages: Sequence[str]) -> None:
    """Warn with the messages that were not among those of the last run, kept as state ``name``."""
    before = msgspec.json.decode(job.store.get_state(name) or b"[]")
    if before == list(messages):
        return
    for message in messages:
        if message not in before:
            job.note(Exit.WARNINGS, message)
    job.store.put_state(name, msgspec.json.encode(messages))
