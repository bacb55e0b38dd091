"""The interface of a place that holds files: a local folder or an object store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path


def every_folder(_name: str) -> bool:
    """No folder is skipped."""
    return True


class Files(Protocol):
    """Whole files under keys with ``/``. What is published is there whole, and durable.

    Every method raises :class:`~pipeline.errors.StorageError`, naming the file, when the place
    refuses.
    """

    place: str
    """The URI, for messages."""

    def keys(self, prefix: str, wanted: Callable[[str], bool] = every_folder) -> list[str]:
        """The keys below the folder ``prefix``, sorted, through folders whose names are wanted."""

    def folders(self, prefix: str) -> list[str]:
        """The names of the folders directly in the folder ``prefix``."""

    def read(self, key: str) -> bytes:
        """The content of ``key``."""

    def path(self, key: str) -> Path | None:
        """Where ``key`` can be opened as a local file; None if nowhere."""

    def put_new(self, key: str, data: bytes) -> None:
        """Publish under a free name; :class:`~pipeline.errors.AlreadyStoredError` if taken."""

    def replace(self, key: str, data: bytes) -> None:
        """Publish in place of what is there."""

    def put_folder(self, key: str, files: Mapping[str, bytes]) -> None:
        """Publish a folder of files in place of what is there."""

    def point(self, key: str, target: str) -> None:
        """Make ``key`` a pointer to its sibling ``target``."""

    def pointed(self, key: str) -> str | None:
        """What the pointer ``key`` names; None if there is none."""

    def delete(self, key: str) -> None:
        """Remove ``key``; nothing happens if it is gone."""

    def sweep(self) -> int:
        """Remove what dead writers left; how many."""

    def lock(self, name: str) -> AbstractContextManager[None]:
        """Hold the lock ``name``; :class:`~pipeline.errors.LockedError` if another run does."""

    def confirm_locks(self) -> None:
        """Make sure of the locks that are held, before something that cannot be taken back;
        :class:`~pipeline.errors.LockedError` if one was lost.
        """

    def url(self, key: str) -> str:
        """``key`` as a user would name it."""
