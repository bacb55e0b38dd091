"""What an action on a cluster would save over the next 30 days, and what may be counted.

Run rate: the cluster's own spend in the rules' window, per day it was listed, times the days ahead:
30, or those until it expires by itself. It follows what the cluster really ran and cost, not
rate x 730: a cluster that runs an hour a day costs an hour a day. A rule may have a basis of its
own, such as what its stopped hours were charged.

Counted: the same, but at most the trailing spend (the last 30 days of the ledger). So a cluster
that is three days old counts at most what it has cost so far; its saving at the run rate is stated
beside it. Both assume that the cluster goes on as it was: past idleness does not promise that. On
real machines, 26 to 68 % of those that were idle for two weeks worked again within 30 days.

Per action: gross = the expected spend the action ends; remaining = what is charged nevertheless
(storage while stopped, at the rate its own stopped hours were charged, else the fleet's median
share of the running rate); net = gross - remaining. A schedule saves the share of running time that
was seen in off-hours (their samples, an hour each, over the running time: unsampled time counts as
needed), and the storage of those hours stays charged. A resize saves the share of GPUs that neither
the 95th percentile of GPU use nor the highest memory use needs, a move the difference to the peers'
median price.

Counting: actions on one cluster exclude each other. The one with the highest net saving counts,
ties in the order terminate, stop, schedule, resize, move; every other row counts 0. Hence the
fleet's saving is the sum of the counted rows and never exceeds the fleet's trailing spend.
Suspected findings count nothing; what they may save is stated apart, for clusters without a counted
saving.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.rules import ACTIONS
from pipeline.transform.fold import ratio

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from pipeline.arrays import Floats, Ints
    from pipeline.rules import Basis


DAYS_AHEAD = 30
HEADROOM = 0.80
"""After a resize the present 95th percentile may fill this much of the GPUs that remain."""
MEMORY_HEADROOM = 0.90
"""After a resize the present highest memory use may fill this much of the GPUs that remain."""


@dataclass(frozen=True)
class Saving:
    """Micros over the next 30 days, per row of the evidence."""

    gross: Ints
    remaining: Ints

    @property
    def net(self) -> Ints:
        """What is left of the gross saving."""
        return self.gross - self.remaining


def run_rate(evidence: pd.DataFrame, basis: Basis | None = None) -> Ints:
    """Spend of the next 30 days if nothing changes, or of those until the cluster expires."""
    if basis is None:
        spend = evidence["spend_micros"].to_numpy(np.float64, na_value=0.0)
        listed = np.maximum(evidence["observed_days"].to_numpy(np.float64), 1.0)
        return _floored(spend / listed * days_ahead(evidence))
    charged = evidence[basis.money].to_numpy(np.float64, na_value=0.0)
    per_hour = ratio(charged, evidence[basis.hours].to_numpy(np.float64), 0.0)
    ahead = days_ahead(evidence) * 24.0
    if basis.lasts is not None:
        ahead = np.minimum(ahead, evidence[basis.lasts].to_numpy(np.float64))
    return _floored(per_hour * ahead)


def capped(expected: Ints, evidence: pd.DataFrame) -> Ints:
    """``expected``, at most the trailing spend."""
    trailing = evidence["trailing_spend_micros"].to_numpy(np.int64, na_value=0)
    most: Ints = np.minimum(expected, np.maximum(trailing, 0))
    return most


def days_ahead(evidence: pd.DataFrame) -> Floats:
    """30, or the days until the cluster ends by itself."""
    left: Floats = evidence["days_to_expiry"].fillna(DAYS_AHEAD).to_numpy(np.float64)
    return np.minimum(left, float(DAYS_AHEAD))


def of_action(action: str, evidence: pd.DataFrame, expected: Ints) -> Saving:
    """The saving of one action on every cluster of the evidence.

    ``expected``: the spend of the next 30 days, at the run rate or capped.
    """
    nothing = np.zeros(len(expected), dtype=np.int64)
    if action == "terminate":
        return Saving(expected, nothing)
    if action == "stop":
        return Saving(expected, np.minimum(_storage_while_stopped(evidence), expected))
    if action == "resize":
        return Saving(_part(expected, spare_share(evidence)), nothing)
    if action == "schedule":
        off = evidence["off_hours_samples"].to_numpy(np.float64)
        share = ratio(off, evidence["running_hours"].to_numpy(np.float64), 0.0)
        gross = _part(expected, share)
        return Saving(gross, np.minimum(_part(_storage_while_stopped(evidence), share), gross))
    if action == "move":
        share_above = 1.0 - 1.0 / evidence["price_ratio"].to_numpy(np.float64)
        return Saving(_part(expected, np.nan_to_num(share_above)), nothing)
    return Saving(nothing, nothing)


def count(net: Ints, action: NDArray[np.object_], cluster: Ints) -> Ints:
    """The counted saving of each row: the best row of each cluster counts, the others 0."""
    order = {name: rank for rank, name in enumerate(ACTIONS)}
    preference = np.array([order[name] for name in action], dtype=np.int64)
    best_first = np.lexsort((preference, -net, cluster))
    is_best = np.ones(len(net), dtype=bool)
    is_best[1:] = cluster[best_first][1:] != cluster[best_first][:-1]
    counted = np.zeros(len(net), dtype=np.int64)
    counted[best_first[is_best]] = net[best_first[is_best]]
    return counted


def _floored(micros: Floats) -> Ints:
    return np.maximum(np.floor(micros), 0.0).astype(np.int64)


def _part(micros: Ints, share: Floats) -> Ints:
    return np.floor(micros * np.clip(share, 0.0, 1.0)).astype(np.int64)


@dataclass(frozen=True)
class GpuNeed:
    """GPUs that each cluster needs; NaN where the number of GPUs or their use is unknown."""

    for_work: Floats
    """To hold its 95th percentile of GPU use, with headroom."""
    for_memory: Floats
    """To hold its highest memory use, with headroom; all of them where that is unknown."""
    gpus: Floats
    """For both: at least one, at most those it has."""


def gpu_need(evidence: pd.DataFrame) -> GpuNeed:
    """How many GPUs would do, for every cluster of the evidence."""
    gpus = evidence["gpu_count"].to_numpy(np.float64, na_value=np.nan)
    p95 = evidence["gpu_p95_pct"].to_numpy(np.float64, na_value=np.nan)
    memory = evidence["memory_max_pct"].to_numpy(np.float64, na_value=100.0)
    for_work = np.ceil(gpus * p95 / 100.0 / HEADROOM)
    for_memory = np.ceil(gpus * memory / 100.0 / MEMORY_HEADROOM)
    needed: Floats = np.minimum(np.maximum(np.maximum(for_work, for_memory), 1.0), gpus)
    return GpuNeed(for_work, for_memory, needed)


def spare_share(evidence: pd.DataFrame) -> Floats:
    """The share of GPUs that are not needed; 0 where it is unknown."""
    gpus = evidence["gpu_count"].to_numpy(np.float64, na_value=0.0)
    return np.nan_to_num(ratio(gpus - gpu_need(evidence).gpus, gpus, 0.0))


def _storage_while_stopped(evidence: pd.DataFrame) -> Ints:
    """What 30 stopped days are expected to cost."""
    charged = evidence["stopped_spend_micros"].to_numpy(np.float64)
    hours = evidence["stopped_seconds"].to_numpy(np.float64) / 3600.0
    is_charged = (hours > 0) & (charged > 0)
    own = np.divide(charged, hours, out=np.full(len(hours), np.nan), where=is_charged)
    rate = evidence["hourly_rate_micros"].to_numpy(np.float64, na_value=np.nan)
    shares = own / np.where(rate > 0, rate, np.nan)
    known = shares[np.isfinite(shares)]
    typical = float(np.median(known)) if len(known) else 0.0
    per_hour = np.where(np.isnan(own), typical * np.nan_to_num(rate), own)
    return _floored(per_hour * days_ahead(evidence) * 24.0)
