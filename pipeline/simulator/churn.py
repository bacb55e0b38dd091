"""Clusters that are created and deleted between requests, and a record of which existed when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipeline.simulator.clusters import ClusterShares, draw_clusters
from pipeline.simulator.fleet import seconds_of
from pipeline.simulator.fleet_parameters import Parameters

if TYPE_CHECKING:
    from datetime import datetime

    from pipeline.arrays import Bools
    from pipeline.simulator.fleet import Fleet

_BIRTH_SEED = 0xB1127


class Churn:
    """A changing fleet.

    Args:
        fleet: The fleet at the beginning, which is not changed.
        births: Clusters created before each request, on average.
        deaths: Clusters deleted before each request, on average.
        backdated_seconds: New clusters have a creation time up to this long ago, so that they
            appear in the middle of a list sorted by it.
        seed: The same seed changes the same clusters in the same order.
    """

    def __init__(
        self,
        fleet: Fleet,
        *,
        births: float = 1.0,
        deaths: float = 1.0,
        backdated_seconds: int = 0,
        seed: int = 0,
    ) -> None:
        self.fleet = fleet
        self._births, self._deaths = births, deaths
        self._backdated = backdated_seconds
        self._rng = np.random.default_rng([_BIRTH_SEED, seed])
        self._ever = np.zeros(len(fleet.clusters), np.bool_)
        self._throughout: Bools | None = None

    def step(self, now: datetime) -> None:
        """Change the fleet before the request served at ``now``."""
        t = seconds_of(now)
        if self._throughout is None:
            self._record_listed(t)
        if born := int(self._rng.poisson(self._births)):
            self._create(born, t)
        if died := int(self._rng.poisson(self._deaths)):
            alive = self.fleet.state(t).rows
            removed = self._rng.choice(alive, min(died, len(alive)), replace=False)
            self.fleet = self.fleet.with_parts(
                self.fleet.clusters, self.fleet.lifecycles.with_end(removed, t)
            )
        self._record_listed(t)

    def forget(self) -> None:
        """Reset :attr:`alive_throughout` and :attr:`ever_alive`: a new walk begins."""
        self._throughout = None
        self._ever[:] = False

    @property
    def alive_throughout(self) -> set[str]:
        """Ids listed before the first request and at every later one."""
        kept = self._throughout
        return set() if kept is None else set(self.fleet.clusters.cluster_id[kept])

    @property
    def ever_alive(self) -> set[str]:
        """Ids listed at any time since the first request."""
        return set(self.fleet.clusters.cluster_id[self._ever])

    def _create(self, count: int, t: int) -> None:
        clusters = self.fleet.clusters
        shares = ClusterShares(
            profiles=Parameters().profiles,
            no_metrics_share=0.0,
            half_metrics_share=0.0,
            cpu_only_share=0.0,
        )
        new = draw_clusters(self._rng, self.fleet.seed, count, shares, first=len(clusters))
        created = t - self._rng.integers(0, self._backdated + 1, count)
        lifecycles = self.fleet.lifecycles.with_new(created, new.rate_micros)
        self.fleet = self.fleet.with_parts(clusters.concat(new), lifecycles)

    def _record_listed(self, t: int) -> None:
        alive = np.zeros(len(self.fleet.clusters), np.bool_)
        alive[self.fleet.state(t).rows] = True
        missing = len(alive) - len(self._ever)
        self._ever = np.append(self._ever, np.zeros(missing, np.bool_)) | alive
        if self._throughout is None:
            self._throughout = alive
        else:
            self._throughout = np.append(self._throughout, np.zeros(missing, np.bool_)) & alive
