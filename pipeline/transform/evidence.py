"""What the rules judge by: one row per cluster, every measure of ``rules.MEASURES``.

Method: the utilization table of the rules' window, and what follows from it. All of it folds from
ledger rows, so the evidence of a past date is the evidence that date had.

``week_coverage`` = hours of the week with a sample / running hours per week (at least one week, at
most 168 hours). A cluster that runs around the clock must be looked at around the clock; one that
runs 45 hours a week, in those. Looking at the same hour every night covers 7 hours of 168, however
many nights. Known limit: a cluster that runs at other hours every week looks better covered than
it is.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.schema import BAND_COLUMNS
from pipeline.transform.fold import HOURS_OF_WEEK

HOUR_SECONDS = 3600
DAY_SECONDS = 86_400


def derive(utilization: pd.DataFrame) -> pd.DataFrame:
    """``utilization`` with the measures that follow from it."""
    running = utilization["running_seconds"].to_numpy(np.float64)
    running_hours = running / HOUR_SECONDS
    cells = utilization["hour_of_week_coverage"].to_numpy(np.float64) * HOURS_OF_WEEK
    seen = utilization[list(BAND_COLUMNS)].to_numpy(np.int64).sum(axis=1)
    listed = (utilization["observed_seconds"] + utilization["gap_seconds"]).to_numpy(np.float64)
    weeks = np.maximum(listed / DAY_SECONDS / 7.0, 1.0)
    ran_in = np.clip(np.ceil(running_hours / weeks), 1, HOURS_OF_WEEK)
    return utilization.assign(
        running_hours=running_hours,
        week_coverage=np.minimum(cells / ran_in, 1.0),
        seen_seconds=seen,
        observed_days=listed / DAY_SECONDS,
        spend_share_of_mean=_share_of_mean(utilization),
    )


def _share_of_mean(utilization: pd.DataFrame) -> pd.Series[float]:
    spend = utilization["spend_micros"].astype("Float64").astype("float64")
    mean = spend[spend > 0].mean()
    return spend / mean if mean > 0 else spend * np.nan


def provable_waste(evidence: pd.DataFrame) -> pd.Series[int]:
    """Money that was spent without work, as far as the looks prove it.

    floor((spend_low - stopped_spend) x seen / running x (1 - busy_share_bound)), where seen is the
    running time within 30 minutes of a look that read the GPU. It is conservative four times over:
    the least the spend can have been, only the running part of it, only the part somebody looked
    at, and of that only the share of time that 95 % confidence leaves no work for. Hence it never
    exceeds the spend, grows with every look, and is 0 without one.
    """
    low = evidence["spend_low_micros"].to_numpy(np.float64, na_value=0.0)
    stopped = evidence["stopped_spend_micros"].to_numpy(np.float64)
    running = evidence["running_seconds"].to_numpy(np.float64)
    seen = np.minimum(evidence["seen_seconds"].to_numpy(np.float64), running)
    share = np.divide(seen, running, out=np.zeros(len(seen)), where=running > 0)
    free = 1.0 - evidence["busy_share_bound"].fillna(1.0).to_numpy(np.float64)
    waste = np.floor(np.maximum(low - stopped, 0.0) * share * free)
    return pd.Series(waste, index=evidence.index).astype("int64")
