"""The part of each interval that lies within a day.

An interval inside the day is not changed. Of one that crosses midnight the day gets a share: money
linearly in time, seconds by the same rule within running and other time (``split``), so the days'
parts of an interval add up exactly. Few intervals cross, so only those are computed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipeline.ledger.pricing import price
from pipeline.ledger.split import accrued, shared

if TYPE_CHECKING:
    from pipeline.arrays import Columns, Ints


def clip(intervals: Columns, begin: int, end: int) -> Columns:
    """The intervals that touch [begin, end), their money and seconds cut to it.

    Adds ``x0`` and ``x1``, the day's part of each in seconds from its start, and ``cut_start`` and
    ``cut_end``: the money that may lie on the other side of either midnight. An interval of zero
    length belongs to the day it lies in, with all its money.
    """
    start, stop = intervals["start"], intervals["end"]
    touches = np.where(
        stop > start, (start < end) & (stop > begin), (start >= begin) & (start < end)
    )
    at = np.flatnonzero(touches)
    part = {name: values[at] for name, values in intervals.items()}
    start, elapsed = part["start"], part["end"] - part["start"]
    part["x0"] = np.clip(begin - start, 0, elapsed)
    part["x1"] = np.clip(end - start, 0, elapsed)
    part["cut_start"] = np.zeros(len(at), dtype=np.int64)
    part["cut_end"] = np.zeros(len(at), dtype=np.int64)
    # Few intervals cross a midnight: only their columns are computed and written back.
    cut = np.flatnonzero(part["x1"] - part["x0"] < elapsed)
    crossing = {name: values[cut] for name, values in part.items()}
    for name, values in _shares(crossing, elapsed[cut]).items():
        part[name][cut] = values
    return part


def _shares(part: Columns, elapsed: Ints) -> Columns:
    """The columns of crossing intervals that change when they are cut at a midnight."""
    x0, x1 = part["x0"], part["x1"]

    # The day's share of an amount is what has accrued at x1 less what had accrued at x0.
    def share(amount: Ints) -> Ints:
        return accrued(amount, x1, elapsed) - accrued(amount, x0, elapsed)

    spend = share(part["spend"])
    running, run_a, run_b = _claimed(part, elapsed, "running", ("run_a", "run_b"))
    rest, rest_a, rest_b = _claimed(part, elapsed, "rest", ("rest_a", "rest_b"))
    return {
        "spend": spend,
        # The distances to the bounds are cut, not the bounds, so that low <= spend <= high holds.
        "low": spend - share(part["spend"] - part["low"]),
        "high": spend + share(part["high"] - part["spend"]),
        "storage": share(part["storage"]),
        "cut_start": _cut_error(part, x0, elapsed),
        "cut_end": _cut_error(part, x1, elapsed),
        "running": running,
        "run_a": run_a,
        "run_b": run_b,
        "rest": rest,
        "rest_a": rest_a,
        "rest_b": rest_b,
    }


def _cut_error(part: Columns, x: Ints, elapsed: Ints) -> Ints:
    """The most by which the money metered before ``x`` may differ from its linear share.

    That money is at most what the highest rate allows before x, and at least the total less what
    the rate allows after x. A counter that rose faster than the rate allows may have risen at any
    time. Estimated money has its own bounds on each side, so a cut adds nothing to them.
    """
    spend, rate = part["spend"], part["highest_rate"]
    before = accrued(spend, x, elapsed)
    most, after = price(rate, x), price(rate, elapsed - x)
    # Prices are rounded down: 1 micro of tolerance keeps a counter at exactly the rate possible.
    is_possible = (rate > 0) & (spend <= price(rate, elapsed) + 1)
    high = np.where(is_possible, np.minimum(spend, most + 1), spend)
    low = np.where(is_possible, np.maximum(spend - after - 1, 0), 0)
    error = np.maximum(np.maximum(before - low, high - before), 0)
    return np.where(part["is_metered"] & (x > 0) & (x < elapsed), error, 0)


def _claimed(
    part: Columns, elapsed: Ints, time: str, claims: tuple[str, str]
) -> tuple[Ints, Ints, Ints]:
    """The day's share of the ``running`` (or the ``rest``) time, and of each end's claim on it."""

    def until(x: Ints) -> tuple[Ints, Ints, Ints]:
        """The time of this kind in the first ``x`` seconds, and both ends' claims on it."""
        running = accrued(part["running"], x, elapsed)
        seconds = running if time == "running" else x - running
        claim_a, claim_b, _ = shared(seconds, (part[claims[0]], part[claims[1]]), part[time])
        return seconds, claim_a, claim_b

    at_x1, at_x0 = until(part["x1"]), until(part["x0"])
    return at_x1[0] - at_x0[0], at_x1[1] - at_x0[1], at_x1[2] - at_x0[2]
