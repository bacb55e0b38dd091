"""Whether a store can be used: locks it, and writes, reads and removes a small file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.errors import DamageError
from pipeline.store import layout, runs

if TYPE_CHECKING:
    from pipeline.store.files import Files

NAME = "doctor"
_CONTENT = b"written by doctor, and removed by it"


def rehearse(files: Files) -> None:
    """Do with a small file what every run does; only the lock's empty file stays.

    Raises:
        StorageError: one of these is not possible.
        LockedError: another run does the same at this moment.
        DamageError: what was read is not what was written.
    """
    with files.lock(NAME):
        runs.put_state(files, NAME, _CONTENT)
        try:
            if runs.get_state(files, NAME) != _CONTENT:
                raise DamageError(
                    f"{files.url(layout.state(NAME))}: what was read is not what was written; "
                    "check the disk"
                )
        finally:
            files.delete(layout.state(NAME))
