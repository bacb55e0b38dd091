"""The List Clusters API as the vendor documents it: ``GET /v1/clusters`` and ``GET /v2/clusters``.

A request passes, in this order: the clock's tick, the route, the key, the rate limit, the
parameters. ``/openapi.json`` describes all of it, and asks for no key.
"""

from __future__ import annotations

import asyncio
import hmac
from dataclasses import dataclass
from email.utils import format_datetime
from typing import TYPE_CHECKING, Literal

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Route

from pipeline.simulator.api_types import Limit
from pipeline.simulator.fleet import time_of
from pipeline.simulator.limits import Allowance, RateLimit
from pipeline.simulator.openapi import document
from pipeline.simulator.pages import Pages
from pipeline.simulator.query_results import iso
from pipeline.simulator.response import Reply, Sent, json_reply, refusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from datetime import datetime

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from pipeline.simulator.clock import Clock
    from pipeline.simulator.faults import Faults
    from pipeline.simulator.fleet import Fleet

    Answer = Callable[[Iterable[tuple[str, str]], datetime], Reply]


@dataclass(frozen=True)
class _Gate:
    """Who may ask, how often, and what the clock says."""

    clock: Clock
    limit: RateLimit
    keys: tuple[bytes, ...]
    latency_seconds: float

    def before(self, answer: Answer) -> Callable[[Request], Awaitable[Response]]:
        """An endpoint that gives the answer, or says why there is none."""

        async def endpoint(request: Request) -> Response:
            now: datetime = request.state.now
            await asyncio.sleep(self.latency_seconds)
            if not self._knows(request.headers.get("authorization", "")):
                return Sent(refusal(401, "Invalid or missing API key"))
            allowance = self.limit.take(now)
            request.state.allowance = allowance
            if allowance.refused:
                return Sent(_too_many(allowance))
            return Sent(answer(request.query_params.multi_items(), now))

        return endpoint

    def _knows(self, authorization: str) -> bool:
        """``Bearer KEY`` and a bare ``KEY`` are both accepted."""
        scheme, _, rest = authorization.partition(" ")
        key = (rest.strip() if scheme.lower() == "bearer" else authorization.strip()).encode()
        return any(hmac.compare_digest(key, known) for known in self.keys)

    def stamped(self, app: ASGIApp) -> ASGIApp:
        """Every response, errors included, shows the simulated time and the rate limit."""

        async def stamped(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            now = self.clock.tick()
            state = scope.setdefault("state", {})
            state["now"] = now
            date = format_datetime(now.replace(microsecond=0), usegmt=True).encode("ascii")

            async def send_stamped(message: Message) -> None:
                if message["type"] == "http.response.start":
                    allowance = state.get("allowance") or self.limit.peek(now)
                    own = message.get("headers", ())
                    message["headers"] = [*own, (b"date", date), *allowance.headers]
                await send(message)

            await app(scope, receive, send_stamped)

        return stamped


def make_app(
    fleet: Fleet,
    clock: Clock,
    *,
    keys: Sequence[str] = ("demo-key",),
    rate_limit: int | None = None,
    rate_window_seconds: int = 3600,
    rate_clock: Literal["simulated", "real"] = "simulated",
    latency_ms: float = 0,
    v2_pages: bool = False,
    v2_page_size: int | None = None,
    faults: Faults | None = None,
) -> ASGIApp:
    """The ASGI application.

    Args:
        fleet: what it lists.
        clock: the time it shows, in its records and in its ``Date`` header.
        keys: the API keys it accepts.
        rate_limit: requests per window, then 429; None for no limit.
        rate_window_seconds: the window's length.
        rate_clock: whether the window passes in simulated or in real time.
        latency_ms: real time that every answer takes.
        v2_pages: ``/v2/clusters`` silently lists the first 20 clusters only.
        v2_page_size: it lists so many, and others for ``page=2``; None for all.
        faults: what goes wrong, and the churn between requests.
    """
    pages = Pages(
        fleet, faults, latency_ms=latency_ms, v2_pages=v2_pages, v2_page_size=v2_page_size
    )
    gate = _Gate(
        clock=clock,
        limit=RateLimit(rate_limit, rate_window_seconds, rate_clock),
        keys=tuple(key.encode() for key in keys),
        latency_seconds=latency_ms / 1000,
    )
    app = Starlette(
        routes=[
            Route("/v1/clusters", gate.before(pages.v1)),
            Route("/v2/clusters", gate.before(pages.v2)),
            Route("/openapi.json", _describe),
        ],
        exception_handlers={HTTPException: _unserved},
    )
    app.router.redirect_slashes = False
    return gate.stamped(app)


async def _describe(_request: Request) -> Response:
    return Sent(json_reply(document()))


async def _unserved(_request: Request, error: Exception) -> Response:
    """404 and 405, which the router raises."""
    if not isinstance(error, HTTPException):
        raise error
    return Sent(refusal(error.status_code, error.detail, error.headers))


def _too_many(allowance: Allowance) -> Reply:
    details = Limit(
        limit=allowance.limit,
        remaining=0,
        reset_at=iso(time_of(allowance.reset)),
        retry_after=allowance.retry_after,
    )
    message = f"Rate limit of {allowance.limit} requests exceeded"
    return refusal(429, message, {"Retry-After": str(allowance.retry_after)}, details)
