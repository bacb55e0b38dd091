"""Writes of a folder of files that happen completely or not at all, and pointers to a folder.

The files are written and made durable in a temporary folder, which is then exchanged with the
present one. Linux does that in one step. Where the system cannot, the old folder is moved aside
first; if a run dies between the two moves, the next sweep moves it back.
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
    """Publish ``files`` as the folder ``path``, in place of an earlier one."""
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


def set_pointer(path: Path, target: str) -> None:
    """Make ``path`` a link to its sibling ``target`` (or a file with its name, without links).

    A file or folder that a copying tool made of an earlier link is replaced. A folder with files
    that no sibling has is kept under the name ``.kept-1`` and so on.
    """
    temporary = path.parent / f"{TEMPORARY}{secrets.token_hex(8)}"
    try:
        try:
            temporary.symlink_to(target)
        except OSError as error:
            if error.errno not in NOT_SUPPORTED:
                raise
            _write_file(temporary, target.encode() + b"\n")  # as in object stores
        try:
            temporary.replace(path)
        except IsADirectoryError:
            _free_name(path)
            temporary.replace(path)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()
    sync_folder(path.parent)


def recover(temporaries: Sequence[Path]) -> int:
    """Move back folders that a dead run had moved aside; the number of folders."""
    recovered = 0
    for path in temporaries:
        if path.name.startswith(_ASIDE):
            original = path.parent / path.name.removeprefix(_ASIDE)
            with contextlib.suppress(OSError):
                if not original.exists():
                    path.rename(original)
                    recovered += 1
    return recovered


def _free_name(folder: Path) -> None:
    """Free the name of ``folder``: a copy of a sibling is removed, any other folder renamed."""
    siblings = (path for path in folder.parent.iterdir() if path != folder and path.is_dir())
    if any(_is_copy(folder, path) for path in siblings if not path.is_symlink()):
        removed = folder.parent / f"{TEMPORARY}{secrets.token_hex(8)}"
        folder.rename(removed)
        shutil.rmtree(removed)
    else:
        names = (folder.parent / f"{folder.name}{KEPT}{number}" for number in count(1))
        folder.rename(next(path for path in names if not path.exists()))


def _is_copy(folder: Path, other: Path) -> bool:
    """Whether every file in ``folder`` is in ``other`` too."""
    return all(
        (other / path.relative_to(folder)).is_file()
        and (other / path.relative_to(folder)).read_bytes() == path.read_bytes()
        for path in folder.rglob("*")
        if not path.is_dir()
    )


def _write_file(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        fill(handle, data)
    finally:
        os.close(handle)


def _swap(new: Path, path: Path) -> None:
    """Give ``new`` the name ``path``; a folder that has it gets the name of ``new``."""
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


def _exchange(first: Path, second: Path) -> bool:
    """Swap the two names in one step; whether the system could (Linux, most file systems)."""
    swap = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    return (
        swap is not None
        and swap(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _EXCHANGE) == 0
    )
