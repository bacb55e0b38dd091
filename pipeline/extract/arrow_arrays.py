"""Arrow arrays from Python values, made of their buffers.

``pyarrow.array`` would be shorter, but it imports pandas the first time it is called, which takes
longer than the snapshot of a fleet of ordinary size and needs 40 MB.
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


def texts(values: Sequence[str | bytes | None]) -> pa.Array:
    """A string array; bytes are UTF-8.

    Raises:
        OverflowError: more than 2 GiB of text.
    """
    encoded = [v.encode() if isinstance(v, str) else v or b"" for v in values]
    ends = accumulate(map(len, encoded), initial=0)
    offsets = np.fromiter(ends, np.int32, len(values) + 1)
    return _array(pa.string(), _is_known(values), offsets, b"".join(encoded))


def numbers(values: Sequence[float | None], kind: pa.DataType) -> pa.Array:
    """An int64 or float64 array."""
    dtype = kind.to_pandas_dtype()
    data = np.fromiter((0 if v is None else v for v in values), dtype, len(values))
    return _array(kind, _is_known(values), data)


def flags(values: Sequence[bool | None]) -> pa.Array:
    """A Boolean array."""
    data = np.fromiter((v is True for v in values), np.bool_, len(values))
    return _array(pa.bool_(), _is_known(values), _bits(data))


def instants(values: Sequence[datetime | None]) -> pa.Array:
    """An array of UTC timestamps in microseconds."""
    micros = ((v - _EPOCH) // _MICROSECOND if v is not None else None for v in values)
    return numbers(list(micros), pa.int64()).cast(pa.timestamp("us", tz="UTC"))


def masked(data: np.ndarray[Any, Any], is_known: Bools, kind: pa.DataType) -> pa.Array:
    """An array of ``data``, null where it is not known."""
    return _array(kind, is_known, data)


def _is_known(values: Sequence[object]) -> Bools:
    return np.fromiter((v is not None for v in values), np.bool_, len(values))


def _bits(flags: Bools) -> np.ndarray[Any, Any]:
    """Arrow's form of flags: one bit each, the first in the lowest."""
    return np.packbits(flags, bitorder="little")


def _array(kind: pa.DataType, is_known: Bools, *data: np.ndarray[Any, Any] | bytes) -> pa.Array:
    nulls = len(is_known) - int(np.count_nonzero(is_known))
    valid = pa.py_buffer(_bits(is_known)) if nulls else None
    buffers = [valid, *(pa.py_buffer(part) for part in data)]
    return pa.Array.from_buffers(kind, len(is_known), buffers, nulls)
