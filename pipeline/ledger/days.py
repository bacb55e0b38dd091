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
import pyarrow as pa

from pipeline.ledger.clip import clip
from pipeline.ledger.columns import NULL, Rows, codes, ints, positions, texts
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
    blocks,
    join,
    observe,
)
from pipeline.ledger.random_instants import intervals_of
from pipeline.schema import BAND_COLUMNS, BAND_EDGES_PCT, BUSY_ABOVE_PCT, CODE, LEDGER, TEXT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    import pandas as pd

    from pipeline.arrays import Bools, Columns, Floats, Ints
    from pipeline.model import SnapshotInfo, SnapshotRows


DAY_SECONDS = 86_400
TEXT_DIMENSIONS = ("name", "project_id", "region", "gpu_type", "template_id", "status")
NUMBER_DIMENSIONS = ("gpu_count", "expires_at", "created_at")
MOVES = ("project_id", "region", "gpu_type", "gpu_count")
"""A change of these moves a cluster's money between groups of a report."""
FLAG_TEXTS = [
    ",".join(name for bit, name in enumerate(FLAG_NAMES) if value >> bit & 1)
    for value in range(1 << len(FLAG_NAMES))
]
"""Every combination of flags as text, at the position of its bits."""


def build_day(
    snapshots: Sequence[SnapshotRows], day: date, rate_card: Mapping[str, int]
) -> pd.DataFrame:
    """The ledger of one UTC day as a frame: rows of ``schema.LEDGER``, sorted by cluster.

    Args:
        snapshots: the day's inputs (``inputs.inputs_of``) in time order; rows in any order.
        day: the UTC day.
        rate_card: micros per GPU-hour by GPU type, for clusters without a rate.

    The ``account`` column is left empty: it belongs to the path.
    """
    rows = build_rows(join(snapshots), day, rate_card)
    columns = {
        name: column.cast(TEXT).dictionary_encode() if column.type == CODE else column
        for name, column in zip(rows.column_names, rows.columns, strict=True)
    }
    columns["account"] = texts(np.zeros(len(rows), dtype=np.int64), [""])
    columns["date"] = pa.repeat(
        pa.scalar(midnight(day), LEDGER.arrow.field("date").type), len(rows)
    )
    return LEDGER.to_pandas(pa.table([columns[name] for name in LEDGER.names], LEDGER.arrow))


def build_rows(history: History, day: date, rate_card: Mapping[str, int]) -> pa.Table:
    """The rows of one UTC day, sorted by cluster: all columns of ``schema.LEDGER`` that its file
    has. See :func:`build_day`.
    """
    # Clusters come and go between the snapshots.
    rows = Rows(LEDGER.stored, int(1.1 * max(map(len, history.tables), default=0)))
    for block in blocks(history):
        _add_block(rows, block, day, rate_card)
    return rows.table()


def _add_block(rows: Rows, history: History, day: date, rate_card: Mapping[str, int]) -> None:
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
        return
    parts, observed = Groups(part["code"], clusters), Groups(obs.code[in_day], clusters)
    columns: dict[str, Any] = {
        "cluster_id": pa.chunked_array([obs.cluster_ids.take(positions(clusters))])
    }
    columns |= _dimensions(obs, clusters, end)
    columns |= _money(part, parts)
    columns |= _time(part, parts)
    columns |= _utilization(obs, part, parts)
    columns |= _observed(obs, in_day, observed)
    columns |= _random_samples(obs, history.snapshots, (begin, end), clusters, columns)
    columns["has_moved"] = observed.any_of(_moved(obs, in_day))
    flags = parts.fold(np.bitwise_or, part["flags"], 0) | observed.fold(
        np.bitwise_or, obs.flags[in_day], 0
    )
    columns["flags"] = texts(flags, FLAG_TEXTS)
    rows.add(columns, len(clusters))


def _money(part: Columns, parts: Groups) -> dict[str, object]:
    """The day's share of the money, its bounds, and the largest error of both midnight cuts."""
    spend, priced = part["spend"], part["is_priced"]
    has_price = parts.any_of(priced & ((part["x1"] > part["x0"]) | (spend > 0)))
    has_unpriced = parts.any_of(~priced)
    # A cluster that was observed but has no interval yet (its next observation is still to come)
    # has spent nothing so far: that is known, and it is zero.
    known = has_price | ~has_unpriced
    return {
        "spend_micros": np.where(known, parts.sum_of(np.where(priced, spend, 0)), NULL),
        "spend_low_micros": np.where(known, parts.sum_of(np.where(priced, part["low"], 0)), NULL),
        "spend_high_micros": np.where(
            has_unpriced, NULL, parts.sum_of(np.where(priced, part["high"], 0))
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
    # One count per cell of the table band x cluster. A float holds every sum of seconds exactly.
    table = np.bincount(
        band * size + groups.positions(), weights=seconds, minlength=size * len(names)
    )
    return dict(zip(names, table.reshape(len(names), size), strict=True))


def _observed(obs: Observations, in_day: Ints, groups: Groups) -> dict[str, object]:
    """How many observations the day has, when, and in which hours the GPU was busy."""
    at, gpu = obs.time[in_day], obs.gpu[in_day]
    micros = at * 1_000_000
    is_reading = (obs.status[in_day] == RUNNING) & ~np.isnan(gpu)
    is_busy = is_reading & (gpu > BUSY_ABOVE_PCT)
    hour = np.left_shift(1, (at % DAY_SECONDS) // 3600)  # one bit of 24
    return {
        "looks": groups.sum_of(np.ones_like(at)),
        "hours_observed": groups.fold(np.bitwise_or, hour * is_reading, 0),
        "hours_busy": groups.fold(np.bitwise_or, hour * is_busy, 0),
        "last_busy_at": groups.fold(np.maximum, np.where(is_busy, micros, NULL), NULL),
        "first_observed_at": groups.fold(np.minimum, micros, NULL),
        "last_observed_at": groups.fold(np.maximum, micros, NULL),
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
    groups = Groups(obs.code, clusters)
    # A cluster's last observation before ``end`` is as far from its first as it has such ones.
    earlier = groups.sum_of((obs.time < end).astype(np.int64))
    chosen = groups.firsts() + np.maximum(earlier - 1, 0)
    rows = obs.rows.select([*TEXT_DIMENSIONS, *NUMBER_DIMENSIONS]).take(positions(obs.row[chosen]))
    rate = obs.rate[chosen]
    return {
        **{name: rows.column(name) for name in TEXT_DIMENSIONS},
        **{name: ints(rows.column(name), NULL) for name in NUMBER_DIMENSIONS},
        "hourly_rate_micros": np.where(rate >= 0, rate, NULL),
    }


def _moved(obs: Observations, in_day: Ints) -> Bools:
    """Observations of the day whose cluster had other dimensions at the observation before."""
    before = np.maximum(in_day - 1, 0)
    changed = np.zeros(len(in_day), dtype=bool)
    for name in MOVES:
        column = obs.rows.column(name)
        # Codes are enough to compare by: all rows share one set of texts.
        values = codes(column)[0] if column.type == CODE else ints(column)
        changed |= values[obs.row[in_day]] != values[obs.row[before]]
    return np.asarray(changed & (obs.code[in_day] == obs.code[before]))
