"""Findings: the outcome of every rule for every cluster, one file per day."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import msgspec

from pipeline.errors import StorageError
from pipeline.schema import FINDINGS
from pipeline.store import layout, listings, tables
from pipeline.store.damage import damaged

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import date

    import pandas as pd

    from pipeline.store.files import Files

log = logging.getLogger(__name__)

_LEFT_OUT = "left_out"


def publish(
    files: Files, day: date, digest: str, frame: pd.DataFrame, left_out: Collection[str] = ()
) -> str:
    """Store a day's findings, then remove the files they replace; the key.

    ``left_out``: the ledger files that should have been read and could not be.
    """
    key = layout.findings(day, digest)
    notes = {"date": day.isoformat()}
    if left_out:
        notes[_LEFT_OUT] = msgspec.json.encode(sorted(left_out)).decode()
    files.replace(key, tables.encode(FINDINGS.from_pandas(frame), FINDINGS, notes))
    for stored, other in listings.findings_days(files, day, day):
        if stored == day and other != key:
            files.delete(other)
    log.info("published %s: %d rows", key, len(frame))
    return key


def left_out(files: Files, day: date) -> list[str]:
    """The ledger files that were left out of the findings of ``day``."""
    stored = listings.findings_days(files, day, day)
    if not stored:
        return []
    notes = tables.read_notes(files, stored[-1][1])
    return msgspec.json.decode(notes.get(_LEFT_OUT, "[]"), type=list[str])


def read(files: Files, day: date, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """The findings of ``day``, with only these of their columns if any are given.

    Raises:
        StorageError: there are none.
    """
    stored = listings.findings_days(files, day, day)
    if not stored:
        raise StorageError(
            f"no findings of {day} in {files.place}; make them with: report --date {day}"
        )
    key = stored[-1][1]
    table, notes = tables.read(files, key, FINDINGS, columns)
    if notes.get("date") != day.isoformat():
        raise damaged(files, key, "it is another day's file")
    return FINDINGS.to_pandas(table)
