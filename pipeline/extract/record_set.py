"""The records read so far, one row per id, however often a cluster was listed.

Of several records of a cluster, the one with the newest ``updated_at`` is kept. Two different
records with one id in one response, or two creation times with one id, are two clusters: the newer
one is kept and noted in ``bad_fields``; the other has no id of its own and is quarantined.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from pipeline.extract import decode
from pipeline.extract.api_types import Note
from pipeline.extract.lenient_decode import dump
from pipeline.model import Quarantined

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from pipeline.extract.api_types import Cluster, Page

ROWS_PER_BATCH = 2_000
"""Records held as objects before they become columns: limits memory, does not change results."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Added:
    """How many records of a page were new."""

    new: int
    """Ids not seen before."""
    repeated: int
    """Records whose id was on an earlier page."""


class RecordSet:
    """The rows of the pages added to it."""

    def __init__(self, *, keep_connection: bool) -> None:
        self.quarantine: dict[str, Quarantined] = {}
        """By raw text: the same unusable record on two pages counts once."""
        self.bad_fields = 0
        self._keep_connection = keep_connection
        self._rows: dict[str, int] = {}
        self._size = 0
        """Once the table was made."""
        self._count = 0
        """Number of rows, replaced ones included."""
        self._replaced: list[int] = []
        self._records: list[Cluster] = []
        self._observed: list[int] = []
        self._notes: dict[int, Note] = {}
        self._batches: list[pa.RecordBatch] = []

    def __len__(self) -> int:
        return len(self._rows) or self._size

    def __contains__(self, identity: str) -> bool:
        return identity in self._rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def add(self, page: Page, observed_at: datetime) -> Added:
        """Add the records of a page whose response came at ``observed_at``."""
        observed = (observed_at - _EPOCH) // _MICROSECOND
        for unusable in page.quarantined:
            self.quarantine.setdefault(unusable.raw, unusable)
        first_row, repeated, before = self._count, 0, len(self._rows)
        rows = self._rows
        for index, record in enumerate(page.records):
            row = rows.get(record.id)
            note = page.notes.get(index)
            if row is None:
                self._append(record, observed, note)
            elif row >= first_row:
                self._merge(record, row, observed, note, same_page=True)
            else:
                repeated += 1
                self._merge(record, row, observed, note, same_page=False)
        if len(self._records) >= ROWS_PER_BATCH:
            self._flush()
        return Added(len(rows) - before, repeated)

    def _append(self, record: Cluster, observed: int, note: Note | None) -> None:
        if note is not None:
            self._notes[len(self._records)] = note
        self._rows[record.id] = self._count
        self._count += 1
        self._records.append(record)
        self._observed.append(observed)

    def _merge(
        self, record: Cluster, row: int, observed: int, note: Note | None, *, same_page: bool
    ) -> None:
        """Keep either ``record`` or the earlier record with its id, which is in ``row``."""
        pending = row - (self._count - len(self._records))
        earlier = self._records[pending] if pending >= 0 else None
        created, old = self._times(row)
        new = record.updated_at
        is_newer = new is not None and (old is None or new > old)
        if same_page:
            is_other = earlier is None or _content(earlier) != _content(record)
        else:
            is_other = None not in {created, record.created_at} and created != record.created_at
        if is_other:
            loser = earlier if is_newer else record
            text = _content(loser).decode() if loser is not None else dump({"id": record.id})
            reason = f"another record has the id {record.id[:100]}"
            self.quarantine.setdefault(text, Quarantined(reason=reason, raw=text))
            note = _with_bad_id(note)
            if not is_newer and pending >= 0:
                self._notes[pending] = _with_bad_id(self._notes.get(pending))
        if is_newer:
            self._replaced.append(row)
            self._append(record, observed, note)

    def _times(self, row: int) -> tuple[datetime | None, datetime | None]:
        """The creation and update time of the cluster in ``row``."""
        pending = row - (self._count - len(self._records))
        if pending >= 0:
            return self._records[pending].created_at, self._records[pending].updated_at
        for batch in self._batches:
            if row < batch.num_rows:
                return _time(batch.column("created_at")[row]), _time(
                    batch.column("updated_at")[row]
                )
            row -= batch.num_rows
        raise IndexError(row)

    def seen_values(self, name: str) -> set[str]:
        """The statuses, GPU types or regions read so far."""
        pending = {getattr(record, name) or "" for record in self._records}
        stored = (batch.column(name).dictionary.to_pylist() for batch in self._batches)
        return pending.union(*stored) - {""}

    def _flush(self) -> None:
        if not self._records:
            return
        self.bad_fields += sum(len(note.bad_fields) for note in self._notes.values())
        self._batches.append(
            decode.to_batch(
                self._records, self._observed, self._notes, keep_connection=self._keep_connection
            )
        )
        self._records, self._observed, self._notes = [], [], {}

    def count_older(self, when: datetime) -> int:
        """The number of clusters created before ``when`` or at an unknown time."""
        self._flush()
        return decode.count_older(self._batches, self._replaced, when)

    def restore(self, table: pa.Table) -> None:
        """Start with the rows of an earlier, unfinished walk."""
        ids = table.column("cluster_id").to_pylist()
        self._rows = {identity: row for row, identity in enumerate(ids)}
        self._batches = table.to_batches()
        self._count = table.num_rows

    def table(self) -> pa.Table:
        """All rows, sorted by id, as ``schema.SNAPSHOT.stored``; the set is empty afterwards."""
        self._flush()
        self._size, self._rows = len(self._rows), {}
        return decode.to_table(self._batches, self._replaced)


def _time(scalar: pa.TimestampScalar) -> datetime | None:
    # Not as_py(): it imports pandas.
    return None if scalar.value is None else _EPOCH + scalar.value * _MICROSECOND


def _content(record: Cluster) -> bytes:
    """The record as JSON, without connection details, which may not be stored."""
    plain = msgspec.structs.replace(
        record, port_mappings=msgspec.Raw(b"null"), ssh_connection=msgspec.Raw(b"null")
    )
    return msgspec.json.encode(plain)


def _with_bad_id(note: Note | None) -> Note:
    note = note or Note()
    if "cluster_id" in note.bad_fields:
        return note
    return msgspec.structs.replace(note, bad_fields=(*note.bad_fields, "cluster_id"))
