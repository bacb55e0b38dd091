"""Findings: the outcome of every rule for every cluster, one file per day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pipeline.errors import StorageError
from pipeline.schema import FINDINGS
from pipeline.store import layout, tables

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import date

    import pandas as pd

    from pipeline.store.files import Files


_LEFT_OUT = "left_out"


def publish(
    files: Files, day: date, digest: str, frame: pd.DataFrame, left_out: Collection[str] = ()
) -> str:
    """Store a day's findings, then remove those they replace; the key.

    ``left_out``: the ledger files that should have gone in and could not be read.
    """
    key = layout.findings(day, digest)
    notes = {"date": day.isoformat()}
    if left_out:
        notes[_LEFT_OUT] = msgspec.json.encode(sorted(left_out)).decode()
    files.replace(key, tables.encode(FINDINGS.from_pandas(frame), FINDINGS, notes))
    for stored, other in listing(files, day, day):
        if stored == day and other != key:
            files.delete(other)
    return key


def listing(files: Files, first: date | None, last: date | None) -> list[tuple[date, str]]:
    """Days and keys of the stored findings."""
    keys = files.keys(layout.FINDINGS, lambda name: layout.is_within(name, first, last))
    parsed = ((layout.parse_findings(key), key) for key in keys)
    return sorted((found[0], key) for found, key in parsed if found is not None)


def digests(files: Files) -> dict[date, str]:
    """The digest of each day's findings; of several files of a day, the one that is read."""
    parsed = (layout.parse_findings(key) for _, key in listing(files, None, None))
    return dict(found for found in parsed if found is not None)


def left_out(files: Files, day: date) -> list[str]:
    """The ledger files that were left out of the findings of ``day``."""
    stored = listing(files, day, day)
    if not stored:
        return []
    notes = tables.read_notes(files, stored[-1][1])
    return msgspec.json.decode(notes.get(_LEFT_OUT, "[]"), type=list[str])


def read(files: Files, day: date) -> pd.DataFrame:
    """The findings of ``day``.

    Raises:
        StorageError: there are none.
    """
    stored = listing(files, day, day)
    if not stored:
        raise StorageError(
            f"no findings of {day} in {files.place}; make them with: report --date {day}"
        )
    key = stored[-1][1]
    table, notes = tables.read(files, key, FINDINGS)
    if notes.get("date") != day.isoformat():
        raise tables.damage(files, key, "it is another day's file")
    return FINDINGS.to_pandas(table)
