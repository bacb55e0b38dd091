"""Answers that fail, and that a client can see failing."""

from __future__ import annotations

import gzip
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import msgspec

from pipeline.simulator.faults import Fault
from pipeline.simulator.response import Reply, refusal

if TYPE_CHECKING:
    from datetime import datetime

_MEGABYTE = 2**20
_HTML = b"<!doctype html><title>502 Bad Gateway</title><h1>Please try again later</h1>"


def status(
    code: int, *, retry_after: int | None = None, as_date: bool = False, plain: bool = False
) -> Fault:
    """An HTTP error, in the vendor's flat envelope or as plain text."""

    def on_reply(_reply: Reply, now: datetime) -> Reply:
        headers = {}
        if retry_after is not None:
            at = (now + timedelta(seconds=retry_after)).replace(microsecond=0)
            headers["Retry-After"] = (
                format_datetime(at, usegmt=True) if as_date else str(retry_after)
            )
        reply = refusal(code, "injected", headers)
        return replace(reply, body=b"upstream error") if plain else reply

    return Fault(f"status {code}", on_reply=on_reply)


def retry_after_on_success(seconds: int = 60) -> Fault:
    """A good answer that carries Retry-After, as the vendor's sample does."""
    return Fault(
        "Retry-After on 200",
        on_reply=lambda reply, _: replace(
            reply, headers={**reply.headers, "Retry-After": str(seconds)}
        ),
    )


def dropped(share: float = 0.5) -> Fault:
    """The connection closes in the middle of the announced body."""
    return Fault(
        "dropped",
        on_reply=lambda reply, _: replace(reply, cut_at=int(len(reply.body) * share)),
    )


def truncated(share: float = 0.5) -> Fault:
    """Half an answer, sent as if it were whole."""
    return Fault(
        "truncated",
        on_reply=lambda reply, _: replace(reply, body=reply.body[: int(len(reply.body) * share)]),
    )


def html() -> Fault:
    """A proxy's apology with status 200."""
    return Fault("html", on_reply=lambda *_: Reply(200, _HTML, {"Content-Type": "text/html"}))


def unsuccessful(code: str = "INTERNAL_ERROR", http_status: int = 200) -> Fault:
    """``success: false`` with status 200."""
    body = {"success": False, "error": {"code": code, "message": "injected", "details": {}}}
    return Fault(
        f"unsuccessful {code}",
        on_reply=lambda *_: Reply(http_status, msgspec.json.encode(body)),
    )


def instead(body: bytes, http_status: int = 200) -> Fault:
    """Any other bytes: ``null``, ``[]``, ``{}``, nothing at all."""
    return Fault(f"instead {body[:12]!r}", on_reply=lambda *_: Reply(http_status, body))


def hang(seconds: float = 30.0) -> Fault:
    """Silence, then the answer; ends at once when the client hangs up."""
    return Fault("hang", on_reply=lambda reply, _: replace(reply, delay_seconds=seconds))


def drip(pause_seconds: float = 0.05, chunk_bytes: int = 64) -> Fault:
    """A few bytes at a time: every single read is quick, the whole takes for ever."""
    return Fault(
        "drip",
        on_reply=lambda reply, _: replace(
            reply, chunk_bytes=chunk_bytes, chunk_pause_seconds=pause_seconds
        ),
    )


def huge(megabytes: int = 512) -> Fault:
    """A body without end (blanks, which JSON allows) and without announced length."""
    return Fault("huge", on_reply=lambda *_: Reply(200, b" " * _MEGABYTE, repeat=megabytes))


def gzip_bomb(megabytes: int = 512) -> Fault:
    """About a kilobyte on the wire for each megabyte it becomes."""

    def on_reply(*_: object) -> Reply:
        member = gzip.compress(b" " * _MEGABYTE)
        return Reply(200, member * megabytes, {"Content-Encoding": "gzip"})

    return Fault("gzip bomb", on_reply=on_reply)


def redirect(url: str, code: int = 302) -> Fault:
    """To another host, which must never see the key."""
    return Fault("redirect", on_reply=lambda *_: Reply(code, b"", {"Location": url}))


TRANSIENT = (
    status(429, retry_after=1),
    status(429, retry_after=1, as_date=True),
    status(500),
    status(502, plain=True),
    status(503, retry_after=0),
    status(504),
    dropped(),
    truncated(),
    html(),
    unsuccessful(),
    instead(b""),
    instead(b"null"),
    instead(b"{}"),
)
"""Failures of one answer: asked again, the API is well."""
