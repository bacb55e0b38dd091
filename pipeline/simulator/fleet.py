"""The synthetic fleet: drawn once from a seed, then read at any time and in any order.

``at`` is what the API would show; ``truth`` is what really happened, which no API shows.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pipeline.simulator.clusters import (
    GPU_TYPES,
    PROJECTS,
    REGIONS,
    TEMPLATES,
    UTC_OFFSET_HOURS,
    Clusters,
    ClusterShares,
    draw_clusters,
)
from pipeline.simulator.fleet_parameters import Parameters
from pipeline.simulator.lifecycles import NEVER, RUNNING, STATUSES, Lifecycles
from pipeline.simulator.noise import uniform
from pipeline.simulator.profiles import PROFILES, readings
from pipeline.simulator.schedule import Window, draw_lifecycles

if TYPE_CHECKING:
    from pipeline.arrays import Floats, Ints, Positions, Texts

_DAY = 86_400
_HOUR = 3600
_METRICS_CHANNEL = 40


@dataclass(frozen=True)
class FleetState:
    """The listed clusters at one second, as positions in the fleet's arrays."""

    t: int
    rows: Positions
    """Positions of the clusters, ascending."""
    segments: Positions
    """Positions of their current segments."""

    def take(self, places: Positions) -> FleetState:
        """The clusters at these places of the state, in this order."""
        return FleetState(self.t, self.rows[places], self.segments[places])


