"""Columns as the cells of a CSV file, a column at a time: numbers and times never one by one.

Money is written from ``int64`` micros by Arrow as a decimal with six digits, so no float touches
it. Only texts that a spreadsheet or the separators may change are written one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


MONEY = pa.decimal128(25, 6)
_SEPARATOR, _END = ",", "\r\n"
_ROWS = 8192
_FLAGS = pa.array(["False", "True"], pa.large_string())
_PLAIN = r"\A[A-Za-z0-9][A-Za-z0-9 ._:;/()_-]*\z"
"""Texts that every writer leaves as they are: they need not be written one by one."""


def decimals(micros: pd.Series[Any]) -> pd.Series[Any]:
    """Micros as exact decimals of the currency; unknown stays unknown."""
    amounts = micros.astype("Int64")
    known = amounts.notna().to_numpy(bool)
    words = np.zeros((len(amounts), 2), dtype="<i8")
    words[:, 0] = amounts.fillna(0).to_numpy(np.int64)
    words[:, 1] = words[:, 0] >> 63  # a decimal is a 128-bit integer: the sign fills its upper half
    buffers = [pa.py_buffer(np.packbits(known, bitorder="little")), pa.py_buffer(words)]
    money = pa.Array.from_buffers(MONEY, len(amounts), buffers)
    return pd.Series(pd.arrays.ArrowExtensionArray(money), index=micros.index)


def instants(times: pd.Series[Any]) -> pd.Series[Any]:
    """Times as ISO 8601 in UTC to the second, with ``Z``; empty where unknown."""
    utc = pd.to_datetime(times, utc=True).dt.tz_localize(None).to_numpy("datetime64[s]")
    written = np.char.add(np.datetime_as_string(utc, unit="s"), "Z").astype(object)
    return pd.Series(np.where(np.isnat(utc), "", written), index=times.index, dtype="str")


def days(dates: pd.Series[Any]) -> pd.Series[Any]:
    """Dates as ``2026-11-22``; empty where unknown."""
    codes, kinds = pd.factorize(dates, use_na_sentinel=True)
    written = [f"{kind:%Y-%m-%d}" for kind in kinds]
    return pd.Series(pd.Categorical.from_codes(codes, pd.Index(written)), index=dates.index)


def texts(values: pd.Series[Any], write: Callable[[str], str]) -> pa.Array:
    """Every value as what stands in the file; ``write`` turns a text into a cell."""
    kind = values.dtype
    if pd.api.types.is_bool_dtype(kind):
        return _FLAGS.take(pa.array(values, from_pandas=True).cast(pa.int8()))
    if pd.api.types.is_float_dtype(kind):
        return _distinct(values, lambda value: format(value + 0.0, ".10g"))  # -0 is 0
    if pd.api.types.is_integer_dtype(kind) or isinstance(kind, pd.ArrowDtype):
        return pa.array(values, from_pandas=True).cast(pa.large_string())
    if isinstance(kind, pd.StringDtype):
        return _guarded(values, write)
    return _distinct(values, lambda value: _cell(value, write))


def header(names: Sequence[str]) -> bytes:
    """The first line of a file."""
    return (_SEPARATOR.join(names) + _END).encode("utf-8", "replace")


def lines(columns: Sequence[pa.Array]) -> Iterator[memoryview]:
    """A line per row, every line ended."""
    filled = [pc.fill_null(column, "") if column.null_count else column for column in columns]
    # A few rows at a time, so that their bytes stay in the processor's cache.
    for at in range(0, len(filled[0]) if filled else 0, _ROWS):
        yield _joined([column.slice(at, _ROWS) for column in filled])


def _joined(columns: Sequence[pa.Array]) -> memoryview:
    # pyarrow's stubs, where there are any, do not know the function.
    join = cast("Any", pc).binary_join_element_wise
    separator, end, nothing = (pa.scalar(s, pa.large_string()) for s in (_SEPARATOR, _END, ""))
    *others, last = columns
    # The lines' bytes lie one after the other: that is the file.
    return memoryview(join(*others, join(last, end, nothing), separator).buffers()[2])


def _distinct(values: pd.Series[Any], write: Callable[[Any], str]) -> pa.Array:
    codes, kinds = pd.factorize(values, use_na_sentinel=True)
    return _array([write(kind) for kind in kinds]).take(pa.array(codes, mask=codes < 0))


def _guarded(values: pd.Series[Any], write: Callable[[str], str]) -> pa.Array:
    """A column of texts, most of which stay as they are."""
    texts = pa.array(values.array, pa.large_string())
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    others = pc.invert(pc.match_substring_regex(texts, _PLAIN)).fill_null(fill_value=False)
    if not others.true_count:
        return texts
    written = _array([write(text) for text in texts.filter(others).to_pylist()])
    return pc.replace_with_mask(texts, others, written)


def _cell(value: object, write: Callable[[str], str]) -> str:
    """A value of a column of mixed kinds: numbers stay numbers."""
    if isinstance(value, float):
        return format(value, ".10g")
    return str(value) if isinstance(value, int) else write(str(value))


def _array(texts: list[str]) -> pa.Array:
    try:
        return pa.array(texts, pa.large_string())
    except UnicodeEncodeError:
        # A lone surrogate is the one thing UTF-8 cannot hold; the file is written without it.
        writable = [text.encode("utf-8", "replace").decode() for text in texts]
        return pa.array(writable, pa.large_string())
