"""Utilization in money: what was paid for GPU time that did no work, by project or GPU type.

Method: unused = spend x (1 - mean GPU use) of each cluster, summed (``utilization.unused_micros``).
Mean and 95th percentile weigh each cluster's readings by running time and number of GPUs. Clusters
without a reading, a price or a number of GPUs have their spend in ``unread_micros`` and are in no
other column. Known limit: the unused part of a GPU cannot be returned, so this is not a saving.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.schema import BAND_COLUMNS
from pipeline.transform.fold import ratio
from pipeline.transform.utilization import percentile

COLUMNS = (
    "spend_micros", "unused_micros", "unread_micros", "gpu_mean_pct", "gpu_p95_pct", "clusters",
)  # fmt: skip


def unused_spend(utilization: pd.DataFrame, by: str) -> pd.DataFrame:
    """One row per value of the column ``by`` (null included), most unused money first.

    Columns: ``by`` and ``COLUMNS``. Spend = the read clusters' and the unread ones'.
    """
    spend = utilization["spend_micros"].fillna(0).astype("int64")
    is_read = (utilization["unused_micros"].notna() & (utilization["gpu_count"] > 0)).fillna(
        value=False
    )
    bands = utilization[list(BAND_COLUMNS)].astype("int64")
    gpus = utilization["gpu_count"].where(is_read, 0).astype("int64")
    weight = bands.sum(axis=1) * gpus
    parts = pd.DataFrame(
        {
            by: utilization[by].astype("object").where(utilization[by].notna(), None),
            "spend_micros": spend,
            "unused_micros": utilization["unused_micros"].where(is_read, 0).astype("int64"),
            "unread_micros": spend.where(~is_read, 0),
            "weight": weight,
            "use": utilization["gpu_mean_pct"].fillna(0) * weight,
            "clusters": 1,
            **{band: bands[band] * gpus for band in BAND_COLUMNS},
        }
    )
    sums = parts.groupby(by, dropna=False, sort=True).sum().reset_index()
    sums["gpu_mean_pct"] = ratio(
        sums["use"].to_numpy(np.float64), sums["weight"].to_numpy(np.float64)
    )
    sums["gpu_p95_pct"] = percentile(sums, 95)
    return (
        sums[[by, *COLUMNS]]
        .sort_values(["unused_micros", by], ascending=[False, True], kind="stable")
        .reset_index(drop=True)
    )
