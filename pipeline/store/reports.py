"""Reports: a folder of files with their SHA-256 sums per day, and a pointer to the newest day's.

Reports of periods and accounts have folders of their own, to which nothing points.
"""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING

from pipeline.errors import DamageError, StorageError
from pipeline.store import layout, listings, self_hash
from pipeline.store.damage import WRONG_BYTES, damaged

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import date

    from pipeline.store.files import Files

log = logging.getLogger(__name__)

_POINTER = f"{layout.REPORTS}/{layout.LATEST}"


def publish(files: Files, day: date, contents: Mapping[str, bytes]) -> str:
    """Store a day's report in place of an earlier one; its folder's key."""
    newest = max(listings.report_days(files), default=None)
    if newest is not None and files.read_pointer(_POINTER) is None:
        # A copying tool made a folder of the link. Its files are recognised as copies only before
        # their report is replaced.
        files.set_pointer(_POINTER, str(newest))
    folder = publish_scoped(files, layout.report(day), contents)
    files.set_pointer(_POINTER, str(max(newest or day, day)))
    return folder


def publish_scoped(files: Files, folder: str, contents: Mapping[str, bytes]) -> str:
    """Store a report in ``folder``, in place of an earlier one; the folder's key."""
    named = {layout.safe_name(name): data for name, data in sorted(contents.items())}
    files.put_folder(folder, named | {layout.SUMS: _sums(named)})
    log.info("published %s: %d files", folder, len(named))
    return folder


def discard(files: Files, day: date) -> None:
    """Move a day's report to ``discarded/``; the newest report that is left becomes ``latest``."""
    folder = layout.report(day)
    for key in files.keys(folder):
        files.replace(layout.discarded(key), files.read(key))
    for key in files.keys(folder):
        files.delete(key)
    if days := listings.report_days(files):
        files.set_pointer(_POINTER, str(days[-1]))
    else:
        files.delete(_POINTER)


def read(files: Files, day: date, names: Collection[str] | None = None) -> dict[str, bytes]:
    """The files of a day's report; those of ``names`` that it has, if they are given.

    Raises:
        StorageError: there is none.
        DamageError: one of them is not what was written.
    """
    contents, errors = verify(files, layout.report(day), names)
    if errors:
        raise next(iter(errors.values()))
    if not contents and not files.keys(layout.report(day)):
        raise StorageError(
            f"no report of {day} in {files.place}; make it with: report --date {day}"
        )
    return contents


def verify(
    files: Files, folder: str, names: Collection[str] | None = None
) -> tuple[dict[str, bytes], dict[str, DamageError]]:
    """The files of the report in ``folder``, and the errors of damaged ones, both by name.

    Given ``names``, only these files are read: a large fleet's CSV files are long.
    """
    contents = {
        name: files.read(key)
        for key in files.keys(folder)
        if (name := key.removeprefix(folder + "/")) == layout.SUMS or names is None or name in names
    }
    sums = contents.pop(layout.SUMS, None)
    text = None if sums is None else self_hash.unsealed_text(sums)
    if text is None:
        reason = "it is missing" if sums is None else WRONG_BYTES
        error = damaged(files, f"{folder}/{layout.SUMS}", reason)
        return contents, {layout.SUMS: error} if contents or sums else {}
    lines = (line.partition("  ") for line in text.decode().splitlines())
    expected = {name: digest for digest, _, name in lines if names is None or name in names}
    errors = {
        name: damaged(files, f"{folder}/{name}", problem)
        for name in sorted(expected.keys() | contents.keys())
        if (problem := _problem(expected.get(name), contents.get(name)))
    }
    return contents, errors


def _sums(contents: Mapping[str, bytes]) -> bytes:
    lines = [f"{hashlib.sha256(data).hexdigest()}  {name}" for name, data in contents.items()]
    return self_hash.sealed_text("\n".join(lines).encode())


def _problem(digest: str | None, data: bytes | None) -> str | None:
    """What is wrong with a file; None if nothing is, or if it is not one of ours."""
    if data is None:
        return "it is missing"
    if digest is not None and hashlib.sha256(data).hexdigest() != digest:
        return WRONG_BYTES
    return None
