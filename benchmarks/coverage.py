"""How often the truth lies within the busy-share bound, on work that is made to escape snapshots.

Two weeks of a cluster that runs all the time, second by second: work that follows the minutes of
the hour, the hours of the day, the very intervals of the snapshots; work in long and in rare
bursts; intervals of unequal length; hours without snapshots while it works; snapshots lost because
it works. Per case the schedule of the work is fixed and the instants are drawn again and again.
The bound promises at least 95 % for every schedule. ``fixed :05`` is the share for snapshots at
minute 5 of every hour: either the truth is within the bound or, every time, it is not.

    python benchmarks/coverage.py [TRIALS]
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.transform.findings.confidence import Samples, running_share_bound

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Busy = NDArray[np.bool_]

HOUR = 3600
DAY = 24 * HOUR
WINDOW = 14 * DAY
SEED = 20260301
second = np.arange(WINDOW)
WORKING_DAYS = 5
LENGTHS = {"60m": HOUR, "6h": 6 * HOUR, "24h": DAY}
AT_ONCE = 500
"""Trials in memory at a time."""


@dataclass(frozen=True)
class Case:
    """Work that is fixed, and how it is sampled."""

    work: Callable[[int], Busy]
    """Whether it is busy in each second, given the length of the intervals."""
    is_unequal: bool = False
    """Intervals of a sixth of the length up to all of it."""
    has_holes: bool = False
    """No snapshots from 12 to 18 on weekdays."""
    lost: float = 0.0
    """The share of snapshots that are lost if they fall on work."""


def _minutes(_: int) -> Busy:
    return second % HOUR >= 10 * 60


def _office(_: int) -> Busy:
    return (
        (second % DAY >= 9 * HOUR) & (second % DAY < 17 * HOUR) & (second // DAY % 7 < WORKING_DAYS)
    )


def _afternoons(_: int) -> Busy:
    return (
        (second % DAY >= 12 * HOUR)
        & (second % DAY < 18 * HOUR)
        & (second // DAY % 7 < WORKING_DAYS)
    )


def _just_above(length: int) -> Busy:
    """In every interval so little that no busy sample in all of them has a chance of 5 %."""
    n = WINDOW // length
    return second % length < np.ceil((1 - 0.05 ** (1 / n)) * length)


def _some_intervals_more(length: int) -> Busy:
    """In every fourth interval four times as much as that."""
    n = WINDOW // length
    most = np.ceil(4 * (1 - 0.05 ** (1 / n)) * length)
    return (second // length % 4 == 0) & (second % length < most)


def _on_and_off(_: int) -> Busy:
    """On for three hours and off for twenty on average, as a random walk would have it."""
    rng = np.random.default_rng(SEED)
    spans = rng.exponential([20 * HOUR, 3 * HOUR], (200, 2)).astype(np.int64).ravel() + 1
    return (np.repeat(np.arange(400) % 2, spans)[:WINDOW]).astype(bool)


def _one_long_burst(_: int) -> Busy:
    return (second >= 100 * HOUR) & (second < 110 * HOUR)


def _rare_bursts(_: int) -> Busy:
    """Forty minutes from 11:10 on, on every third day."""
    start = 11 * HOUR + 10 * 60
    return (second // DAY % 3 == 0) & (second % DAY >= start) & (second % DAY < start + 2400)


def _half(_: int) -> Busy:
    return second % 7200 < HOUR


CASES = {
    "minutes 10 to 60 of every hour": Case(_minutes),
    "office hours": Case(_office),
    "on for 3 h, off for 20 h": Case(_on_and_off),
    "one burst of 10 h": Case(_one_long_burst),
    "40 minutes on every third day": Case(_rare_bursts),
    "just above the bound, everywhere": Case(_just_above),
    "the same in every fourth interval": Case(_some_intervals_more),
    "unequal intervals, just above": Case(_just_above, is_unequal=True),
    "unequal intervals, on and off": Case(_on_and_off, is_unequal=True),
    "unequal intervals, office hours": Case(_office, is_unequal=True),
    "afternoons, which have no snapshot": Case(_afternoons, has_holes=True),
    "office hours, no afternoon snapshots": Case(_office, has_holes=True),
    "every snapshot of work is lost": Case(_half, lost=1.0),
    "half the snapshots of work are lost": Case(_office, lost=0.5),
}


def _intervals(case: Case, length: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Start and length of each interval that has a snapshot."""
    rng = np.random.default_rng(SEED)
    if case.is_unequal:
        lengths = rng.integers(length // 6, length + 1, 6 * WINDOW // length)
    else:
        lengths = np.full(WINDOW // length, length)
    ends = np.cumsum(lengths)
    inside = ends <= WINDOW
    starts, lengths = (ends - lengths)[inside], lengths[inside]
    if case.has_holes:
        hole = _afternoons(length)[np.minimum(starts + lengths // 2, WINDOW - 1)]
        starts, lengths = starts[~hole], lengths[~hole]
    return starts, lengths


def coverage(case: Case, length: int, trials: int, rng: np.random.Generator) -> float:
    """The share of trials in which the truth is within the bound."""
    busy = case.work(length)
    starts, lengths = _intervals(case, length)
    truth = busy.mean()
    right = 0
    for first in range(0, trials, AT_ONCE):
        rows = min(AT_ONCE, trials - first)
        instants = starts + (rng.random((rows, len(starts))) * lengths).astype(np.int64)
        seen = busy[instants]
        is_lost = seen & (rng.random(seen.shape) < case.lost)
        samples = (~is_lost).sum(axis=1)
        covered = np.where(is_lost, 0, lengths)
        always, never = np.full(rows, WINDOW), np.zeros(rows, dtype=np.int64)
        bound, _ = running_share_bound(
            Samples(
                listed_seconds=always,
                running_seconds=always,
                hours=never,
                busy_hours=never,
                random_samples=samples,
                random_busy_samples=(seen & ~is_lost).sum(axis=1),
                random_seconds=covered.sum(axis=1),
                random_interval_seconds=covered.max(axis=1),
            )
        )
        right += int((truth <= np.where(samples > 0, bound, 1.0)).sum())
    return right / trials


def fixed_is_right(case: Case) -> bool:
    """Whether the bound of snapshots at minute 5 of every hour holds."""
    busy = case.work(HOUR)
    starts, _ = _intervals(case, HOUR)
    seen = busy[starts + 5 * 60]
    values = (WINDOW, WINDOW, len(seen), int(seen.sum()), 0, 0, 0, 0)
    bound, _ = running_share_bound(Samples(*(np.array([value]) for value in values)))
    return bool(busy.mean() <= bound[0])


def main() -> None:
    """The table."""
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    rng = np.random.default_rng(SEED)
    print(f"{trials:,} trials; share in which the truth is within the 95 % bound")
    print(f"{'':<38}{'busy':>7}" + "".join(f"{name:>9}" for name in LENGTHS) + f"{'fixed :05':>12}")
    for name, case in CASES.items():
        shares = [coverage(case, length, trials, rng) for length in LENGTHS.values()]
        figures = "".join(f"{share:9.4f}" for share in shares)
        fixed = "holds" if case.lost or fixed_is_right(case) else "BROKEN"
        fixed = "" if case.lost or case.is_unequal else fixed
        print(f"{name:<38}{case.work(HOUR).mean():7.3f}{figures}{fixed:>12}", flush=True)


if __name__ == "__main__":
    main()
