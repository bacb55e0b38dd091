"""The List Clusters API as the vendor documents it: ``GET /v1/clusters`` and ``GET /v2/clusters``.

``GET /v2/billing/usage`` has what the account was billed, from the fleet's true history.

A request passes, in this order: the clock's tick, the route, the key, the rate limit, the
parameters. ``/openapi.json`` describes the API and needs no key.
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
from pipeline.simulator.endpoints import Endpoints
from pipeline.simulator.fleet import time_of
from pipeline.simulator.limits import Allowance, RateLimit
from pipeline.simulator.openapi import document
from pipeline.simulator.query_results import iso
from pipeline.simulator.response import Reply, ReplyResponse, error_reply, json_reply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from datetime import datetime

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from pipeline.simulator.clock import Clock
    from pipeline.simulator.faults import Faults
    from pipeline.simulator.fleet import Fleet

    Respond = Callable[[Iterable[tuple[str, str]], datetime], Reply]


@dataclass(frozen=True)
class _Access:
    """Access to the endpoints: keys, rate limit and clock."""

    clock: Clock
    limit: RateLimit
    keys: tuple[bytes, ...]
    latency_seconds: float

    def guard(self, respond: Respond) -> Callable[[Request], Awaitable[Response]]:
        """An endpoint that responds to allowed requests, and with an error to others."""

        async def endpoint(request: Request) -> Response:
            now: datetime = request.state.now
            await asyncio.sleep(self.latency_seconds)
            if not self._is_authorized(request.headers.get("authorization", "")):
                return ReplyResponse(error_reply(401, "Invalid or missing API key"))
            allowance = self.limit.use(now)
            request.state.allowance = allowance
            if allowance.is_exceeded:
                return ReplyResponse(_rate_limited(allowance))
            return ReplyResponse(respond(request.query_params.multi_items(), now))

        return endpoint

    def _is_authorized(self, authorization: str) -> bool:
        """``Bearer KEY`` and a bare ``KEY`` are both accepted."""
        scheme, _, rest = authorization.partition(" ")
        key = (rest.strip() if scheme.lower() == "bearer" else authorization.strip()).encode()
        return any(hmac.compare_digest(key, known) for known in self.keys)

    def with_headers(self, app: ASGIApp) -> ASGIApp:
        """``app`` with the simulated time and the rate limit in every response, errors included."""

        async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            now = self.clock.tick()
            state = scope.setdefault("state", {})
            state["now"] = now
            date = format_datetime(now.replace(microsecond=0), usegmt=True).encode("ascii")

            async def send_with_headers(message: Message) -> None:
                if message["type"] == "http.response.start":
                    allowance = state.get("allowance") or self.limit.peek(now)
                    own = message.get("headers", ())
                    message["headers"] = [*own, (b"date", date), *allowance.headers]
                await send(message)

            await app(scope, receive, send_with_headers)

        return wrapped


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
        fleet: The fleet that it lists.
        clock: The time of its records and of its ``Date`` header.
        keys: The API keys it accepts.
        rate_limit: Requests per window, then 429; None for no limit.
        rate_window_seconds: The length of the window.
        rate_clock: Whether the window is in simulated or in real time.
        latency_ms: Real time that every response takes.
        v2_pages: ``/v2/clusters`` silently lists the first 20 clusters only.
        v2_page_size: ``/v2/clusters`` lists pages of this size; None for all clusters at once.
        faults: The faults to inject, and the churn between requests.
    """
    endpoints = Endpoints(
        fleet, faults, latency_ms=latency_ms, v2_pages=v2_pages, v2_page_size=v2_page_size
    )
    access = _Access(
        clock=clock,
        limit=RateLimit(rate_limit, rate_window_seconds, rate_clock),
        keys=tuple(key.encode() for key in keys),
        latency_seconds=latency_ms / 1000,
    )
    app = Starlette(
        routes=[
            Route("/v1/clusters", access.guard(endpoints.v1)),
            Route("/v2/clusters", access.guard(endpoints.v2)),
            Route("/v2/billing/usage", access.guard(endpoints.billing)),
            Route("/openapi.json", _openapi),
        ],
        exception_handlers={HTTPException: _http_error},
    )
    app.router.redirect_slashes = False
    return access.with_headers(app)


async def _openapi(_request: Request) -> Response:
    return ReplyResponse(json_reply(document()))


async def _http_error(_request: Request, error: Exception) -> Response:
    """The response for errors of the router, 404 and 405."""
    if not isinstance(error, HTTPException):
        raise error
    return ReplyResponse(error_reply(error.status_code, error.detail, error.headers))


def _rate_limited(allowance: Allowance) -> Reply:
    details = Limit(
        limit=allowance.limit,
        remaining=0,
        reset_at=iso(time_of(allowance.reset)),
        retry_after=allowance.retry_after,
    )
    message = f"Rate limit of {allowance.limit} requests exceeded"
    return error_reply(429, message, {"Retry-After": str(allowance.retry_after)}, details)
