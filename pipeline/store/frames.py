"""Many files as one frame: each file's numbers and times are copied to their place as it is read.

So the files' tables are never all held beside the frame, which would double its memory; most of the
time of a large read is the kernel's, for new memory. Texts stay in Arrow's memory, as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline.schema import AT, DAY, FLAG, INT, REAL

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.schema import Table

_KINDS = {INT: "int64", REAL: "float64", FLAG: "bool", AT: "datetime64[us]", DAY: "datetime64[us]"}
_SPARE = 1.1
"""Memory that is never written costs nothing; to copy a column to a longer one does."""


def frame_of(kind: Table, parts: Iterable[pa.Table], count: int) -> pd.DataFrame | None:
    """The rows of ``parts`` with the dtypes of ``kind.to_pandas``; None if there are no parts.

    Args:
        kind: The table that they are of.
        parts: Each file's columns, the same in each; those that ``kind`` does not know may differ.
        count: How many parts there are, about.
    """
    nullable = {c.name: c.nullable for c in kind.columns if c.type in _KINDS}
    columns: dict[str, _Values] = {}
    others: list[pa.Table] = []
    names: list[str] = []
    for part in parts:
        if not others:
            names = part.column_names
            size = int(part.num_rows * count * _SPARE)
            columns = {
                name: _Values(part.schema.field(name).type, nullable[name], size)
                for name in names
                if name in nullable
            }
        for name, values in columns.items():
            values.add(part.column(name))
        others.append(part.drop_columns(list(columns)))
    if not others:
        return None
    rest = kind.to_pandas(pa.concat_tables(others, promote_options="permissive"))
    every = [*dict.fromkeys([*names, *rest.columns])]
    series = {name: columns[name].series() if name in columns else rest[name] for name in every}
    return pd.DataFrame(series, copy=False)


class _Values:
    """A column of numbers, flags or times that grows."""

    def __init__(self, kind: pa.DataType, is_nullable: bool, size: int) -> None:  # noqa: FBT001 - a fact of the column
        self._type = kind
        self._values = np.empty(size, dtype=_KINDS[kind])
        self._is_masked = is_nullable and kind in (INT, FLAG)
        self._mask = np.zeros(size if self._is_masked else 0, dtype=bool)
        self._rows = 0

    def add(self, column: pa.ChunkedArray) -> None:
        """Copy the values of the next file."""
        for chunk in column.chunks:
            end = self._rows + len(chunk)
            if end > len(self._values):
                self._grow(2 * end)
            place = slice(self._rows, end)
            if self._is_masked and chunk.null_count:
                self._mask[place] = chunk.is_null().to_numpy(zero_copy_only=False)
                chunk = chunk.fill_null(fill_value=False if self._type == FLAG else 0)  # noqa: PLW2901 - the same values
            self._values[place] = chunk.to_numpy(zero_copy_only=False)
            self._rows = end

    def _grow(self, size: int) -> None:
        self._values = _longer(self._values, self._rows, size)
        if self._is_masked:
            self._mask = _longer(self._mask, self._rows, size)

    def series(self) -> pd.Series[Any]:
        """The column as frames have it."""
        values, mask = self._values[: self._rows], self._mask[: self._rows]
        if self._is_masked:
            masked = pd.arrays.BooleanArray if self._type == FLAG else pd.arrays.IntegerArray
            return pd.Series(masked(values, mask), copy=False)
        if self._type == AT:
            return pd.Series(pd.DatetimeIndex(values).tz_localize("UTC"), copy=False)
        return pd.Series(values, copy=False)


def _longer(values: np.ndarray[Any, Any], rows: int, size: int) -> np.ndarray[Any, Any]:
    longer = np.zeros(size, dtype=values.dtype)
    longer[:rows] = values[:rows]
    return longer
