"""Intervals folded into one row per cluster for one UTC day.

Method. Each interval is clipped to the day: money linearly in time, seconds by the same rule within
running and other time (``split``), so the days' parts of an interval add up exactly. Everything in
a row is a sum, a maximum, a bit mask or the latest of its kind: a window is a fold over days.

Money cut at a midnight is exact in sum, but its share on each side is an estimate. The row states
the largest error of that estimate (``cut_start_micros``, ``cut_end_micros``), from what the highest
rate allows on either side. A cluster that ran throughout at one rate has an error of 0.

Known limit: dimensions are those of the day's last observation. A change during the day is flagged
(``has_moved``); its money is not divided.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipeline.ledger.clip import clip
from pipeline.ledger.groups import Groups
from pipeline.ledger.inputs import midnight
from pipeline.ledger.intervals import intervals
from pipeline.ledger.observations import (
    ERROR,
    FLAG_NAMES,
    OTHER,
    RUNNING,
    STOPPED,
    TRANSITION,
    History,
    Observations,
    join,
    observe,
)
from pipeline.ledger.random_instants import intervals_of
from pipeline.schema import BAND_COLUMNS, BAND_EDGES_PCT, BUSY_ABOVE_PCT, LEDGER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from numpy.typing import NDArray

    from pipeline.arrays import Bools, Columns, Floats, Ints
    from pipeline.model import SnapshotInfo, SnapshotRows


DAY_SECONDS = 86_400
NEVER = np.iinfo(np.int64).min
DIMENSIONS = (
    "name", "project_id", "region", "gpu_type", "gpu_count", "template_id", "status",
    "expires_at", "created_at",
)  # fmt: skip
CODES = frozenset({"project_id", "region", "gpu_type", "template_id", "status"})
MOVES = ("project_id", "region", "gpu_type", "gpu_count")
"""A change of these moves a cluster's money between groups of a report."""


def build_day(
    snapshots: Sequence[SnapshotRows], day: date, rate_card: Mapping[str, int]
) -> pd.DataFrame:
    """The ledger of one UTC day: rows of ``schema.LEDGER``, sorted by cluster.

    Args:
        snapshots: the day's inputs (``inputs.inputs_of``) in time order; rows in any order.
        day: the UTC day.
        rate_card: micros per GPU-hour by GPU type, for clusters without a rate.

    The ``account`` column is left empty: it belongs to the path.
    """
    return build_day_of(join(snapshots), day, rate_card) if snapshots else LEDGER.empty()


def build_day_of(history: History, day: date, rate_card: Mapping[str, int]) -> pd.DataFrame:
    """The same as :func:`build_day`, for snapshots whose rows are one frame."""
    obs = observe(history, rate_card)
    begin = int(midnight(day).timestamp())
    end = begin + DAY_SECONDS
    part = clip(intervals(obs, history.snapshots, begin, end), begin, end)
    in_day = np.flatnonzero((obs.time >= begin) & (obs.time < end))
    # A cluster has a row if it has an interval or an observation in the day.
    is_present = np.zeros(len(obs.cluster_ids), dtype=bool)
    is_present[part["code"]] = is_present[obs.code[in_day]] = True
    clusters = np.flatnonzero(is_present)
    if not len(clusters):
        return LEDGER.empty()
    parts, observed = Groups(part["code"], clusters), Groups(obs.code[in_day], clusters)
    columns: dict[str, object] = {
        "account": "",
        "date": pd.Timestamp(day),
        "cluster_id": obs.cluster_ids[clusters],
    }
    columns |= _dimensions(obs, clusters, end)
    columns |= _money(part, parts)
    columns |= _time(part, parts)
    columns |= _utilization(obs, part, parts)
    columns |= _observed(obs, in_day, observed)
    columns |= _random_samples(obs, history.snapshots, (begin, end), clusters, columns)
    columns["has_moved"] = observed.any_of(_moved(obs)[in_day])
    flags = parts.fold(np.bitwise_or, part["flags"], 0) | observed.fold(
        np.bitwise_or, obs.flags[in_day], 0
    )
    columns["flags"] = _flag_names(flags)
    return LEDGER.enforce(pd.DataFrame(columns, copy=False))


