"""Prices per GPU-hour against the fleet's own prices for the same GPU type and region.

Method: the peers of a cluster are the running, listed clusters of its GPU type and region, itself
included. The median of their rates per GPU-hour is what the fleet itself pays. A cluster with
0 GPUs has no rate per GPU and is not a peer of any cluster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def peer_prices(frame: pd.DataFrame) -> dict[str, pd.Series[Any]]:
    """The rate per GPU-hour of each cluster of the evidence, against that of its peers."""
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
