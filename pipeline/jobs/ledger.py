"""Ledger: build the days whose file is missing or was made from other inputs."""

from __future__ import annotations

import logging
from time import monotonic
from typing import TYPE_CHECKING

import msgspec

from pipeline.errors import Exit
from pipeline.jobs.downgrade import refuse_downgrade
from pipeline.jobs.future_snapshots import warn_of_future_snapshots
from pipeline.ledger.days import build_day_of
from pipeline.ledger.inputs import (
    LONGEST_GAP_DAYS,
    digest_of,
    digests,
    gaps,
    inputs_of,
    long_gaps,
)
from pipeline.ledger.observations import History
from pipeline.model import SnapshotInfo, SnapshotRows
from pipeline.schema import MICROS_PER_UNIT, SNAPSHOT

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import date, datetime

    from pipeline.jobs import Job
    from pipeline.model import SnapshotRef
    from pipeline.settings import Settings
    from pipeline.store import Store

log = logging.getLogger(__name__)

COLUMNS = (
    "cluster_id", "observed_at", "name", "project_id", "region", "gpu_type", "gpu_count",
    "template_id", "status", "gpu_utilization_pct", "memory_utilization_pct",
    "cpu_utilization_pct", "hourly_rate_micros", "current_session_cost_micros",
    "total_cost_micros", "created_at", "updated_at", "expires_at", "bad_fields",
)  # fmt: skip
"""The snapshot columns a ledger day is made of."""


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
    built: list[date] = []
    for account in job.store.accounts():
        final = {day for _, day in job.store.final_days(account)}
        refs = _usable(job, account, final)
        present = {ref.day: ref.digest for ref in job.store.ledger_days(account)}
        stale = [
            day
            for day, digest in digests(refs, card).items()
            if day not in final and (rebuild or present.get(day) != digest)
        ]
        undamaged = list(refs)
        for day in job.progress.days(f"ledger {account}", stale):
            _build(job, account, day, undamaged, card)
        built += stale
        _warn_of_new_gaps(job, account, refs, final)
    job.add("days_built", len(built))
    return built


def rate_card(settings: Settings) -> dict[str, int]:
    """Micros per GPU-hour by GPU type."""
    return {name: round(price * MICROS_PER_UNIT) for name, price in settings.rate_card.items()}


def read_snapshot_rows(store: Store, ref: SnapshotRef) -> SnapshotRows:
    """A stored snapshot as the ledger reads it."""
    snapshot = store.read_snapshot(ref, COLUMNS)
    return SnapshotRows(
        state=ref.state,
        started_at=snapshot.certificate.started_at,
        finished_at=snapshot.certificate.finished_at,
        spread=snapshot.certificate.spread,
        frame=SNAPSHOT.to_pandas(snapshot.table),
    )


def _build(
    job: Job, account: str, day: date, undamaged: list[SnapshotRef], card: Mapping[str, int]
) -> None:
    """Build and store a day of an account; damaged snapshots are removed from ``undamaged``."""
    start = monotonic()
    history, inputs = _read(job, undamaged, day)
    frame = build_day_of(history, day, card)
    ref = job.store.publish_ledger_day(account, day, digest_of(inputs, card), frame)
    log.info(
        "built ledger day %s of account %s: %d snapshots, %d rows, %.2f s, %s",
        day, account, len(inputs), len(frame), monotonic() - start, ref.key,
    )  # fmt: skip


def _read(job: Job, undamaged: list[SnapshotRef], day: date) -> tuple[History, list[SnapshotRef]]:
    """The history that a day is built from, and its inputs.

    A damaged snapshot is removed from ``undamaged`` with a warning, and the inputs are chosen
    again without it.
    """
    while True:
        inputs = inputs_of(undamaged, day)
        damaged: list[str] = []
        certificates, rows, frame = job.store.read_rows(inputs, COLUMNS, damaged)
        if not damaged:
            infos = [
                SnapshotInfo(
                    state=c.state,
                    started_at=c.started_at,
                    finished_at=c.finished_at,
                    spread=c.spread,
                )
                for c in certificates
            ]
            return History(infos, rows, frame), inputs
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
