"""The List Clusters API as the vendor documents it: ``GET /v1/clusters`` and ``GET /v2/clusters``.

A request passes, in this order: the clock's tick, the key, the rate limit, the parameters. The
framework routes and describes; bodies are written from the fleet's arrays by msgspec.
"""

from __future__ import annotations

import asyncio
import hmac
from dataclasses import dataclass
from email.utils import format_datetime
from typing import TYPE_CHECKING, Literal

from fastapi import FastAPI
from starlette.requests import Request  # noqa: TC002 (FastAPI reads annotations at run time)
from starlette.responses import Response  # noqa: TC002 (as above)

from pipeline.simulator.api_types import openapi_schemas
from pipeline.simulator.fleet import time_of
from pipeline.simulator.limits import Allowance, RateLimit
from pipeline.simulator.pages import Pages
from pipeline.simulator.query import openapi_parameters
from pipeline.simulator.query_results import iso
from pipeline.simulator.response import Reply, Sent, json_reply

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from pipeline.simulator.clock import Clock
    from pipeline.simulator.faults import Faults
    from pipeline.simulator.fleet import Fleet


@dataclass(frozen=True)
class _Gate:
    """Who may ask, how often, and what the clock says."""

    clock: Clock
    limit: RateLimit
    keys: tuple[bytes, ...]
    latency_seconds: float

    async def passed(
        self, request: Request, answer: Callable[[Mapping[str, str], datetime], Reply]
    ) -> Response:
        """The answer, or why there is none."""
        now: datetime = request.state.now
        await asyncio.sleep(self.latency_seconds)
        if not self._knows(request.headers.get("authorization", "")):
            body = {"error": "UNAUTHORIZED", "message": "Invalid or missing API key", "code": 401}
            return Sent(json_reply(body, 401))
        allowance = self.limit.take(now)
        request.state.allowance = allowance
        if allowance.refused:
            return Sent(_too_many(allowance))
        return Sent(answer(dict(request.query_params), now))

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
    app = FastAPI(title="List Clusters (simulated)", version="1", docs_url=None, redoc_url=None)
    shapes, components = openapi_schemas()

    def answers(meaning: str, shape: str) -> dict[str, object]:
        return {"description": meaning, "content": {"application/json": {"schema": shapes[shape]}}}

    refused: dict[int | str, dict[str, object]] = {
        401: answers("Invalid or missing API key", "Refused"),
        429: answers("Too many requests in the window", "Refused"),
    }

    @app.get(
        "/v1/clusters",
        summary="List clusters, filtered, sorted and by pages",
        responses={
            200: answers("One page", "ClusterList"),
            400: answers("Invalid query parameters", "Invalid"),
            **refused,
        },
        openapi_extra={"parameters": openapi_parameters()},
    )
    async def list_v1(request: Request) -> Response:
        return await gate.passed(request, pages.v1)

    @app.get(
        "/v2/clusters",
        summary="List clusters, all at once",
        responses={200: answers("Every cluster", "FlatClusterList"), **refused},
    )
    async def list_v2(request: Request) -> Response:
        return await gate.passed(request, pages.v2)

    app.openapi()["components"] = {"schemas": components}
    return gate.stamped(app)


def _too_many(allowance: Allowance) -> Reply:
    body = {
        "error": "RATE_LIMIT_EXCEEDED",
        "message": f"Rate limit of {allowance.limit} requests exceeded",
        "code": 429,
        "details": {
            "limit": allowance.limit,
            "remaining": 0,
            "reset_at": iso(time_of(allowance.reset)),
            "retry_after": allowance.retry_after,
        },
    }
    return json_reply(body, 429, {"Retry-After": str(allowance.retry_after)})
