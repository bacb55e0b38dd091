"""Ledger frames from a few written-out values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from pipeline import schema

if TYPE_CHECKING:
    from collections.abc import Callable

HOUR = 3600
UNIT = schema.MICROS_PER_UNIT
ALL_HOURS = (1 << 24) - 1

_TEXTS: dict[str, Any] = {
    "account": "default",
    "cluster_id": "c1",
    "name": "train-1",
    "project_id": "p1",
    "region": "us-east-1",
    "gpu_type": "A100",
    "template_id": "t1",
    "status": "running",
    "flags": "",
}
_NULLS = (
    "expires_at",
    "created_at",
    "last_busy_at",
    "gpu_max_pct",
    "memory_max_pct",
    "cpu_max_pct",
)


def make_row(date: str, **values: Any) -> dict[str, Any]:  # noqa: ANN401
    """One ledger row: a cluster that runs all day at 10.00 an hour, observed every hour.

    ``gpu`` is its GPU use all day (None: no reading), ``memory`` and ``cpu`` likewise; ``hours``
    the hours it ran and ``seen`` the clock hours of its observations. ``is_random``: each was taken
    at a random instant of its hour. Any ledger column may be given.
    """
    gpu, memory, cpu = (values.pop(m, d) for m, d in (("gpu", 0.0), ("memory", 1.0), ("cpu", 1.0)))
    hours = values.pop("hours", 24)
    seen = list(values.pop("seen", range(24)))
    is_random = values.pop("is_random", True)
    midnight = pd.Timestamp(date)
    row: dict[str, Any] = {c.name: 0 for c in schema.LEDGER.columns}
    row |= _TEXTS | dict.fromkeys(_NULLS) | {"date": midnight, "has_moved": False}
    row |= {"gpu_count": 8, "hourly_rate_micros": 10 * UNIT, "looks": len(seen)}
    rate = values.get("hourly_rate_micros", row["hourly_rate_micros"]) or 0
    spend = values.get("spend_micros", hours * rate)
    row |= dict.fromkeys(("spend_micros", "spend_low_micros", "spend_high_micros"), spend)
    row |= {"metered_micros": spend or 0, "observed_seconds": 24 * HOUR}
    row |= {"running_seconds": hours * HOUR, "stopped_seconds": (24 - hours) * HOUR}
    near = min(hours, len(seen)) * HOUR
    row["band_unseen_seconds"] = hours * HOUR - near
    mask = sum(1 << h for h in seen) if near else 0
    if gpu is None:
        row["band_no_metrics_seconds"] = near
    else:
        low = 0
        for name, high in zip(schema.BAND_COLUMNS, schema.BAND_EDGES_PCT, strict=True):
            row[name] = near if low < gpu <= high or (gpu == 0 and low == 0) else 0
            low = high
        row["hours_observed"] = mask
        if gpu > schema.BUSY_ABOVE_PCT and mask:
            row["hours_busy"] = mask
            row["last_busy_at"] = (midnight + pd.Timedelta(hours=max(seen))).tz_localize("UTC")
    if is_random and not (gpu is None and hours):
        row |= {"random_samples": len(seen), "random_seconds": len(seen) * HOUR}
        row["random_interval_seconds"] = HOUR
        row["random_busy_samples"] = len(seen) if (gpu or 0) > schema.BUSY_ABOVE_PCT else 0
    for metric, value in (("gpu", gpu), ("memory", memory), ("cpu", cpu)):
        if value is not None:
            row[f"{metric}_weight_seconds"] = near
            row[f"{metric}_sum_mpct_seconds"] = round(near * value * 1000)
            row[f"{metric}_max_pct"] = float(value)
    row["first_observed_at"] = midnight.tz_localize("UTC")
    row["last_observed_at"] = (midnight + pd.Timedelta(hours=23)).tz_localize("UTC")
    unknown = set(values) - set(row)
    assert not unknown, f"no such ledger column: {unknown}"
    return row | values


def make_ledger(*rows: dict[str, Any]) -> pd.DataFrame:
    """The ledger frame of ``rows``."""
    if not rows:
        return schema.LEDGER.empty()
    return schema.LEDGER.enforce(pd.DataFrame(list(rows)))


def make_days(first: str, days: int, **values: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    """The same row on ``days`` days in a row."""
    return [make_row(str(d.date()), **values) for d in pd.date_range(first, periods=days)]


@pytest.fixture(scope="session")
def row() -> Callable[..., dict[str, Any]]:
    return make_row


@pytest.fixture(scope="session")
def days() -> Callable[..., list[dict[str, Any]]]:
    return make_days


@pytest.fixture(scope="session")
def ledger() -> Callable[..., pd.DataFrame]:
    return make_ledger
