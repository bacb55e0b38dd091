"""Which rows of its outermost snapshots a day needs: next to none.

A day reads up to the second complete snapshot on each side, since the nearest one may have missed a
cluster that lived (``links``). Where it did not miss it, its observation hides those beyond. Where
it missed it, and no snapshot on its other side has the cluster either, the cluster was gone before
the day or came after it. So only the ids of the outer snapshots need to be read, and the rows of
clusters that the nearest complete snapshot misses and another one on its other side has.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.ledger.inputs import ONE_DAY, midnight
from pipeline.ledger.observations import History, blocks
from pipeline.schema import INT, TEXT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

COLUMNS = ("cluster_id", "observed_at")
"""The columns of outer snapshots that decide."""


def needed_ids(history: History, near: range, day: date) -> dict[int, pa.ChunkedArray | None]:
    """The clusters whose rows ``day`` needs of each snapshot that is not ``near``; None: of all.

    Args:
        history: the day's inputs, with at least :data:`COLUMNS`.
        near: the places of the snapshots up to the nearest complete one on each side
            (``inputs.near_of``).
        day: the UTC day.
    """
    before, after = range(near.start), range(near.stop, len(history.tables))
    ids = [table.column("cluster_id") for table in history.tables]
    return {
        **{n: _needed(history, n, near[0], ids[near[0] + 1 :], day) for n in before},
        **{n: _needed(history, n, near[-1], ids[: near[-1]], day) for n in after},
    }


def rows_of(table: pa.Table, ids: pa.ChunkedArray | None) -> pa.Table:
    """The rows of these clusters; None: all."""
    return (
        table if ids is None else table.filter(pc.is_in(table.column("cluster_id"), value_set=ids))
    )


def _needed(
    history: History, outer: int, nearest: int, others: Sequence[pa.ChunkedArray], day: date
) -> pa.ChunkedArray | None:
    if not _is_beyond(history, outer, nearest, day):
        return None
    missed = _missed(history.tables[outer], history.tables[nearest])
    seen = [other.filter(pc.is_in(other, value_set=missed)) for other in others]
    every = pa.chunked_array([chunk for ids in seen for chunk in ids.chunks], TEXT)
    return missed.filter(pc.is_in(missed, value_set=every))


def _is_beyond(history: History, outer: int, nearest: int, day: date) -> bool:
    """Whether both snapshots lie outside the day as their names say, the outer one beyond."""
    if not all(map(len, (history.tables[outer], history.tables[nearest]))):
        return False
    begin, end = midnight(day), midnight(day + ONE_DAY)
    first, last = _span(history.tables[outer])
    nearest_first, nearest_last = _span(history.tables[nearest])
    info, spread = history.snapshots[nearest], history.snapshots[outer].spread
    # Of two observations in the same second the later snapshot's counts.
    if outer < nearest:
        return (
            last < nearest_first
            and nearest_last < begin.timestamp()
            and info.finished_at <= begin
            and (spread is None or spread.start + timedelta(seconds=spread.seconds) <= begin)
        )
    return (
        nearest_last < first
        and nearest_first >= end.timestamp()
        and info.started_at >= end
        and (spread is None or spread.start >= end)
    )


def _span(table: pa.Table) -> tuple[int, int]:
    """The first and the last second in which its rows were observed."""
    span = pc.min_max(table.column("observed_at").cast(INT)).as_py()
    return span["min"] // 1_000_000, span["max"] // 1_000_000


def _missed(outer: pa.Table, nearest: pa.Table) -> pa.ChunkedArray:
    """The clusters that only the outer snapshot has."""
    parts = []
    # By blocks, so that the set of ids fits into the processor's cache.
    for block in blocks(History((), [outer, nearest])):
        ids, known = (table.column("cluster_id") for table in block.tables)
        parts += ids.filter(pc.invert(pc.is_in(ids, value_set=known))).chunks
    return pa.chunked_array(parts, TEXT)
