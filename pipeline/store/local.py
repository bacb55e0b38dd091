"""Files in a local folder."""

from __future__ import annotations

import fcntl
import logging
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipeline.errors import AlreadyStoredError, LockedError
from pipeline.store import atomic_folders, atomic_write, layout
from pipeline.store.files import every_folder
from pipeline.store.os_errors import as_storage_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path


log = logging.getLogger(__name__)


class LocalFiles:
    """:class:`~pipeline.store.files.Files` below a root folder; files 0600, folders 0700."""

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().absolute()
        self.place = str(root)
        self._durable: set[Path] = set()

    def keys(self, prefix: str, wanted: Callable[[str], bool] = every_folder) -> list[str]:
        """The keys below the folder ``prefix``, sorted."""
        with as_storage_error("listing", f"{self.place}/{prefix}"):
            return sorted(
                key
                for key in self._walk(prefix, wanted)
                if layout.TEMPORARY not in key  # a writer at work
            )

    def sizes(self, prefix: str) -> dict[str, int]:
        """The bytes of every key below the folder ``prefix``."""
        keys = self.keys(prefix)
        with as_storage_error("listing", f"{self.place}/{prefix}"):
            return {key: (self.root / key).stat().st_size for key in keys}

    def _walk(self, prefix: str, wanted: Callable[[str], bool]) -> Iterator[str]:
        try:
            entries = os.scandir(self.root / prefix)
        except FileNotFoundError:  # nothing stored yet, or removed by a sweep in the meantime
            return
        with entries:
            for entry in entries:
                key = f"{prefix}/{entry.name}" if prefix else entry.name
                if not entry.is_dir():
                    yield key
                elif wanted(entry.name):
                    yield from self._walk(key, wanted)

    def folders(self, prefix: str) -> list[str]:
        """The names of the folders directly in the folder ``prefix``."""
        with as_storage_error("listing", f"{self.place}/{prefix}"):
            try:
                return sorted(e.name for e in os.scandir(self.root / prefix) if e.is_dir())
            except FileNotFoundError:
                return []

    def read(self, key: str) -> bytes:
        """The content of ``key``."""
        with as_storage_error("reading", self.url(key)):
            data = (self.root / key).read_bytes()
        log.debug("read %s: %d bytes", key, len(data))
        return data

    def path(self, key: str) -> Path | None:
        """The path of the file."""
        return self.root / key

    def put_new(self, key: str, data: bytes) -> None:
        """Publish under a free name."""
        with as_storage_error("writing", self.url(key)):
            try:
                atomic_write.put_new(self._place_for(key), data)
            except FileExistsError as error:
                raise AlreadyStoredError(
                    f"writing {self.url(key)}: another run has stored it first; "
                    "nothing was overwritten"
                ) from error
        log.debug("wrote %s: %d bytes, new", key, len(data))

    def replace(self, key: str, data: bytes) -> None:
        """Publish in place of an earlier file."""
        with as_storage_error("writing", self.url(key)):
            atomic_write.replace(self._place_for(key), data)
        log.debug("wrote %s: %d bytes", key, len(data))

    def put_folder(self, key: str, files: Mapping[str, bytes]) -> None:
        """Publish a folder of files in place of an earlier one, in one step."""
        with as_storage_error("writing", self.url(key)):
            atomic_folders.put_folder(self._place_for(key), files)
        log.debug("wrote %s: %d files, %d bytes", key, len(files), sum(map(len, files.values())))

    def set_pointer(self, key: str, target: str) -> None:
        """A relative symbolic link, replaced in one step."""
        with as_storage_error("writing", self.url(key)):
            atomic_folders.set_pointer(self._place_for(key), target)
        log.debug("pointed %s to %s", key, target)

    def read_pointer(self, key: str) -> str | None:
        """The target of the link, or the content of a file in its place."""
        path = self.root / key
        with as_storage_error("reading", self.url(key)):
            if path.is_symlink():
                return str(path.readlink())
            # A folder is what copying tools make of a link: it has no target.
            return path.read_text("utf-8", "replace").removesuffix("\n") if path.is_file() else None

    def delete(self, key: str) -> None:
        """Remove ``key``, and its folder when that leaves it empty."""
        path = self.root / key
        with as_storage_error("removing", self.url(key)):
            path.unlink(missing_ok=True)
            atomic_write.sync_folder(path.parent)
        log.debug("removed %s", key)
        try:
            path.parent.rmdir()
        except OSError:  # not empty
            return
        self._durable.discard(path.parent)

    def sweep(self) -> int:
        """Remove the temporary files of dead writers."""
        with as_storage_error("listing", self.place):
            left = [
                self.root / folder / name
                for folder, folder_names, names in os.walk(self.root)
                for name in (*folder_names, *names)
                if name.startswith(layout.TEMPORARY)
            ]
        swept = atomic_folders.recover(left) + sum(atomic_write.sweep(path) for path in left)
        if swept:
            log.info("removed %d temporary files of dead writers", swept)
        return swept

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """An ``flock``: the kernel releases it when its process ends, however it ends."""
        key = layout.lock(name)
        with as_storage_error("locking", self.url(key)):
            handle = _open_lock(self._place_for(key))
        try:
            with as_storage_error("locking", self.url(key)):
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError as error:
                    raise LockedError(
                        f"another run holds {self.url(key)}; it ends with that run: try again later"
                    ) from error
            log.debug("locked %s", key)
            yield
        finally:
            os.close(handle)
            log.debug("released %s", key)

    def confirm_locks(self) -> None:
        """Do nothing: a lock lasts as long as its process."""

    def url(self, key: str) -> str:
        """The path as the user gave it."""
        return f"{self.place.rstrip('/')}/{key}"

    def _place_for(self, key: str) -> Path:
        path = self.root / key
        atomic_write.make_folder(path.parent, self.root, self._durable)
        return path


def _open_lock(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except PermissionError:  # a copy with another mode; a local file open for reading can be locked
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
