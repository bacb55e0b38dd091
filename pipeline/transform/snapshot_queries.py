"""The API documentation's examples over the whole fleet, and the list API's parameters on a frame.

Input: rows of one snapshot (``schema.SNAPSHOT``). The results are about one moment, from one
reading per cluster. A cluster without a reading or a price is counted and listed separately; it is
neither idle nor free.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from pipeline import schema
from pipeline.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

SORT_COLUMNS = {
    "created_at": "created_at",
    "name": "name",
    "status": "status",
    "gpu_count": "gpu_count",
    "cost": "hourly_rate_micros",
}
"""``sort_by`` of the API, and the column each sorts: its own examples use cost for the rate."""

MAX_LIMIT = 100


@dataclass(frozen=True)
class Overview:
    """The running fleet at a glance; None where nothing is known."""

    total_clusters: int
    total_hourly_cost_micros: int
    average_gpu_utilization_pct: float | None
    """Over the clusters that have a reading."""
    without_utilization: int
    without_rate: int
    """These add nothing to the total: it is a lower bound when this is not 0."""
    total_gpus: int = 0
    weighted_gpu_utilization_pct: float | None = None
    """The same mean with each cluster weighted by its GPUs."""
    without_gpu_count: int = 0
    """These add nothing to ``total_gpus``."""


GROUPS = ("status", "gpu_type", "region", "project_id")
"""What an overview can be cut by."""


def overview(frame: pd.DataFrame, *, status: str | None = "running") -> Overview:
    """How many clusters run, what they cost an hour, how busy their GPUs are."""
    rows = frame if status is None else frame[_equals(frame["status"], status)]
    reading, rate = rows["gpu_utilization_pct"], rows["hourly_rate_micros"]
    return Overview(
        total_clusters=len(rows),
        total_hourly_cost_micros=int(rate.dropna().sum()),
        average_gpu_utilization_pct=float(reading.mean()) if reading.notna().any() else None,
        without_utilization=int(reading.isna().sum()),
        without_rate=int(rate.isna().sum()),
        total_gpus=int(rows["gpu_count"].dropna().sum()),
        weighted_gpu_utilization_pct=_weighted_use(rows),
        without_gpu_count=int(rows["gpu_count"].isna().sum()),
    )


def overview_by(frame: pd.DataFrame, group: str, *, status: str | None = "running") -> pd.DataFrame:
    """The overview of each value of ``group``, highest cost first; an unknown value is null.

    Columns: ``group``, clusters, gpus, ``hourly_rate_micros``, ``gpu_utilization_pct`` (weighted by
    GPUs), without_utilization, without_rate. By status, the clusters of every status.
    """
    is_kept = status is None or group == "status"
    rows = frame if is_kept else frame[_equals(frame["status"], str(status))]
    values = rows[group].astype("object")
    values = values.where(values.notna(), None)
    table = []
    for value in values.unique():
        is_part = values.isna() if value is None else values == value
        part = overview(rows[is_part.to_numpy(bool)], status=None)
        table.append(
            {
                group: value,
                "clusters": part.total_clusters,
                "gpus": part.total_gpus,
                "hourly_rate_micros": part.total_hourly_cost_micros,
                "gpu_utilization_pct": part.weighted_gpu_utilization_pct,
                "without_utilization": part.without_utilization,
                "without_rate": part.without_rate,
            }
        )
    columns = [group, "clusters", "gpus", "hourly_rate_micros", "gpu_utilization_pct"]
    out = pd.DataFrame(table, columns=[*columns, "without_utilization", "without_rate"])
    out = out.astype({"gpu_utilization_pct": "float64"})
    order = ["hourly_rate_micros", "clusters"]
    return out.sort_values(order, ascending=False, kind="stable").reset_index(drop=True)


def _weighted_use(rows: pd.DataFrame) -> float | None:
    """The mean GPU use by GPUs, over the clusters with a reading and a count of GPUs."""
    known = rows[rows["gpu_utilization_pct"].notna() & rows["gpu_count"].fillna(0).gt(0)]
    gpus = known["gpu_count"].astype("float64")
    return float((known["gpu_utilization_pct"] * gpus).sum() / gpus.sum()) if len(known) else None


SEARCHED = ("name", "description", "project_id")
"""Where the words of a development cluster can be."""


def dev_clusters(
    frame: pd.DataFrame,
    *,
    project_id: str | None = None,
    status: str | None = "stopped",
    gpu_type: str | None = "RTX4090",
    words: Sequence[str] = ("dev", "sandbox"),
    within: Sequence[str] = SEARCHED,
) -> pd.DataFrame:
    """Development clusters that could be used: any of ``words`` in a text, newest first.

    ``within``: the columns that are searched, whatever the case of their letters.
    """
    rows = select(
        frame,
        project_id=project_id,
        status=status,
        gpu_type=gpu_type,
        sort_by="created_at",
        limit=None,
    )
    named = pd.Series(data=False, index=rows.index)
    for word in words:
        for column in within:
            named |= _contains(rows[column], word)
    return rows[named].reset_index(drop=True)


@dataclass(frozen=True)
class Candidates:
    """Expensive and little used clusters, and those for which that is unknown."""

    rows: pd.DataFrame
    unjudged: pd.DataFrame
    """Running without a price, or expensive enough but without a reading."""


def candidates(
    frame: pd.DataFrame,
    *,
    min_hourly_rate: float = 10.0,
    below_utilization_pct: float = 30.0,
    status: str = "running",
) -> Candidates:
    """Running clusters above a rate and below a GPU use, most expensive first."""
    rows = select(frame, status=status, sort_by="cost", limit=None)
    rate, use = rows["hourly_rate_micros"], rows["gpu_utilization_pct"]
    is_expensive = (
        (rate > round(min_hourly_rate * schema.MICROS_PER_UNIT)).fillna(value=False).astype(bool)
    )
    idle = use < below_utilization_pct
    # Without a price, only a busy GPU clears a cluster.
    unknown = (is_expensive & use.isna()) | (rate.isna() & (idle | use.isna()))
    return Candidates(
        rows=rows[is_expensive & idle].reset_index(drop=True),
        unjudged=rows[unknown].reset_index(drop=True),
    )


def select(
    frame: pd.DataFrame,
    *,
    page: int = 1,
    limit: int | None = 20,
    status: str | None = None,
    gpu_type: str | None = None,
    region: str | None = None,
    project_id: str | None = None,
    template_id: str | None = None,
    sort_by: str = "created_at",
    sort_order: Literal["asc", "desc"] = "desc",
    search: str | None = None,
    min_gpu_count: int | None = None,
    max_gpu_count: int | None = None,
    created_after: datetime | None = None,
    created_before: datetime | None = None,
) -> pd.DataFrame:
    """The list API's 14 parameters, applied to a frame as the API would.

    ``limit=None`` gives all rows. A cluster whose value is unknown never matches a filter on it,
    and sorts last either way; equal ones are ordered by account and id, so pages never overlap.

    Raises:
        SettingsError: a parameter that the API would refuse.
    """
    _check(page, limit, sort_by, sort_order)
    keep = pd.Series(data=True, index=frame.index)
    exact = {
        "status": status,
        "gpu_type": gpu_type,
        "region": region,
        "project_id": project_id,
        "template_id": template_id,
    }
    for column, wanted in exact.items():
        if wanted is not None:
            keep &= _equals(frame[column], wanted)
    if search:
        keep &= _contains(frame["name"], search) | _contains(frame["description"], search)
    for column, low, high in (
        ("gpu_count", min_gpu_count, max_gpu_count),
        ("created_at", created_after, created_before),
    ):
        if low is not None:
            keep &= (frame[column] >= low).fillna(value=False).astype(bool)
        if high is not None:
            keep &= (frame[column] <= high).fillna(value=False).astype(bool)
    rows = frame[keep].sort_values(schema.CLUSTER_KEY, kind="stable")
    values = rows[SORT_COLUMNS[sort_by]]
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype("str")
    order = values.reset_index(drop=True).sort_values(
        ascending=sort_order == "asc", na_position="last", kind="stable"
    )
    rows = rows.iloc[order.index.to_numpy()]
    if limit is not None:
        rows = rows.iloc[(page - 1) * limit : page * limit]
    return rows.reset_index(drop=True)


def _check(page: int, limit: int | None, sort_by: str, sort_order: str) -> None:
    if page < 1:
        raise SettingsError(f"page {page}: must be at least 1")
    if limit is not None and not 1 <= limit <= MAX_LIMIT:
        raise SettingsError(f"limit {limit}: must be between 1 and {MAX_LIMIT}")
    if sort_by not in SORT_COLUMNS:
        raise SettingsError(f"sort_by {sort_by}: must be one of {', '.join(SORT_COLUMNS)}")
    if sort_order not in ("asc", "desc"):
        raise SettingsError(f"sort_order {sort_order}: must be asc or desc")


def _equals(values: pd.Series[Any], wanted: str) -> pd.Series[bool]:
    return (values == wanted).fillna(value=False).astype(bool)


def _contains(values: pd.Series[Any], text: str) -> pd.Series[bool]:
    return values.astype("str").str.contains(text, case=False, regex=False, na=False).astype(bool)
