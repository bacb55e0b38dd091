"""The part of each interval that lies within a day.

An interval inside the day is itself. Of one that crosses a midnight the day gets a share: money
linearly in time, seconds by the same rule within running and other time (``split``), so the days'
parts of an interval add up exactly. Few intervals cross, so only those are computed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.ledger.intervals import price
from pipeline.ledger.split import accrued, shared

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.arrays import Ints

    Columns = dict[str, NDArray[Any]]


def clip(whole: Columns, begin: int, end: int) -> Columns:
    """The intervals that touch [begin, end), their money and seconds cut to it.

    Adds ``x0`` and ``x1``, the day's part of each in seconds from its start, and ``cut_start`` and
    ``cut_end``: the money that may lie on the other side of either midnight. An interval of no
    length belongs to the day it lies in, with all its money.
    """
    start, stop = whole["start"], whole["end"]
    touches = np.where(
        stop > start, (start < end) & (stop > begin), (start >= begin) & (start < end)
    )
    at = np.flatnonzero(touches)
    part = {name: values[at] for name, values in whole.items()}
    start, elapsed = part["start"], part["end"] - part["start"]
    part["x0"] = np.clip(begin - start, 0, elapsed)
    part["x1"] = np.clip(end - start, 0, elapsed)
    part["cut_start"] = np.zeros(len(at), dtype=np.int64)
    part["cut_end"] = np.zeros(len(at), dtype=np.int64)
    cut = np.flatnonzero(part["x1"] - part["x0"] < elapsed)
    crossing = {name: values[cut] for name, values in part.items()}
    for name, values in _shares(crossing, elapsed[cut]).items():
        part[name][cut] = values
    return part


def _shares(part: Columns, elapsed: Ints) -> Columns:
    """The columns of crossing intervals that change when they are cut."""
    x0, x1 = part["x0"], part["x1"]

    def share(amount: Ints) -> Ints:
        return accrued(amount, x1, elapsed) - accrued(amount, x0, elapsed)

    spend = share(part["spend"])
    running, run_a, run_b = _claimed(part, elapsed, "running", ("run_a", "run_b"))
    rest, rest_a, rest_b = _claimed(part, elapsed, "rest", ("rest_a", "rest_b"))
    return {
        "spend": spend,
        "low": spend - share(part["spend"] - part["low"]),
        "high": spend + share(part["high"] - part["spend"]),
        "storage": share(part["storage"]),
        "cut_start": _doubt(part, x0, elapsed),
        "cut_end": _doubt(part, x1, elapsed),
        "running": running,
        "run_a": run_a,
        "run_b": run_b,
        "rest": rest,
        "rest_a": rest_a,
        "rest_b": rest_b,
    }


def _doubt(part: Columns, x: Ints, elapsed: Ints) -> Ints:
    """How far the money metered before ``x`` may be from its linear share.

    At most the highest rate allows before x, at least the total less what it allows after. A
    counter that rose faster than the rate allows may have risen anywhere. Estimated money has
    bounds of its own on each side, so no cut adds to them.
    """
    spend, rate = part["spend"], part["highest_rate"]
    before = accrued(spend, x, elapsed)
    most, after = price(rate, x), price(rate, elapsed - x)
    is_possible = (rate > 0) & (spend <= price(rate, elapsed) + 1)
    high = np.where(is_possible, np.minimum(spend, most + 1), spend)
    low = np.where(is_possible, np.maximum(spend - after - 1, 0), 0)
    doubt = np.maximum(np.maximum(before - low, high - before), 0)
    return np.where(part["is_metered"] & (x > 0) & (x < elapsed), doubt, 0)


def _claimed(
    part: Columns, elapsed: Ints, whole: str, claims: tuple[str, str]
) -> tuple[Ints, Ints, Ints]:
    """The day's share of the running (or the other) time, and of each end's claim on it."""

    def until(x: Ints) -> tuple[Ints, Ints, Ints]:
        running = accrued(part["running"], x, elapsed)
        size = running if whole == "running" else x - running
        first, second, _ = shared(size, (part[claims[0]], part[claims[1]]), part[whole])
        return size, first, second

    late, early = until(part["x1"]), until(part["x0"])
    return late[0] - early[0], late[1] - early[1], late[2] - early[2]
