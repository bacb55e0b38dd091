"""Two consecutive observations of a cluster, turned into money and time.

Method. The observations of each cluster are put in time order. Every neighbouring pair A, B is an
interval. So is the time from a cluster's creation to its first observation, and the time from its
last observation to the complete snapshot that misses it. Each interval gets, in this order:

- *money*: the difference of the lifetime cost counter where both ends know it and it did not fall
  (metered: exact, whatever happened in between); else rate x running time, between 0 and
  highest rate x elapsed (estimated); null where neither a counter nor a rate is known;
- *running time*: metered money / highest rate, at most the time elapsed; without a counter, what
  the statuses and the session's length (session cost / rate) give;
- *claims*: an observation speaks for at most 30 minutes on each side. Running time within reach of
  a running observation has its utilization, the rest is unseen. Other time within reach of an
  observation that is not running has its status, the rest is a gap.

Complete snapshots that miss a cluster between A and B break the pair, unless its counter shows that
it lived (``links``): A vanished, and B is a first observation. So does a later ``created_at``: the
id was used again for another cluster.

Known limits. A cluster that was created and deleted between two snapshots is in no list. A rate
that rose and fell between two snapshots without a counter is not seen. Time is cut linearly at
midnight; the row states how much money the cut may have moved (``days``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipeline.ledger.columns import UNKNOWN
from pipeline.ledger.links import Links, link
from pipeline.ledger.observations import (
    CARRIED,
    CREATED,
    OTHER,
    RESET,
    RUNNING,
    STOPPED,
    Observations,
)
from pipeline.ledger.pricing import SECONDS_PER_HOUR, bought_seconds, price, price_up
from pipeline.ledger.split import accrued

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.arrays import Bools, Columns, Ints
    from pipeline.model import SnapshotInfo


REACH_SECONDS = 1800
"""How far an observation speaks on each side: hourly snapshots leave no gap, and half an hour is
short compared with the hours over which a GPU's use is judged."""

_ROUNDED = 20_000
"""Micros by which two costs may differ because the API rounds each to cents."""

_OLD = 100
"""From this many times the interval on, half of it is the answer to a hundredth."""

STOPPED_REACH_SECONDS = 7200
"""Observations at most this far apart need less proof that it was stopped in between."""


def intervals(
    obs: Observations, snapshots: Sequence[SnapshotInfo], begin: int, end: int
) -> Columns:
    """One element per interval, sorted by cluster: ``code``, its ends ``a`` and ``b`` as positions
    in ``obs`` (-1: none), ``start``/``end`` in Unix seconds, money and time as described above.

    Intervals that cannot touch [begin, end) are left out before anything is computed.
    """
    links = link(obs, snapshots).touching(obs, begin, end)
    parts = [
        _with_claims(obs, part)
        for part in (_pairs(obs, links), _vanished(obs, links), _first_seen(obs, links))
    ]
    order = np.argsort(np.concatenate([part["code"] for part in parts]), kind="stable")
    return {name: np.concatenate([part[name] for part in parts])[order] for name in parts[0]}


def _pairs(obs: Observations, links: Links) -> Columns:
    a, b = links.a, links.b
    elapsed = obs.time[b] - obs.time[a]
    rate_a, rate_b = obs.rate[a], obs.rate[b]
    highest = np.maximum(rate_a, rate_b)
    has_counter = (obs.total[a] != UNKNOWN) & (obs.total[b] != UNKNOWN)
    metered = has_counter & (obs.total[b] >= obs.total[a]) & ~_is_contradicted(obs, a, b)
    difference = np.where(metered, obs.total[b] - obs.total[a], 0)

    is_still, is_likely_still = _stopped_throughout(obs, a, b, elapsed)
    is_storage = metered & (is_still | is_likely_still)
    # Few intervals have no usable counter: only for those are statuses and sessions compared.
    by_status = np.flatnonzero(~(metered & (highest > 0)))
    running = bought_seconds(difference, highest, elapsed)
    running[by_status] = _running_by_status(obs, a[by_status], b[by_status], elapsed[by_status])
    running[is_storage] = 0
    estimated = np.flatnonzero(~metered)
    # Of two known rates the mean is as likely to be too high as too low.
    both = (rate_a != UNKNOWN) & (rate_b != UNKNOWN)
    rate = np.where(both, (rate_a + rate_b) // 2, highest)[estimated]
    spend, low, high = difference, difference.copy(), difference.copy()
    spend[estimated] = price(rate, running[estimated])
    low[estimated] = 0
    high[estimated] = price_up(highest[estimated], elapsed[estimated])
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
        "is_still": is_still,
        "highest_rate": highest,
        "running": running,
        "carried_in": np.zeros_like(elapsed),
        "flags": np.where(has_counter & ~metered, RESET, 0),
    }


def _is_contradicted(obs: Observations, a: Ints, b: Ints) -> Bools:
    """Whether the session's cost shows that the counter was reset in between and passed its old
    value again: the session alone cost more than the counter rose.
    """
    before, after = obs.session[a], obs.session[b]
    # The same session has grown; a smaller one is new, and all of it lies in between.
    least = np.where(after >= before, after - before, after)
    known = (before != UNKNOWN) & (after != UNKNOWN)
    return np.asarray(known & (obs.total[b] - obs.total[a] + _ROUNDED < least))


