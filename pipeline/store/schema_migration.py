"""Files of other versions read with this version's schema: columns missing, added, retyped.

A missing column is null, or if it is not nullable, the value that claims least (0, false, empty).
A retyped column is cast. A value that cannot be cast is null and, in a table that has
``bad_fields``, its column is named there. Columns that are not requested are not read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import DamageError
from pipeline.schema import CODE, FLAG, INT, REAL, TEXT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.schema import Table

_LEAST: dict[pa.DataType, Any] = {INT: 0, REAL: 0.0, FLAG: False, TEXT: "", CODE: ""}
_NUMBER = r"^\s*[+-]?\d{1,18}(\.0*)?\s*$"
_REAL = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$"


def conform(table: pa.Table, kind: Table, wanted: Sequence[str], where: str) -> pa.Table:
    """The ``wanted`` columns of ``table``, as ``kind`` defines them; ``where`` is for messages."""
    fields = {field.name: field for field in kind.stored}
    if all(n in fields for n in wanted) and table.schema.equals(
        pa.schema([fields[n] for n in wanted])
    ):
        return table
    columns: dict[str, pa.ChunkedArray] = {}
    lost: dict[str, pa.ChunkedArray] = {}
    for name in wanted:
        stored = table.column(name) if name in table.column_names else None
        field = fields.get(name)
        if field is None:
            columns[name] = stored if stored is not None else pa.nulls(table.num_rows)
        elif stored is None:
            columns[name] = _default(field, kind, table.num_rows, where)
        elif stored.type == field.type:
            columns[name] = stored
        else:
            columns[name] = _cast(stored, field.type)
            if columns[name].null_count > stored.null_count:
                lost[name] = pc.and_(pc.is_valid(stored), pc.is_null(columns[name]))
    if "bad_fields" in columns:
        columns["bad_fields"] = _with_lost(columns["bad_fields"], lost)
    for name, column in columns.items():
        if name in fields and not fields[name].nullable and column.null_count:
            raise DamageError(
                f"damaged file {where}: {name} has values that are not {fields[name].type}; "
                "restore it from a backup, or move it away"
            )
    schema = pa.schema([fields.get(n, pa.field(n, c.type)) for n, c in columns.items()])
    return pa.table(list(columns.values()), schema=schema)


def _default(field: pa.Field, kind: Table, rows: int, where: str) -> pa.Array:
    """The values of a column that the file does not have."""
    if field.nullable:
        return pa.nulls(rows, field.type)
    if field.name in kind.key or field.type not in _LEAST:
        raise DamageError(
            f"damaged file {where}: it has no column {field.name}; "
            "restore it from a backup, or move it away"
        )
    value = pa.scalar(_LEAST[field.type], TEXT if field.type == CODE else field.type)
    return _safe_cast(pa.repeat(value, rows), field.type)


def _cast(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """``column`` as ``kind``; null where a value cannot be cast."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    try:
        return _safe_cast(column, kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        pass
    try:
        return _safe_cast(_castable(column, kind), kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return pa.chunked_array([pa.nulls(len(column), kind)])


def _castable(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """``column`` with null for values that are no ``kind``."""
    null = pa.scalar(None, column.type)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        if kind not in (INT, REAL):
            return column
        good = pc.match_substring_regex(column, _NUMBER if kind == INT else _REAL)
        text = pc.if_else(good, pc.utf8_trim_whitespace(column), null)
        return pc.replace_substring_regex(text, r"\.0*$", "") if kind == INT else text
    if pa.types.is_floating(column.type) and kind == INT:
        is_integer = pc.and_(pc.is_finite(column), pc.equal(column, pc.floor(column)))
        return pc.if_else(is_integer, column, null)
    return column


def _safe_cast(column: pa.ChunkedArray | pa.Array, kind: pa.DataType) -> pa.ChunkedArray:
    """``column`` as ``kind``; a plain cast cannot make dictionaries from all types."""
    if pa.types.is_dictionary(kind):
        return column.cast(kind.value_type).dictionary_encode()
    return column.cast(kind)


def _with_lost(bad_fields: pa.ChunkedArray, lost: dict[str, pa.ChunkedArray]) -> pa.ChunkedArray:
    """``bad_fields`` with the names of the columns in which a row has lost its value."""
    for name, rows in lost.items():
        longer = pc.if_else(
            pc.is_null(bad_fields), name, pc.binary_join_element_wise(bad_fields, name, ",")
        )
        bad_fields = pc.if_else(rows, longer, bad_fields)
    return bad_fields
