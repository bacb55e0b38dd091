"""What an action on a cluster would save over the next 30 days, and what may be counted.

Basis: expected spend = the cluster's own spend in the rules' window, per day it was listed, times
30. It follows what the cluster really ran and cost, not rate x 730: a cluster that runs an hour a
day costs an hour a day. Expected spend never exceeds the trailing spend (the last 30 days of the
ledger), so a cluster that is three days old can save at most what it has cost so far.

Per action: gross = the expected spend the action ends; remaining = what is charged nevertheless
(storage while stopped, at the rate its own stopped hours were charged, else the fleet's median
share of the running rate); net = gross - remaining. A schedule saves the share of sampled hours
that lie in off-hours, and the storage of those hours stays charged. A resize saves the share of
GPUs that the 95th percentile leaves without work, a move the difference to the peers' median price.

A rule may give a basis of its own (money over hours, e.g. what its stopped hours were charged): the
expected spend is then that hourly charge over 30 days, under the same cap.

Counting: actions on one cluster exclude each other. The one with the highest net saving counts,
ties in the order terminate, stop, schedule, resize, move; every other row counts 0. Hence the
fleet's saving is the sum of the counted rows and never exceeds the fleet's trailing spend.
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


DAYS_AHEAD = 30
HEADROOM = 0.80
"""After a resize the present 95th percentile may fill this much of the GPUs that remain."""
_HOURS_AHEAD = DAYS_AHEAD * 24


@dataclass(frozen=True)
class Saving:
    """Micros over the next 30 days, per row of the evidence."""

    gross: Ints
    remaining: Ints

    @property
    def net(self) -> Ints:
        """What is left of the gross saving."""
        return self.gross - self.remaining


def expected_spend(evidence: pd.DataFrame) -> Ints:
    """Spend of the next 30 days if nothing changes, at most the trailing spend."""
    spend = evidence["spend_micros"].to_numpy(np.float64, na_value=0.0)
    days = np.maximum(evidence["observed_days"].to_numpy(np.float64), 1.0)
    ahead = np.floor(spend / days * DAYS_AHEAD).astype(np.int64)
    trailing = evidence["trailing_spend_micros"].to_numpy(np.int64, na_value=0)
    expected: Ints = np.minimum(np.maximum(ahead, 0), np.maximum(trailing, 0))
    return expected


def of_action(action: str, evidence: pd.DataFrame, basis: tuple[str, str] | None = None) -> Saving:
    """The saving of one action on every cluster of the evidence."""
    expected = expected_spend(evidence) if basis is None else _at_charge(evidence, *basis)
    nothing = np.zeros(len(expected), dtype=np.int64)
    if action == "terminate":
        return Saving(expected, nothing)
    if action == "stop":
        return Saving(expected, np.minimum(_storage_while_stopped(evidence), expected))
    if action == "resize":
        return Saving(_part(expected, _spare_share(evidence)), nothing)
    if action == "schedule":
        off = evidence["off_hours_samples"].to_numpy(np.float64)
        seen = evidence["samples"].to_numpy(np.float64)
        gross = _part(expected, ratio(off, seen, 0.0))
        storage = _part(_storage_while_stopped(evidence), ratio(off, seen, 0.0))
        return Saving(gross, np.minimum(storage, gross))
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


def _at_charge(evidence: pd.DataFrame, money: str, hours: str) -> Ints:
    """30 days at an observed hourly charge, at most the trailing spend."""
    charged = evidence[money].to_numpy(np.float64, na_value=0.0)
    per_hour = ratio(charged, evidence[hours].to_numpy(np.float64), 0.0)
    trailing = evidence["trailing_spend_micros"].to_numpy(np.int64, na_value=0)
    ahead = np.floor(per_hour * _HOURS_AHEAD).astype(np.int64)
    expected: Ints = np.minimum(ahead, np.maximum(trailing, 0))
    return expected


def _part(micros: Ints, share: Floats) -> Ints:
    return np.floor(micros * np.clip(share, 0.0, 1.0)).astype(np.int64)


def gpus_needed(evidence: pd.DataFrame) -> Floats:
    """GPUs that its 95th percentile fills up to the headroom; 0 where it is not known."""
    gpus = evidence["gpu_count"].to_numpy(np.float64, na_value=0.0)
    p95 = evidence["gpu_p95_pct"].to_numpy(np.float64, na_value=np.nan)
    needed: Floats = np.nan_to_num(np.maximum(np.ceil(gpus * p95 / 100.0 / HEADROOM), 1.0))
    return needed


def _spare_share(evidence: pd.DataFrame) -> Floats:
    """The share of GPUs that its 95th percentile, with headroom, leaves without work."""
    gpus = evidence["gpu_count"].to_numpy(np.float64, na_value=0.0)
    needed = gpus_needed(evidence)
    spare = np.where(needed > 0, np.maximum(ratio(gpus - needed, gpus, 0.0), 0.0), 0.0)
    return np.asarray(spare)


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
    ahead: Ints = np.floor(per_hour * _HOURS_AHEAD).astype(np.int64)
    return ahead
