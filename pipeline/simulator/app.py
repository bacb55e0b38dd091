"""The List Clusters API as the vendor documents it: ``GET /v1/clusters`` and ``GET /v2/clusters``.

A request passes, in this order: the clock's tick, the key, the rate limit, the parameters. Answers
are written by msgspec from the fleet's arrays; the framework routes and describes them.
"""

from __future__ import annotations

import asyncio
import hmac
from dataclasses import dataclass
from email.utils import format_datetime
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np
from fastapi import FastAPI
from starlette.requests import Request  # noqa: TC002 (FastAPI reads annotations at run time)
from starlette.responses import Response

from pipeline.simulator.fleet import seconds_of, time_of
from pipeline.simulator.limits import Allowance, RateLimit
from pipeline.simulator.listing import Json, Listing, iso, records_v1, records_v2
from pipeline.simulator.query import Parsed, Query, openapi_parameters, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from pipeline.simulator.clock import Clock
    from pipeline.simulator.fleet import Fleet, State

_V2_PAGE = 20


@dataclass
class _Api:
    """What the routes share."""

    fleet: Fleet
    clock: Clock
    limit: RateLimit
    keys: tuple[bytes, ...]
    latency_ms: float
    v2_pages: bool
    listing: Listing
    served: int = 0

    def knows(self, authorization: str) -> bool:
        """``Bearer KEY`` and a bare ``KEY`` are both accepted."""
        scheme, _, rest = authorization.partition(" ")
        key = (rest.strip() if scheme.lower() == "bearer" else authorization.strip()).encode()
        return any(hmac.compare_digest(key, known) for known in self.keys)


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
    """
    api = _Api(
        fleet=fleet,
        clock=clock,
        limit=RateLimit(rate_limit, rate_window_seconds, rate_clock),
        keys=tuple(key.encode() for key in keys),
        latency_ms=latency_ms,
        v2_pages=v2_pages,
        listing=Listing(),
    )
    app = FastAPI(title="List Clusters (simulated)", version="1", docs_url=None, redoc_url=None)
    responses: dict[int | str, dict[str, object]] = {
        401: {"description": "Invalid or missing API key"},
        429: {"description": "Too many requests in the window"},
    }

    @app.get(
        "/v1/clusters",
        summary="List clusters, filtered, sorted and by pages",
        responses={**responses, 400: {"description": "Invalid query parameters"}},
        openapi_extra={"parameters": openapi_parameters()},
    )
    async def list_v1(request: Request) -> Response:
        return await _guarded(api, request, _list_v1)

    @app.get("/v2/clusters", summary="List clusters, all at once", responses=responses)
    async def list_v2(request: Request) -> Response:
        return await _guarded(api, request, _list_v2)

    return _stamped(app, api)


async def _guarded(
    api: _Api, request: Request, answer: Callable[[_Api, Request, int], Response]
) -> Response:
    """The answer, or why there is none."""
    now: datetime = request.state.now
    if api.latency_ms:
        await asyncio.sleep(api.latency_ms / 1000)
    if not api.knows(request.headers.get("authorization", "")):
        body = {"error": "UNAUTHORIZED", "message": "Invalid or missing API key", "code": 401}
        return _json(body, 401)
    allowance = api.limit.take(now)
    request.state.allowance = allowance
    if allowance.refused:
        return _too_many(allowance)
    return answer(api, request, seconds_of(now))


def _list_v1(api: _Api, request: Request, t: int) -> Response:
    parsed = parse(dict(request.query_params))
    if parsed.refused:
        error = {
            "code": "INVALID_PARAMETERS",
            "message": "Invalid query parameters provided",
            "details": parsed.refused,
        }
        return _json({"success": False, "error": error}, 400)
    selected = api.listing.select(api.fleet, t, parsed.query)
    return _json(_envelope(api, selected, parsed))


def _envelope(api: _Api, selected: State, parsed: Parsed) -> Json:
    query, total = parsed.query, len(selected.rows)
    pages = -(-total // query.limit)
    begin = (query.page - 1) * query.limit
    shown = selected.taken(np.arange(min(begin, total), min(begin + query.limit, total)))
    api.served += 1
    return {
        "success": True,
        "data": {
            "clusters": records_v1(api.fleet, shown),
            "pagination": {
                "current_page": query.page,
                "total_pages": pages,
                "total_count": total,
                "per_page": query.limit,
                "has_next": query.page < pages,
                "has_previous": query.page > 1,
            },
            "filters_applied": parsed.filters_applied,
        },
        # Nothing here is measured, so that the same look gives the same bytes.
        "meta": {"request_id": f"req_{api.served:08x}", "response_time_ms": int(api.latency_ms)},
    }


def _list_v2(api: _Api, _request: Request, t: int) -> Response:
    selected = api.listing.select(api.fleet, t, Query())
    if api.v2_pages:
        selected = selected.taken(np.arange(min(_V2_PAGE, len(selected.rows))))
    return _json(records_v2(api.fleet, selected))


def _too_many(allowance: Allowance) -> Response:
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
    return _json(body, 429, {"Retry-After": str(allowance.retry_after)})


def _json(body: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(
        msgspec.json.encode(body), status, headers=headers, media_type="application/json"
    )


def _stamped(app: ASGIApp, api: _Api) -> ASGIApp:
    """Every response, errors included, shows the simulated time and the rate limit."""

    async def stamped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        now = api.clock.tick()
        state = scope.setdefault("state", {})
        state["now"] = now
        date = format_datetime(now.replace(microsecond=0), usegmt=True).encode("ascii")

        async def send_stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                allowance = state.get("allowance") or api.limit.peek(now)
                message["headers"] = [
                    *message.get("headers", ()),
                    (b"date", date),
                    *allowance.headers,
                ]
            await send(message)

        await app(scope, receive, send_stamped)

    return stamped
