"""Reports: a folder of files per day, with the sums that prove them, and the newest beside them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from pipeline.errors import DamageError, StorageError
from pipeline.store import layout, self_hash, tables

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from pipeline.store.files import Files


def publish(files: Files, day: date, contents: Mapping[str, bytes]) -> str:
    """Store a day's report in place of an earlier one; its folder's key."""
    folder = layout.report(day)
    whole = {layout.safe_name(name): data for name, data in sorted(contents.items())}
    files.put_folder(folder, whole | {layout.SUMS: _sums(whole)})
    newest = max(days(files), default=day)
    files.point(f"{layout.REPORTS}/{layout.LATEST}", str(max(newest, day)))
    return folder


def discard(files: Files, day: date) -> None:
    """Move a day's report to where no reader looks; the newest of the others is the latest then."""
    folder = layout.report(day)
    for key in files.keys(folder):
        files.replace(layout.discarded(key), files.read(key))
    for key in files.keys(folder):
        files.delete(key)
    latest, left = f"{layout.REPORTS}/{layout.LATEST}", days(files)
    if left:
        files.point(latest, str(left[-1]))
    else:
        files.delete(latest)


def days(files: Files) -> list[date]:
    """The days that have a report."""
    parsed = (layout.parse_report(key) for key in files.keys(layout.REPORTS))
    return sorted({found[0] for found in parsed if found is not None})


def read(files: Files, day: date) -> dict[str, bytes]:
    """The files of a day's report.

    Raises:
        StorageError: there is none.
        DamageError: one of them is not what was written.
    """
    contents, damaged = verify(files, day)
    if damaged:
        raise next(iter(damaged.values()))
    if not contents:
        raise StorageError(
            f"no report of {day} in {files.place}; make it with: report --date {day}"
        )
    return contents


def verify(files: Files, day: date) -> tuple[dict[str, bytes], dict[str, DamageError]]:
    """A day's files, and what is wrong with which of them."""
    folder = layout.report(day)
    contents = {key.removeprefix(folder + "/"): files.read(key) for key in files.keys(folder)}
    sums = contents.pop(layout.SUMS, None)
    text = None if sums is None else self_hash.unsealed_text(sums)
    if text is None:
        what = "it is missing" if sums is None else "its bytes are not those that were written"
        error = tables.damage(files, f"{folder}/{layout.SUMS}", what)
        return contents, {layout.SUMS: error} if contents or sums else {}
    lines = (line.partition("  ") for line in text.decode().splitlines())
    proven = {name: digest for digest, _, name in lines}
    damaged = {
        name: tables.damage(files, f"{folder}/{name}", problem)
        for name in sorted(proven.keys() | contents.keys())
        if (problem := _difference(proven.get(name), contents.get(name)))
    }
    return contents, damaged


def _sums(contents: Mapping[str, bytes]) -> bytes:
    lines = [f"{hashlib.sha256(data).hexdigest()}  {name}" for name, data in contents.items()]
    return self_hash.sealed_text("\n".join(lines).encode())


def _difference(proven: str | None, data: bytes | None) -> str | None:
    """What is wrong with one file; None if nothing is."""
    if data is None:
        return "it is missing"
    if proven is None:
        return None  # a file somebody laid beside ours
    if hashlib.sha256(data).hexdigest() != proven:
        return "its bytes are not those that were written"
    return None
