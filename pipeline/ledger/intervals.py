"""Two consecutive observations of a cluster, turned into money and time.

Method. The observations of each cluster are put in time order. Every neighbouring pair A, B is an
interval; so is the time between a cluster's creation and its first sight, and the time between its
last sight and the complete look that misses it. Each interval gets, in this order:

- *money*: the difference of the lifetime cost counter where both ends know it and it did not fall
  (metered: exact whatever happened in between); else rate x running time, between 0 and
  highest rate x elapsed (estimated); null where neither a counter nor a rate is known;
- *running time*: metered money / highest rate, at most the time elapsed; without a counter, what
  the statuses and the session's length (session cost / rate) say;
- *claims*: a look speaks for at most 30 minutes on each side. Running time within reach of a
  running look has that look's utilization, the rest is unseen; other time within reach of a look
  that is not running has that look's status, the rest is a gap.

A complete look that misses a cluster between A and B breaks the pair: A vanished, B is first seen
again. So does a later ``created_at``: the id was used again for another cluster.

Known limits. A cluster born and gone between two looks is in no list. A rate that rose and fell
between two looks without a counter is not seen. Time is cut linearly at midnight; what the cut
may have moved is kept beside the row (``days``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.ledger.observations import (
    CARRIED,
    CREATED,
    OTHER,
    REPLACED,
    RESET,
    RUNNING,
    STOPPED,
    UNKNOWN,
    VANISHED,
    Observations,
)
from pipeline.ledger.split import accrued
from pipeline.model import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pipeline.arrays import Bools, Ints
    from pipeline.model import SnapshotInfo

    Columns = dict[str, NDArray[Any]]

REACH_SECONDS = 1800
"""How far a look speaks on each side: hourly looks leave no gap, and half an hour is short against
the hours over which a GPU's use is judged."""

STOPPED_REACH_SECONDS = 7200
"""Storage is claimed as charged while stopped only between looks at most this far apart."""

SECONDS_PER_HOUR = 3600


def intervals(obs: Observations, looks: Sequence[SnapshotInfo], begin: int, end: int) -> Columns:
    """One element per interval, sorted by cluster: ``code``, its ends ``a`` and ``b`` as positions
    in ``obs`` (-1: none), ``start``/``end`` in Unix seconds, money and time as described above.

    Those that cannot touch [begin, end) are left out before anything is computed of them.
    """
    links = _link(obs, looks).touching(obs, begin, end)
    parts = [
        _with_claims(obs, part)
        for part in (_pairs(obs, links), _vanished(obs, links), _first_seen(obs, links))
    ]
    order = np.argsort(np.concatenate([part["code"] for part in parts]), kind="stable")
    return {name: np.concatenate([part[name] for part in parts])[order] for name in parts[0]}


@dataclass(frozen=True)
class _Links:
    """Which observation follows which, and where a chain begins and ends."""

    a: Ints
    b: Ints
    """Neighbours of one unbroken presence."""
    last: Ints
    """Observations after which the cluster was gone,"""
    gone_at: Ints
    """by this time (Unix seconds),"""
    last_flags: Ints
    first: Ints
    """First sights: born after the complete look before (``is_born``), or carried in."""
    is_born: Bools

    def touching(self, obs: Observations, begin: int, end: int) -> _Links:
        """Those whose interval may touch [begin, end): all that do, and few others."""
        at_a, at_b = obs.time[self.a], obs.time[self.b]
        pairs = (at_a < end) & ((at_b > begin) | (at_a >= begin))
        at_last = obs.time[self.last]
        lasts = (at_last < end) & ((self.gone_at > begin) | (at_last >= begin))
        at_first = obs.time[self.first]
        is_earlier = self.is_born & (obs.created[self.first] < end)
        firsts = (at_first >= begin) & ((at_first < end) | is_earlier)
        return _Links(
            a=self.a[pairs],
            b=self.b[pairs],
            last=self.last[lasts],
            gone_at=self.gone_at[lasts],
            last_flags=self.last_flags[lasts],
            first=self.first[firsts],
            is_born=self.is_born[firsts],
        )


