"""A reply of the API, and how it is sent: in pieces, late, or cut off."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
from starlette.responses import Response

from pipeline.simulator.api_types import Limit, Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Receive, Scope, Send


@dataclass(frozen=True)
class Reply:
    """Status, body and headers, and how they are sent."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_seconds: float = 0.0
    """Before the first byte."""
    chunk_bytes: int = 2**20
    chunk_pause_seconds: float = 0.0
    repeat: int = 1
    """The body is sent this many times, without a Content-Length if more than once."""
    cut_at: int | None = None
    """The connection is closed after this many bytes of the body."""


def json_reply(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """``body`` as JSON."""
    return Reply(status, msgspec.json.encode(body), headers or {})


_CODES = {
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "RESOURCE_NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    429: "RATE_LIMIT_EXCEEDED",
    500: "INTERNAL_ERROR",
    502: "BAD_GATEWAY",
    503: "SERVICE_UNAVAILABLE",
    504: "GATEWAY_TIMEOUT",
}


def error_reply(
    status: int,
    message: str,
    headers: Mapping[str, str] | None = None,
    details: Limit | None = None,
) -> Reply:
    """An error in the vendor's flat envelope."""
    body = Refused(_CODES.get(status, "ERROR"), message, status, details)
    return json_reply(body, status, headers)


class ReplyResponse(Response):
    """Sends a reply; stops as soon as the client disconnects."""

    def __init__(self, reply: Reply) -> None:
        headers = {"content-type": "application/json"} | {
            name.lower(): value for name, value in reply.headers.items()
        }
        super().__init__(reply.body, reply.status, headers)
        if reply.repeat > 1:
            del self.headers["content-length"]
        self._reply = reply

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; after an unfinished response the server closes the connection."""
        reply = self._reply
        if reply.delay_seconds and await _has_disconnected(receive, reply.delay_seconds):
            return
        start = {"type": "http.response.start", "status": reply.status, "headers": self.raw_headers}
        await send(start)
        body = reply.body[: reply.cut_at]
        watched = reply.chunk_pause_seconds > 0 or reply.repeat > 1
        for _ in range(reply.repeat):
            for begin in range(0, len(body), reply.chunk_bytes):
                chunk = body[begin : begin + reply.chunk_bytes]
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
                if watched and await _has_disconnected(receive, reply.chunk_pause_seconds):
                    return
        if reply.cut_at is None:
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _has_disconnected(receive: Receive, seconds: float) -> bool:
    """Wait for ``seconds``, or until the client disconnects; whether it did."""
    try:
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return False
    return True
