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

from pipeline.ledger.inputs import midnight
from pipeline.ledger.intervals import (
    ERROR,
    FLAG_NAMES,
    RUNNING,
    STOPPED,
    TRANSITION,
    Observations,
    intervals,
    observe,
    price,
)
from pipeline.ledger.split import accrued, shared
from pipeline.schema import BAND_COLUMNS, BAND_EDGES_PCT, BUSY_ABOVE_PCT, LEDGER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from numpy.typing import NDArray

    from pipeline.model import Look

    Ints = NDArray[np.int64]
    Reals = NDArray[np.float64]
    Bools = NDArray[np.bool_]
    Columns = Mapping[str, NDArray[Any]]

DAY_SECONDS = 86_400
DIMENSIONS = (
    "name", "project_id", "region", "gpu_type", "gpu_count", "template_id", "status",
    "expires_at", "created_at",
)  # fmt: skip
CODES = frozenset({"project_id", "region", "gpu_type", "template_id", "status"})
MOVES = ("project_id", "region", "gpu_type", "gpu_count")
"""A change of these moves a cluster's money between groups of a report."""


def build_day(looks: Sequence[Look], day: date, rate_card: Mapping[str, int]) -> pd.DataFrame:
    """The ledger of one UTC day: rows of ``schema.LEDGER``, sorted by cluster.

    Args:
        looks: the day's inputs (``inputs.inputs_of``) in time order; rows in any order.
        day: the UTC day.
        rate_card: micros per GPU-hour by GPU type, for clusters without a rate.

    The ``account`` column is left empty: it belongs to the path.
    """
    if not looks or not sum(len(look.frame) for look in looks):
        return LEDGER.empty()
    obs = observe(looks, rate_card)
    begin = int(midnight(day).timestamp())
    parts = _clip(intervals(obs, looks), begin, begin + DAY_SECONDS)
    in_day = np.flatnonzero((obs.time >= begin) & (obs.time < begin + DAY_SECONDS))
    clusters = np.union1d(parts["code"].to_numpy(), obs.code[in_day])
    if not len(clusters):
        return LEDGER.empty()
    columns: dict[str, object] = {
        "account": "",
        "date": pd.Timestamp(day),
        "cluster_id": obs.cluster_ids[clusters],
    }
    columns |= _dimensions(obs, clusters, begin + DAY_SECONDS)
    columns |= _money(parts, clusters)
    columns |= _time_and_use(obs, parts, clusters)
    columns |= _looks(obs, in_day, clusters)
    columns["has_moved"] = _any_of(obs.code[in_day], _moved(obs)[in_day], clusters)
    columns["flags"] = _flags(obs, in_day, parts, clusters)
    return LEDGER.enforce(pd.DataFrame(columns))


def _clip(whole: pd.DataFrame, begin: int, end: int) -> pd.DataFrame:
    """The intervals that touch [begin, end), with ``x0``/``x1``: the day's part of each, in
    seconds from the interval's start. One of no length belongs to the day it lies in.
    """
    start, stop = whole["start"].to_numpy(), whole["end"].to_numpy()
    touches = np.where(
        stop > start, (start < end) & (stop > begin), (start >= begin) & (start < end)
    )
    found = whole[touches].reset_index(drop=True)
    start, stop = start[touches], stop[touches]
    return found.assign(
        elapsed=stop - start,
        x0=np.clip(begin - start, 0, stop - start),
        x1=np.clip(end - start, 0, stop - start),
    )


def _money(parts: pd.DataFrame, clusters: Ints) -> dict[str, object]:
    """The day's share of each interval's money, its bounds, and the doubt at both midnights."""
    part = _arrays(parts)
    spend = _share(part["spend"], part)
    above = _share(part["high"] - part["spend"], part)
    below = _share(part["spend"] - part["low"], part)
    priced = part["is_priced"]

    def total(values: Ints) -> Ints:
        return _sum_of(part["code"], values, clusters)

    speaks = priced & ((part["x1"] > part["x0"]) | (spend > 0))
    has_price = _any_of(part["code"], speaks, clusters)
    has_unpriced = _any_of(part["code"], ~priced, clusters)
    # A cluster with a look but no interval yet (its next look is still to come) spent nothing so
    # far: that is known, and it is zero.
    known = has_price | ~has_unpriced
    return {
        "spend_micros": _masked(total(np.where(priced, spend, 0)), known),
        "spend_low_micros": _masked(total(np.where(priced, spend - below, 0)), known),
        "spend_high_micros": _masked(total(np.where(priced, spend + above, 0)), ~has_unpriced),
        "metered_micros": total(np.where(part["is_metered"], spend, 0)),
        "stopped_spend_micros": total(_share(part["storage"], part)),
        "unpriced_seconds": total(np.where(priced, 0, part["x1"] - part["x0"])),
        "carried_in_micros": total(part["carried_in"]),
        "cut_start_micros": total(_cut(part, part["x0"])),
        "cut_end_micros": total(_cut(part, part["x1"])),
    }


