"""Serves the simulated API on a local port, during a ``with`` block or a command."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import uvicorn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.types import ASGIApp

_START_SECONDS = 20.0
_STOP_SECONDS = 1
"""Time at the end for requests in progress."""


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        log_level="critical",  # an injected fault is not an incident
        access_log=False,
        date_header=False,  # the app writes the simulated one
        server_header=False,
        timeout_graceful_shutdown=_STOP_SECONDS,
    )


def _listener(host: str, port: int) -> socket.socket:
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    listener = socket.create_server((host, port), family=family)
    # asyncio sets this only where the socket names its protocol; without it each answer, written
    # as head and body, waits 40 ms for the client's delayed acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


@contextmanager
def serve(app: ASGIApp, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve ``app`` in a thread during the block; yields the base URL. Port 0 takes a free one.

    The socket listens before the block begins. It is closed and the thread has ended after the
    block, also after an exception.
    """
    with _listener(host, port) as listener:
        server = uvicorn.Server(_config(app))
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listener]}, name="simulator", daemon=True
        )
        thread.start()
        try:
            _wait_until_started(server, thread)
            yield _url(listener)
        finally:
            server.should_exit = True
            thread.join()


def run_forever(
    app: ASGIApp,
    host: str = "127.0.0.1",
    port: int = 8000,
    ready: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve ``app`` in this thread until Ctrl-C (returns) or SIGTERM (ends the process).

    ``ready`` is called with the base URL when connections are accepted. Port 0 takes a free one.
    """
    with _listener(host, port) as listener, suppress(KeyboardInterrupt):
        ready(_url(listener))
        uvicorn.Server(_config(app)).run(sockets=[listener])


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _wait_until_started(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("the simulated API did not start")
        time.sleep(0.002)
