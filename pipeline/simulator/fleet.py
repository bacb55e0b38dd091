"""The synthetic fleet: drawn once from a seed, asked at any time, in any order.

``at`` says what the API would show; ``truth`` says what really happened, which no API shows.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pipeline.simulator import clusters as roster
from pipeline.simulator import schedule
from pipeline.simulator.clusters import (
    GPU_TYPES,
    PROJECTS,
    REGIONS,
    TEMPLATES,
    Clusters,
    ClusterShares,
)
from pipeline.simulator.lifecycles import NEVER, RUNNING, STATUSES, Lifecycles
from pipeline.simulator.noise import uniform
from pipeline.simulator.parameters import Parameters
from pipeline.simulator.profiles import PROFILES, readings

if TYPE_CHECKING:
    from pipeline.arrays import Floats, Ints, Positions, Texts

_DAY = 86_400
_HOUR = 3600
_METRICS_CHANNEL = 40


@dataclass(frozen=True)
class State:
    """The listed clusters at one second: positions into the fleet's arrays."""

    t: int
    rows: Positions
    """The clusters, oldest position first."""
    segments: Positions
    """Their present segments."""

    def taken(self, places: Positions) -> State:
        """The clusters at these places of the state, in that order."""
        return State(self.t, self.rows[places], self.segments[places])


class Fleet:
    """A synthetic fleet and its whole history.

    Args:
        seed: the same seed, size, start, days and parameters give the same fleet.
        clusters: how many exist when the window begins.
        start: when the window begins; it has a timezone.
        days: its length. Before it the fleet is young, after it nothing new happens.
        parameters: see :class:`Parameters`.
    """

    roster: Clusters
    lives: Lifecycles

    def __init__(
        self, seed: int, clusters: int, start: datetime, days: int, **parameters: object
    ) -> None:
        settings = Parameters(**parameters)  # type: ignore[arg-type]
        first = seconds_of(start)
        births, shorts = (
            round(share * clusters * days)
            for share in (settings.births_per_day, settings.short_lived_per_day)
        )
        window = schedule.Window(first, first + days * _DAY, clusters, births)
        rng = np.random.default_rng(seed)
        shares = ClusterShares(
            profiles=settings.profiles,
            no_metrics_share=settings.no_metrics_share,
            half_metrics_share=settings.half_metrics_share,
            cpu_only_share=settings.cpu_only_share,
        )
        self.seed = seed
        self.roster = roster.draw(rng, seed, clusters + births + shorts, shares)
        self.lives = schedule.draw(rng, self.roster, window, settings)

    def with_parts(self, roster: Clusters, lives: Lifecycles) -> Fleet:
        """Another fleet made of these parts; this one stays as it is."""
        other = copy(self)
        other.roster, other.lives = roster, lives
        return other

    def state(self, t: int) -> State:
        """Who is listed at ``t`` (seconds since 1970)."""
        segments = self.lives.alive(t)
        return State(t, self.lives.cluster[segments], segments)

    def metrics(self, state: State) -> tuple[Floats, Floats, Floats]:
        """GPU, memory and CPU utilization; NaN where none is reported."""
        who = self.roster
        offsets = _OFFSETS[who.region[state.rows]]
        shown = readings(who.profile[state.rows], who.key[state.rows], offsets, state.t)
        reports = (
            uniform(who.key[state.rows], state.t // _HOUR, _METRICS_CHANNEL)
            < who.reports_share[state.rows]
        )
        is_read = (self.lives.status[state.segments] == RUNNING) & reports
        return (
            np.where(is_read, shown.gpu, np.nan),
            np.where(is_read, shown.memory, np.nan),
            np.where(is_read, shown.cpu, np.nan),
        )

    def at(self, t: datetime) -> pd.DataFrame:
        """Every listed cluster as the API would show it at ``t``; money in micros."""
        state = self.state(seconds_of(t))
        who, lives, rows = self.roster, self.lives, state.rows
        gpu, memory, cpu = self.metrics(state)
        return pd.DataFrame(
            {
                "cluster_id": who.cluster_id[rows],
                "name": who.name[rows],
                "description": who.description[rows],
                "status": _words(STATUSES, lives.status[state.segments]),
                "gpu_type": _words(GPU_TYPES, who.gpu_type[rows]),
                "gpu_count": who.gpu_count[rows],
                "cpu_cores": who.cpu_cores[rows],
                "memory_gb": who.memory_gb[rows],
                "storage_gb": who.storage_gb[rows],
                "region": _words(REGIONS, who.region[rows]),
                "project_id": _words(PROJECTS, who.project[rows]),
                "template_id": _words(TEMPLATES, who.template[rows]),
                "ssh_enabled": who.ssh_enabled[rows],
                "gpu_utilization_pct": gpu,
                "memory_utilization_pct": memory,
                "cpu_utilization_pct": cpu,
                "hourly_rate_micros": lives.rate[state.segments],
                "current_session_cost_micros": lives.session_cost(state.segments, state.t),
                "total_cost_micros": lives.total_cost(state.segments, state.t),
                "created_at": _times(lives.created[rows]),
                "updated_at": _times(lives.start[state.segments]),
                "expires_at": _times(lives.expires[rows]),
            }
        )

    def truth(self, start: datetime, end: datetime) -> pd.DataFrame:
        """What every cluster that lived in [start, end) really cost and did there."""
        first, last = seconds_of(start), seconds_of(end)
        before, after = self.lives.sums(first), self.lives.sums(last)
        lived = np.flatnonzero((self.lives.created < last) & (self.lives.gone > first))
        who = self.roster
        return pd.DataFrame(
            {
                "cluster_id": who.cluster_id[lived],
                "name": who.name[lived],
                "project_id": _words(PROJECTS, who.project[lived]),
                "gpu_type": _words(GPU_TYPES, who.gpu_type[lived]),
                "region": _words(REGIONS, who.region[lived]),
                "profile": _words(PROFILES, who.profile[lived]),
                "spend_micros": (after.cost - before.cost)[lived],
                "stopped_spend_micros": (after.stopped_cost - before.stopped_cost)[lived],
                "running_seconds": (after.running_seconds - before.running_seconds)[lived],
                "created_at": _times(self.lives.created[lived]),
                "gone_at": _times(self.lives.gone[lived]),
            }
        )


_OFFSETS = np.array([roster.UTC_OFFSET_HOURS[region] for region in REGIONS])


def seconds_of(t: datetime) -> int:
    """Whole seconds since 1970."""
    if t.tzinfo is None:
        raise ValueError(f"{t} has no timezone; simulated times are UTC")
    return int(t.timestamp() // 1)


def time_of(seconds: int) -> datetime:
    """The UTC time of so many seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC)


def _words(vocabulary: tuple[str, ...], codes: Ints) -> Texts:
    return np.array(vocabulary, dtype=object)[codes]


def _times(seconds: Ints) -> pd.Series[pd.Timestamp]:
    """UTC timestamps; ``NEVER`` becomes null."""
    stamps = pd.Series(pd.to_datetime(seconds, unit="s", utc=True))
    return stamps.astype("datetime64[us, UTC]").where(seconds != NEVER)
