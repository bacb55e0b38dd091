"""Faults that a client can recognise: errors, broken connections, other content."""

from __future__ import annotations

import gzip
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import msgspec

from pipeline.simulator.faults import Fault
from pipeline.simulator.response import Reply, error_reply

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
        reply = error_reply(code, "injected", headers)
        return replace(reply, body=b"upstream error") if plain else reply

    return Fault(f"status {code}", on_reply=on_reply)


def retry_after_on_success(seconds: int = 60) -> Fault:
    """A good response with Retry-After, as in the vendor's sample."""
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
    """Part of a response, sent as if it were complete."""
    return Fault(
        "truncated",
        on_reply=lambda reply, _: replace(reply, body=reply.body[: int(len(reply.body) * share)]),
    )


def html() -> Fault:
    """The error page of a proxy, with status 200."""
    return Fault("html", on_reply=lambda *_: Reply(200, _HTML, {"Content-Type": "text/html"}))


def unsuccessful(code: str = "INTERNAL_ERROR", http_status: int = 200) -> Fault:
    """``success: false`` with status 200."""
    body = {"success": False, "error": {"code": code, "message": "injected", "details": {}}}
    return Fault(
        f"unsuccessful {code}",
        on_reply=lambda *_: Reply(http_status, msgspec.json.encode(body)),
    )


def other_body(body: bytes, http_status: int = 200) -> Fault:
    """Other bytes as the body: ``null``, ``[]``, ``{}``, or none."""
    return Fault(f"other body {body[:12]!r}", on_reply=lambda *_: Reply(http_status, body))


def hang(seconds: float = 30.0) -> Fault:
    """A long delay before the response; it ends at once when the client disconnects."""
    return Fault("hang", on_reply=lambda reply, _: replace(reply, delay_seconds=seconds))


def drip(pause_seconds: float = 0.05, chunk_bytes: int = 64) -> Fault:
    """A few bytes at a time: each read is quick, but the response takes very long."""
    return Fault(
        "drip",
        on_reply=lambda reply, _: replace(
            reply, chunk_bytes=chunk_bytes, chunk_pause_seconds=pause_seconds
        ),
    )


def huge(megabytes: int = 512) -> Fault:
    """A huge body (blanks, which JSON allows) without a Content-Length."""
    return Fault("huge", on_reply=lambda *_: Reply(200, b" " * _MEGABYTE, repeat=megabytes))


def gzip_bomb(megabytes: int = 512) -> Fault:
    """A compressed body: about a kilobyte for each megabyte of its content."""

    def on_reply(*_: object) -> Reply:
        member = gzip.compress(b" " * _MEGABYTE)
        return Reply(200, member * megabytes, {"Content-Encoding": "gzip"})

    return Fault("gzip bomb", on_reply=on_reply)


def redirect(url: str, code: int = 302) -> Fault:
    """A redirect to another host, which must not get the key."""
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
    other_body(b""),
    other_body(b"null"),
    other_body(b"{}"),
)
"""Failures of one response: the API is fine when the request is repeated."""