def _cut(part: Columns, x: Ints) -> Ints:
    """How far the money metered before ``x`` may be from its linear share.

    At most the highest rate allows before x, at least the total less what it allows after. A
    counter that rose faster than the rate allows may have risen anywhere. Estimated money has
    bounds of its own on each side, so no cut adds to them.
    """
    spend, elapsed, rate = part["spend"], part["elapsed"], part["highest_rate"]
    before = accrued(spend, x, elapsed)
    most, after = price(rate, x), price(rate, elapsed - x)
    is_possible = (rate > 0) & (spend <= price(rate, elapsed) + 1)
    high = np.where(is_possible, np.minimum(spend, most + 1), spend)
    low = np.where(is_possible, np.maximum(spend - after - 1, 0), 0)
    doubt = np.maximum(np.maximum(before - low, high - before), 0)
    crosses = part["is_metered"] & (x > 0) & (x < elapsed)
    return np.where(crosses, doubt, 0)


def _time_and_use(obs: Observations, parts: pd.DataFrame, clusters: Ints) -> dict[str, object]:
    """The day's seconds by what is known of them, and use weighted by the seconds it stands for."""
    part = _arrays(parts)
    running, run_a, run_b, unseen = _cut_out(part, part["running"], ("run_a", "run_b"))
    rest = part["elapsed"] - part["running"]
    _, rest_a, rest_b, gap = _cut_out(part, rest, ("rest_a", "rest_b"), is_rest=True)
    code = part["code"]
    columns: dict[str, object] = {}

    def total(values: Ints) -> Ints:
        return _sum_of(code, values, clusters)

    columns["running_seconds"] = total(running)
    for name, status in (("stopped", STOPPED), ("transition", TRANSITION), ("error", ERROR)):
        columns[f"{name}_seconds"] = total(
            np.where(part["status_a"] == status, rest_a, 0)
            + np.where(part["status_b"] == status, rest_b, 0)
        )
    columns["gap_seconds"] = total(gap)
    columns["observed_seconds"] = total(running + rest_a + rest_b)

    ends = np.concatenate([part["a"], part["b"]])
    seconds = np.concatenate([run_a, run_b])
    codes = np.concatenate([code, code])
    spoken = seconds > 0
    ends, seconds, codes = ends[spoken], seconds[spoken], codes[spoken]
    columns |= _bands(codes, obs.gpu[ends], seconds, clusters)
    columns["band_unseen_seconds"] = total(unseen)
    for name, reading in (("gpu", obs.gpu), ("memory", obs.memory), ("cpu", obs.cpu)):
        columns |= _use(name, codes, reading[ends], seconds, clusters)
    return columns


def _bands(codes: Ints, gpu: Reals, seconds: Ints, clusters: Ints) -> dict[str, object]:
    """Claimed running seconds per utilization band; without a reading they have their own."""
    names = (*BAND_COLUMNS, "band_no_metrics_seconds")
    band = np.searchsorted(BAND_EDGES_PCT, gpu, side="left")
    band = np.where(np.isnan(gpu), len(BAND_COLUMNS), np.minimum(band, len(BAND_COLUMNS) - 1))
    cell = np.searchsorted(clusters, codes) * len(names) + band
    size = len(clusters) * len(names)
    table = np.bincount(cell, weights=seconds, minlength=size).astype(np.int64)
    return dict(zip(names, table.reshape(len(clusters), len(names)).T, strict=True))


def _use(
    name: str, codes: Ints, reading: Reals, seconds: Ints, clusters: Ints
) -> dict[str, object]:
    """Weight, sum and maximum of one kind of use; integer sums do not depend on order."""
    known = ~np.isnan(reading)
    codes, reading, seconds = codes[known], reading[known], seconds[known]
    milli = np.rint(reading * 1000).astype(np.int64)
    return {
        f"{name}_weight_seconds": _sum_of(codes, seconds, clusters),
        f"{name}_sum_mpct_seconds": _sum_of(codes, milli * seconds, clusters),
        f"{name}_max_pct": _fold(np.fmax, codes, reading, clusters, np.nan),
    }


