"""Tables as Parquet files: how they are encoded, verified and read.

Rows are in the order of their key and each file is encoded in memory in one way, so equal tables
have equal bytes. Pages have checksums, the footer has the totals of every column that adds up, and
a seal covers the whole file. Readers always pass the schema: without one, pyarrow takes the first
file's columns for all.
"""

from __future__ import annotations

import os
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.errors import DamageError
from pipeline.model import EVERY_ID, LedgerRef, SnapshotRef
from pipeline.schema import AT, CODE, INT, TEXT
from pipeline.store import self_hash
from pipeline.store.damage import WRONG_BYTES, damaged
from pipeline.store.json_decoders import decoder
from pipeline.store.schema_migration import conform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pipeline.model import IdRange
    from pipeline.schema import Table
    from pipeline.store.files import Files

if "jemalloc" in pa.supported_memory_backends():
    # The default allocator takes huge pages and keeps them: 100 MB more for a month of 10,000
    # clusters, and up to half a second of the kernel's time.
    pa.set_memory_pool(pa.jemalloc_memory_pool())

Ref = TypeVar("Ref", SnapshotRef, LedgerRef)

_NOTE = "fleetledger."
"""The prefix of our entries in a file's footer: any Parquet reader can show them."""
_SEAL = "fleetledger.seal"
_TOTALS = "totals"
_ADDABLE = ("_micros", "_seconds")
_COUNTERS = ("total_cost_micros", "current_session_cost_micros")
_TEXTS = {"cluster_id": "DELTA_BYTE_ARRAY", "name": "DELTA_LENGTH_BYTE_ARRAY"}


class Totals(msgspec.Struct, frozen=True):
    """The totals of a file's rows, written in its footer."""

    rows: int
    sums: dict[str, int]


def encode(
    table: pa.Table, kind: Table, notes: Mapping[str, str], group_rows: int | None = None
) -> bytes:
    """The file of ``table``: all stored columns of ``kind``, with ``notes`` in the footer.

    ``group_rows``: the rows of a row group, of which a reader can skip some.

    Raises:
        ValueError: a null where none may be, or a value that is not of its column's type.
    """
    table = _canonical(table.select(kind.stored.names).cast(kind.stored), kind)
    notes = {**notes, _TOTALS: msgspec.json.encode(totals(table)).decode()}
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, table.schema, **encodings(kind.stored)) as writer:
        writer.write_table(table, row_group_size=group_rows)
        entries = {_NOTE + name: notes[name] for name in sorted(notes)}
        # The seal is last, so that no text of the API's follows it. It must be in the same call:
        # a second call would put it first.
        writer.add_key_value_metadata({**entries, _SEAL: f"{_checksum(notes)} {self_hash.BLANK}"})
    return self_hash.seal(sink.getvalue().to_pybytes())


def read(
    files: Files,
    key: str,
    kind: Table,
    columns: Sequence[str] | None = None,
    ids: IdRange = EVERY_ID,
) -> tuple[pa.Table, dict[str, str]]:
    """Columns of the file ``key`` as ``kind`` has them today, and its notes.

    Args:
        files: Where it is stored.
        key: Which file.
        kind: The table it is a file of.
        columns: Only these; a column that ``kind`` does not know is returned as it was stored.
        ids: Only the rows of these clusters.

    Raises:
        DamageError: the file is not what was written.
    """
    data = files.read(key)
    if not self_hash.is_intact(data):
        raise damaged(files, key, WRONG_BYTES)
    # By path if there is one: pyarrow can abort at exit after reads from memory.
    source = files.path(key) or pa.BufferReader(data)
    with _undamaged(files, key):
        file = pq.ParquetFile(source, page_checksum_verification=True)
        wanted = kind.stored.names if columns is None else list(columns)
        present = set(file.schema_arrow.names)
        names = [n for n in wanted if n in present]
        table = _rows(file, names, ids)
        notes = _notes(file.metadata)
    return conform(table, kind, wanted, where=files.url(key)), notes


def _rows(file: pq.ParquetFile, names: Sequence[str], ids: IdRange) -> pa.Table:
    """All rows, or those of ``ids``: a file has its rows in the order of their ids."""
    if ids == EVERY_ID:
        return file.read(names, use_threads=False)
    place = file.schema_arrow.names.index("cluster_id")
    groups = [
        group
        for group in range(file.num_row_groups)
        if _may_have(file.metadata.row_group(group).column(place).statistics, ids)
    ]
    table = file.read_row_groups(
        groups, [*dict.fromkeys([*names, "cluster_id"])], use_threads=False
    )
    column = table.column("cluster_id")
    begin = pc.sum(pc.less(column, ids.first)).as_py() or 0
    end = table.num_rows if ids.end is None else pc.sum(pc.less(column, ids.end)).as_py() or 0
    return table.select(names).slice(begin, end - begin)


def _may_have(statistics: pq.Statistics | None, ids: IdRange) -> bool:
    """Whether a row group with these ``statistics`` may have rows of ``ids``."""
    if statistics is None or not statistics.has_min_max:
        return True
    return statistics.max >= ids.first and (ids.end is None or statistics.min < ids.end)


def read_totals(files: Files, key: str) -> Totals:
    """The totals of the rows of the file ``key``, from its footer."""
    return decoder(Totals).decode(read_notes(files, key)[_TOTALS])


