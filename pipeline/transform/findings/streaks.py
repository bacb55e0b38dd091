"""Streaks up to the window's end: how long a cluster has been stuck, or stopped, and what it cost.

Method: the last whole days without the time that would end the streak: running or stopped time for
a stuck cluster, running time for a stopped one. The money is the least those days can have cost.
Assumption: a day on which it ran at all ends the streak, so a claim can be a day late, never early.
A cluster in daily use therefore has no streak, however many hours it is stopped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pipeline.arrays import Bools, Ints
    from pipeline.transform.fold import Fold


def stuck(fold: Fold) -> tuple[Ints, Ints]:
    """Per cluster: seconds stuck up to the end of its last day, and the least micros they cost."""
    moved = ((fold["running_seconds"] > 0) | (fold["stopped_seconds"] > 0)).to_numpy(bool)
    since = _after_last(fold, moved)
    seconds = (fold["transition_seconds"] + fold["error_seconds"]).to_numpy(np.int64)
    money = fold["spend_low_micros"].to_numpy(np.int64, na_value=0)
    # Money may lie beyond the streak's two ends only; midnights within it cut nothing off.
    first = np.full(fold.size, np.iinfo(np.int64).max)
    np.minimum.at(first, fold.code[since], fold.day[since])
    starts = np.where(fold.day == first[fold.code], fold["cut_start_micros"], 0)
    ends = np.where(fold.day == fold.day[fold.last][fold.code], fold["cut_end_micros"], 0)
    return (
        fold.add(np.where(since, seconds, 0)),
        np.maximum(fold.add(np.where(since, money - starts - ends, 0)), 0),
    )


def stopped(fold: Fold) -> tuple[Ints, Ints]:
    """Per cluster: seconds stopped since it last ran, and the micros charged for them."""
    since = _after_last(fold, (fold["running_seconds"] > 0).to_numpy(bool))
    return (
        fold.add(np.where(since, fold["stopped_seconds"], 0)),
        fold.add(np.where(since, fold["stopped_spend_micros"], 0)),
    )


def _after_last(fold: Fold, ended: Bools) -> Bools:
    """The rows of each cluster after its last one in ``ended``."""
    last = np.full(fold.size, np.iinfo(np.int64).min)
    np.maximum.at(last, fold.code[ended], fold.day[ended])
    return np.asarray(fold.day > last[fold.code])
