"""Draws the lifecycles: when clusters are created, start, stop, fail and end.

All draws are vectorised over clusters; the only loop is over the nth session of all clusters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pipeline.simulator.clusters import REGIONS, UTC_OFFSET_HOURS, Clusters
from pipeline.simulator.lifecycles import NEVER, Lifecycles, Sessions, Spans, build_lifecycles
from pipeline.simulator.profiles import CODE

if TYPE_CHECKING:
    from pipeline.arrays import Bools, Floats, Ints, Positions
    from pipeline.simulator.fleet_parameters import Parameters

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_CENT = 10_000
_TAIL_DAYS = 3
"""Starts and stops are drawn this far beyond the window; after that nothing changes."""
_SCHEDULED_SHARE = 0.5
"""Of the office clusters, those stopped out of hours; the others keep running idle."""
_CYCLIC_SHARE = 0.4
"""Of the bursty clusters, those that are stopped between jobs."""
_STUCK_SHARE = 0.002
"""Sessions that stay in ``stopping`` for days, still charged."""


@dataclass(frozen=True)
class Window:
    """The simulated days, in seconds since 1970, and the numbers of clusters in them."""

    start: int
    end: int
    existing: int
    """Number of clusters that exist when the window begins: the first ones."""
    births: int
    """Number of clusters created in the window: the next ones. The rest are short-lived."""


def draw_lifecycles(
    rng: np.random.Generator, clusters: Clusters, window: Window, parameters: Parameters
) -> Lifecycles:
    """The lifecycle of each cluster."""
    spans = _spans(rng, clusters, window, parameters)
    first = spans.created + _seconds(rng, np.full(len(clusters), 40.0), 0.8)
    first[_stuck_pending(rng, clusters, parameters)] = NEVER
    until = np.minimum(spans.gone, window.end + _TAIL_DAYS * _DAY)
    scheduled = (clusters.profile == CODE["office"]) & (
        rng.random(len(clusters)) < _SCHEDULED_SHARE
    )
    rhythms = _rhythms(rng, clusters, scheduled)
    starts = _joined(
        _renewals(rng, first, until, rhythms),
        _office_days(rng, clusters, np.flatnonzero(scheduled), first, until),
    )
    return build_lifecycles(spans, _sessions(rng, clusters, parameters, starts))


def _spans(
    rng: np.random.Generator, clusters: Clusters, window: Window, parameters: Parameters
) -> Spans:
    """Creation and end of every cluster."""
    count, span = len(clusters), window.end - window.start
    row = np.arange(count)
    is_existing = row < window.existing
    is_short = row >= window.existing + window.births
    is_zombie = clusters.profile == CODE["zombie"]

    mean_age = parameters.history_days * _DAY / 3
    oldest = parameters.history_days * _DAY
    age = _HOUR + rng.exponential(mean_age, count)
    age = np.where(age < oldest, age, rng.uniform(_HOUR, oldest, count))
    age = np.where(is_zombie, np.maximum(age, mean_age), age).astype(np.int64)
    created = np.where(
        is_existing, window.start - age, window.start + (rng.random(count) * span).astype(np.int64)
    )
    _share_seconds(rng, created, window, parameters)

    gone = np.full(count, NEVER)
    can_die = is_existing & ~is_zombie
    chance = parameters.deaths_per_day * span / _DAY
    dies = can_die & (rng.random(count) < chance)
    gone[dies] = window.start + (rng.random(count) * span).astype(np.int64)[dies]
    gone[is_short] = (created + _seconds(rng, np.full(count, 90.0 * _MINUTE), 1.0))[is_short]

    expires = np.full(count, NEVER)
    sets_expiry = ~is_zombie & ~is_short & (rng.random(count) < parameters.expiry_share)
    lifetime = (rng.uniform(1.0, 45.0, count) * _DAY).astype(np.int64)
    expires[sets_expiry] = (np.maximum(created, window.start) + lifetime)[sets_expiry]
    gone = np.maximum(np.minimum(gone, expires), created + _MINUTE)

    charged = rng.random(count) < parameters.storage_charged_share
    storage = (clusters.rate_micros * parameters.storage_rate_share).astype(np.int64)
    return Spans(created, gone, expires, clusters.rate_micros, charged * storage)


def _share_seconds(
    rng: np.random.Generator, created: Ints, window: Window, parameters: Parameters
) -> None:
    """Create some clusters in the same second as another: in pairs, and in one bulk."""
    n = window.existing
    if n > 1:
        twins = 1 + np.flatnonzero(rng.random(n - 1) < parameters.twin_share)
        created[twins] = created[twins - 1]
    created[: min(parameters.bulk, n)] = window.start - 2 * _DAY


def _stuck_pending(
    rng: np.random.Generator, clusters: Clusters, parameters: Parameters
) -> Positions:
    """Clusters that stay pending for ever."""
    waits = rng.random(len(clusters)) < parameters.stuck_pending_share
    return np.flatnonzero(waits & (clusters.profile == CODE["busy"]))


@dataclass(frozen=True)
class _Rhythms:
    """Medians (seconds) and spreads of running and stopped time, per cluster."""

    on: Floats
    on_sigma: Floats
    off: Floats
    off_sigma: Floats


def _rhythms(rng: np.random.Generator, clusters: Clusters, scheduled: Bools) -> _Rhythms:
    profile = clusters.profile
    cyclic = (profile == CODE["bursty"]) & (rng.random(len(clusters)) < _CYCLIC_SHARE)
    which = [cyclic, profile == CODE["parked"], scheduled, profile == CODE["zombie"]]
    return _Rhythms(
        on=np.select(which, [7.0 * _HOUR, 18.0 * _HOUR, 3.0 * _HOUR, float(NEVER)], 20.0 * _DAY),
        on_sigma=np.select(which, [0.7, 0.8, 0.3, 0.0], 0.9),
        # The default is a steady cluster, which restarts within minutes.
        off=np.select(which, [11.0 * _HOUR, 40.0 * _DAY, float(NEVER), 1.0], 20.0 * _MINUTE),
        off_sigma=np.select(which, [0.9, 0.6, 0.0, 0.0], 1.0),
    )


class _Starts(NamedTuple):
    """Starts of clusters and their intended running time, in seconds."""

    cluster: Positions
    at: Ints
    running: Ints


def _joined(*parts: _Starts) -> _Starts:
    return _Starts(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _renewals(rng: np.random.Generator, first: Ints, until: Ints, rhythms: _Rhythms) -> _Starts:
    """Alternate running and stopped time, session by session, until the end of each cluster."""
    at = first.copy()
    active = np.flatnonzero(at < until)
    parts = [_Starts(active[:0], at[:0], at[:0])]
    while active.size:
        running = _seconds(rng, rhythms.on[active], rhythms.on_sigma[active])
        parts.append(_Starts(active, at[active], running))
        rest = _seconds(rng, rhythms.off[active], rhythms.off_sigma[active])
        at[active] += running + rest + 10 * _MINUTE
        active = active[at[active] < until[active]]
    return _joined(*parts)


def _office_days(
    rng: np.random.Generator, clusters: Clusters, rows: Positions, first: Ints, until: Ints
) -> _Starts:
    """Starts in the morning and stops in the evening of working days, in local time."""
    if not rows.size:
        return _Starts(rows, first[rows], first[rows])
    offsets = np.array([UTC_OFFSET_HOURS[region] for region in REGIONS])[clusters.region[rows]]
    days = np.arange(first[rows].min() // _DAY - 1, until[rows].max() // _DAY + 2)
    days = days[(days + 3) % 7 < 5]  # noqa: PLR2004 (1 January 1970 was a Thursday)
    shape = (rows.size, days.size)
    opens = days * _DAY + (8 - offsets[:, None]) * _HOUR
    at = opens + rng.integers(-40 * _MINUTE, 60 * _MINUTE, shape)
    running = rng.integers(8 * _HOUR, 11 * _HOUR, shape)
    is_lived = (at > first[rows][:, None]) & (at < until[rows][:, None])
    return _Starts(np.broadcast_to(rows[:, None], shape)[is_lived], at[is_lived], running[is_lived])


def _sessions(
    rng: np.random.Generator, clusters: Clusters, parameters: Parameters, starts: _Starts
) -> Sessions:
    """The sessions of these starts, with their rates and ends."""
    count = len(starts.cluster)
    steady = clusters.profile[starts.cluster] == CODE["zombie"]
    fails = ~steady & (rng.random(count) < parameters.error_share)
    hangs = rng.random(count) < _STUCK_SHARE
    ending = np.select(
        [fails, hangs],
        [_seconds(rng, np.full(count, 3.0 * _HOUR), 1.0), rng.integers(_DAY, 5 * _DAY, count)],
        _seconds(rng, np.full(count, 200.0), 0.8),
    )
    factor = rng.choice((1.0, 0.9, 0.95, 1.05, 1.15), count, p=(0.84, 0.04, 0.04, 0.04, 0.04))
    factor[steady] = 1.0
    rate = _to_cents(clusters.rate_micros[starts.cluster] * factor)
    is_repriced = ~steady & (rng.random(count) < parameters.reprice_share)
    kept = np.where(is_repriced, rng.uniform(0.2, 0.8, count), 1.0)
    before = (starts.running * kept).astype(np.int64)
    return Sessions(
        cluster=starts.cluster,
        at=starts.at,
        starting=_seconds(rng, np.full(count, 150.0), 0.5),
        running=before,
        running_repriced=starts.running - before,
        ending=ending,
        fails=fails,
        rate=rate,
        repriced_rate=np.where(is_repriced, _to_cents(rate * rng.choice((0.9, 1.1), count)), rate),
    )


def _to_cents(micros: Floats) -> Ints:
    return np.maximum((np.round(micros / _CENT) * _CENT).astype(np.int64), _CENT)


def _seconds(rng: np.random.Generator, median: Floats, sigma: Floats | float) -> Ints:
    """Lognormal durations of at least 20 seconds."""
    lengths = median * np.exp(sigma * rng.standard_normal(len(median)))
    return np.clip(lengths, 20.0, float(NEVER)).astype(np.int64)