def _money(part: Columns, parts: Groups) -> dict[str, object]:
    """The day's share of the money, its bounds, and the largest error of both midnight cuts."""
    spend, priced = part["spend"], part["is_priced"]
    has_price = parts.any_of(priced & ((part["x1"] > part["x0"]) | (spend > 0)))
    has_unpriced = parts.any_of(~priced)
    # A cluster that was observed but has no interval yet (its next observation is still to come)
    # has spent nothing so far: that is known, and it is zero.
    known = has_price | ~has_unpriced
    return {
        "spend_micros": _masked(parts.sum_of(np.where(priced, spend, 0)), known),
        "spend_low_micros": _masked(parts.sum_of(np.where(priced, part["low"], 0)), known),
        "spend_high_micros": _masked(
            parts.sum_of(np.where(priced, part["high"], 0)), ~has_unpriced
        ),
        "metered_micros": parts.sum_of(np.where(part["is_metered"], spend, 0)),
        "stopped_spend_micros": parts.sum_of(part["storage"]),
        "unpriced_seconds": parts.sum_of(np.where(priced, 0, part["x1"] - part["x0"])),
        "carried_in_micros": parts.sum_of(part["carried_in"]),
        "cut_start_micros": parts.sum_of(part["cut_start"]),
        "cut_end_micros": parts.sum_of(part["cut_end"]),
    }


def _time(part: Columns, parts: Groups) -> dict[str, object]:
    """The day's seconds by what the cluster was doing, and those that are not known."""
    rest_a, rest_b = part["rest_a"], part["rest_b"]
    columns: dict[str, object] = {"running_seconds": parts.sum_of(part["running"])}
    for name, status in (("stopped", STOPPED), ("transition", TRANSITION), ("error", ERROR)):
        at_a, at_b = part["status_a"] == status, part["status_b"] == status
        columns[f"{name}_seconds"] = parts.sum_of(rest_a * at_a + rest_b * at_b)
    columns["gap_seconds"] = parts.sum_of(part["rest"] - rest_a - rest_b)
    columns["observed_seconds"] = parts.sum_of(part["running"] + rest_a + rest_b)
    columns["band_unseen_seconds"] = parts.sum_of(part["running"] - part["run_a"] - part["run_b"])
    return columns


def _utilization(obs: Observations, part: Columns, parts: Groups) -> dict[str, object]:
    """Claimed running seconds per utilization band, and the weight, sum and maximum of GPU, memory
    and CPU utilization; sums of integers do not depend on order.
    """
    # The seconds an observation speaks for: its claims on the intervals before and after it.
    count = len(obs.code)
    seconds = np.zeros(count, dtype=np.int64)
    for end, run in (("a", "run_a"), ("b", "run_b")):
        claims = part[run] > 0
        # No index repeats here, which += needs: an observation begins at most one interval and
        # ends at most one.
        seconds[part[end][claims]] += part[run][claims]
    at = np.flatnonzero(seconds)
    seconds = seconds[at]
    groups = Groups(obs.code[at], parts.clusters)
    columns = _bands(obs.gpu[at], seconds, groups)
    for name, readings in (("gpu", obs.gpu), ("memory", obs.memory), ("cpu", obs.cpu)):
        reading = readings[at]
        known = ~np.isnan(reading)
        milli = np.rint(np.where(known, reading, 0.0) * 1000).astype(np.int64)
        columns[f"{name}_weight_seconds"] = groups.sum_of(seconds * known)
        columns[f"{name}_sum_mpct_seconds"] = groups.sum_of(milli * seconds)
        columns[f"{name}_max_pct"] = groups.fold(np.fmax, reading, np.nan)
    return columns


def _bands(gpu: Floats, seconds: Ints, groups: Groups) -> dict[str, object]:
    """Seconds per band; those without a reading have a band of their own."""
    names = (*BAND_COLUMNS, "band_no_metrics_seconds")
    # Upper edges are inclusive; readings above 100 go to the last band.
    band = np.searchsorted(BAND_EDGES_PCT, gpu, side="left")
    band = np.where(np.isnan(gpu), len(BAND_COLUMNS), np.minimum(band, len(BAND_COLUMNS) - 1))
    size = len(groups.clusters)
    # One count per cell of the table cluster x band. A float holds every sum of seconds exactly.
    table = np.bincount(
        groups.positions() * len(names) + band, weights=seconds, minlength=size * len(names)
    )
    return dict(zip(names, table.astype(np.int64).reshape(size, len(names)).T, strict=True))


