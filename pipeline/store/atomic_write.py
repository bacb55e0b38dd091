"""Writes of one file that happen completely or not at all.

Write a temporary file in the same folder, make its content durable, give it its final name in one
step that fails if the name is taken, make the name durable. Only then does the call return. A kill
at any point leaves the old state or the new one, and at most a temporary file. A temporary file is
locked by its writer, so that a sweep removes only those whose writer is dead.

A failed ``fsync`` is never repeated: the kernel may have dropped the pages it could not write, and
a second call would succeed without them.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipeline.store.layout import TEMPORARY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOT_SUPPORTED = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}
"""The errors of file systems without links (exFAT, some network shares)."""


def put_new(path: Path, data: bytes) -> None:
    """Publish ``data`` under a new name.

    Raises:
        FileExistsError: the name is taken.
        OSError: not stored; nothing is left behind.
    """
    with _temporary(path.parent, data) as temporary:
        try:
            path.hardlink_to(temporary)
        except OSError as error:
            if error.errno not in NOT_SUPPORTED:
                raise
            _rename_new(temporary, path)
    sync_folder(path.parent)


def replace(path: Path, data: bytes) -> None:
    """Publish ``data`` in place of an earlier file: readers see the old one or the new one."""
    with _temporary(path.parent, data) as temporary:
        temporary.replace(path)
    sync_folder(path.parent)


def make_folder(folder: Path, root: Path, durable: set[Path]) -> None:
    """Make ``folder`` and its missing parents, each name durable in its parent.

    ``durable`` collects the folders, from ``root`` down, whose names this process has made durable:
    a folder that exists may have been made by a process that died before its name was on disk.
    """
    if folder in durable:
        return
    parent = folder.parent
    if folder != root:
        make_folder(parent, root, durable)
    elif not parent.exists():
        make_folder(parent, parent, durable)
    try:
        folder.mkdir(0o700)
    except FileExistsError:
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)) from None
    with contextlib.suppress(PermissionError):  # the root's parent may belong to another user
        sync_folder(parent)
    durable.add(folder)


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def fill(handle: int, data: bytes) -> None:
    """Write ``data`` to an empty file and make it durable."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(handle, rest) :]
    os.fsync(handle)
    if os.fstat(handle).st_size != len(data):  # a write returned a wrong length
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def sweep(path: Path) -> bool:
    """Remove the temporary ``path`` if its writer is dead; whether it was removed."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    except OSError:  # its writer is alive, or there are no locks here
        return False
    finally:
        os.close(handle)
    return True


@contextmanager
def _temporary(folder: Path, data: bytes) -> Iterator[Path]:
    """A durable, locked copy of ``data`` that readers ignore; removed when the block ends."""
    path, handle = _claim(folder)
    try:
        try:
            fill(handle, data)
            yield path
        finally:
            with contextlib.suppress(OSError):  # renamed, or left for the sweep
                path.unlink()
    finally:
        os.close(handle)


def _claim(folder: Path) -> tuple[Path, int]:
    """A new temporary file and its handle, locked against the sweep."""
    while True:
        path = folder / f"{TEMPORARY}{secrets.token_hex(8)}"
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        handle = os.open(path, flags, 0o600)
        with contextlib.suppress(OSError):  # no locks on this file system: no sweep either
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(handle).st_nlink:  # else a sweep came between the two calls
            return path, handle
        os.close(handle)


def _rename_new(temporary: Path, path: Path) -> None:
    """Without links: check, then rename, under a lock on the folder that all our writers take."""
    handle = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        if path.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        temporary.rename(path)
    finally:
        os.close(handle)
