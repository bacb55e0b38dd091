"""Errors of the operating system as one line that names the file and the remedy."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipeline.errors import ReadOnlyError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_READ_ONLY = "let this user write there, or choose another --data-dir"
_REFUSED = {errno.EROFS, errno.EACCES, errno.EPERM}
_REMEDIES = {
    errno.ENOSPC: "free some space (prune thins old snapshots) and run again",
    errno.EDQUOT: "raise the quota or free some space (prune thins old snapshots) and run again",
    errno.EFBIG: "raise the limit on file sizes (ulimit -f) and run again",
    errno.EIO: "the disk reports a failure: check it, then run again",
    **dict.fromkeys(_REFUSED, _READ_ONLY),
    errno.ENOENT: "it is gone: run again, or check what else changes the data folder",
    errno.ENOTDIR: "a file stands where a folder must be: move it or choose another --data-dir",
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
}


@contextmanager
def as_storage_error(action: str, file: str) -> Iterator[None]:
    """Turn an ``OSError`` of the block into a :class:`StorageError`.

    ``action`` is a verb such as "reading"; ``file`` is named as the user would name it.
    """
    try:
        yield
    except OSError as error:
        is_refused = action != "reading" and error.errno in _REFUSED
        kind = ReadOnlyError if is_refused else StorageError
        reason = (error.strerror or str(error) or type(error).__name__).splitlines()[0]
        remedy = _REMEDIES.get(error.errno or 0, "repair the cause and run again")
        raise kind(f"{action} {file}: {reason}; {remedy}") from error