def _link(obs: Observations, looks: Sequence[SnapshotInfo]) -> _Links:
    count = len(obs.code)
    is_complete = np.array([look.state is State.COMPLETE for look in looks], dtype=bool)
    before = np.concatenate([[0], np.cumsum(is_complete)])
    complete = np.flatnonzero(is_complete)
    started = np.array([int(look.started_at.timestamp()) for look in looks], dtype=np.int64)
    finished = np.array([int(look.finished_at.timestamp()) for look in looks], dtype=np.int64)

    same_cluster = np.append(obs.code[1:] == obs.code[:-1], False) if count else np.zeros(0, bool)
    following = np.minimum(np.arange(count) + 1, max(count - 1, 0))
    missed = before[obs.look[following]] > before[obs.look + 1]
    # Born after we saw the id: another cluster has it now, and the old one was gone by then.
    other_birth = (
        (obs.created != UNKNOWN)
        & (obs.created[following] != obs.created)
        & (obs.created[following] > obs.time)
    )
    linked = same_cluster & ~missed & ~other_birth
    replaced = same_cluster & ~missed & other_birth

    # The first complete look after an observation that has no successor shows it gone.
    next_complete = before[obs.look + 1]
    is_seen_gone = ~linked & ~replaced & (next_complete < len(complete))
    last = np.flatnonzero(is_seen_gone | replaced)
    look_gone = (
        complete[np.minimum(next_complete[last], max(len(complete) - 1, 0))]
        if len(complete)
        else np.zeros(len(last), np.int64)
    )
    reborn_at = np.minimum(obs.created, obs.time)[following[last]]
    gone_at = np.where(replaced[last], reborn_at, finished[look_gone])

    is_first = np.ones(count, dtype=bool)
    is_first[following[linked]] = False
    first = np.flatnonzero(is_first)
    complete_before = before[obs.look[first]]
    since = (
        started[complete[np.maximum(complete_before - 1, 0)]]
        if len(complete)
        else np.zeros(len(first), np.int64)
    )
    born = obs.created[first]
    return _Links(
        a=np.flatnonzero(linked),
        b=following[linked],
        last=last,
        gone_at=gone_at,
        last_flags=np.where(replaced[last], VANISHED | REPLACED, VANISHED),
        first=first,
        is_born=(complete_before > 0) & (born != UNKNOWN) & (born >= since),
    )


