"""A server that sends any bytes, also those that no HTTP library would send."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def raw_server(response: Callable[[bytes], bytes]) -> Iterator[str]:
    """Serve ``response(request)`` on loopback, one connection per request; yields the address."""
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=_serve, args=(listener, response))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        listener.close()


def _serve(listener: socket.socket, response: Callable[[bytes], bytes]) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return  # the test is over
        with connection, suppress(OSError):
            request = b""
            while b"\r\n\r\n" not in request:
                block = connection.recv(65_536)
                if not block:
                    break
                request += block
            if request:
                connection.sendall(response(request))


def http(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """A valid response, except for ``headers`` and ``status``."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
