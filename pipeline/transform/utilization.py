"""Utilization: how much of each cluster's GPU was used, and how well that was seen.

Method: one fold of the ledger per cluster. Means weigh readings by running time. The 95th
percentile comes from the utilization bands: the upper edge of the band that holds it, so the true
value is that or less. The idle share is the running time in the bands up to 5 % over the running
time that has a reading. Samples are distinct clock hours with a snapshot that shows the cluster
running and has a GPU reading.

Assumption: a reading stands for at most 30 minutes before and after it (the ledger's rule); running
time further away is in no band and changes no mean.

``unused_micros`` = spend x (1 - mean GPU use): a ranking key. It is not a saving: the unused part
of a GPU cannot be returned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipeline import schema
from pipeline.transform.findings.confidence import Samples, running_share_bound
from pipeline.transform.fold import HOURS_OF_WEEK, Fold, day_number, day_numbers, has_flag, ratio
from pipeline.transform.observed import last_observed

if TYPE_CHECKING:
    from datetime import date

    from numpy.typing import NDArray

    from pipeline.arrays import Floats
    from pipeline.transform.observed import Until


DIMENSIONS = (
    *schema.CLUSTER_KEY,
    "name",
    "project_id",
    "region",
    "gpu_type",
    "gpu_count",
    "template_id",
    "status",
    "expires_at",
    "created_at",
)
_SUMS = (
    "spend_micros",
    "spend_low_micros",
    "metered_micros",
    "stopped_spend_micros",
    "unpriced_seconds",
    "observed_seconds",
    "running_seconds",
    "stopped_seconds",
    "transition_seconds",
    "error_seconds",
    "gap_seconds",
    *schema.BAND_COLUMNS,
    "band_no_metrics_seconds",
    "band_unseen_seconds",
    "gpu_weight_seconds",
    "gpu_sum_mpct_seconds",
    "memory_weight_seconds",
    "memory_sum_mpct_seconds",
    "cpu_weight_seconds",
    "cpu_sum_mpct_seconds",
)
_RANDOM_SUMS = ("random_samples", "random_busy_samples", "random_seconds")
_METRICS = ("gpu", "memory", "cpu")
_IDLE_BANDS = tuple(
    column
    for column, edge in zip(schema.BAND_COLUMNS, schema.BAND_EDGES_PCT, strict=True)
    if edge <= schema.BUSY_ABOVE_PCT
)


def rank(ledger: pd.DataFrame, until: Until | None = None) -> pd.DataFrame:
    """Every cluster of the window, most unused money first; unknown last.

    ``until``: the last day on which each account is observed, where that is before the end.
    """
    return ranked(facts(Fold.of(ledger), until=until))


def ranked(clusters: pd.DataFrame) -> pd.DataFrame:
    """The utilization table from the :func:`facts` of its clusters."""
    frame = clusters.sort_values(
        ["unused_micros", *schema.CLUSTER_KEY],
        ascending=[False, True, True],
        na_position="last",
        kind="stable",
    )
    return schema.UTILIZATION.enforce(frame)


def facts(fold: Fold, last_day: date | None = None, until: Until | None = None) -> pd.DataFrame:
    """The columns of the utilization table, one row per cluster in the order of the fold.

    ``last_day`` is the window's end; by default the latest day of the rows. An account is described
    as of the last day in ``until``, if that is earlier.
    """
    if not fold.size:
        return schema.UTILIZATION.empty()
    frame = pd.concat([fold.latest(DIMENSIONS), fold.total(_SUMS)], axis=1)
    frame["hourly_rate_micros"] = fold.latest_known("hourly_rate_micros")
    frame["gpu_seconds"] = _gpu_seconds(fold)
    _widen(frame, fold)
    for metric in _METRICS:
        weight = frame[f"{metric}_weight_seconds"].to_numpy(np.float64)
        frame[f"{metric}_mean_pct"] = ratio(
            frame[f"{metric}_sum_mpct_seconds"].to_numpy(np.float64), weight * 1000.0
        )
    highest = fold.highest([*(f"{m}_max_pct" for m in _METRICS), "last_busy_at"])
    frame[highest.columns] = highest
    frame["first_observed_at"] = fold.lowest(["first_observed_at"])
    frame["last_observed_at"] = fold.highest(["last_observed_at"])
    _read_bands(frame)
    _count_samples(frame, fold)
    frame["is_present"] = is_present(fold, last_day, until)
    spend = frame["spend_micros"].to_numpy(np.float64, na_value=np.nan)
    unused = np.floor(spend * (1.0 - frame["gpu_mean_pct"].to_numpy() / 100.0))
    frame["unused_micros"] = pd.Series(unused).astype("Int64")
    return frame


def is_present(
    fold: Fold, last_day: date | None = None, until: Until | None = None
) -> NDArray[np.bool_]:
    """Whether each cluster was still listed at the end of the window's last day."""
    last = fold.latest(["account", "date", "flags"])
    vanished = has_flag(last["flags"], "vanished")
    end = int(fold.day.max()) if last_day is None else day_number(last_day)
    ends = np.minimum(last_observed(last, until or {}, end), end)
    return np.asarray((day_numbers(last["date"]) == ends) & ~vanished)


