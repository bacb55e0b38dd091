"""A lock in an object store: a lease, which its holder renews and which expires if it dies.

The lease is an object that is written only under a condition: that there is none yet, or that its
ETag is still the one that was read. So of any number of runs that want it, one gets it. Every
write differs from the ones before, because equal contents would have equal ETags.

All times are the bucket's: a lease starts when its object is written, and the present time comes
from the bucket too, by writing another object. The clocks of the machines do not matter.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

import msgspec

from pipeline.errors import LockedError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger(__name__)

_RENEWALS_PER_LEASE = 3
_TIME = "%Y-%m-%dT%H:%M:%SZ"


class Version(msgspec.Struct, frozen=True):
    """An object as it was read."""

    data: bytes
    e_tag: str
    written_at: datetime


class Objects(Protocol):
    """Objects that are written under a condition."""

    def version(self, key: str) -> Version | None:
        """The object as it is now; None if there is none."""

    def put_if(self, key: str, data: bytes, e_tag: str | None) -> str | None:
        """Write the object if its ETag is still ``e_tag`` (None: if there is none); the new ETag,
        or None if it is another object now.
        """

    def time(self) -> datetime:
        """The time by the store's clock."""

    def url(self, key: str) -> str:
        """``key`` as a user would name it."""


class _Holder(msgspec.Struct, frozen=True, kw_only=True):
    """The content of a lease: the run that holds it."""

    run: str
    host: str
    pid: int
    ttl_seconds: int
    """0: it was released."""
    since: datetime | None = None
    """None until it is first renewed: since the object was written."""
    renewed: int = 0


class Lease:
    """A lease that this run holds."""

    def __init__(self, objects: Objects, key: str, ttl_seconds: int) -> None:
        """Acquire the lease.

        Raises:
            LockedError: another run holds it.
        """
        self._objects, self._key = objects, key
        self._mutex = threading.Lock()
        current = objects.version(key)
        if current is not None and not _is_free(objects, current, ttl_seconds):
            raise LockedError(f"another run holds {self._described(current, ttl_seconds)}")
        self._holder = _Holder(
            run=secrets.token_hex(16),
            host=socket.gethostname(),
            pid=os.getpid(),
            ttl_seconds=ttl_seconds,
        )
        e_tag = objects.put_if(
            key, msgspec.json.encode(self._holder), current.e_tag if current else None
        )
        if e_tag is None:
            raise LockedError(f"another run has just taken {self._current_described()}")
        self._e_tag = e_tag
        log.info("acquired lease %s for %d s", key, ttl_seconds)

    def renew(self) -> None:
        """Start its time again.

        Raises:
            LockedError: it had expired, and another run has taken it.
        """
        with self._mutex:
            since = self._holder.since or self._written_at()
            if not self._write(msgspec.structs.replace(self._holder, since=since)):
                raise LockedError(
                    "this run hung or was cut off until its lock expired, so it mails nothing: "
                    f"another run has taken {self._current_described()}"
                )
        log.debug("renewed lease %s", self._key)

    def release(self) -> None:
        """Release it if this run still holds it. If that fails, it expires."""
        with self._mutex, suppress(StorageError):
            # There is no conditional delete, so the object stays, as a lock's file does on a disk.
            if self._write(msgspec.structs.replace(self._holder, ttl_seconds=0)):
                log.info("released lease %s", self._key)

    @contextmanager
    def renewed(self) -> Iterator[None]:
        """Renew it in the background while the block runs."""
        ended = threading.Event()
        pause = self._holder.ttl_seconds / _RENEWALS_PER_LEASE

        def renew() -> None:
            while not ended.wait(pause):
                try:
                    self.renew()
                except StorageError as error:  # the next renewal may succeed before it expires
                    log.info("could not renew lease %s: %s", self._key, error)
                except LockedError:  # ``confirm_locks`` raises it again where it matters
                    log.info("lost lease %s", self._key)
                    return

        thread = threading.Thread(target=renew, name=f"renews {self._key}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _write(self, holder: _Holder) -> bool:
        holder = msgspec.structs.replace(holder, renewed=holder.renewed + 1)
        e_tag = self._objects.put_if(self._key, msgspec.json.encode(holder), self._e_tag)
        if e_tag is None:
            return False
        self._holder, self._e_tag = holder, e_tag
        return True

    def _written_at(self) -> datetime | None:
        current = self._objects.version(self._key)
        return current.written_at if current else None

    def _current_described(self) -> str:
        current = self._objects.version(self._key)
        if current is None:
            return f"{self._objects.url(self._key)}, and removed it: try again later"
        return self._described(current, self._holder.ttl_seconds)

    def _described(self, version: Version, ttl_seconds: int) -> str:
        """The lease, its holder and its end, for messages."""
        holder = _holder(version, ttl_seconds)
        expires_at = version.written_at + timedelta(seconds=holder.ttl_seconds)
        return (
            f"{self._objects.url(self._key)}: process {holder.pid} on {holder.host} "
            f"since {holder.since or version.written_at:{_TIME}}; it ends with that run, or "
            f"expires at {expires_at:{_TIME}} if that run is dead: try again later"
        )


def _is_free(objects: Objects, version: Version, ttl_seconds: int) -> bool:
    """Whether it was released or has expired."""
    ttl = _holder(version, ttl_seconds).ttl_seconds
    # The bucket's times are whole seconds, rounded down: only later than the expiry is expired.
    return not ttl or objects.time() > version.written_at + timedelta(seconds=ttl)


def _holder(version: Version, ttl_seconds: int) -> _Holder:
    """The holder of a lease. A lease that is not readable expires like any other."""
    try:
        return msgspec.json.decode(version.data, type=_Holder)
    except msgspec.DecodeError:
        return _Holder(run="", host="an unknown host", pid=0, ttl_seconds=ttl_seconds)
