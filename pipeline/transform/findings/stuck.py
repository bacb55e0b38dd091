"""Stuck clusters: how long they have neither run nor been stopped, and what that cost.

Method: the last whole days without any running or stopped time, while the status is one of the
transitions or error. The money is the least those days can have cost. Assumption: a day on which
the cluster ran or was stopped at all ends the streak, so the claim can be a day late but never
early.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pipeline.arrays import Ints
    from pipeline.transform.fold import Fold


def stuck(fold: Fold) -> tuple[Ints, Ints]:
    """Per cluster: seconds stuck up to the window's end, and the least they cost in micros."""
    moved = ((fold["running_seconds"] > 0) | (fold["stopped_seconds"] > 0)).to_numpy(bool)
    last_moved = np.full(fold.size, np.iinfo(np.int64).min)
    np.maximum.at(last_moved, fold.code[moved], fold.day[moved])
    since = fold.day > last_moved[fold.code]
    seconds = (fold["transition_seconds"] + fold["error_seconds"]).to_numpy(np.int64)
    money = fold["spend_low_micros"].to_numpy(np.int64, na_value=0)
    # Money may lie beyond the streak's two ends only; midnights within it cut nothing off.
    first = np.full(fold.size, np.iinfo(np.int64).max)
    np.minimum.at(first, fold.code[since], fold.day[since])
    starts = np.where(fold.day == first[fold.code], fold["cut_start_micros"], 0)
    ends = np.where(fold.day == fold.day.max(), fold["cut_end_micros"], 0)
    return (
        fold.add(np.where(since, seconds, 0)),
        np.maximum(fold.add(np.where(since, money - starts - ends, 0)), 0),
    )
