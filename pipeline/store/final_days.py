"""Final days: ledger days whose snapshots may go, and what was proven before they went.

The record lies beside the day's file. From then on that file is the fact: it is never built
again, and a snapshot that turns up later inside its inputs comes too late to change it.
"""

from __future__ import annotations

import hashlib
from datetime import date, datetime  # noqa: TC003 - msgspec reads the types at run time
from typing import TYPE_CHECKING

import msgspec

from pipeline.schema import LEDGER
from pipeline.store import layout, ledger, runs, tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.model import LedgerRef, SnapshotRef
    from pipeline.store.files import Files


class FinalDay(msgspec.Struct, frozen=True, kw_only=True):
    """What is known for ever about one account's day."""

    account: str
    day: date
    digest: str
    recorded_at: datetime
    sha256: str
    """Of the ledger file."""
    rows: int
    sums: dict[str, int]
    """Its money and seconds."""
    inputs: tuple[str, ...]
    """Keys of the snapshots it was built from, in time order."""


def record(
    files: Files, ref: LedgerRef, inputs: Sequence[SnapshotRef], recorded_at: datetime
) -> FinalDay:
    """Make a ledger day final; the caller has verified it."""
    table, _ = tables.read(files, ref.key, LEDGER)
    totals = tables.totals(table)
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
        raise tables.damage(files, key, "it is another day's record")
    return day


def content_hash(files: Files, ref: LedgerRef) -> str:
    """Of a ledger file as it lies there now."""
    return hashlib.sha256(files.read(ref.key)).hexdigest()


def days_on(files: Files, ref: SnapshotRef) -> list[date]:
    """The final days that were built from ``ref``."""
    finals = ledger.final_listing(files, ref.account, None)
    return [final.day for final in finals if ref.key in read(files, final.key).inputs]


def late(
    files: Files, refs: Sequence[SnapshotRef], account: str | None, first: date | None
) -> list[SnapshotRef]:
    """Those of ``refs`` that came too late: inside a final day's inputs, but not one of them."""
    ignored: set[SnapshotRef] = set()
    for final in ledger.final_listing(files, account, first):
        inputs = read(files, final.key).inputs
        ends = [layout.parse_snapshot(key) for key in (*inputs[:1], *inputs[-1:])]
        times = [end.started_at for end in ends if end is not None]
        ignored |= {
            ref
            for ref in refs
            if ref.account == final.account
            and times
            and times[0] <= ref.started_at <= times[-1]
            and ref.key not in inputs
        }
    return sorted(ignored)
