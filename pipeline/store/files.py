"""The interface of a place that holds files: a local folder or an object store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path


def every_folder(_name: str) -> bool:
    """True: no folder is skipped."""
    return True


class Files(Protocol):
    """Whole files under keys with ``/``. What is published is complete and durable.

    Every method raises :class:`~pipeline.errors.StorageError`, naming the file, when the place
    refuses.
    """

    place: str
    """The URI, for messages."""

    def keys(self, prefix: str, wanted: Callable[[str], bool] = every_folder) -> list[str]:
        """The keys below the folder ``prefix``, sorted; only through folders that are wanted."""

    def folders(self, prefix: str) -> list[str]:
        """The names of the folders directly in the folder ``prefix``."""

    def sizes(self, prefix: str) -> dict[str, int]:
        """The bytes of every key below the folder ``prefix``."""

    def read(self, key: str) -> bytes:
        """The content of ``key``."""

    def path(self, key: str) -> Path | None:
        """The path that opens ``key`` as a local file; None if there is none."""

    def put_new(self, key: str, data: bytes) -> None:
        """Publish under a free name; :class:`~pipeline.errors.AlreadyStoredError` if taken."""

    def replace(self, key: str, data: bytes) -> None:
        """Publish in place of an earlier file, if there is one."""

    def put_folder(self, key: str, files: Mapping[str, bytes]) -> None:
        """Publish a folder of files in place of an earlier one."""

    def set_pointer(self, key: str, target: str) -> None:
        """Make ``key`` a pointer to its sibling ``target``."""

    def read_pointer(self, key: str) -> str | None:
        """The target of the pointer ``key``; None if there is none."""

    def delete(self, key: str) -> None:
        """Remove ``key``; nothing happens if it is gone."""

    def sweep(self) -> int:
        """Remove what dead writers left; the number of files."""

    def lock(self, name: str) -> AbstractContextManager[None]:
        """Hold the lock ``name``; :class:`~pipeline.errors.LockedError` if another run does."""

    def confirm_locks(self) -> None:
        """Check the locks that are held, before a step that cannot be undone;
        :class:`~pipeline.errors.LockedError` if one was lost.
        """

    def url(self, key: str) -> str:
        """``key`` as a user would name it."""
