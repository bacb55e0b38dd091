"""A bad snapshot goes where no reader looks, with a record of who took it out, when and why.

Nothing is lost: the file is copied first, and the original removed last. What was made from it is
removed in between, so that a run that dies leaves a store which the same command finishes.
"""

from __future__ import annotations

import hashlib
from datetime import date, datetime  # noqa: TC003 - msgspec reads the types at run time
from typing import TYPE_CHECKING

import msgspec

from pipeline.errors import AlreadyStoredError, StorageError
from pipeline.store import findings, layout, ledger, reports, runs

if TYPE_CHECKING:
    from pipeline.model import SnapshotRef
    from pipeline.store.files import Files


class Derived(msgspec.Struct, frozen=True, kw_only=True):
    """What was made from a snapshot alone, and goes with it."""

    ledger_days: tuple[date, ...] = ()
    findings_days: tuple[date, ...] = ()
    report_days: tuple[date, ...] = ()


class Discard(msgspec.Struct, frozen=True, kw_only=True):
    """The record of one discarded snapshot."""

    snapshot: str
    """Its key before."""
    sha256: str
    discarded_at: datetime
    discarded_by: str
    reason: str
    removed: Derived


def execute(
    files: Files, ref: SnapshotRef, removed: Derived, discarded_at: datetime, by: str, reason: str
) -> str:
    """Move ``ref`` out with a record, and remove what was made from it alone; its new key."""
    data = files.read(ref.key)
    record = Discard(
        snapshot=ref.key,
        sha256=hashlib.sha256(data).hexdigest(),
        discarded_at=discarded_at,
        discarded_by=by,
        reason=reason,
        removed=removed,
    )
    target = layout.discarded(ref.key)
    _copy(files, target, data)
    files.replace(layout.discard_record(ref.key), runs.encode_json(record))
    for one in ledger.listing(files, ref.account, None, None):
        if one.day in removed.ledger_days:
            files.delete(one.key)
    for day, key in findings.listing(files, None, None):
        if day in removed.findings_days:
            files.delete(key)
    for day in removed.report_days:
        reports.discard(files, day)
    files.delete(ref.key)
    return target


def count(files: Files, account: str) -> int:
    """How many snapshots of an account were discarded."""
    keys = files.keys(f"{layout.DISCARDED}/account={layout.safe_name(account)}")
    return sum(key.endswith(".parquet") for key in keys)


def _copy(files: Files, target: str, data: bytes) -> None:
    try:
        files.put_new(target, data)
    except AlreadyStoredError as error:  # discarded before, and put back; or a run that died
        if files.read(target) != data:
            raise StorageError(
                f"{files.url(target)} is another snapshot of the same name, discarded before; "
                "move it elsewhere, then run again"
            ) from error
