"""What the account was billed: the fleet's true cost by UTC day, which no list of clusters shows.

Only clusters are billed here. Of the parameters that the vendor documents, these have the one value
for which a response is documented.
"""

from __future__ import annotations

import calendar
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from pipeline.simulator.api_types import (
    BilledDay,
    BilledResource,
    BilledUsage,
    BillingPeriod,
    BillingSummary,
    BillingUsage,
)
from pipeline.simulator.fleet import seconds_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.simulator.fleet import Fleet

_PARAMETERS = {"timeRange": "current_month", "granularity": "daily", "resourceType[]": "clusters"}
_MICROS = 1_000_000
_HOUR = 3600


def billing_errors(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The documented parameters that have another value, or are repeated."""
    pairs = list(pairs)
    times = Counter(name for name, _ in pairs)
    wrong = {
        name: f"Must be {_PARAMETERS[name]}"
        for name, value in pairs
        if name in _PARAMETERS and value != _PARAMETERS[name]
    }
    repeated = {name: "Must be given once" for name in _PARAMETERS if times[name] > 1}
    return wrong | repeated


def billing_parameters() -> list[dict[str, object]]:
    """The parameters as OpenAPI describes them."""
    return [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": "Has one value",
            "schema": {"type": "string", "enum": [value], "default": value},
        }
        for name, value in _PARAMETERS.items()
    ]


def usage(fleet: Fleet, now: datetime) -> BillingUsage:
    """The cost and GPU-hours of each day of the month up to ``now``."""
    first = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    length = calendar.monthrange(first.year, first.month)[1]
    days = [first + timedelta(days=n) for n in range(now.day)]
    edges = [*days, now]
    totals = [fleet.lifecycles.totals(seconds_of(edge)) for edge in edges]
    costs = np.diff([int(total.cost.sum()) for total in totals])
    gpu_seconds = np.diff(
        [int((total.running_seconds * fleet.clusters.gpu_count).sum()) for total in totals]
    )
    series = [
        BilledDay(f"{day:%Y-%m-%dT%H:%M:%SZ}", hours, cost)
        for day, hours, cost in zip(
            days, (gpu_seconds / _HOUR).tolist(), (costs / _MICROS).tolist(), strict=True
        )
    ]
    cost, hours = int(costs.sum()) / _MICROS, int(gpu_seconds.sum()) / _HOUR
    return BillingUsage(
        period=BillingPeriod(
            start_date=f"{first:%Y-%m-%d}",
            end_date=f"{first.replace(day=length):%Y-%m-%d}",
            billing_cycle="monthly",
            days_in_period=length,
            days_elapsed=now.day,
        ),
        summary=BillingSummary(total_cost=cost, total_gpu_hours=hours, currency="USD"),
        breakdown=[
            BilledResource(
                resource_type="clusters",
                usage=BilledUsage(hours, "gpu_hours", cost, 100.0),
                time_series=series[::-1],
            )
        ],
    )
