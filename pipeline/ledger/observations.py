"""The observations of some snapshots, as plain arrays sorted by cluster and time.

Everything the arithmetic needs is an integer: whole Unix seconds, micros, -1 for null. Texts stay
in the table; ``row`` is their position there.

A history is taken in blocks of clusters (``blocks``): a cluster's rows depend on no other's, and
arrays that fit into the processor's cache, in memory that is used again, take half the time.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.ledger.columns import UNKNOWN, codes, floats, ints, seconds
from pipeline.schema import SNAPSHOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pipeline.arrays import Bools, Floats, Ints
    from pipeline.model import SnapshotInfo, SnapshotRows


BLOCK_ROWS = 100_000
"""About how many rows of snapshots are taken at a time."""

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
    """Some snapshots in time order, and the rows of each."""

    snapshots: Sequence[SnapshotInfo]
    tables: Sequence[pa.Table]
    """Columns of ``schema.SNAPSHOT``, sorted by cluster."""


@dataclass(frozen=True)
class Observations:
    """All observations of some snapshots, sorted by cluster, then time. Times in whole Unix
    seconds, money in micros, -1 for null.
    """

    rows: pa.Table
    """The rows, in their original order."""
    row: Ints
    """The position in ``rows`` of each observation."""
    code: Ints
    """The cluster, as its position in ``cluster_ids``."""
    cluster_ids: pa.Array
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
    """Snapshots that have a frame each, with rows in any order, as a history."""
    tables = [SNAPSHOT.from_pandas(snapshot.frame) for snapshot in snapshots]
    return History(snapshots, [table.sort_by("cluster_id") for table in tables])


def blocks(history: History) -> Iterator[History]:
    """The history in parts, each with all rows of some clusters; clusters in order."""
    ids = [table.column("cluster_id") for table in history.tables]
    if not ids:
        return
    longest = max(ids, key=len)
    count = max(1, sum(map(len, ids)) // BLOCK_ROWS)
    size = max(1, -(-len(longest) // count))
    firsts = [longest[place].as_py() for place in range(size, len(longest), size)]
    starts = [[0] * len(ids), *([_place(each, first) for each in ids] for first in firsts)]
    for here, end in zip(starts, [*starts[1:], [len(each) for each in ids]], strict=True):
        tables = [
            table.slice(first, stop - first)
            for table, first, stop in zip(history.tables, here, end, strict=True)
        ]
        yield History(history.snapshots, tables)


def _place(ids: pa.ChunkedArray, cluster_id: str) -> int:
    """The position in sorted ``ids`` of the first that is not before ``cluster_id``."""
    return bisect_left(range(len(ids)), cluster_id, key=lambda place: ids[place].as_py())


def observe(history: History, rate_card: Mapping[str, int]) -> Observations:
    """The observations of a history. Of two in the same second, the later snapshot's is kept.

    ``rate_card``: micros per GPU-hour by GPU type, for observations without a rate.
    """
    rows = pa.concat_tables(history.tables)
    snapshot = np.repeat(np.arange(len(history.tables)), [len(t) for t in history.tables])
    code, cluster_ids = _encode(rows.column("cluster_id"))
    at = seconds(rows.column("observed_at"))
    # Cluster and time in one integer: one sort instead of two. It is stable, so of equal keys the
    # later snapshot's comes last, and the last of equal keys is kept.
    key = (code << TIME_BITS) | at
    row = np.argsort(key, kind="stable")
    key = key[row]
    row = row[np.append(key[1:] != key[:-1], True)] if len(row) else row
    rate, is_from_card = _rates(rows, rate_card)
    status, names = codes(rows.column("status"))
    # A null status has the code -1, which picks the last element of these two.
    class_of = np.array([CLASS_OF_STATUS.get(name, OTHER) for name in names] + [OTHER])
    billed = np.array([name in BILLED_STATUSES for name in names] + [False])
    has_bad_fields = ints(rows.column("bad_fields").is_valid())
    return Observations(
        rows=rows,
        row=row,
        code=code[row],
        cluster_ids=cluster_ids,
        snapshot=snapshot[row],
        time=at[row],
        status=class_of[status[row]],
        is_billed=billed[status[row]],
        rate=rate[row],
        session=ints(rows.column("current_session_cost_micros"))[row],
        total=ints(rows.column("total_cost_micros"))[row],
        created=seconds(rows.column("created_at"))[row],
        updated=seconds(rows.column("updated_at"))[row],
        expires=seconds(rows.column("expires_at"))[row],
        gpu=floats(rows.column("gpu_utilization_pct"))[row],
        memory=floats(rows.column("memory_utilization_pct"))[row],
        cpu=floats(rows.column("cpu_utilization_pct"))[row],
        flags=(RATE_CARD * is_from_card + BAD_FIELDS * has_bad_fields)[row],
    )


def _rates(rows: pa.Table, rate_card: Mapping[str, int]) -> tuple[Ints, Bools]:
    """Rate of each observation, from the API or else the rate card; and where the card was used."""
    rate = ints(rows.column("hourly_rate_micros"))
    if not rate_card:
        return rate, np.zeros(len(rate), dtype=bool)
    gpu_type, names = codes(rows.column("gpu_type"))
    # A null type has the code -1, which picks the last element.
    price = np.array([rate_card.get(name, UNKNOWN) for name in names] + [UNKNOWN])[gpu_type]
    gpus = ints(rows.column("gpu_count"))
    is_from_card = (rate == UNKNOWN) & (price != UNKNOWN) & (gpus != UNKNOWN)
    return np.where(is_from_card, price * gpus, rate), is_from_card


def _encode(ids: pa.ChunkedArray) -> tuple[Ints, pa.Array]:
    """Each id as its position among the distinct ids in sorted order, and those ids."""
    encoded = ids.combine_chunks().dictionary_encode()
    order = pc.sort_indices(encoded.dictionary)
    position = np.empty(len(order), dtype=np.int64)
    position[ints(order)] = np.arange(len(order))  # the inverse of ``order``
    return position[ints(encoded.indices)], encoded.dictionary.take(order)
