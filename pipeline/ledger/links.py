"""Which observation of a cluster follows which, and where each presence of it begins and ends.

A complete snapshot that misses a cluster between two observations ends its presence; the later
observation begins another one. So does a later ``created_at`` under the same id.

Absence is not termination where the cluster's own counter contradicts it. If one complete snapshot
misses it, and it is back with the same ``created_at`` and a lifetime cost that did not fall, it
lived: the observations are linked. If its ``created_at`` moved (at a restart, say) and its lifetime
cost is more than it can have cost since, it is the same cluster. Two complete snapshots in a row
that miss it end it in any case: a day reads no further.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.ledger.columns import UNKNOWN
from pipeline.ledger.observations import REPLACED, VANISHED, Observations
from pipeline.ledger.pricing import price_up
from pipeline.model import State

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pipeline.arrays import Bools, Ints
    from pipeline.model import SnapshotInfo


@dataclass(frozen=True)
class Links:
    """Which observation follows which, and where each presence of a cluster begins and ends.

    ``a`` and ``b``, ``last`` and ``first`` are positions in the observations; ``gone_at`` and
    ``last_flags`` go with ``last``, ``is_born`` with ``first``.
    """

    a: Ints
    b: Ints
    """Neighbours in one unbroken presence."""
    last: Ints
    """Observations after which the cluster was gone."""
    gone_at: Ints
    """The time (Unix seconds) by which it was gone."""
    last_flags: Ints
    first: Ints
    """First observations of a presence."""
    is_born: Bools
    """Created at or after the start of the complete snapshot before; the others are carried in."""

    def touching(self, obs: Observations, begin: int, end: int) -> Links:
        """The links whose interval may touch [begin, end): all that do, and few others."""
        at_a, at_b = obs.time[self.a], obs.time[self.b]
        pairs = (at_a < end) & ((at_b > begin) | (at_a >= begin))
        at_last = obs.time[self.last]
        lasts = (at_last < end) & ((self.gone_at > begin) | (at_last >= begin))
        at_first = obs.time[self.first]
        is_earlier = self.is_born & (obs.created[self.first] < end)
        firsts = (at_first >= begin) & ((at_first < end) | is_earlier)
        return Links(
            a=self.a[pairs],
            b=self.b[pairs],
            last=self.last[lasts],
            gone_at=self.gone_at[lasts],
            last_flags=self.last_flags[lasts],
            first=self.first[firsts],
            is_born=self.is_born[firsts],
        )


def link(obs: Observations, snapshots: Sequence[SnapshotInfo]) -> Links:
    """The links of all observations; ``snapshots`` are those they come from, in time order."""
    count = len(obs.code)
    complete = _CompleteSnapshots(snapshots)
    # The next observation in the arrays, whichever cluster it is of; the last has itself.
    following = np.minimum(np.arange(count) + 1, max(count - 1, 0))
    same_cluster = _following(obs.code) == obs.code
    same_cluster[-1:] = False
    # Complete snapshots between the two observations that do not show the cluster. Walks may
    # overlap: one that saw the cluster earlier, by its page's time, has not missed it.
    misses = complete.before(_following(obs.snapshot)) - complete.before(_latest_so_far(obs) + 1)
    continues = same_cluster & _counter_continues(obs)
    same_birth = _following(obs.created) == obs.created
    missed = (misses > 1) | ((misses == 1) & ~(continues & same_birth))
    # Created after this observation: another cluster has the id now, so the old one was gone.
    other_birth = (obs.created != UNKNOWN) & ~same_birth & (_following(obs.created) > obs.time)
    few = np.flatnonzero(other_birth & continues)
    other_birth[few] = ~_costs_more_than_since_birth(obs, few, few + 1)
    linked = same_cluster & ~missed & ~other_birth
    replaced = same_cluster & ~missed & other_birth

    # An observation without a successor is gone by the next complete snapshot, if there is one.
    is_seen_gone = ~linked & ~replaced & complete.has_after(obs.snapshot)
    last = np.flatnonzero(is_seen_gone | replaced)
    reborn_at = np.minimum(obs.created, obs.time)[following[last]]
    gone_at = np.where(replaced[last], reborn_at, complete.next_finish(obs.snapshot[last]))

    is_first = np.ones(count, dtype=bool)
    is_first[following[linked]] = False
    first = np.flatnonzero(is_first)
    born = obs.created[first]
    return Links(
        a=np.flatnonzero(linked),
        b=following[linked],
        last=last,
        gone_at=gone_at,
        last_flags=np.where(replaced[last], VANISHED | REPLACED, VANISHED),
        first=first,
        is_born=(complete.before(obs.snapshot[first]) > 0)
        & (born != UNKNOWN)
        & (born >= complete.previous_start(obs.snapshot[first])),
    )


def _latest_so_far(obs: Observations) -> Ints:
    """The latest snapshot that has shown the cluster, up to each of its observations."""
    # Codes ascend, so the running maximum of this number begins again with each cluster.
    width = int(obs.snapshot.max(initial=0)) + 1
    return np.maximum.accumulate(obs.code * width + obs.snapshot) - obs.code * width


def _following(values: Ints) -> Ints:
    """The value of each observation's next one; of the last, its own."""
    return np.append(values[1:], values[-1:])


def _counter_continues(obs: Observations) -> Bools:
    """Whether the lifetime cost is known at both observations and did not fall."""
    later = _following(obs.total)
    return np.asarray((obs.total != UNKNOWN) & (later != UNKNOWN) & (later >= obs.total))


def _costs_more_than_since_birth(obs: Observations, a: Ints, b: Ints) -> Bools:
    """Whether the lifetime cost at B exceeds what the highest rate allows since B's creation."""
    rate = np.maximum(obs.rate[a], obs.rate[b])
    since = np.maximum(obs.time[b] - obs.created[b], 0)
    return np.asarray((rate != UNKNOWN) & (obs.total[b] > price_up(rate, since)))


class _CompleteSnapshots:
    """The complete ones among some snapshots, asked by the positions of any of them."""

    def __init__(self, snapshots: Sequence[SnapshotInfo]) -> None:
        is_complete = np.array([info.state is State.COMPLETE for info in snapshots], dtype=bool)
        complete = [info for info in snapshots if info.state is State.COMPLETE]
        self._count = len(complete)
        self._before = np.concatenate([[0], np.cumsum(is_complete)])
        # At least one element each, so that every position has a value; see ``has_after``.
        self._starts = _unix_seconds([info.started_at for info in complete])
        self._finishes = _unix_seconds([info.finished_at for info in complete])

    def before(self, positions: Ints) -> Ints:
        """How many complete snapshots come before each position."""
        counts: Ints = self._before[positions]
        return counts

    def has_after(self, positions: Ints) -> Bools:
        """Whether a complete snapshot follows each position."""
        return self.before(positions + 1) < self._count

    def next_finish(self, positions: Ints) -> Ints:
        """When the complete snapshot after each position finished; anything if there is none."""
        return self._finishes[np.minimum(self.before(positions + 1), len(self._finishes) - 1)]

    def previous_start(self, positions: Ints) -> Ints:
        """When the complete snapshot before each position started; anything if there is none."""
        return self._starts[np.maximum(self.before(positions) - 1, 0)]


def _unix_seconds(times: Sequence[datetime]) -> Ints:
    return np.array([int(time.timestamp()) for time in times] or [0], dtype=np.int64)
