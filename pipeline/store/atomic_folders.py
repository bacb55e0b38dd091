"""A folder of files that appears whole, and a pointer to the newest.

The files are written and made durable in a temporary folder, which then changes places with the
one that is there. Linux does that in one step. Where the system cannot, the old folder is moved
aside first; should a run die between the two moves, the next sweep puts it back.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import secrets
import shutil
from itertools import count
from typing import TYPE_CHECKING

from pipeline.store.atomic_write import NOT_SUPPORTED, fill, sync_folder
from pipeline.store.layout import KEPT, TEMPORARY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_AT_FDCWD = -100
_EXCHANGE = 2
_ASIDE = f"{TEMPORARY}aside-"


def put_folder(path: Path, files: Mapping[str, bytes]) -> None:
    """Publish ``files`` as the folder ``path``, in place of what is there."""
    temporary = path.parent / f"{TEMPORARY}{secrets.token_hex(8)}"
    temporary.mkdir(0o700)
    handle = os.open(temporary, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)  # against the sweep
        for name, data in files.items():
            _write_file(temporary / name, data)
        os.fsync(handle)
        _swap(temporary, path)
        sync_folder(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        os.close(handle)


def point(path: Path, target: str) -> None:
    """Make ``path`` a link to its sibling ``target`` (a file that names it, where links fail).

    What copying may have made of an earlier link (a file, a folder) is replaced; a folder that
    holds what no sibling does is kept beside it as ``.kept-1`` and so on.
    """
    temporary = path.parent / f"{TEMPORARY}{secrets.token_hex(8)}"
    try:
        try:
            temporary.symlink_to(target)
        except OSError as error:
            if error.errno not in NOT_SUPPORTED:
                raise
            _write_file(temporary, target.encode() + b"\n")  # as object stores have it
        try:
            temporary.replace(path)
        except IsADirectoryError:
            _clear(path)
            temporary.replace(path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
    sync_folder(path.parent)


def recover(temporaries: Sequence[Path]) -> int:
    """Put back folders that a dead run had moved aside; how many."""
    count = 0
    for path in temporaries:
        if path.name.startswith(_ASIDE):
            home = path.parent / path.name.removeprefix(_ASIDE)
            with contextlib.suppress(OSError):
                if not home.exists():
                    path.rename(home)
                    count += 1
    return count


def _clear(folder: Path) -> None:
    """Free the name of ``folder``: a copy of a sibling goes, anything else gets another name."""
    beside = (path for path in folder.parent.iterdir() if path != folder and not path.is_symlink())
    if any(_is_copy(folder, path) for path in beside if path.is_dir()):
        gone = folder.parent / f"{TEMPORARY}{secrets.token_hex(8)}"
        folder.rename(gone)
        shutil.rmtree(gone)
    else:
        names = (folder.parent / f"{folder.name}{KEPT}{number}" for number in count(1))
        folder.rename(next(path for path in names if not path.exists()))


def _is_copy(one: Path, other: Path) -> bool:
    """Whether everything in ``one`` is in ``other`` too."""
    return all(
        (other / path.relative_to(one)).is_file()
        and (other / path.relative_to(one)).read_bytes() == path.read_bytes()
        for path in one.rglob("*")
        if not path.is_dir()
    )


def _write_file(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        fill(handle, data)
    finally:
        os.close(handle)


def _swap(new: Path, path: Path) -> None:
    """Give ``new`` the name ``path``; what had it takes ``new``'s."""
    try:
        new.rename(path)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
    else:
        return
    if not _exchange(new, path):
        aside = path.parent / f"{_ASIDE}{path.name}"
        shutil.rmtree(aside, ignore_errors=True)
        path.rename(aside)
        new.rename(path)
        shutil.rmtree(aside, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Whether the system could swap the two names in one step (Linux, most file systems)."""
    swap = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    return (
        swap is not None
        and swap(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _EXCHANGE) == 0
    )
