"""The lifecycle of each cluster, drawn in advance as segments of constant status and rate.

The state at a time is then a pure function: find the segment, multiply its rate by the seconds in
it. A jump of the clock over a month costs no more than one over a second. A session is one start:
``starting``, ``running`` (two segments if the rate changes meanwhile), ``stopping`` or ``error``,
then ``stopped`` until the next start. A lifecycle begins with ``pending`` and ends when the cluster
is deleted or expires; then it is no longer listed.

Money: a segment's cost after s seconds is floor(charge x s / 3600) micros. ``running`` and
``stopping`` are charged the hourly rate, ``stopped`` a storage rate for some, the rest nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from pipeline.arrays import Bools, Ints, Positions

STATUSES = ("running", "stopped", "starting", "stopping", "error", "pending")
RUNNING, STOPPED, STARTING, STOPPING, ERROR, PENDING = range(len(STATUSES))

NEVER = 4_102_444_800
"""1 January 2100: later than any clock is set."""

_HOUR = 3600


@dataclass(frozen=True)
class Lifecycles:
    """Segments of all clusters, by cluster and time; they cover each lifecycle without a gap."""

    created: Ints
    """Per cluster, as are the next two. Seconds since 1970."""
    gone: Ints
    """When it is no longer listed; ``NEVER`` for clusters that stay."""
    expires: Ints
    """``NEVER`` if no expiry is set."""
    cluster: Positions
    """Per segment, as are all below."""
    start: Ints
    end: Ints
    status: Ints
    rate: Ints
    """Hourly rate shown, in micros."""
    charge: Ints
    """Hourly rate charged, in micros."""
    cost_before: Ints
    """Lifetime cost when the segment begins."""
    session_before: Ints
    """Cost of the current session when the segment begins."""

    def segments_at(self, t: int) -> Positions:
        """The segment at ``t`` of every cluster listed then, by cluster."""
        return np.flatnonzero((self.start <= t) & (t < self.end))

    def total_cost(self, segments: Positions, t: int) -> Ints:
        """The lifetime counters of clusters in these segments at ``t``."""
        return self.cost_before[segments] + self._cost_within(segments, t)

    def session_cost(self, segments: Positions, t: int) -> Ints:
        """Cost since the last start; unchanged while stopped."""
        in_session = np.isin(self.status[segments], (RUNNING, STOPPING))
        return self.session_before[segments] + in_session * self._cost_within(segments, t)

    def totals(self, t: int) -> LifetimeTotals:
        """Cost and running time of each cluster from its creation to ``t``."""
        seconds = np.clip(t - self.start, 0, self.end - self.start)
        cost = self.charge * seconds // _HOUR
        return LifetimeTotals(
            cost=self._per_cluster(cost),
            stopped_cost=self._per_cluster(cost * (self.status == STOPPED)),
            running_seconds=self._per_cluster(seconds * (self.status == RUNNING)),
        )

    def with_end(self, clusters: Positions, t: int) -> Lifecycles:
        """The same lifecycles, but these clusters are gone from ``t`` on."""
        gone = self.gone.copy()
        gone[clusters] = np.minimum(gone[clusters], t)
        end = np.minimum(self.end, gone[self.cluster])
        kept = np.flatnonzero(end > self.start)
        segments = {name: getattr(self, name)[kept] for name in _SEGMENT_FIELDS}
        return replace(self, gone=gone, **{**segments, "end": end[kept]})

    def with_new(self, created: Ints, rate: Ints) -> Lifecycles:
        """These lifecycles, followed by those of clusters that run from their creation on."""
        count = len(created)
        never, zero = np.full(count, NEVER), np.zeros(count, np.int64)
        new = {
            "created": created,
            "gone": never,
            "expires": never,
            "cluster": len(self.created) + np.arange(count),
            "start": created,
            "end": never,
            "status": np.full(count, RUNNING),
            "rate": rate,
            "charge": rate,
            "cost_before": zero,
            "session_before": zero,
        }
        return Lifecycles(
            **{name: np.append(getattr(self, name), more) for name, more in new.items()}
        )

    def _cost_within(self, segments: Positions, t: int) -> Ints:
        return self.charge[segments] * (t - self.start[segments]) // _HOUR

    def _per_cluster(self, values: Ints) -> Ints:
        sums = np.zeros(len(self.created), np.int64)
        np.add.at(sums, self.cluster, values)
        return sums


_SEGMENT_FIELDS = (
    "cluster",
    "start",
    "end",
    "status",
    "rate",
    "charge",
    "cost_before",
    "session_before",
)


class LifetimeTotals(NamedTuple):
    """Per cluster, since its creation."""

    cost: Ints
    stopped_cost: Ints
    running_seconds: Ints


@dataclass(frozen=True)
class Spans:
    """When each cluster is listed, and what it is charged."""

    created: Ints
    gone: Ints
    expires: Ints
    rate: Ints
    """Of the first session; shown while pending."""
    stopped_charge: Ints


@dataclass(frozen=True)
class Sessions:
    """Starts of clusters, in any order; lengths in seconds."""

    cluster: Positions
    at: Ints
    starting: Ints
    running: Ints
    running_repriced: Ints
    """The rest of its running time, at ``repriced_rate``."""
    ending: Ints
    fails: Bools
    """``error`` instead of ``stopping``."""
    rate: Ints
    repriced_rate: Ints


def build_lifecycles(spans: Spans, sessions: Sessions) -> Lifecycles:
    """The lifecycles of these sessions; each session ends at the next start or at the end."""
    order = np.lexsort((sessions.at, sessions.cluster))
    owner, at = sessions.cluster[order], sessions.at[order]
    last_of_cluster = np.append(owner[1:] != owner[:-1], True)[: len(owner)]
    until = np.where(last_of_cluster, NEVER, np.append(at[1:], NEVER)[: len(owner)])
    # One row per phase of a session; the edges are where the phases begin and end.
    lengths = np.stack(
        [
            sessions.starting[order],
            sessions.running[order],
            sessions.running_repriced[order],
            sessions.ending[order],
        ]
    )
    edges = np.vstack([at, at + np.cumsum(lengths, axis=0), until])
    edges = np.minimum(edges, np.minimum(until, spans.gone[owner]))
    rate, repriced = sessions.rate[order], sessions.repriced_rate[order]
    status = np.empty((5, len(owner)), np.int64)
    status[:] = np.array([STARTING, RUNNING, RUNNING, STOPPING, STOPPED])[:, None]
    status[3, sessions.fails[order]] = ERROR

    count = len(spans.created)
    first_start = np.full(count, NEVER)
    np.minimum.at(first_start, owner, at)
    pending_end = np.minimum(first_start, spans.gone)
    return _from_segments(
        spans,
        cluster=np.concatenate([np.arange(count), np.tile(owner, 5)]),
        start=np.concatenate([spans.created, edges[:5].ravel()]),
        end=np.concatenate([pending_end, edges[1:].ravel()]),
        status=np.concatenate([np.full(count, PENDING), status.ravel()]),
        rate=np.concatenate([spans.rate, np.stack([rate, rate, *[repriced] * 3]).ravel()]),
        session=np.concatenate([np.full(count, -1), np.tile(np.arange(len(owner)), 5)]),
    )


def _from_segments(
    spans: Spans,
    *,
    cluster: Positions,
    start: Ints,
    end: Ints,
    status: Ints,
    rate: Ints,
    session: Positions,
) -> Lifecycles:
    """Order the segments, drop the empty ones and add up what came before each."""
    kept = np.flatnonzero(end > start)
    kept = kept[np.lexsort((start[kept], cluster[kept]))]
    cluster, start, end = cluster[kept], start[kept], end[kept]
    status, rate, session = status[kept], rate[kept], session[kept]
    charge = np.select(
        [(status == RUNNING) | (status == STOPPING), status == STOPPED],
        [rate, spans.stopped_charge[cluster]],
        0,
    )
    cost = charge * (end - start) // _HOUR
    return Lifecycles(
        created=spans.created,
        gone=spans.gone,
        expires=spans.expires,
        cluster=cluster,
        start=start,
        end=end,
        status=status,
        rate=rate,
        charge=charge,
        cost_before=_sum_before(cost, cluster),
        session_before=_sum_before(cost * (status != STOPPED), cluster, session),
    )


def _sum_before(values: Ints, *groups: Positions) -> Ints:
    """The running sum within each group of neighbours, without the present value."""
    if not len(values):
        return values
    before = np.cumsum(values) - values
    is_first = np.zeros(len(values), np.bool_)
    is_first[0] = True
    for group in groups:
        is_first[1:] |= group[1:] != group[:-1]
    begins = np.maximum.accumulate(np.where(is_first, np.arange(len(values)), 0))
    return before - before[begins]
