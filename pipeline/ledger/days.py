"""Intervals folded into one row per cluster for one UTC day.

Method. Each interval is clipped to the day: money linearly in time, seconds by the same rule within
running and other time (``split``), so the days' parts of an interval add up exactly. Everything in
a row is a sum, a maximum, a bit mask or the latest of its kind: a window is a fold over days.

Money cut at a midnight is exact in sum but its share on each side is a guess. The row says how far
that guess may be off (``cut_start_micros``, ``cut_end_micros``): from what the highest rate allows
on either side, so a cluster that ran throughout at one rate has no doubt at all.

Known limit: dimensions are those of the day's last look; a change during the day is flagged
(``has_moved``), its money is not divided.
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
    RUNNING,
    STOPPED,
    TRANSITION,
    History,
    Observations,
    joined,
    observe,
)
from pipeline.schema import BAND_COLUMNS, BAND_EDGES_PCT, BUSY_ABOVE_PCT, LEDGER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from numpy.typing import NDArray

    from pipeline.arrays import Bools, Floats, Ints
    from pipeline.model import SnapshotRows

    Columns = Mapping[str, NDArray[Any]]

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
    looks: Sequence[SnapshotRows], day: date, rate_card: Mapping[str, int]
) -> pd.DataFrame:
    """The ledger of one UTC day: rows of ``schema.LEDGER``, sorted by cluster.

    Args:
        looks: the day's inputs (``inputs.inputs_of``) in time order; rows in any order.
        day: the UTC day.
        rate_card: micros per GPU-hour by GPU type, for clusters without a rate.

    The ``account`` column is left empty: it belongs to the path.
    """
    return day_of(joined(looks), day, rate_card) if looks else LEDGER.empty()


def day_of(history: History, day: date, rate_card: Mapping[str, int]) -> pd.DataFrame:
    """The same, of looks whose rows were read as one frame."""
    obs = observe(history, rate_card)
    begin = int(midnight(day).timestamp())
    end = begin + DAY_SECONDS
    part = clip(intervals(obs, history.looks, begin, end), begin, end)
    in_day = np.flatnonzero((obs.time >= begin) & (obs.time < end))
    is_here = np.zeros(len(obs.cluster_ids), dtype=bool)
    is_here[part["code"]] = is_here[obs.code[in_day]] = True
    clusters = np.flatnonzero(is_here)
    if not len(clusters):
        return LEDGER.empty()
    parts, looks = Groups(part["code"], clusters), Groups(obs.code[in_day], clusters)
    columns: dict[str, object] = {
        "account": "",
        "date": pd.Timestamp(day),
        "cluster_id": obs.cluster_ids[clusters],
    }
    columns |= _dimensions(obs, clusters, end)
    columns |= _money(part, parts)
    columns |= _time(part, parts)
    columns |= _use(obs, part, parts)
    columns |= _looks(obs, in_day, looks)
    columns["has_moved"] = looks.any_of(_moved(obs)[in_day])
    flags = parts.fold(np.bitwise_or, part["flags"], 0) | looks.fold(
        np.bitwise_or, obs.flags[in_day], 0
    )
    columns["flags"] = _words(flags)
    return LEDGER.enforce(pd.DataFrame(columns, copy=False))


def _money(part: Columns, parts: Groups) -> dict[str, object]:
    """The day's share of each interval's money, its bounds, and the doubt at both midnights."""
    spend, priced = part["spend"], part["is_priced"]
    has_price = parts.any_of(priced & ((part["x1"] > part["x0"]) | (spend > 0)))
    has_unpriced = parts.any_of(~priced)
    # A cluster with a look but no interval yet (its next look is still to come) spent nothing so
    # far: that is known, and it is zero.
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
    """The day's seconds by what is known of them."""
    rest_a, rest_b = part["rest_a"], part["rest_b"]
    columns: dict[str, object] = {"running_seconds": parts.sum_of(part["running"])}
    for name, status in (("stopped", STOPPED), ("transition", TRANSITION), ("error", ERROR)):
        at_a, at_b = part["status_a"] == status, part["status_b"] == status
        columns[f"{name}_seconds"] = parts.sum_of(rest_a * at_a + rest_b * at_b)
    columns["gap_seconds"] = parts.sum_of(part["rest"] - rest_a - rest_b)
    columns["observed_seconds"] = parts.sum_of(part["running"] + rest_a + rest_b)
    columns["band_unseen_seconds"] = parts.sum_of(part["running"] - part["run_a"] - part["run_b"])
    return columns


