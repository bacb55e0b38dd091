"""A deadline for a whole request, not for each read.

A socket's timeout starts again with every byte, so a server that sends one byte a second can hold
a request for ever. A watchdog thread reads the clock a few times per deadline and shuts down the
sockets of a request that is still running after it; the blocked read then ends at once.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from requests.adapters import HTTPAdapter

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKS_PER_DEADLINE = 4


class Watchdog:
    """Closes the connections of one client when its request is past its deadline."""

    def __init__(self, seconds: float) -> None:
        self.has_cut = False
        """Whether the running or latest request was cut off."""
        self._seconds = seconds
        self._until: float | None = None
        self._connections: list[weakref.ref[Any]] = []
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="page-deadline", daemon=True)
        self._thread.start()

    def watch(self, connection: object) -> None:
        """Watch ``connection``: any object with a ``sock`` while it is connected."""
        alive = [reference for reference in self._connections if reference() is not None]
        self._connections = [*alive, weakref.ref(connection)]

    @contextmanager
    def running(self) -> Iterator[None]:
        """Context of one request: its deadline runs from entering to leaving."""
        self.has_cut = False
        self._until = time.monotonic() + self._seconds
        try:
            yield
        finally:
            self._until = None

    def close(self) -> None:
        """End the thread."""
        self._closed.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._closed.wait(min(1.0, self._seconds / CHECKS_PER_DEADLINE)):
            until = self._until
            if until is not None and time.monotonic() > until:
                self.has_cut = True
                self._cut()

    def _cut(self) -> None:
        for reference in self._connections:
            sock = getattr(reference(), "sock", None)
            if isinstance(sock, socket.socket):
                # The plain shutdown, also for TLS: the other thread is inside the TLS object.
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)


def watched_class(kind: type, watchdog: Watchdog) -> type:
    """A subclass of the connection class ``kind`` whose instances ``watchdog`` watches."""

    class Watched(kind):  # type: ignore[misc] # a class known only at run time
        def __init__(self, *args: object, **kwargs: object) -> None:
            super().__init__(*args, **kwargs)
            watchdog.watch(self)

    return Watched


class WatchedAdapter(HTTPAdapter):
    """The usual transport, with connections that a watchdog can close."""

    def __init__(self, watchdog: Watchdog) -> None:
        self._watchdog = watchdog
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as requests
        """A pool whose connections are watched."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        if "ConnectionCls" not in vars(pool):
            pool.ConnectionCls = watched_class(pool.ConnectionCls, self._watchdog)
        return pool