def _pairs(obs: Observations, links: _Links) -> Columns:
    a, b = links.a, links.b
    elapsed = obs.time[b] - obs.time[a]
    rate_a, rate_b = obs.rate[a], obs.rate[b]
    highest = np.maximum(rate_a, rate_b)
    has_counter = (obs.total[a] != UNKNOWN) & (obs.total[b] != UNKNOWN)
    metered = has_counter & (obs.total[b] >= obs.total[a])
    difference = np.where(metered, obs.total[b] - obs.total[a], 0)

    is_storage = (
        metered
        & (obs.status[a] == STOPPED)
        & (obs.status[b] == STOPPED)
        & (elapsed <= STOPPED_REACH_SECONDS)
        & (obs.session[a] == obs.session[b])
        & (obs.updated[a] == obs.updated[b])
    )
    # Few intervals have no counter to go by: only those are worth the longer sums.
    plain = np.flatnonzero(~(metered & (highest > 0)))
    running = _bought_seconds(difference, highest, elapsed)
    running[plain] = _running_by_status(obs, a[plain], b[plain], elapsed[plain])
    running[is_storage] = 0
    guessed = np.flatnonzero(~metered)
    # Between two known rates the middle one is as likely to be too high as too low.
    both = (rate_a != UNKNOWN) & (rate_b != UNKNOWN)
    rate = np.where(both, (rate_a + rate_b) // 2, highest)[guessed]
    spend, low, high = difference, difference.copy(), difference.copy()
    spend[guessed] = price(rate, running[guessed])
    low[guessed] = 0
    high[guessed] = price_up(highest[guessed], elapsed[guessed])
    return {
        "code": obs.code[a],
        "a": a,
        "b": b,
        "start": obs.time[a],
        "end": obs.time[b],
        "is_metered": metered,
        "is_priced": metered | (highest != UNKNOWN),
        "spend": spend,
        "low": low,
        "high": high,
        "storage": np.where(is_storage, spend, 0),
        "highest_rate": highest,
        "running": running,
        "carried_in": np.zeros_like(elapsed),
        "flags": np.where(has_counter & ~metered, RESET, 0),
    }


def _vanished(obs: Observations, links: _Links) -> Columns:
    """From a cluster's last sight to the complete look that misses it.

    It ended somewhere in between: half the time is as likely too much as too little, unless its
    own expiry lies there and says when.
    """
    a = links.last
    until = np.maximum(links.gone_at, obs.time[a])
    expires = obs.expires[a]
    is_expiry = (expires > obs.time[a]) & (expires <= until)
    end = np.where(is_expiry, expires, until)
    elapsed = end - obs.time[a]
    running = np.where(obs.is_billed[a], np.where(is_expiry, elapsed, elapsed // 2), 0)
    rate = obs.rate[a]
    none = np.zeros(len(a), dtype=bool)
    return {
        "code": obs.code[a],
        "a": a,
        "b": np.full(len(a), -1),
        "start": obs.time[a],
        "end": end,
        "is_metered": none,
        "is_priced": rate != UNKNOWN,
        "spend": price(rate, running),
        "low": np.zeros(len(a), dtype=np.int64),
        "high": price_up(rate, until - obs.time[a]),
        "storage": np.zeros(len(a), dtype=np.int64),
        "highest_rate": rate,
        "running": running,
        "carried_in": np.zeros(len(a), dtype=np.int64),
        "flags": links.last_flags,
    }


def _first_seen(obs: Observations, links: _Links) -> Columns:
    """From a cluster's creation to its first sight, where creation lies inside our history.

    The others are carried in: an interval of no length that only marks the day.
    """
    b, is_born = links.first, links.is_born
    end = obs.time[b]
    start = np.where(is_born, np.minimum(obs.created[b], end), end)
    elapsed = end - start
    metered = ~is_born | (obs.total[b] != UNKNOWN)
    total = np.where(is_born & (obs.total[b] != UNKNOWN), obs.total[b], 0)
    rate = obs.rate[b]
    session = _session_seconds(obs, b)
    by_status = np.select(
        [session != UNKNOWN, obs.is_billed[b]], [np.minimum(session, elapsed), elapsed], 0
    )
    running = np.where(metered & (rate > 0), _bought_seconds(total, rate, elapsed), by_status)
    running = np.where(is_born, running, 0)
    return {
        "code": obs.code[b],
        "a": np.full(len(b), -1),
        "b": b,
        "start": start,
        "end": end,
        "is_metered": metered,
        "is_priced": metered | (rate != UNKNOWN),
        "spend": np.where(metered, total, price(rate, running)),
        "low": np.where(metered, total, 0),
        "high": np.where(metered, total, price_up(rate, elapsed)),
        "storage": np.zeros(len(b), dtype=np.int64),
        "highest_rate": rate,
        "running": running,
        "carried_in": np.where(is_born, 0, np.maximum(obs.total[b], 0)),
        "flags": np.where(is_born, CREATED, CARRIED),
    }


def _running_by_status(obs: Observations, a: Ints, b: Ints, elapsed: Ints) -> Ints:
    """Running seconds between A and B where no counter tells.

    A session as long as the interval means it ran throughout; a shorter one began inside, a
    restart nobody saw, and what A's session still got is half of the time before it.
    """
    on_a, on_b = obs.is_billed[a], obs.is_billed[b]
    session_a, session_b = _session_seconds(obs, a), _session_seconds(obs, b)
    known = session_b != UNKNOWN
    inside = np.minimum(session_b, elapsed)
    grown = session_b - session_a
    return np.select(
        [
            on_a & on_b & ~known,
            on_a & on_b,
            on_b & known,
            on_b,
            on_a & known & (session_a != UNKNOWN) & (grown >= 0),
            on_a,
            known & (session_b != session_a),
        ],
        [
            elapsed,
            inside + (elapsed - inside) // 2,
            inside,
            elapsed // 2,
            np.minimum(grown, elapsed),
            elapsed // 2,
            inside,
        ],
        0,
    )


def _with_claims(obs: Observations, part: Columns) -> Columns:
    """Adds who speaks for the time: seconds of running time claimed by the looks at either end
    (``run_a``, ``run_b``), and of the other time (``rest_a``, ``rest_b``).
    """
    a, b, running = part["a"], part["b"], part["running"]
    status_a = np.where(a >= 0, obs.status[a], OTHER)
    status_b = np.where(b >= 0, obs.status[b], OTHER)
    rest = part["end"] - part["start"] - running
    run_a, run_b = _claims(running, status_a == RUNNING, status_b == RUNNING)
    rest_a, rest_b = _claims(
        rest,
        (status_a != RUNNING) & (status_a != OTHER),
        (status_b != RUNNING) & (status_b != OTHER),
    )
    return {
        **part,
        "rest": rest,
        "status_a": status_a,
        "status_b": status_b,
        "run_a": run_a,
        "run_b": run_b,
        "rest_a": rest_a,
        "rest_b": rest_b,
    }


def _claims(seconds: Ints, by_a: Bools, by_b: Bools) -> tuple[Ints, Ints]:
    """``seconds`` divided between the ends that can speak for it, at most their reach each."""
    half = seconds // 2
    share_a = np.where(by_b, half, seconds)
    share_b = np.where(by_a, seconds - half, seconds)
    return (
        np.where(by_a, np.minimum(share_a, REACH_SECONDS), 0),
        np.where(by_b, np.minimum(share_b, REACH_SECONDS), 0),
    )


def price(rate: Ints, seconds: Ints) -> Ints:
    """Micros that ``seconds`` cost at ``rate`` (micros per hour), rounded down; 0 if unknown."""
    known = np.maximum(rate, 0)
    return (known // SECONDS_PER_HOUR) * seconds + (
        (known % SECONDS_PER_HOUR) * seconds
    ) // SECONDS_PER_HOUR


def price_up(rate: Ints, seconds: Ints) -> Ints:
    """The same, rounded up: an upper bound stays one."""
    part = (np.maximum(rate, 0) % SECONDS_PER_HOUR) * seconds % SECONDS_PER_HOUR
    return price(rate, seconds) + np.minimum(part, 1)


def _bought_seconds(spend: Ints, rate: Ints, elapsed: Ints) -> Ints:
    """Seconds that ``spend`` buys at ``rate``, to the nearest, at most ``elapsed``."""
    safe = np.maximum(rate, 1)
    # Anything that buys more than the elapsed time is the elapsed time; capping the money first
    # keeps the product in range.
    capped = np.minimum(spend, price_up(safe, elapsed))
    bought: Ints = np.minimum((capped * SECONDS_PER_HOUR + safe // 2) // safe, elapsed)
    return bought


def _session_seconds(obs: Observations, at: Ints) -> Ints:
    """Length of the session, as session cost / rate; -1 where either is unknown or the rate 0."""
    session, rate = obs.session[at], obs.rate[at]
    known = (session != UNKNOWN) & (rate > 0)
    safe = np.maximum(rate, 1)
    length = accrued(np.full(len(at), SECONDS_PER_HOUR), np.maximum(session, 0) % safe, safe)
    return np.where(known, (np.maximum(session, 0) // safe) * SECONDS_PER_HOUR + length, UNKNOWN)
