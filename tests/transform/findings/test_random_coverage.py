"""The bound holds for any work when instants are random, and does not when they are fixed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from pipeline.transform.findings.confidence import Samples, running_share_bound

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Schedule = Callable[[np.random.Generator], NDArray[np.bool_]]

MINUTES = 14 * 24 * 60
TRIALS = 2000
_MINUTE = np.arange(MINUTES)


def minutes_of_the_hour(rng: np.random.Generator) -> NDArray[np.bool_]:
    return rng.integers(1, 4) > _MINUTE % 60


def hours_of_the_day(rng: np.random.Generator) -> NDArray[np.bool_]:
    return (rng.integers(24) == _MINUTE // 60 % 24) & (_MINUTE % 60 < 30)


def one_long_run(rng: np.random.Generator) -> NDArray[np.bool_]:
    start = rng.integers(MINUTES)
    return (_MINUTE - start) % MINUTES < 9 * 60


def bursts(rng: np.random.Generator) -> NDArray[np.bool_]:
    """On and off in runs of half an hour on average."""
    starts = rng.random(MINUTES) < 0.0008
    return np.convolve(starts, np.ones(30), mode="full")[:MINUTES] > 0


def never(_rng: np.random.Generator) -> NDArray[np.bool_]:
    return np.zeros(MINUTES, dtype=bool)


def counts(busy: NDArray[np.bool_], at: NDArray[np.int64], length: int) -> tuple[int, ...]:
    """The samples of one cluster that always ran, taken at the minutes ``at``."""
    hours, busy_hours = np.unique(at // 60), np.unique(at[busy[at]] // 60)
    random = (len(at), int(busy[at].sum()), len(at) * length * 60, length * 60)
    return (
        MINUTES * 60,
        MINUTES * 60,
        len(hours),
        len(busy_hours),
        *(random if length else (0, 0, 0, 0)),
    )


def bounds(clusters: list[tuple[int, ...]]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    return running_share_bound(Samples(*np.array(clusters).T))


@pytest.mark.parametrize(
    "schedule", [minutes_of_the_hour, hours_of_the_day, one_long_run, bursts, never]
)
@pytest.mark.parametrize("length", [60, 6 * 60, 24 * 60])
def test_the_truth_is_above_the_bound_in_at_most_a_twentieth(
    schedule: Schedule, length: int
) -> None:
    rng = np.random.default_rng(7)
    starts = np.arange(0, MINUTES, length)
    truth, clusters = [], []
    for _ in range(TRIALS):
        busy = schedule(rng)
        truth.append(busy.mean())
        clusters.append(counts(busy, starts + rng.integers(0, length, len(starts)), length))
    bound, is_random = bounds(clusters)
    assert is_random.all()
    # 5 %, and three standard errors of 2,000 trials.
    assert np.mean(truth > bound) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / TRIALS)


def test_at_a_fixed_minute_work_at_other_minutes_is_never_seen() -> None:
    busy, hours = _MINUTE % 60 >= 10, np.arange(0, MINUTES, 60)
    at = hours + np.random.default_rng(7).integers(0, 60, len(hours))
    bound, is_random = bounds([counts(busy, hours + 5, 0), counts(busy, at, 60)])
    assert is_random.tolist() == [False, True]
    assert bound[0] < 0.01
    assert busy.mean() <= bound[1] < 0.9


def test_intervals_of_unequal_length_count_as_if_all_had_the_longest() -> None:
    # 13 days of 24-hour intervals and one of hours: 14 strata, not 37.
    bound, is_random = bounds([(MINUTES * 60, MINUTES * 60, 37, 0, 37, 0, MINUTES * 60, 86_400)])
    assert bound[0] == pytest.approx(1 - 0.05 ** (1 / 14))
    assert is_random[0]