def _use(obs: Observations, part: Columns, parts: Groups) -> dict[str, object]:
    """Claimed running seconds per utilization band, and the weight, sum and maximum of each kind
    of use; sums of integers do not depend on order.
    """
    # Both ends of an interval speak for it: one observation's claims on either side are one.
    count = len(obs.code)
    seconds = np.zeros(count, dtype=np.int64)
    for end, run in (("a", "run_a"), ("b", "run_b")):
        speaks = part[run] > 0
        # Each observation begins at most one interval and ends at most one.
        seconds[part[end][speaks]] += part[run][speaks]
    spoken = np.flatnonzero(seconds)
    seconds = seconds[spoken]
    groups = Groups(obs.code[spoken], parts.clusters)
    columns = _bands(obs.gpu[spoken], seconds, groups)
    for name, readings in (("gpu", obs.gpu), ("memory", obs.memory), ("cpu", obs.cpu)):
        reading = readings[spoken]
        known = ~np.isnan(reading)
        milli = np.rint(np.where(known, reading, 0.0) * 1000).astype(np.int64)
        columns[f"{name}_weight_seconds"] = groups.sum_of(seconds * known)
        columns[f"{name}_sum_mpct_seconds"] = groups.sum_of(milli * seconds)
        columns[f"{name}_max_pct"] = groups.fold(np.fmax, reading, np.nan)
    return columns


def _bands(gpu: Floats, seconds: Ints, groups: Groups) -> dict[str, object]:
    """Seconds per band; those without a reading have their own."""
    names = (*BAND_COLUMNS, "band_no_metrics_seconds")
    band = np.searchsorted(BAND_EDGES_PCT, gpu, side="left")
    band = np.where(np.isnan(gpu), len(BAND_COLUMNS), np.minimum(band, len(BAND_COLUMNS) - 1))
    size = len(groups.clusters)
    # A float holds every sum of seconds exactly.
    table = np.bincount(
        groups.positions() * len(names) + band, weights=seconds, minlength=size * len(names)
    )
    return dict(zip(names, table.astype(np.int64).reshape(size, len(names)).T, strict=True))


def _looks(obs: Observations, in_day: Ints, looks: Groups) -> dict[str, object]:
    """What the day's own looks showed: how many, when, and in which hours work was seen."""
    at, gpu = obs.time[in_day], obs.gpu[in_day]
    is_reading = (obs.status[in_day] == RUNNING) & ~np.isnan(gpu)
    is_busy = is_reading & (gpu > BUSY_ABOVE_PCT)
    hour = np.left_shift(1, (at % DAY_SECONDS) // 3600)
    return {
        "looks": looks.sum_of(np.ones_like(at)),
        "hours_observed": looks.fold(np.bitwise_or, hour * is_reading, 0),
        "hours_busy": looks.fold(np.bitwise_or, hour * is_busy, 0),
        "last_busy_at": _instants(looks.fold(np.maximum, np.where(is_busy, at, NEVER), NEVER)),
        "first_observed_at": _instants(looks.fold(np.minimum, at, NEVER)),
        "last_observed_at": _instants(looks.fold(np.maximum, at, NEVER)),
    }


def _dimensions(obs: Observations, clusters: Ints, end: int) -> dict[str, object]:
    """As of the day's last look, else the nearest earlier one, else (created, not yet seen) the
    nearest later one. Never the latest: history stays as it was.
    """
    first = np.searchsorted(obs.code, clusters, side="left")
    earlier = Groups(obs.code, clusters).sum_of((obs.time < end).astype(np.int64))
    chosen = first + np.maximum(earlier - 1, 0)
    rows = obs.frame[list(DIMENSIONS)].take(obs.row[chosen]).reset_index(drop=True)
    rate = obs.rate[chosen]
    # Only the categories a day uses, in order: what other days hold must not change its bytes.
    dimensions: dict[str, object] = {
        name: _own_categories(rows[name]) if name in CODES else rows[name] for name in DIMENSIONS
    }
    return dimensions | {"hourly_rate_micros": _masked(rate, rate >= 0)}


def _own_categories(column: pd.Series[Any]) -> pd.Series[Any]:
    used = column.cat.remove_unused_categories()
    return used.cat.reorder_categories(used.cat.categories.sort_values())


def _moved(obs: Observations) -> Bools:
    """Observations whose cluster had other dimensions at the look before."""
    changed = np.zeros(len(obs.code), dtype=bool)
    for name in MOVES:
        column = obs.frame[name]
        values = (
            column.cat.codes.to_numpy()
            if isinstance(column.dtype, pd.CategoricalDtype)
            else column.to_numpy(dtype=np.int64, na_value=-1)
        )[obs.row]
        changed[1:] |= values[1:] != values[:-1]
    changed[1:] &= obs.code[1:] == obs.code[:-1]
    return changed


def _words(flags: Ints) -> NDArray[np.object_]:
    """What happened on the day; one text per combination."""
    words = [
        ",".join(name for bit, name in enumerate(FLAG_NAMES) if value >> bit & 1)
        for value in range(1 << len(FLAG_NAMES))
    ]
    return np.array(words, dtype=object)[flags]


def _masked(values: Ints, known: Bools) -> pd.arrays.IntegerArray:
    return pd.arrays.IntegerArray(np.asarray(values, dtype=np.int64), ~known)


def _instants(seconds: Ints) -> pd.DatetimeIndex:
    """UTC timestamps of Unix seconds; ``NEVER`` is null, as it is to numpy."""
    micros = np.where(seconds == NEVER, NEVER, seconds * 1_000_000)
    return pd.DatetimeIndex(micros.astype("datetime64[us]")).tz_localize("UTC")
