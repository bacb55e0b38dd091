"""The rows of snapshots that a ledger day is built from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.ledger import outer
from pipeline.ledger.inputs import near_of
from pipeline.ledger.observations import History
from pipeline.model import SnapshotInfo

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from pipeline.model import SnapshotRef
    from pipeline.store import Store

COLUMNS = (
    "cluster_id", "observed_at", "name", "project_id", "region", "gpu_type", "gpu_count",
    "template_id", "status", "gpu_utilization_pct", "memory_utilization_pct",
    "cpu_utilization_pct", "hourly_rate_micros", "current_session_cost_micros",
    "total_cost_micros", "created_at", "updated_at", "expires_at", "bad_fields",
)  # fmt: skip
"""The snapshot columns a ledger day is made of."""


class InputReader:
    """Reads the inputs of one day after the other.

    The snapshots of the last day are kept, since the next day reads some of them again. In another
    process it begins with none.
    """

    def __init__(self) -> None:
        self._kept: dict[SnapshotRef, History] = {}

    def __reduce__(self) -> tuple[type[InputReader], tuple[()]]:
        return InputReader, ()

    def history(
        self,
        store: Store,
        inputs: Sequence[SnapshotRef],
        day: date,
        damaged: list[str] | None = None,
    ) -> History:
        """The rows that ``day`` needs of its inputs.

        Given ``damaged``, the keys of damaged inputs are appended to it; the history is then not to
        be used.
        """
        near = near_of(inputs, day)
        inner = inputs[near.start : near.stop]
        beyond = [ref for ref in inputs if ref not in inner]
        self._kept = {ref: rows for ref, rows in self._kept.items() if ref in inputs}
        self._kept |= _read(store, [r for r in inner if r not in self._kept], COLUMNS, damaged)
        ids = _read(store, [r for r in beyond if r not in self._kept], outer.COLUMNS, damaged)
        if damaged:
            return History((), ())
        rows = ids | self._kept
        snapshots = [info for ref in inputs for info in rows[ref].snapshots]
        tables = [table for ref in inputs for table in rows[ref].tables]
        seen = History(snapshots, list(tables))
        for place, needed in outer.needed_ids(seen, near, day).items():
            tables[place] = tables[near.start].slice(0, 0)
            if needed is None or len(needed):
                table = _read(store, [inputs[place]], COLUMNS)[inputs[place]].tables[0]
                tables[place] = outer.rows_of(table, needed)
        return History(snapshots, tables)


def _read(
    store: Store,
    refs: Sequence[SnapshotRef],
    columns: Sequence[str],
    damaged: list[str] | None = None,
) -> dict[SnapshotRef, History]:
    """Each snapshot by itself; damaged ones are left out."""
    certificates, tables = store.read_rows(refs, columns, damaged)
    infos = [
        SnapshotInfo(
            state=c.state, started_at=c.started_at, finished_at=c.finished_at, spread=c.spread
        )
        for c in certificates
    ]
    intact = [ref for ref in refs if ref.key not in (damaged or ())]
    return {
        ref: History([info], [table])
        for ref, info, table in zip(intact, infos, tables, strict=True)
    }