def _observed(obs: Observations, in_day: Ints, groups: Groups) -> dict[str, object]:
    """How many observations the day has, when, and in which hours the GPU was busy."""
    at, gpu = obs.time[in_day], obs.gpu[in_day]
    is_reading = (obs.status[in_day] == RUNNING) & ~np.isnan(gpu)
    is_busy = is_reading & (gpu > BUSY_ABOVE_PCT)
    hour = np.left_shift(1, (at % DAY_SECONDS) // 3600)  # one bit of 24
    return {
        "looks": groups.sum_of(np.ones_like(at)),
        "hours_observed": groups.fold(np.bitwise_or, hour * is_reading, 0),
        "hours_busy": groups.fold(np.bitwise_or, hour * is_busy, 0),
        "last_busy_at": _timestamps(groups.fold(np.maximum, np.where(is_busy, at, NEVER), NEVER)),
        "first_observed_at": _timestamps(groups.fold(np.minimum, at, NEVER)),
        "last_observed_at": _timestamps(groups.fold(np.maximum, at, NEVER)),
    }


def _random_samples(
    obs: Observations,
    snapshots: Sequence[SnapshotInfo],
    day: tuple[int, int],
    clusters: Ints,
    columns: Mapping[str, Any],
) -> dict[str, object]:
    """The samples at random instants, and how much of the day their intervals cover."""
    start, length = intervals_of(snapshots)
    is_running = obs.status == RUNNING
    is_known = np.where(is_running, ~np.isnan(obs.gpu), obs.status != OTHER)
    at = np.flatnonzero(is_known & (length[obs.snapshot] > 0))
    is_busy = is_running[at] & (obs.gpu[at] > BUSY_ABOVE_PCT)
    groups = Groups(obs.code[at], clusters)
    in_day = (obs.time[at] >= day[0]) & (obs.time[at] < day[1])
    snapshot = obs.snapshot[at]
    begins, ends = start[snapshot], start[snapshot] + length[snapshot]
    covered = np.maximum(np.minimum(ends, day[1]) - np.maximum(begins, day[0]), 0)
    # A cluster can be sampled only while it is listed.
    listed = np.asarray(columns["observed_seconds"]) + np.asarray(columns["gap_seconds"])
    return {
        "random_samples": groups.sum_of(in_day.astype(np.int64)),
        "random_busy_samples": groups.sum_of((in_day & is_busy).astype(np.int64)),
        "random_seconds": np.minimum(groups.sum_of(covered), listed),
        "random_interval_seconds": groups.fold(
            np.maximum, np.where(covered > 0, length[snapshot], 0), 0
        ),
    }


def _dimensions(obs: Observations, clusters: Ints, end: int) -> dict[str, object]:
    """The dimensions of the day's last observation, else of the nearest earlier one, else (created
    but not yet observed) of the nearest later one. Never the latest: past days do not change.
    """
    first = np.searchsorted(obs.code, clusters, side="left")
    # A cluster's last observation before ``end`` is as far from its first as it has such ones.
    earlier = Groups(obs.code, clusters).sum_of((obs.time < end).astype(np.int64))
    chosen = first + np.maximum(earlier - 1, 0)
    rows = obs.frame[list(DIMENSIONS)].take(obs.row[chosen]).reset_index(drop=True)
    rate = obs.rate[chosen]
    # Only the categories that the day uses, sorted: other days' values must not change its bytes.
    dimensions: dict[str, object] = {
        name: _own_categories(rows[name]) if name in CODES else rows[name] for name in DIMENSIONS
    }
    return dimensions | {"hourly_rate_micros": _masked(rate, rate >= 0)}


def _own_categories(column: pd.Series[Any]) -> pd.Series[Any]:
    used = column.cat.remove_unused_categories()
    return used.cat.reorder_categories(used.cat.categories.sort_values())


def _moved(obs: Observations) -> Bools:
    """Observations whose cluster had other dimensions at the observation before."""
    changed = np.zeros(len(obs.code), dtype=bool)
    for name in MOVES:
        column = obs.frame[name]
        # Codes are enough to compare by: all rows share one set of categories.
        values = (
            column.cat.codes.to_numpy()
            if isinstance(column.dtype, pd.CategoricalDtype)
            else column.to_numpy(dtype=np.int64, na_value=-1)
        )[obs.row]
        changed[1:] |= values[1:] != values[:-1]
    changed[1:] &= obs.code[1:] == obs.code[:-1]
    return changed


def _flag_names(flags: Ints) -> NDArray[np.object_]:
    """The flags as text: every combination is spelled once, and picked by its bits."""
    texts = [
        ",".join(name for bit, name in enumerate(FLAG_NAMES) if value >> bit & 1)
        for value in range(1 << len(FLAG_NAMES))
    ]
    return np.array(texts, dtype=object)[flags]


def _masked(values: Ints, known: Bools) -> pd.arrays.IntegerArray:
    return pd.arrays.IntegerArray(np.asarray(values, dtype=np.int64), ~known)


def _timestamps(seconds: Ints) -> pd.DatetimeIndex:
    """UTC timestamps of Unix seconds; ``NEVER`` is null: it has the bits of numpy's NaT."""
    micros = np.where(seconds == NEVER, NEVER, seconds * 1_000_000)
    return pd.DatetimeIndex(micros.astype("datetime64[us]")).tz_localize("UTC")
