"""A real HTTP listener on loopback that keeps what it is sent and answers as it is asked to."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True)
class Received:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Listener:
    """What arrived, and the answers to give: status, body and headers; the last one repeats."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    answers: list[tuple[int, str, dict[str, str]]] = field(default_factory=list)
    seconds: float = 0.0
    """Before each byte of an answer."""

    def answer(self) -> tuple[int, str, dict[str, str]]:
        if not self.answers:
            return 200, "ok", {}
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def listening() -> Iterator[Listener]:
    listener = Listener()

    class Handler(BaseHTTPRequestHandler):
        def _take(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            listener.received.append(
                Received(self.command, self.path, dict(self.headers.items()), body)
            )
            status, text, headers = listener.answer()
            lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(text)}", "Connection: close"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            data = ("\r\n".join(lines) + "\r\n\r\n" + text).encode()
            if not listener.seconds:
                self.wfile.write(data)
                return
            for byte in data:  # a drip: each read of the client succeeds
                time.sleep(listener.seconds)
                try:
                    self.wfile.write(bytes([byte]))
                    self.wfile.flush()
                except OSError:
                    return

        do_GET = do_POST = _take  # noqa: N815  # the names that http.server calls

        def log_message(self, *_args: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    listener.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield listener
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