def read_notes(files: Files, key: str) -> dict[str, str]:
    """The notes of the file ``key``, without its rows; their own checksum is verified."""
    source = files.path(key)
    with _undamaged(files, key):
        metadata = pq.read_metadata(source or pa.BufferReader(files.read(key)))
        return _notes(metadata)


def gather(
    refs: Sequence[Ref], read_one: Callable[[Ref], pa.Table], *, skipped: list[str] | None
) -> Iterator[pa.Table]:
    """The tables of many files, read by threads a few at a time; in the order of ``refs``.

    Given ``skipped``, damaged files are left out and their keys appended to it.
    """
    threads = min(8, os.cpu_count() or 1)
    with ThreadPoolExecutor(threads) as pool:
        tables = [pool.submit(read_one, ref) for ref in refs[:threads]]
        for place, ref in enumerate(refs):
            if place + threads < len(refs):
                tables.append(pool.submit(read_one, refs[place + threads]))
            # Popped, so that whoever takes a table is the only one to hold it.
            table = tables.pop(0)
            try:
                yield table.result()
            except DamageError:
                if skipped is None:
                    raise
                skipped.append(ref.key)


def constant_code(value: str, rows: int) -> pa.DictionaryArray:
    """A code column with ``value`` in every row, such as one from a file's path."""
    return pa.DictionaryArray.from_arrays(np.zeros(rows, np.int32), pa.array([value], TEXT))


def totals(table: pa.Table) -> Totals:
    """The number of rows, and the sums of all columns of money and seconds."""
    sums = {
        field.name: pc.sum(table.column(field.name)).as_py() or 0
        for field in table.schema
        if field.type == INT and field.name.endswith(_ADDABLE)
    }
    return Totals(table.num_rows, sums)


def encodings(schema: pa.Schema) -> dict[str, object]:
    """Writer options: dictionaries, except for values that rarely repeat (benchmarks/encodings.py).

    The money and seconds of a day repeat among clusters, so a dictionary is smaller than deltas;
    counters, timestamps and ids do not repeat.
    """
    encoding = {
        f.name: "DELTA_BINARY_PACKED" for f in schema if f.type == AT or f.name in _COUNTERS
    }
    encoding |= {name: _TEXTS[name] for name in _TEXTS if name in schema.names}
    return {
        "compression": "zstd",
        "use_dictionary": [name for name in schema.names if name not in encoding],
        "column_encoding": encoding,
        "write_page_checksum": True,
    }


def in_order(table: pa.Table, kind: Table) -> pa.Table:
    """``table`` in the order of its key."""
    keys = {name: table.column(name).cast(TEXT) for name in kind.key if name in table.column_names}
    # Rows are usually in order: taking them again would hold them twice.
    if _is_sorted(list(keys.values())):
        return table
    by_key = [(name, "ascending") for name in keys]
    return table.take(pc.sort_indices(pa.table(keys), sort_keys=by_key))


def _canonical(table: pa.Table, kind: Table) -> pa.Table:
    """``table`` in the order of its key and in one piece, every dictionary in the order its values
    appear.
    """
    table = in_order(table, kind).unify_dictionaries().combine_chunks()
    columns = [
        _by_appearance(column.chunk(0)) if column.type == CODE and column.num_chunks else column
        for column in table.columns
    ]
    return pa.table(columns, schema=table.schema)


def _is_sorted(keys: Sequence[pa.ChunkedArray]) -> bool:
    """Whether rows are in the order of these columns."""
    neighbours = [(key.slice(0, max(len(key) - 1, 0)), key.slice(1)) for key in keys]
    in_order = pc.less_equal(*neighbours.pop())
    for row, following in reversed(neighbours):
        is_equal = pc.equal(row, following)
        in_order = pc.or_(pc.less(row, following), pc.and_(is_equal, in_order))
    return bool(pc.all(in_order, min_count=0).as_py())


def _by_appearance(codes: pa.DictionaryArray) -> pa.DictionaryArray:
    """``codes`` with only the values that it has, in the order they appear."""
    used = codes.indices.dictionary_encode()
    return pa.DictionaryArray.from_arrays(used.indices, codes.dictionary.take(used.dictionary))


def _checksum(notes: Mapping[str, str]) -> str:
    """The checksum that verifies the notes for readers of the footer alone."""
    return f"{zlib.crc32(msgspec.json.encode(notes, order='sorted')):08x}"


def _notes(metadata: pq.FileMetaData) -> dict[str, str]:
    entries = {name.decode(): text.decode() for name, text in (metadata.metadata or {}).items()}
    seal = entries.pop(_SEAL, "")
    notes = {
        name.removeprefix(_NOTE): text for name, text in entries.items() if name.startswith(_NOTE)
    }
    if seal[:8] != _checksum(notes):
        raise pa.ArrowInvalid("the notes in its footer do not fit their checksum")
    return notes


@contextmanager
def _undamaged(files: Files, key: str) -> Iterator[None]:
    """Turn pyarrow's errors into the error for a damaged file."""
    try:
        yield
    except FileNotFoundError as error:
        raise damaged(files, key, "it is missing") from error
    except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0][:200]
        raise damaged(files, key, reason) from error
