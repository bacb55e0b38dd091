"""Final days: ledger days whose snapshots may be removed, and the record of their inputs.

The record is beside the day's file. From then on that file is the fact: it is never built again,
and a snapshot that arrives later inside its inputs is too late to change it.
"""

from __future__ import annotations

import hashlib
from datetime import date, datetime  # noqa: TC003 - msgspec reads the types at run time
from typing import TYPE_CHECKING

import msgspec

from pipeline.store import layout, listings, runs
from pipeline.store.damage import damaged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.model import LedgerRef, SnapshotRef
    from pipeline.store.files import Files
    from pipeline.store.tables import Totals


class FinalDay(msgspec.Struct, frozen=True, kw_only=True):
    """What is recorded of a final day."""

    account: str
    day: date
    digest: str
    recorded_at: datetime
    sha256: str
    """Of the ledger file."""
    rows: int
    sums: dict[str, int]
    """The totals of its money and seconds."""
    inputs: tuple[str, ...]
    """Keys of the snapshots it was built from, in time order."""


def record(
    files: Files,
    ref: LedgerRef,
    inputs: Sequence[SnapshotRef],
    totals: Totals,
    recorded_at: datetime,
) -> FinalDay:
    """Make a ledger day final. The caller has verified it, and its ``totals``."""
    day = FinalDay(
        account=ref.account,
        day=ref.day,
        digest=ref.digest,
        recorded_at=recorded_at,
        sha256=content_hash(files, ref),
        rows=totals.rows,
        sums=totals.sums,
        inputs=tuple(snapshot.key for snapshot in inputs),
    )
    files.put_new(layout.final(ref.account, ref.day, ref.digest).key, runs.encode_json(day))
    return day


def read(files: Files, key: str) -> FinalDay:
    """A stored record."""
    day = runs.decode_json(files, key, FinalDay)
    if layout.final(day.account, day.day, day.digest).key != key:
        raise damaged(files, key, "it is another day's record")
    return day


def content_hash(files: Files, ref: LedgerRef) -> str:
    """The SHA-256 of a ledger file as it is now."""
    return hashlib.sha256(files.read(ref.key)).hexdigest()


def days_built_from(files: Files, ref: SnapshotRef) -> list[date]:
    """The final days that were built from ``ref``."""
    finals = listings.final_days(files, ref.account)
    return [final.day for final in finals if ref.key in read(files, final.key).inputs]


def late_snapshots(
    files: Files, refs: Sequence[SnapshotRef], account: str | None, first: date | None
) -> list[SnapshotRef]:
    """Those of ``refs`` that came too late: inside a final day's inputs, but not one of them."""
    late: set[SnapshotRef] = set()
    for final in listings.final_days(files, account, first):
        inputs = read(files, final.key).inputs
        ends = [layout.parse_snapshot(key) for key in (*inputs[:1], *inputs[-1:])]
        times = [end.started_at for end in ends if end is not None]
        late |= {
            ref
            for ref in refs
            if ref.account == final.account
            and times
            and times[0] <= ref.started_at <= times[-1]
            and ref.key not in inputs
        }
    return sorted(late)
