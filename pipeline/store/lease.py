"""A lock in an object store: a lease, which its holder renews and which expires if it dies.

The lease is an object that is written only under a condition: that there is none yet, or that it is
still the one that was read (its ETag). So of any number of runs that want it, one gets it. Every
write differs from the ones before, or its ETag would not.

All times are the bucket's: a lease runs from its object's time of writing, and what time it is now
is asked of the bucket too, by writing another object. The clocks of machines do not matter.
"""

from __future__ import annotations

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

_RENEWALS_PER_LEASE = 3


class Version(msgspec.Struct, frozen=True):
    """An object as it was read."""

    data: bytes
    e_tag: str
    written_at: datetime


class Objects(Protocol):
    """Objects that are written under a condition."""

    def version(self, key: str) -> Version | None:
        """The object as it is; None if there is none."""

    def put_if(self, key: str, data: bytes, e_tag: str | None) -> str | None:
        """Write it if it is still the one of ``e_tag`` (None: if there is none); the new ETag, or
        None if it is another one.
        """

    def time(self) -> datetime:
        """The time by the store's clock."""

    def url(self, key: str) -> str:
        """``key`` as a user would name it."""


class _Holder(msgspec.Struct, frozen=True, kw_only=True):
    """What a lease says of the run that holds it."""

    run: str
    host: str
    pid: int
    ttl_seconds: int
    """0: it was given back."""
    since: datetime | None = None
    """None until it is renewed: since the object was written."""
    renewed: int = 0


class Lease:
    """One held lease."""

    def __init__(self, objects: Objects, key: str, ttl_seconds: int) -> None:
        """Take it.

        Raises:
            LockedError: another run holds it.
        """
        self._objects, self._key = objects, key
        self._guard = threading.Lock()
        there = objects.version(key)
        if there is not None and not _is_free(objects, there, ttl_seconds):
            raise LockedError(f"another run holds {self._told(there, ttl_seconds)}")
        self._holder = _Holder(
            run=secrets.token_hex(16),
            host=socket.gethostname(),
            pid=os.getpid(),
            ttl_seconds=ttl_seconds,
        )
        e_tag = objects.put_if(
            key, msgspec.json.encode(self._holder), there.e_tag if there else None
        )
        if e_tag is None:
            raise LockedError(f"another run has just taken {self._now_held()}")
        self._e_tag = e_tag

    def renew(self) -> None:
        """Begin its time anew.

        Raises:
            LockedError: it had expired, and another run has taken it.
        """
        with self._guard:
            since = self._holder.since or self._written_at()
            if not self._write(msgspec.structs.replace(self._holder, since=since)):
                raise LockedError(
                    "this run hung or was cut off until its lock expired, so it mails nothing: "
                    f"another run has taken {self._now_held()}"
                )

    def release(self) -> None:
        """Give it back, if it is still this run's. What cannot be given back expires."""
        with self._guard, suppress(StorageError):
            # There is no conditional delete, so the object stays, as the file does on a disk.
            self._write(msgspec.structs.replace(self._holder, ttl_seconds=0))

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Renew it in the background while the block runs."""
        ended = threading.Event()
        pause = self._holder.ttl_seconds / _RENEWALS_PER_LEASE

        def renew() -> None:
            while not ended.wait(pause):
                try:
                    self.renew()
                except StorageError:  # the next one may succeed before it expires
                    continue
                except LockedError:  # whoever must know asks again
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
        there = self._objects.version(self._key)
        return there.written_at if there else None

    def _now_held(self) -> str:
        there = self._objects.version(self._key)
        if there is None:
            return f"{self._objects.url(self._key)}, and removed it: try again later"
        return self._told(there, self._holder.ttl_seconds)

    def _told(self, there: Version, ttl_seconds: int) -> str:
        """Which lease it is, who holds it, and what ends it."""
        holder = _holder(there, ttl_seconds)
        expires_at = there.written_at + timedelta(seconds=holder.ttl_seconds)
        return (
            f"{self._objects.url(self._key)}: process {holder.pid} on {holder.host} "
            f"since {holder.since or there.written_at:{_MOMENT}}; it ends with that run, or "
            f"expires at {expires_at:{_MOMENT}} if that run is dead: try again later"
        )


_MOMENT = "%Y-%m-%dT%H:%M:%SZ"


def _is_free(objects: Objects, there: Version, ttl_seconds: int) -> bool:
    """Whether it was given back or has expired. Times are whole seconds, so one may be missing."""
    ttl = _holder(there, ttl_seconds).ttl_seconds
    return not ttl or objects.time() > there.written_at + timedelta(seconds=ttl)


def _holder(there: Version, ttl_seconds: int) -> _Holder:
    """Who holds a lease; one that is not readable expires like any other."""
    try:
        return msgspec.json.decode(there.data, type=_Holder)
    except msgspec.DecodeError:
        return _Holder(run="", host="an unknown host", pid=0, ttl_seconds=ttl_seconds)
