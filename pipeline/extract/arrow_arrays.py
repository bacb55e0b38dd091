"""Arrow arrays from Python values, made of their buffers.

``pyarrow.array`` would be shorter, but its first call imports pandas, which costs more time than
the rest of a snapshot of a fleet of ordinary size, and 30 MB.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.arrays import Bools

_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


def texts(values: Sequence[str | None]) -> pa.Array:
    """A string array.

    Raises:
        OverflowError: more than 2 GiB of text.
    """
    filled = [value or "" for value in values]
    joined = "".join(filled)
    # Each ASCII character is one byte; other text is encoded value by value for its lengths.
    parts = filled if joined.isascii() else [value.encode() for value in filled]
    ends = accumulate(map(len, parts), initial=0)
    offsets = np.fromiter(ends, np.int32, len(values) + 1)
    return _array(pa.string(), values, offsets, np.frombuffer(joined.encode(), np.uint8))


def numbers(values: Sequence[float | None], kind: pa.DataType) -> pa.Array:
    """An array of the integer or floating-point type ``kind``."""
    filled = np.fromiter([value or 0 for value in values], kind.to_pandas_dtype())
    return _array(kind, values, filled)


def flags(values: Sequence[bool | None]) -> pa.Array:
    """A Boolean array."""
    is_true = np.array([value is True for value in values], np.bool_)
    return _array(pa.bool_(), values, _bits(is_true))


def instants(values: Sequence[datetime | None]) -> pa.Array:
    """An array of UTC timestamps in microseconds."""
    micros = [None if value is None else (value - _EPOCH) // _MICROSECOND for value in values]
    return numbers(micros, pa.int64()).cast(pa.timestamp("us", tz="UTC"))


def masked(data: np.ndarray[Any, Any], known: Bools, kind: pa.DataType) -> pa.Array:
    """An array of ``data``, null where ``known`` is false."""
    nulls = len(known) - int(np.count_nonzero(known))
    return pa.Array.from_buffers(
        kind, len(known), [pa.py_buffer(_bits(known)), pa.py_buffer(data)], nulls
    )


def _array(kind: pa.DataType, values: Sequence[object], *data: np.ndarray[Any, Any]) -> pa.Array:
    """The array of ``values``, whose content is ``data`` but for the nulls."""
    buffers = [None, *map(pa.py_buffer, data)]
    nulls = values.count(None)
    if nulls:
        known = np.array([value is not None for value in values])
        buffers[0] = pa.py_buffer(_bits(known))
    return pa.Array.from_buffers(kind, len(values), buffers, nulls)


def _bits(flags: Bools) -> np.ndarray[Any, Any]:
    """The flags as Arrow stores them: one bit each, the first in the lowest bit."""
    return np.packbits(flags, bitorder="little")