class Fleet:
    """A synthetic fleet and its complete history.

    Args:
        seed: The same seed, size, start, days and parameters give the same fleet.
        clusters: Number of clusters when the window begins.
        start: When the window begins, with a timezone.
        days: The length of the window. After it no cluster is created and none changes.
        parameters: See :class:`Parameters`.
    """

    clusters: Clusters
    lifecycles: Lifecycles

    def __init__(
        self, seed: int, clusters: int, start: datetime, days: int, **parameters: object
    ) -> None:
        settings = Parameters(**parameters)  # type: ignore[arg-type]
        first = seconds_of(start)
        births, shorts = (
            round(share * clusters * days)
            for share in (settings.births_per_day, settings.short_lived_per_day)
        )
        window = Window(first, first + days * _DAY, clusters, births)
        rng = np.random.default_rng(seed)
        shares = ClusterShares(
            profiles=settings.profiles,
            no_metrics_share=settings.no_metrics_share,
            half_metrics_share=settings.half_metrics_share,
            cpu_only_share=settings.cpu_only_share,
        )
        self.seed = seed
        self.clusters = draw_clusters(rng, seed, clusters + births + shorts, shares)
        self.lifecycles = draw_lifecycles(rng, self.clusters, window, settings)

    def with_parts(self, clusters: Clusters, lifecycles: Lifecycles) -> Fleet:
        """A new fleet with these clusters and lifecycles; this one is not changed."""
        other = copy(self)
        other.clusters, other.lifecycles = clusters, lifecycles
        return other

    def state(self, t: int) -> FleetState:
        """The clusters listed at ``t`` (seconds since 1970)."""
        segments = self.lifecycles.segments_at(t)
        return FleetState(t, self.lifecycles.cluster[segments], segments)

    def metrics(self, state: FleetState) -> tuple[Floats, Floats, Floats]:
        """GPU, memory and CPU utilization; NaN if not reported."""
        clusters = self.clusters
        offsets = _OFFSETS[clusters.region[state.rows]]
        shown = readings(clusters.profile[state.rows], clusters.key[state.rows], offsets, state.t)
        reports = (
            uniform(clusters.key[state.rows], state.t // _HOUR, _METRICS_CHANNEL)
            < clusters.reports_share[state.rows]
        )
        is_read = (self.lifecycles.status[state.segments] == RUNNING) & reports
        return (
            np.where(is_read, shown.gpu, np.nan),
            np.where(is_read, shown.memory, np.nan),
            np.where(is_read, shown.cpu, np.nan),
        )

    def at(self, t: datetime) -> pd.DataFrame:
        """Every listed cluster as the API would show it at ``t``; money in micros."""
        state = self.state(seconds_of(t))
        clusters, lifecycles, rows = self.clusters, self.lifecycles, state.rows
        gpu, memory, cpu = self.metrics(state)
        return pd.DataFrame(
            {
                "cluster_id": clusters.cluster_id[rows],
                "name": clusters.name[rows],
                "description": clusters.description[rows],
                "status": _decoded(STATUSES, lifecycles.status[state.segments]),
                "gpu_type": _decoded(GPU_TYPES, clusters.gpu_type[rows]),
                "gpu_count": clusters.gpu_count[rows],
                "cpu_cores": clusters.cpu_cores[rows],
                "memory_gb": clusters.memory_gb[rows],
                "storage_gb": clusters.storage_gb[rows],
                "region": _decoded(REGIONS, clusters.region[rows]),
                "project_id": _decoded(PROJECTS, clusters.project[rows]),
                "template_id": _decoded(TEMPLATES, clusters.template[rows]),
                "ssh_enabled": clusters.ssh_enabled[rows],
                "gpu_utilization_pct": gpu,
                "memory_utilization_pct": memory,
                "cpu_utilization_pct": cpu,
                "hourly_rate_micros": lifecycles.rate[state.segments],
                "current_session_cost_micros": lifecycles.session_cost(state.segments, state.t),
                "total_cost_micros": lifecycles.total_cost(state.segments, state.t),
                "created_at": _times(lifecycles.created[rows]),
                "updated_at": _times(lifecycles.start[state.segments]),
                "expires_at": _times(lifecycles.expires[rows]),
            }
        )

    def truth(self, start: datetime, end: datetime) -> pd.DataFrame:
        """The true spend and running time in [start, end) of every cluster that existed then."""
        first, last = seconds_of(start), seconds_of(end)
        before, after = self.lifecycles.totals(first), self.lifecycles.totals(last)
        existed = np.flatnonzero((self.lifecycles.created < last) & (self.lifecycles.gone > first))
        clusters = self.clusters
        return pd.DataFrame(
            {
                "cluster_id": clusters.cluster_id[existed],
                "name": clusters.name[existed],
                "project_id": _decoded(PROJECTS, clusters.project[existed]),
                "gpu_type": _decoded(GPU_TYPES, clusters.gpu_type[existed]),
                "region": _decoded(REGIONS, clusters.region[existed]),
                "profile": _decoded(PROFILES, clusters.profile[existed]),
                "spend_micros": (after.cost - before.cost)[existed],
                "stopped_spend_micros": (after.stopped_cost - before.stopped_cost)[existed],
                "running_seconds": (after.running_seconds - before.running_seconds)[existed],
                "created_at": _times(self.lifecycles.created[existed]),
                "gone_at": _times(self.lifecycles.gone[existed]),
            }
        )


_OFFSETS = np.array([UTC_OFFSET_HOURS[region] for region in REGIONS])


def seconds_of(t: datetime) -> int:
    """Whole seconds since 1970."""
    if t.tzinfo is None:
        raise ValueError(f"{t} has no timezone; simulated times are UTC")
    return int(t.timestamp() // 1)


def time_of(seconds: int) -> datetime:
    """The UTC time of ``seconds`` since 1970."""
    return datetime.fromtimestamp(seconds, UTC)


def _decoded(vocabulary: tuple[str, ...], codes: Ints) -> Texts:
    return np.array(vocabulary, dtype=object)[codes]


def _times(seconds: Ints) -> pd.Series[pd.Timestamp]:
    """UTC timestamps; ``NEVER`` becomes null."""
    stamps = pd.Series(pd.to_datetime(seconds, unit="s", utc=True))
    return stamps.astype("datetime64[us, UTC]").where(seconds != NEVER)
