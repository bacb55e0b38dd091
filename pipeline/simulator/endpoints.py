"""The responses of both versions of the endpoint, with the faults to inject."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipeline.simulator.api_types import Invalid, InvalidParameters
from pipeline.simulator.billing import billing_errors, usage
from pipeline.simulator.fleet import seconds_of
from pipeline.simulator.page import Page
from pipeline.simulator.query import Parsed, Query, parse
from pipeline.simulator.query_results import Json, Listing, Quirks, records_v1, records_v2
from pipeline.simulator.response import Reply, json_reply

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from pipeline.simulator.faults import Fault, Faults
    from pipeline.simulator.fleet import Fleet, FleetState

_V2_PAGE = 20


class Endpoints:
    """Responds to authorized requests."""

    def __init__(
        self,
        fleet: Fleet,
        faults: Faults | None,
        *,
        latency_ms: float,
        v2_pages: bool,
        v2_page_size: int | None = None,
    ) -> None:
        self._fleet, self._faults = fleet, faults
        self._latency_ms, self._v2_pages = int(latency_ms), v2_pages
        self._v2_page_size = v2_page_size
        self._listing = Listing()
        self._served = 0
        self._previous: list[Json] = []

    def v1(self, pairs: Iterable[tuple[str, str]], now: datetime) -> Reply:
        """``GET /v1/clusters``."""
        parsed = parse(pairs)
        if parsed.errors:
            error = InvalidParameters(
                code="INVALID_PARAMETERS",
                message="Invalid query parameters provided",
                details=dict(parsed.errors),
            )
            return json_reply(Invalid(success=False, error=error), 400)
        faults = self._next_faults(now)
        selected = self._select(parsed.query, now, faults)
        limit = min(parsed.query.limit, self._quirks.limit_cap)
        page = self._page(selected, parsed.query.page, limit, faults)
        return _with_faults(json_reply(self._envelope(page, parsed)), faults, now)

    def v2(self, pairs: Iterable[tuple[str, str]], now: datetime) -> Reply:
        """``GET /v2/clusters``: no documented parameters, no envelope."""
        faults = self._next_faults(now)
        selected = self._select(Query(), now, faults)
        if self._v2_pages:
            selected = selected.take(np.arange(min(_V2_PAGE, len(selected.rows))))
        elif self._v2_page_size:
            page_text = dict(pairs).get("page", "1")
            begin = (int(page_text) - 1 if page_text.isdecimal() else 0) * self._v2_page_size
            places = np.arange(len(selected.rows))
            selected = selected.take(places[begin : begin + self._v2_page_size])
        page = Page(records_v2(self._current, selected), {}, self._previous)
        self._previous = list(page.clusters)
        for fault in faults:
            if fault.on_page:
                fault.on_page(page)
        return _with_faults(json_reply(page.damaged or page.clusters), faults, now)

    def billing(self, pairs: Iterable[tuple[str, str]], now: datetime) -> Reply:
        """``GET /v2/billing/usage``: the cost of the month to date, day by day."""
        errors = billing_errors(pairs)
        if errors:
            error = InvalidParameters(
                code="INVALID_PARAMETERS",
                message="Invalid query parameters provided",
                details=errors,
            )
            return json_reply(Invalid(success=False, error=error), 400)
        return json_reply(usage(self._current, now))

    @property
    def _current(self) -> Fleet:
        churn = self._faults.churn if self._faults else None
        return churn.fleet if churn else self._fleet

    @property
    def _quirks(self) -> Quirks:
        return self._faults.quirks if self._faults else Quirks()

    def _next_faults(self, now: datetime) -> tuple[Fault, ...]:
        return self._faults.next(now) if self._faults else ()

    def _select(self, query: Query, now: datetime, faults: tuple[Fault, ...]) -> FleetState:
        t = seconds_of(now) - sum(fault.stale_seconds for fault in faults)
        return self._listing.select(self._current, t, query, self._quirks)

    def _page(
        self, selected: FleetState, number: int, limit: int, faults: tuple[Fault, ...]
    ) -> Page:
        total = len(selected.rows)
        pages = -(-total // limit)
        begin = (number - 1) * limit
        shown = selected.take(np.arange(min(begin, total), min(begin + limit, total)))
        pagination: Json = {
            "current_page": number,
            "total_pages": pages,
            "total_count": total,
            "per_page": limit,
            "has_next": number < pages,
            "has_previous": number > 1,
        }
        page = Page(records_v1(self._current, shown), pagination, self._previous)
        self._previous = list(page.clusters)
        for fault in faults:
            if fault.on_page:
                fault.on_page(page)
        return page

    def _envelope(self, page: Page, parsed: Parsed) -> Json:
        self._served += 1
        return {
            "success": True,
            "data": {
                "clusters": page.clusters if page.damaged is None else page.damaged,
                "pagination": page.pagination,
                "filters_applied": parsed.filters_applied,
            },
            # No measured values, so that equal requests give equal bytes.
            "meta": {"request_id": f"req_{self._served:08x}", "response_time_ms": self._latency_ms},
        }


def _with_faults(reply: Reply, faults: tuple[Fault, ...], now: datetime) -> Reply:
    for fault in faults:
        if fault.on_reply:
            reply = fault.on_reply(reply, now)
    return reply
