"""FOCUS rows as CSV (RFC 4180) in UTF-8: all lines of a table are joined column by column.

Decimals always have a decimal point and never an exponent: a reader that guesses types would take a
column of whole numbers for integers. Times are ``2026-06-01T00:00:00Z``. Null is an empty field. No
text is changed, as FOCUS demands, so a name may begin like a formula of a spreadsheet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Callable

_TIME = "%Y-%m-%dT%H:%M:%SZ"
_SPECIAL = r'[",\r\n]'
_ROWS_AT_ONCE = 100_000
"""A text array holds at most 2 GiB."""


def header(schema: pa.Schema) -> bytes:
    """The first line."""
    return f"{','.join(schema.names)}\r\n".encode()


def lines(table: pa.Table) -> bytes:
    """The lines of the rows of ``table``."""
    pieces = table.combine_chunks().to_batches(max_chunksize=_ROWS_AT_ONCE)
    return b"".join(_lines(piece) for piece in pieces)


def _lines(rows: pa.RecordBatch) -> bytes:
    fields = [_fields(column) for column in rows.columns]
    fields[-1] = pc.binary_join_element_wise(fields[-1], "\r\n", "")
    joined = pc.binary_join_element_wise(*fields, ",")
    # Each text ends its line, so the bytes that the texts lie in are the file's.
    data: bytes = joined.buffers()[2].to_pybytes()
    return data[: pc.sum(pc.binary_length(joined)).as_py()]


def _fields(column: pa.Array) -> pa.Array:
    """The fields of a column; what repeats is written once."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        return _of_distinct(column, _time)
    if pa.types.is_decimal(kind):
        texts = _plain(column)
    elif pa.types.is_string(kind):
        texts = _of_distinct(column, _quoted)
    else:
        texts = column.cast(pa.string())
    return pc.fill_null(texts, "")


def _of_distinct(column: pa.Array, text: Callable[[pa.Array], pa.Array]) -> pa.Array:
    codes = column.dictionary_encode()
    return text(codes.dictionary).take(codes.indices)


def _time(values: pa.Array) -> pa.Array:
    return pc.strftime(values.cast(pa.timestamp("s", "UTC")), _TIME)


def _quoted(values: pa.Array) -> pa.Array:
    """Texts that hold a comma, a quote or a line break are quoted."""
    doubled = pc.binary_join_element_wise('"', pc.replace_substring(values, '"', '""'), '"', "")
    return pc.if_else(pc.match_substring_regex(values, _SPECIAL), doubled, values)


def _plain(column: pa.Array) -> pa.Array:
    """Decimals in digits; pyarrow writes the smallest with an exponent."""
    texts = column.cast(pa.string())
    has_exponent = pc.fill_null(pc.match_substring(texts, "E"), fill_value=False)
    if not pc.any(has_exponent).as_py():
        return texts
    small = [format(value, "f") for value in column.filter(has_exponent).to_pylist()]
    return pc.replace_with_mask(texts, has_exponent, pa.array(small, pa.string()))
