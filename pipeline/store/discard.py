"""Discarding a snapshot: it is moved out of the folder of snapshots, with a record of the reason.

No data is lost: the file is copied first and the original is removed last. What was made from it
is removed in between, so a run that dies leaves a store in which the same command can finish.
"""

from __future__ import annotations

import hashlib
import logging
from datetime import date, datetime  # noqa: TC003 - msgspec reads the types at run time
from typing import TYPE_CHECKING

import msgspec

from pipeline.errors import AlreadyStoredError, StorageError
from pipeline.store import layout, listings, reports, runs

if TYPE_CHECKING:
    from pipeline.model import SnapshotRef
    from pipeline.store.files import Files

log = logging.getLogger(__name__)


class Derived(msgspec.Struct, frozen=True, kw_only=True):
    """What was made from a snapshot alone, and is removed with it."""

    ledger_days: tuple[date, ...] = ()
    findings_days: tuple[date, ...] = ()
    report_days: tuple[date, ...] = ()


class DiscardRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The record of one discarded snapshot."""

    snapshot: str
    """The key it had."""
    sha256: str
    discarded_at: datetime
    discarded_by: str
    reason: str
    removed: Derived


def discard(
    files: Files, ref: SnapshotRef, derived: Derived, discarded_at: datetime, by: str, reason: str
) -> str:
    """Move ``ref`` to ``discarded/`` with a record, and remove what was made from it; its new key.

    Reports are moved too, not removed: they may have been mailed.
    """
    data = files.read(ref.key)
    record = DiscardRecord(
        snapshot=ref.key,
        sha256=hashlib.sha256(data).hexdigest(),
        discarded_at=discarded_at,
        discarded_by=by,
        reason=reason,
        removed=derived,
    )
    target = layout.discarded(ref.key)
    _copy(files, target, data)
    files.replace(layout.discard_record(ref.key), runs.encode_json(record))
    for day in listings.ledger_days(files, ref.account):
        if day.day in derived.ledger_days:
            files.delete(day.key)
    for findings_day, key in listings.findings_days(files):
        if findings_day in derived.findings_days:
            files.delete(key)
    for report_day in derived.report_days:
        reports.discard(files, report_day)
    files.delete(ref.key)
    log.info("discarded %s: moved to %s", ref.key, target)
    return target


def _copy(files: Files, target: str, data: bytes) -> None:
    try:
        files.put_new(target, data)
    except AlreadyStoredError as error:  # discarded and put back before; or a run died here
        if files.read(target) != data:
            raise StorageError(
                f"{files.url(target)} is another snapshot of the same name, discarded before; "
                "move it elsewhere, then run again"
            ) from error
