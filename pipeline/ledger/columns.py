"""Columns of snapshots as plain arrays, and plain arrays as columns of a ledger day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from pipeline.schema import AT, FLAG, INT, REAL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from pipeline.arrays import Bools, Floats, Ints, Positions

UNKNOWN = -1
"""Stands for null in integer arrays of counters, rates and times, which are never negative."""
NULL = int(np.iinfo(np.int64).min)
"""Stands for null in integer arrays of a day's columns."""

_DTYPES = {INT: np.int64, REAL: np.float64, FLAG: np.bool_, AT: np.int64}


def ints(column: pa.ChunkedArray | pa.Array, null: int = UNKNOWN) -> Ints:
    """The integers, or the microseconds of timestamps; ``null`` for null."""
    return _values(column.cast(INT), null)


def floats(column: pa.ChunkedArray) -> Floats:
    """The numbers; NaN for null."""
    return _values(column, np.nan)


def _values(column: pa.ChunkedArray | pa.Array, null: float) -> NDArray[Any]:
    # Not by Arrow's ``to_numpy``: it imports pandas, which takes as long as 50,000 clusters.
    parts: list[NDArray[Any]] = [np.empty(0, _DTYPES[column.type])]
    for chunk in [column] if isinstance(column, pa.Array) else column.chunks:
        if len(chunk):
            dtype = parts[0].dtype
            begin = chunk.offset * dtype.itemsize
            values = np.frombuffer(chunk.buffers()[1], dtype, len(chunk), begin)
            if chunk.null_count:
                values = np.where(np.from_dlpack(chunk.is_valid().cast(pa.int8())), values, null)
            parts.append(values)
    return np.concatenate(parts)


def seconds(column: pa.ChunkedArray) -> Ints:
    """Whole Unix seconds of timestamps, rounded down; -1 for null."""
    return ints(column) // 1_000_000


def codes(column: pa.ChunkedArray) -> tuple[Ints, list[str]]:
    """Each text as its position among the distinct texts, -1 for null; and those texts."""
    unified = column.unify_dictionaries()
    names = unified.chunk(0).dictionary.to_pylist() if unified.num_chunks else []
    indices = [chunk.indices for chunk in unified.chunks]
    return ints(pa.chunked_array(indices, pa.int32())), names


def positions(values: Ints | Positions) -> pa.Array:
    """An index for ``take``."""
    return pa.Array.from_buffers(INT, len(values), [None, pa.py_buffer(values)])


def texts(places: Ints, names: Sequence[str]) -> pa.ChunkedArray:
    """A code column of the names (in ASCII) at these places."""
    data = pa.py_buffer(places.astype(np.int32))
    indices = pa.Array.from_buffers(pa.int32(), len(places), [None, data])
    ends = np.cumsum([0, *map(len, names)], dtype=np.int32)
    data = pa.py_buffer("".join(names).encode("ascii"))
    dictionary = pa.StringArray.from_buffers(len(names), pa.py_buffer(ends), data)
    return pa.chunked_array([pa.DictionaryArray.from_arrays(indices, dictionary)])


class Rows:
    """The rows of a table, added in blocks.

    The columns of the result are in one piece: a file's bytes depend on where pieces begin.
    """

    def __init__(self, schema: pa.Schema, size: int) -> None:
        """``size``: for how many rows there is space; it grows if there are more."""
        self._schema = schema
        self._size = size
        self._rows = 0
        # Only columns that have more than zeros: new memory is most of the cost of the others.
        self._arrays: dict[str, NDArray[Any]] = {}
        self._texts = {f.name: list[pa.Array]() for f in schema if f.type not in _DTYPES}

    def add(self, columns: Mapping[str, Any], rows: int) -> None:
        """Add a block: arrays of numbers, times and flags (``NULL`` and NaN are null), and Arrow's
        texts and codes.
        """
        end = self._rows + rows
        if end > self._size:
            self._size = 2 * end
            self._arrays = {name: _longer(a, self._size) for name, a in self._arrays.items()}
        for field in self._schema:
            values = columns[field.name]
            if field.name in self._texts:
                self._texts[field.name].extend(values.chunks)
            elif values.any() or np.signbit(values).any():  # -0.0 is no zero in a file's bytes
                if field.name not in self._arrays:
                    self._arrays[field.name] = np.zeros(self._size, _DTYPES[field.type])
                self._arrays[field.name][self._rows : end] = values
        self._rows = end

    def table(self) -> pa.Table:
        """All rows."""
        zeros = np.zeros(self._rows, np.int64)
        columns = [
            _joined(self._texts[field.name], field.type)
            if field.name in self._texts
            else _column(
                self._arrays.get(field.name, zeros.view(_DTYPES[field.type]))[: self._rows], field
            )
            for field in self._schema
        ]
        return pa.table(columns, schema=self._schema)


def _joined(parts: Sequence[pa.Array], kind: pa.DataType) -> pa.Array:
    return pa.chunked_array(parts, kind).unify_dictionaries().combine_chunks()


def _longer(array: NDArray[Any], size: int) -> NDArray[Any]:
    longer = np.zeros(size, array.dtype)
    longer[: len(array)] = array
    return longer


def _column(values: NDArray[Any], field: pa.Field) -> pa.Array:
    """The column of ``values``, in the same memory."""
    is_known = None
    if field.nullable:
        known = ~np.isnan(values) if field.type == REAL else values != NULL
        is_known = None if known.all() else _bits(known)
    data = _bits(values) if field.type == FLAG else pa.py_buffer(values)
    return pa.Array.from_buffers(field.type, len(values), [is_known, data])


def _bits(flags: Bools) -> pa.Buffer:
    return pa.py_buffer(np.packbits(flags, bitorder="little"))
