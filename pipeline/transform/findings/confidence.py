"""How much of a cluster's running time may have been busy, as far as samples exclude it.

Method: of n intervals with a sample each, k samples were busy. The one-sided 95 % Clopper-Pearson
bound is the highest share p under which k or fewer busy samples in n would still happen in 5 % of
cases: the p with P(X <= k; n, p) = 0.05. With k = 0 it is 1 - 0.05^(1/n).

Samples at random instants. Each interval of the schedule (an hour, a day) has one uniformly random
instant. Whatever the cluster does, the sample of interval i is busy with probability p_i, the busy
share of that interval, independently of the others. So k is a sum of independent, unequal coin
flips whose mean share is the busy share of the sampled time, and the binomial bound on that mean is
conservative (Hoeffding 1956, for a bound above the mean). Nothing is assumed about the work.
Intervals of unequal length: n = total length / longest length. For k = 0 this is conservative: with
weights w_i <= w = 1/n, sum w_i log(1 - p_i) >= w log 0.05 for every p that the samples do not
exclude, and by Jensen it is at most log(1 - sum w_i p_i). For k > 0 it is
measured (benchmarks/coverage.py).

Samples at other instants (a fixed minute of every hour) count as the sample of their clock hour.
That assumes that they fall independently of the work, so a finding that rests on them is never
proven: a job that works from :10 to :60 of every hour is not busy at any :05.

Time without a sample counts as busy, so coverage is part of the bound. Of random instants, each
interval that it would fill is a busy sample: a snapshot or a reading may be missing because the
cluster worked, and then the samples there are would be too favourable.

Formula: P(X <= k; n, p) = 1 - I_p(k + 1, n - k), the regularised incomplete beta function, here by
its continued fraction (Lentz's method), for all pairs (k, n) at once; p by Newton's method. A pair
changes no more once it is close, so that no bound depends on which other clusters there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.transform.fold import ratio

if TYPE_CHECKING:
    from pipeline.arrays import Bools, Floats, Ints


ERROR = 0.05
_NORMAL_95 = 1.645
"""Where Newton's method begins: the bound if the distribution were a normal one."""
_STEPS = 50
_TERMS = 300
_TINY = 1e-300
_CLOSE = 1e-13


_HOUR_SECONDS = 3600
_MOSTLY = 0.9
"""Random intervals that cover this share of the listed time are what the bound rests on."""


@dataclass(frozen=True)
class Samples:
    """The samples of each cluster over a window, and the time they stand for."""

    listed_seconds: Ints
    running_seconds: Ints
    hours: Ints
    """Distinct clock hours with a GPU reading while it ran."""
    busy_hours: Ints
    random_samples: Ints
    random_busy_samples: Ints
    random_seconds: Ints
    """Listed time in the intervals of the random samples."""
    random_interval_seconds: Ints
    """The longest of those intervals."""


def running_share_bound(samples: Samples) -> tuple[Floats, Bools]:
    """The highest share of its running time that may have been busy, and whether that rests on
    random instants. NaN without running time or without a sample.
    """
    random, fixed = _by_random_instants(samples), _by_clock_hours(samples)
    covered = samples.random_seconds >= _MOSTLY * samples.listed_seconds
    with np.errstate(invalid="ignore"):
        is_random = ~np.isnan(random) & (covered | np.isnan(fixed) | (random <= fixed))
    return np.where(is_random, random, fixed), is_random


