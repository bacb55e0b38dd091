"""What an API can do to its clients, on purpose: by script, by chance, or all the time.

A fault changes the page before it is written, or the reply after. ``Faults`` decides which request
meets which; it keeps a log of what was injected, so that a test can say what it survived.
"""

from __future__ import annotations

import gzip
import random
from dataclasses import dataclass, replace
from datetime import timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import msgspec

from pipeline.simulator.damage import KINDS, damage
from pipeline.simulator.listing import Json, Quirks
from pipeline.simulator.reply import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from pipeline.simulator.churn import Churn
    from pipeline.simulator.pages import Page

_MEGABYTE = 2**20
_HTML = b"<!doctype html><title>502 Bad Gateway</title><h1>Please try again later</h1>"
_ERROR_WORDS = {
    429: "RATE_LIMIT_EXCEEDED",
    500: "INTERNAL_ERROR",
    502: "BAD_GATEWAY",
    503: "SERVICE_UNAVAILABLE",
    504: "GATEWAY_TIMEOUT",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "RESOURCE_NOT_FOUND",
}


@dataclass(frozen=True)
class Fault:
    """One way to go wrong."""

    name: str
    on_page: Callable[[Page], None] | None = None
    on_reply: Callable[[Reply, datetime], Reply] | None = None
    stale_seconds: int = 0
    """The page shows the fleet of so long ago."""


class Faults:
    """Which request meets which fault. Requests are counted from 1, those refused excluded.

    Args:
        script: faults by request number.
        always: faults of every request.
        chance: the probability that a request meets one of ``menu``.
        menu: what chance picks from.
        at_most: chance stops after so many faults in a row.
        quirks: how filters and order deviate, on all requests.
        unstable_ties: clusters that sort alike come in a new order on every request.
        churn: clusters come and go between requests.
        seed: the same seed and requests meet the same faults.
    """

    def __init__(
        self,
        *,
        script: Mapping[int, Fault] | None = None,
        always: Sequence[Fault] = (),
        chance: float = 0.0,
        menu: Sequence[Fault] = (),
        at_most: int = 3,
        quirks: Quirks | None = None,
        unstable_ties: bool = False,
        churn: Churn | None = None,
        seed: int = 0,
    ) -> None:
        self.churn = churn
        self.log: list[tuple[int, str]] = []
        """(request number, fault) of everything injected by script or chance."""
        self.requests = 0
        self._script = dict(script or {})
        self._always = tuple(always)
        self._chance, self._menu, self._at_most = chance, tuple(menu), at_most
        self._in_a_row = 0
        self._quirks = quirks or Quirks()
        self._unstable_ties = unstable_ties
        self._random = random.Random(seed)  # noqa: S311 (a game of chance, not a secret)

    def next(self, now: datetime) -> tuple[Fault, ...]:
        """The faults of the request that is served now; the fleet changes before it."""
        self.requests += 1
        if self.churn:
            self.churn.step(now)
        met: tuple[Fault, ...] = ()
        if self.requests in self._script:
            met = (self._script[self.requests],)
        elif self._menu and self._random.random() < self._chance and self._in_a_row < self._at_most:
            met = (self._random.choice(self._menu),)
        self._in_a_row = self._in_a_row + 1 if met else 0
        self.log += [(self.requests, fault.name) for fault in met]
        return (*self._always, *met)

    @property
    def quirks(self) -> Quirks:
        """How this request's filters and order deviate."""
        if self._unstable_ties:
            return replace(self._quirks, unstable_ties=self.requests)
        return self._quirks


# Replies ------------------------------------------------------------------------------------------


def status(
    code: int, *, retry_after: int | None = None, as_date: bool = False, plain: bool = False
) -> Fault:
    """An HTTP error, in the vendor's flat envelope or as plain text."""

    def on_reply(_reply: Reply, now: datetime) -> Reply:
        body: Json = {"error": _ERROR_WORDS.get(code, "ERROR"), "message": "injected", "code": code}
        headers = {}
        if retry_after is not None:
            at = (now + timedelta(seconds=retry_after)).replace(microsecond=0)
            headers["Retry-After"] = (
                format_datetime(at, usegmt=True) if as_date else str(retry_after)
            )
        return Reply(code, b"upstream error" if plain else msgspec.json.encode(body), headers)

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


# Pages --------------------------------------------------------------------------------------------


def empty() -> Fault:
    """No clusters, though the pagination counts them."""
    return Fault("empty", on_page=lambda page: page.clusters.clear())


def short(missing: int = 3) -> Fault:
    """The last few clusters of the page are not there."""

    def on_page(page: Page) -> None:
        del page.clusters[max(0, len(page.clusters) - missing) :]

    return Fault("short", on_page=on_page)


def repeated() -> Fault:
    """The clusters of the page before, once more."""

    def on_page(page: Page) -> None:
        page.clusters[:] = page.previous or page.clusters

    return Fault("repeated", on_page=on_page)


def stale(seconds: int = 3600) -> Fault:
    """The page of so long ago, from some cache."""
    return Fault("stale", stale_seconds=seconds)


def next_for_ever() -> Fault:
    """There is always one more page."""
    return Fault("next for ever", on_page=lambda page: page.pagination.update(has_next=True))


def no_next() -> Fault:
    """This page claims to be the last."""
    return Fault("no next", on_page=lambda page: page.pagination.update(has_next=False))


def miscounted(by: int) -> Fault:
    """``total_count`` is off; ``total_pages`` agrees with it."""

    def on_page(page: Page) -> None:
        said, limit = page.pagination["total_count"], page.pagination["per_page"]
        if isinstance(said, int) and isinstance(limit, int):
            claimed = max(0, said + by)
            page.pagination.update(total_count=claimed, total_pages=-(-claimed // limit))

    return Fault(f"miscounted {by:+d}", on_page=on_page)


def damaged(kinds: Sequence[str] = tuple(KINDS), every: int = 5) -> Fault:
    """About one cluster in ``every`` has a broken record, always in the same way."""

    def on_page(page: Page) -> None:
        page.listed = damage(page.clusters, kinds, every)

    return Fault("damaged", on_page=on_page)


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

LIES = (empty(), short(), repeated(), stale(), no_next(), miscounted(-7), miscounted(+7))
"""Good answers that are not true."""