def _stopped_throughout(obs: Observations, a: Ints, b: Ints, elapsed: Ints) -> tuple[Bools, Bools]:
    """Where a cluster was surely, and where it was probably, stopped from A to B.

    Surely, whatever the distance: session cost and ``updated_at`` are known, did not change, and
    ``updated_at`` is not later than A. Probably: A and B are near, and of the two nothing that is
    known changed, and at least one is known.
    """
    ends = (obs.status[a] == STOPPED) & (obs.status[b] == STOPPED)
    same, known = [], []
    for values in (obs.session, obs.updated):
        same.append(values[a] == values[b])
        known.append((values[a] != UNKNOWN) & (values[b] != UNKNOWN))
    is_same = ends & same[0] & same[1]
    surely = is_same & known[0] & known[1] & (obs.updated[b] <= obs.time[a])
    near = elapsed <= STOPPED_REACH_SECONDS
    return np.asarray(surely), np.asarray(is_same & near & (known[0] | known[1]))


def _vanished(obs: Observations, links: Links) -> Columns:
    """From a cluster's last observation to the complete snapshot that misses it.

    It ended somewhere in between. Clusters that live long end at any moment of it, half the time on
    average; those that live for minutes, within minutes. A cluster's age is an unbiased guess of
    the mean life m of its kind, and of a life without memory that ends within T the mean is
    m - T / (e^(T/m) - 1): half of T for an old cluster, m for a young one. If its expiry lies in
    between, it ended then.
    """
    a = links.last
    until = np.maximum(links.gone_at, obs.time[a])
    expires = obs.expires[a]
    is_expiry = (expires > obs.time[a]) & (expires <= until)
    end = np.where(is_expiry, expires, until)
    elapsed = end - obs.time[a]
    tail = _expected_tail(elapsed, obs.time[a] - obs.created[a], obs.created[a] != UNKNOWN)
    running = np.where(obs.is_billed[a], np.where(is_expiry, elapsed, tail), 0)
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
        "is_still": none,
        "highest_rate": rate,
        "running": running,
        "carried_in": np.zeros(len(a), dtype=np.int64),
        "flags": links.last_flags,
    }


def _expected_tail(elapsed: Ints, age: Ints, is_known: Bools) -> Ints:
    """Whole seconds that a cluster of ``age`` is expected to have lived of ``elapsed``."""
    mean = np.maximum(age, 1).astype(np.float64)
    # Beyond 700 e^x overflows, and the second term is nothing.
    lives = np.clip(elapsed / mean, 1e-6, 700.0)
    tail = np.rint(mean * (1.0 - lives / np.expm1(lives))).astype(np.int64)
    is_young = is_known & (age >= 0) & (age < _OLD * elapsed)
    return np.where(is_young, np.minimum(tail, elapsed // 2), elapsed // 2)


def _first_seen(obs: Observations, links: Links) -> Columns:
    """From a cluster's creation to its first observation, where it was created inside our history.

    The others are carried in: an interval of zero length, whose money is no spend.
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
    running = np.where(metered & (rate > 0), bought_seconds(total, rate, elapsed), by_status)
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
        "is_still": np.zeros(len(b), dtype=bool),
        "highest_rate": rate,
        "running": running,
        "carried_in": np.where(is_born, 0, np.maximum(obs.total[b], 0)),
        "flags": np.where(is_born, CREATED, CARRIED),
    }


def _running_by_status(obs: Observations, a: Ints, b: Ints, elapsed: Ints) -> Ints:
    """Running seconds between A and B where there is no usable counter.

    B's session as long as the interval means the cluster ran throughout. A shorter session began
    inside the interval, after a restart between the snapshots; of the time before it, half is
    taken as running.
    """
    on_a, on_b = obs.is_billed[a], obs.is_billed[b]
    session_a, session_b = _session_seconds(obs, a), _session_seconds(obs, b)
    known = session_b != UNKNOWN
    inside = np.minimum(session_b, elapsed)
    growth = session_b - session_a
    # The first case that holds counts; each has its running seconds beside it.
    cases = [
        (on_a & on_b & ~known, elapsed),
        (on_a & on_b, inside + (elapsed - inside) // 2),
        (on_b & known, inside),
        (on_b, elapsed // 2),
        (on_a & known & (session_a != UNKNOWN) & (growth >= 0), np.minimum(growth, elapsed)),
        (on_a, elapsed // 2),
        # Off at both ends, but the session is another one: it ran in between.
        (known & (session_b != session_a), inside),
    ]
    return np.select([holds for holds, _ in cases], [seconds for _, seconds in cases], 0)


def _with_claims(obs: Observations, part: Columns) -> Columns:
    """Adds what the time is known by: seconds of running time claimed by the observations at
    either end (``run_a``, ``run_b``), and of the other time (``rest_a``, ``rest_b``).
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
        is_known=part["is_still"],
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


def _claims(
    seconds: Ints, by_a: Bools, by_b: Bools, is_known: Bools | None = None
) -> tuple[Ints, Ints]:
    """``seconds`` divided between the ends that can speak for them, at most their reach each.

    ``is_known``: where both ends speak for all of it.
    """
    half = seconds // 2
    share_a = np.where(by_b, half, seconds)
    share_b = np.where(by_a, seconds - half, seconds)
    reach = REACH_SECONDS if is_known is None else np.where(is_known, seconds, REACH_SECONDS)
    return (
        np.where(by_a, np.minimum(share_a, reach), 0),
        np.where(by_b, np.minimum(share_b, reach), 0),
    )


def _session_seconds(obs: Observations, at: Ints) -> Ints:
    """Length of the session, as session cost / rate; -1 where either is unknown or the rate is
    0.
    """
    session, rate = obs.session[at], obs.rate[at]
    known = (session != UNKNOWN) & (rate > 0)
    safe = np.maximum(rate, 1)
    # Whole hours and the rest apart: session x 3600 could overflow.
    length = accrued(np.full(len(at), SECONDS_PER_HOUR), np.maximum(session, 0) % safe, safe)
    return np.where(known, (np.maximum(session, 0) // safe) * SECONDS_PER_HOUR + length, UNKNOWN)
