"""The observations of some snapshots, as plain arrays sorted by cluster and time.

Everything the arithmetic needs is an integer: whole Unix seconds, micros, -1 for null. Texts stay
in the frame; ``row`` is their position there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from pipeline.arrays import Bools, Floats, Ints
    from pipeline.model import SnapshotInfo, SnapshotRows


UNKNOWN = np.int64(-1)
"""Stands for null in integer arrays of counters, rates and times, which are never negative."""

TIME_BITS = 34
"""Enough for Unix seconds until the year 2514."""

# What a status means for time. The time of a status that is not listed here is a gap.
OTHER, RUNNING, STOPPED, TRANSITION, ERROR = range(5)
CLASS_OF_STATUS = {
    "running": RUNNING,
    "stopped": STOPPED,
    "starting": TRANSITION,
    "stopping": TRANSITION,
    "pending": TRANSITION,
    "error": ERROR,
}
BILLED_STATUSES = ("running", "stopping")
"""GPUs are released only when stopping ends, so that time is taken as charged."""

FLAG_NAMES = ("reset", "vanished", "carried", "created", "replaced", "rate_card", "bad_fields")
RESET, VANISHED, CARRIED, CREATED, REPLACED, RATE_CARD, BAD_FIELDS = (
    1 << bit for bit in range(len(FLAG_NAMES))
)


@dataclass(frozen=True)
class History:
    """Some snapshots in time order, and all their rows in one frame, snapshot by snapshot."""

    snapshots: Sequence[SnapshotInfo]
    rows: Sequence[int]
    """How many of the frame's rows each snapshot has."""
    frame: pd.DataFrame
    """Columns of ``schema.SNAPSHOT``; within a snapshot in any order."""


@dataclass(frozen=True)
class Observations:
    """All observations of some snapshots, sorted by cluster, then time. Times in whole Unix
    seconds, money in micros, -1 for null.
    """

    frame: pd.DataFrame
    """The rows, in their original order."""
    row: Ints
    """The position in the frame of each observation."""
    code: Ints
    """The cluster, as its position in ``cluster_ids``."""
    cluster_ids: NDArray[np.object_]
    snapshot: Ints
    """The snapshot, as its position in ``History.snapshots``."""
    time: Ints
    status: Ints
    is_billed: Bools
    rate: Ints
    session: Ints
    total: Ints
    created: Ints
    updated: Ints
    expires: Ints
    gpu: Floats
    memory: Floats
    cpu: Floats
    flags: Ints


def join(snapshots: Sequence[SnapshotRows]) -> History:
    """Snapshots that have a frame each, as one history; categories are united, not lost."""
    frames = [snapshot.frame for snapshot in snapshots]
    columns: dict[str, object] = {}
    for name in frames[0].columns:
        parts = [frame[name] for frame in frames]
        if isinstance(parts[0].dtype, pd.CategoricalDtype):
            columns[name] = pd.api.types.union_categoricals(parts, sort_categories=True)
        else:
            columns[name] = pd.concat(parts, ignore_index=True)
    return History(snapshots, [len(frame) for frame in frames], pd.DataFrame(columns))


def observe(history: History, rate_card: Mapping[str, int]) -> Observations:
    """The observations of a history. Of two in the same second, the later snapshot's is kept.

    ``rate_card``: micros per GPU-hour by GPU type, for observations without a rate.
    """
    frame = history.frame
    snapshot = np.repeat(np.arange(len(history.snapshots)), history.rows)
    code, cluster_ids = _encode(frame["cluster_id"])
    at = _seconds(frame["observed_at"])
    # Cluster and time in one integer: one sort instead of two. It is stable, so of equal keys the
    # later snapshot's comes last, and the last of equal keys is kept.
    key = (code << TIME_BITS) | at
    row = np.argsort(key, kind="stable")
    key = key[row]
    row = row[np.append(key[1:] != key[:-1], True)] if len(row) else row
    rate, is_from_card = _rates(frame, rate_card)
    status = frame["status"].astype("category")
    names = status.cat.categories
    # A null status has the code -1, which picks the last element of these two.
    class_of = np.array([CLASS_OF_STATUS.get(name, OTHER) for name in names] + [OTHER])
    billed = np.array([name in BILLED_STATUSES for name in names] + [False])
    status_code = status.cat.codes.to_numpy()[row]
    has_bad_fields = frame["bad_fields"].notna().to_numpy(dtype=np.int64)
    return Observations(
        frame=frame,
        row=row,
        code=code[row],
        cluster_ids=cluster_ids,
        snapshot=snapshot[row],
        time=at[row],
        status=class_of[status_code].astype(np.int64),
        is_billed=billed[status_code],
        rate=rate[row],
        session=_ints(frame["current_session_cost_micros"])[row],
        total=_ints(frame["total_cost_micros"])[row],
        created=_seconds(frame["created_at"])[row],
        updated=_seconds(frame["updated_at"])[row],
        expires=_seconds(frame["expires_at"])[row],
        gpu=_floats(frame["gpu_utilization_pct"])[row],
        memory=_floats(frame["memory_utilization_pct"])[row],
        cpu=_floats(frame["cpu_utilization_pct"])[row],
        flags=(RATE_CARD * is_from_card + BAD_FIELDS * has_bad_fields)[row],
    )


def _rates(frame: pd.DataFrame, rate_card: Mapping[str, int]) -> tuple[Ints, Bools]:
    """Rate of each observation, from the API or else the rate card; and where the card was used."""
    rate = _ints(frame["hourly_rate_micros"])
    if not rate_card:
        return rate, np.zeros(len(rate), dtype=bool)
    price = frame["gpu_type"].astype(object).map(dict(rate_card)).astype("Int64")
    card_rate = _ints(price * frame["gpu_count"])
    is_from_card = (rate == UNKNOWN) & (card_rate != UNKNOWN)
    return np.where(is_from_card, card_rate, rate), is_from_card


def _encode(ids: pd.Series[str]) -> tuple[Ints, NDArray[np.object_]]:
    """Each id as its position among the distinct ids in sorted order, and those ids."""
    codes, distinct = pd.factorize(ids)
    names = np.asarray(distinct, dtype=object)
    # The ids of each snapshot are in order: runs that a stable sort of objects finds and merges.
    order = np.argsort(names, kind="stable")
    position = np.empty(len(order), dtype=np.int64)
    position[order] = np.arange(len(order))  # the inverse of ``order``
    return position[codes], names[order]


def _ints(column: pd.Series[Any]) -> Ints:
    values: Ints = column.to_numpy(dtype=np.int64, na_value=UNKNOWN)
    return values


def _floats(column: pd.Series[Any]) -> Floats:
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def _seconds(column: pd.Series[Any]) -> Ints:
    """Whole Unix seconds, rounded down; -1 for null."""
    micros = column.dt.tz_convert(None).to_numpy(dtype="datetime64[us]")
    seconds: Ints = np.where(np.isnat(micros), UNKNOWN, micros.view(np.int64) // 1_000_000)
    return seconds
