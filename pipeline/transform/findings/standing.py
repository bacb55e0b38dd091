"""What clusters cost without working, and against each other: stuck ones, and prices.

Stuck: the last whole days without any running or stopped time, while the status is one of the
transitions or error. The money is the least those days can have cost. Assumption: a day on which it
ran or was stopped at all ends the streak, so the claim is late by up to a day and never early.

Peers: running, listed clusters of one GPU type and region; the median of their rates per GPU-hour
is what the fleet itself pays. A cluster of 0 GPUs has no rate per GPU and is nobody's peer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

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


def prices(frame: pd.DataFrame) -> dict[str, pd.Series[Any]]:
    """Rate per GPU-hour against the peers of each cluster of the evidence."""
    gpus = frame["gpu_count"].astype("Float64").where(frame["gpu_count"] > 0)
    rate = (frame["hourly_rate_micros"].astype("Float64") / gpus).astype("float64")
    is_peer = frame["is_present"] & (frame["status"] == "running")
    keys = [frame["gpu_type"], frame["region"]]
    groups = rate.where(is_peer).groupby(keys, observed=True, dropna=True)
    peer_rate = groups.transform("median")
    ratio = (rate / peer_rate).where(peer_rate > 0)
    return {
        "rate_per_gpu_micros": rate,
        "peer_rate_micros": peer_rate,
        "peers": groups.transform("count"),
        "price_ratio": ratio.round(6),
    }