def _by_random_instants(samples: Samples) -> Floats:
    """Intervals without a sample count as busy ones: a snapshot may be missing because of work."""
    longest = np.maximum(samples.random_interval_seconds, 1)
    sampled = np.minimum(samples.random_seconds, samples.listed_seconds)
    strata = np.minimum(samples.random_samples, sampled // longest)
    missing = np.minimum(samples.listed_seconds - sampled, samples.running_seconds)
    unseen, rest = np.divmod(missing, longest)
    n, k = strata + unseen, samples.random_busy_samples + unseen
    # Hoeffding's inequality needs k <= n x bound - 1, which holds up to k = n - 2.
    bound = np.where(k >= n - 1, 1.0, busy_share_bound(k, n))
    bound = np.where(strata > 0, bound, np.nan)
    busy = np.asarray(bound * (sampled + missing - rest) + rest, dtype=np.float64)
    share: Floats = np.minimum(ratio(busy, samples.running_seconds.astype(np.float64)), 1.0)
    return share


def _by_clock_hours(samples: Samples) -> Floats:
    running = samples.running_seconds.astype(np.float64)
    sampled = np.minimum(ratio((samples.hours * _HOUR_SECONDS).astype(np.float64), running), 1.0)
    bound = busy_share_bound(samples.busy_hours, samples.hours)
    share: Floats = sampled * bound + (1.0 - sampled)
    return share


def busy_share_bound(busy: Ints, samples: Ints) -> Floats:
    """The highest busy share that ``busy`` of ``samples`` do not exclude; NaN without samples."""
    busy, samples = np.asarray(busy, np.int64), np.asarray(samples, np.int64)
    if not samples.size:
        return np.empty(0)
    width = int(samples.max(initial=0)) + 1
    pairs, where = np.unique(samples * width + np.minimum(busy, samples), return_inverse=True)
    n, k = np.divmod(pairs, width)
    bound = np.full(len(pairs), np.nan)
    bound[(n > 0) & (k == n)] = 1.0
    none = (n > 0) & (k == 0)
    bound[none] = 1.0 - ERROR ** (1.0 / n[none])
    some = (k > 0) & (k < n)
    bound[some] = _solve(k[some], n[some])
    each: Floats = bound[where]
    return each


def at_most(k: Ints, n: Ints, p: Floats) -> Floats:
    """P(X <= k) of a binomial distribution, for 0 <= k < n and 0 < p < 1."""
    a, b = k + 1.0, (n - k).astype(np.float64)
    flip = p > (a + 1.0) / (a + b + 2.0)
    x = np.where(flip, 1.0 - p, p)
    first, second = np.where(flip, b, a), np.where(flip, a, b)
    front = _log_arrangements(k, n) + first * np.log(x) + second * np.log1p(-x)
    tail = np.exp(front) * _fraction(x, first, second) / first
    below: Floats = np.where(flip, tail, 1.0 - tail)
    return below


def _solve(k: Ints, n: Ints) -> Floats:
    """Newton's method on log P, which falls and is concave in p: from the right it only nears."""
    arrangements = _log_arrangements(k, n)
    share = (k + 1.0) / (n + 1.0)
    near = share + _NORMAL_95 * np.sqrt(share * (1.0 - share) / n)
    p = np.minimum(near, (1.0 + share) / 2.0)
    is_there = np.zeros(len(p), dtype=bool)
    for _ in range(_STEPS):
        chance = at_most(k, n, p)
        density = np.exp(arrangements + k * np.log(p) + (n - k - 1) * np.log1p(-p))
        slope = -density / chance
        nearer = np.minimum(p - np.log(chance / ERROR) / slope, (1.0 + p) / 2.0)
        is_close = np.abs(nearer - p) < _CLOSE * p
        p = np.where(is_there, p, nearer)
        is_there |= is_close
        if is_there.all():
            break
    return np.asarray(p)


def _fraction(x: Floats, a: Floats, b: Floats) -> Floats:
    """The continued fraction of the incomplete beta function (Lentz)."""
    c = np.ones_like(x)
    d = 1.0 / _away_from_zero(1.0 - (a + b) * x / (a + 1.0))
    value, is_there = d.copy(), np.zeros(len(x), dtype=bool)
    for m in range(1, _TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m))
        d = 1.0 / _away_from_zero(1.0 + even * d)
        c = _away_from_zero(1.0 + even / c)
        longer = value * (c * d)
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0))
        d = 1.0 / _away_from_zero(1.0 + odd * d)
        c = _away_from_zero(1.0 + odd / c)
        step = c * d
        value = np.where(is_there, value, longer * step)
        is_there |= np.abs(step - 1.0) < _CLOSE
        if is_there.all():
            break
    return value


def _away_from_zero(values: Floats) -> Floats:
    return np.where(np.abs(values) < _TINY, _TINY, values)


def _log_arrangements(k: Ints, n: Ints) -> Floats:
    """log(n! / (k! (n - k - 1)!)), the factor of the beta density."""
    highest = int(n.max(initial=0))
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, highest + 1)))])
    return np.asarray(logs[n] - logs[k] - logs[n - k - 1])