def percentile(frame: pd.DataFrame, share_pct: int) -> Floats:
    """Upper edge of the band that holds the ``share_pct``-th percentile of GPU use."""
    bands = frame[list(schema.BAND_COLUMNS)].to_numpy(np.int64)
    reached = np.cumsum(bands, axis=1)
    seen = reached[:, -1:]
    band = np.argmax(reached * 100 >= seen * share_pct, axis=1)
    edges = np.asarray(schema.BAND_EDGES_PCT, np.float64)[band]
    return np.where(seen[:, 0] > 0, edges, np.nan)


def _read_bands(frame: pd.DataFrame) -> None:
    frame["gpu_p95_pct"] = percentile(frame, 95)
    seen = frame[list(schema.BAND_COLUMNS)].to_numpy(np.int64).sum(axis=1)
    idle = frame[list(_IDLE_BANDS)].to_numpy(np.int64).sum(axis=1)
    frame["idle_share_pct"] = ratio(100.0 * idle, seen.astype(np.float64))


def _count_samples(frame: pd.DataFrame, fold: Fold) -> None:
    samples, busy = fold.hours("hours_observed"), fold.hours("hours_busy")
    frame["samples"], frame["busy_samples"] = samples, busy
    random = fold.total(_RANDOM_SUMS).astype("int64")
    frame["busy_share_bound"], frame["has_random_samples"] = running_share_bound(
        Samples(
            listed_seconds=(frame["observed_seconds"] + frame["gap_seconds"]).to_numpy(np.int64),
            running_seconds=frame["running_seconds"].to_numpy(np.int64),
            hours=samples,
            busy_hours=busy,
            **{name: random[name].to_numpy(np.int64) for name in _RANDOM_SUMS},
            random_interval_seconds=fold.highest(["random_interval_seconds"])[
                "random_interval_seconds"
            ].to_numpy(np.int64),
        )
    )
    cells = np.bitwise_count(fold.week("hours_observed")).sum(axis=1)
    frame["hour_of_week_coverage"] = cells / HOURS_OF_WEEK


def _widen(frame: pd.DataFrame, fold: Fold) -> None:
    """Bounds of the window: summed, then widened by its outer two cuts; unknown if any row is."""
    cut = fold.add(fold.outer_cuts())
    frame["spend_low_micros"] = (frame["spend_low_micros"] - cut).clip(lower=0)
    high = fold["spend_high_micros"]
    unbounded = fold.any_of(high.isna().to_numpy())
    total = fold.add(high.fillna(0).to_numpy(np.int64)) + cut
    frame["spend_high_micros"] = pd.Series(total, dtype="Int64").mask(unbounded)


def _gpu_seconds(fold: Fold) -> pd.Series[Any]:
    running, gpus = fold["running_seconds"], fold["gpu_count"]
    unknown = fold.any_of((gpus.isna() & (running > 0)).to_numpy(bool))
    total = fold.add((running * gpus).fillna(0).to_numpy(np.int64))
    return pd.Series(total, dtype="Int64").mask(unknown)