def _looks(obs: Observations, in_day: Ints, clusters: Ints) -> dict[str, object]:
    """What the day's own looks showed: how many, when, and in which hours work was seen."""
    code, at, gpu = obs.code[in_day], obs.time[in_day], obs.gpu[in_day]
    is_reading = (obs.status[in_day] == RUNNING) & ~np.isnan(gpu)
    is_busy = is_reading & (gpu > BUSY_ABOVE_PCT)
    hour = np.left_shift(1, (at % DAY_SECONDS) // 3600)
    never = np.iinfo(np.int64).min
    return {
        "looks": _sum_of(code, np.ones_like(code), clusters),
        "hours_observed": _fold(
            np.bitwise_or, code[is_reading], hour[is_reading], clusters, np.int64(0)
        ),
        "hours_busy": _fold(np.bitwise_or, code[is_busy], hour[is_busy], clusters, np.int64(0)),
        "last_busy_at": _instants(_fold(np.maximum, code[is_busy], at[is_busy], clusters, never)),
        "first_observed_at": _instants(_fold(np.minimum, code, at, clusters, never)),
        "last_observed_at": _instants(_fold(np.maximum, code, at, clusters, never)),
    }


def _dimensions(obs: Observations, clusters: Ints, end: int) -> dict[str, object]:
    """As of the day's last look, else the nearest earlier one, else (created, not yet seen) the
    nearest later one. Never the latest: history stays as it was.
    """
    first = np.searchsorted(obs.code, clusters, side="left")
    earlier = _sum_of(obs.code, (obs.time < end).astype(np.int64), clusters)
    chosen = first + np.maximum(earlier - 1, 0)
    rows = obs.frame.take(chosen).reset_index(drop=True)
    rate = obs.rate[chosen]
    # Only the categories a day uses: what other days hold must not change this one's bytes.
    dimensions: dict[str, object] = {
        name: rows[name].cat.remove_unused_categories() if name in CODES else rows[name]
        for name in DIMENSIONS
    }
    return dimensions | {"hourly_rate_micros": _masked(rate, rate >= 0)}


def _moved(obs: Observations) -> Bools:
    """Observations whose cluster had other dimensions at the look before."""
    same = np.append(False, obs.code[1:] == obs.code[:-1])
    changed = np.zeros(len(obs.code), dtype=bool)
    for name in MOVES:
        codes = pd.factorize(obs.frame[name])[0]
        changed |= np.append(False, codes[1:] != codes[:-1])
    return same & changed


def _flags(
    obs: Observations, in_day: Ints, parts: pd.DataFrame, clusters: Ints
) -> NDArray[np.object_]:
    """What happened on the day, as words; one text per combination."""
    codes = np.concatenate([parts["code"].to_numpy(), obs.code[in_day]])
    bits = np.concatenate([parts["flags"].to_numpy(), obs.flags[in_day]])
    folded = _fold(np.bitwise_or, codes, bits, clusters, np.int64(0))
    seen, position = np.unique(folded, return_inverse=True)
    words = [
        ",".join(name for bit, name in enumerate(FLAG_NAMES) if value >> bit & 1) for value in seen
    ]
    return np.array(words, dtype=object)[position]


def _cut_out(
    part: Columns,
    amount: Ints,
    claims: tuple[str, str],
    *,
    is_rest: bool = False,
) -> tuple[Ints, Ints, Ints, Ints]:
    """The day's share of the running (or the other) time, of each end's claim, and of what is
    left; the three last add up to the first.
    """

    def until(x: Ints) -> tuple[Ints, ...]:
        running = accrued(part["running"], x, part["elapsed"])
        size = np.where(part["elapsed"] > 0, x - running if is_rest else running, 0)
        return (size, *shared(size, (part[claims[0]], part[claims[1]]), amount))

    after, before = until(part["x1"]), until(part["x0"])
    whole, first, second, left = (b - a for a, b in zip(before, after, strict=True))
    return whole, first, second, left


def _share(amount: Ints, part: Columns) -> Ints:
    """The day's share of an amount spread over its interval; of no length: all of it."""
    before = np.where(part["elapsed"] > 0, accrued(amount, part["x0"], part["elapsed"]), 0)
    return accrued(amount, part["x1"], part["elapsed"]) - before


def _arrays(parts: pd.DataFrame) -> Columns:
    return {name: parts[name].to_numpy() for name in parts.columns}


def _sum_of(codes: Ints, values: Ints, clusters: Ints) -> Ints:
    return _fold(np.add, codes, values, clusters, np.int64(0))


def _any_of(codes: Ints, values: Bools, clusters: Ints) -> Bools:
    return _fold(np.logical_or, codes, values, clusters, np.False_)


def _fold(
    ufunc: np.ufunc,
    codes: Ints,
    values: NDArray[Any],
    clusters: Ints,
    empty: np.generic | float,
) -> NDArray[Any]:
    """``ufunc`` over each cluster's values, in the order of ``clusters``; ``empty`` for none."""
    result = np.full(len(clusters), empty, dtype=np.asarray(values).dtype)
    if len(codes):
        if (codes[1:] < codes[:-1]).any():
            order = np.argsort(codes, kind="stable")
            codes, values = codes[order], values[order]
        starts = np.flatnonzero(np.append(True, codes[1:] != codes[:-1]))
        folded = ufunc.reduceat(values, starts)
        at = np.searchsorted(clusters, codes[starts])
        at = np.minimum(at, len(clusters) - 1)
        wanted = clusters[at] == codes[starts]
        result[at[wanted]] = folded[wanted]
    return result


def _masked(values: Ints, known: Bools) -> pd.arrays.IntegerArray:
    return pd.arrays.IntegerArray(np.asarray(values, dtype=np.int64), ~known)


def _instants(seconds: Ints) -> pd.DatetimeIndex:
    """UTC timestamps of Unix seconds; the smallest integer is null."""
    micros = np.where(
        seconds == np.iinfo(np.int64).min, np.iinfo(np.int64).min, seconds * 1_000_000
    )
    return pd.DatetimeIndex(micros.astype("datetime64[us]")).tz_localize("UTC")
