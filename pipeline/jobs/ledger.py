"""Ledger: build the days whose file is missing or was made from other inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pipeline.errors import Exit
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
    from collections.abc import Callable, Collection, Sequence
    from datetime import date

    from pipeline.jobs import Job
    from pipeline.model import SnapshotRef
    from pipeline.settings import Settings
    from pipeline.store import Store

COLUMNS = (
    "cluster_id", "observed_at", "name", "project_id", "region", "gpu_type", "gpu_count",
    "template_id", "status", "gpu_utilization_pct", "memory_utilization_pct",
    "cpu_utilization_pct", "hourly_rate_micros", "current_session_cost_micros",
    "total_cost_micros", "created_at", "updated_at", "expires_at", "bad_fields",
)  # fmt: skip
"""The snapshot columns a ledger day is made of."""


def update_ledger(job: Job, *, rebuild: bool = False) -> list[date]:
    """Build stale and missing days (all of them to ``rebuild``); the days built.

    A damaged snapshot is left out and noted; the days it belongs to are built again each time,
    until the file is whole or gone.
    """
    card = rate_card(job.settings)
    note_future(job)
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
        build = _builder(job, account, refs)
        for day in job.progress.days(f"ledger {account}", stale):
            build(day)
        built += stale
        _note_new_gaps(job, account, refs)
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
        frame=SNAPSHOT.to_pandas(snapshot.table),
    )


def _builder(job: Job, account: str, refs: Sequence[SnapshotRef]) -> Callable[[date], None]:
    """Builds and stores one day of an account."""
    card = rate_card(job.settings)
    sound = list(refs)

    def build(day: date) -> None:
        history, inputs = _read(job, sound, day)
        frame = build_day_of(history, day, card)
        job.store.publish_ledger_day(account, day, digest_of(inputs, card), frame)

    return build


def _read(job: Job, sound: list[SnapshotRef], day: date) -> tuple[History, list[SnapshotRef]]:
    """What a day is made from, and its names; damaged ones are told and leave ``sound``, and
    others take their place.
    """
    while True:
        inputs = inputs_of(sound, day)
        damaged: list[str] = []
        certificates, rows, frame = job.store.read_rows(inputs, COLUMNS, damaged)
        if not damaged:
            infos = [
                SnapshotInfo(state=c.state, started_at=c.started_at, finished_at=c.finished_at)
                for c in certificates
            ]
            return History(infos, rows, frame), inputs
        for key in damaged:
            where = job.store.url(key)
            job.note(
                Exit.WARNINGS,
                f"{where}: damaged, left out of the ledger; `fleetledger check` says more",
            )
        sound[:] = [ref for ref in sound if ref.key not in damaged]


def _usable(job: Job, account: str, final: Collection[date]) -> list[SnapshotRef]:
    """The snapshots days may read: one that came too late for a final day is kept and told, once,
    but changes nothing.
    """
    refs = job.snapshots(account)
    if not final:
        return refs
    late = job.store.late_ignored(account)
    told = [f"{ref.key}: came after its day was final; stored, but no day reads it" for ref in late]
    _note_once(job, f"late-{account}", told)
    return [ref for ref in refs if ref not in late]


def _note_new_gaps(job: Job, account: str, refs: Sequence[SnapshotRef]) -> None:
    too_long = {one.started_at: one.key for one, _ in long_gaps(refs)}
    told = [
        f"{account}: no look between {begin:%Y-%m-%d %H:%M:%SZ} and {end:%Y-%m-%d %H:%M:%SZ}"
        + (_too_long(too_long[begin]) if begin in too_long else "")
        for begin, end in gaps(refs)
    ]
    _note_once(job, f"gaps-{account}", told)


def _too_long(key: str) -> str:
    return (
        f": more than {LONGEST_GAP_DAYS} days, so those between are not built; if the date of "
        f"{key} is wrong, take it out: fleetledger discard {key}"
    )


def note_future(job: Job) -> None:
    """Warn of snapshots from the future: no day and no report reads them."""
    latest = job.latest()
    future = [ref for ref in job.store.snapshots() if ref.started_at > latest]
    for account in sorted({ref.account for ref in future}):
        first, *others = [ref.key for ref in future if ref.account == account]
        more = f" (and {len(others)} more)" if others else ""
        job.note(
            Exit.WARNINGS,
            f"{job.store.url(first)}{more}: later than this machine's clock "
            f"({job.now():%Y-%m-%d}), so no day and no report reads it; if the clock is right, "
            f"take it out: fleetledger discard {first}",
        )


def _note_once(job: Job, name: str, messages: Sequence[str]) -> None:
    """Warn of what was not said before: once, not every night for ever."""
    said = msgspec.json.decode(job.store.get_state(name) or b"[]")
    if said == list(messages):
        return
    for message in messages:
        if message not in said:
            job.note(Exit.WARNINGS, message)
    job.store.put_state(name, msgspec.json.encode(messages))
