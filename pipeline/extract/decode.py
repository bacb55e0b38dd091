"""From a response's bytes to rows of ``schema.SNAPSHOT``: pure functions.

Money: a JSON number is read as a double and becomes integer micros by ``rint(x * 1e6)``. For a
number with at most six decimals, up to 1e9 units, that is exact: the double is off by at most
2**-53 of its value and the product by as much again, together less than 0.23 micros at 1e9 units,
so the nearest integer is the printed one. A product that lies within that error of half a micro
is decided in decimal arithmetic on the shortest text of the double (half to even), which is the
printed text as long as that has at most 15 digits.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec.inspect import BoolType, DateTimeType, FloatType, RawType, StrType

from pipeline import schema
from pipeline.extract import arrow_arrays, lenient_decode
from pipeline.extract.api_errors import UnusableResponseError, parse_refusal, valid_request_id
from pipeline.extract.api_types import Cluster, ClusterV2, Page, ResponseV1
from pipeline.extract.record_fields import CONNECTION_FIELDS, fields_of, time_fields

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime

    from pipeline.extract.api_types import Note
    from pipeline.extract.record_fields import Record, RecordField

MAX_OBJECTS = {"v1": 50_000, "v2": 200_000}
MAX_VALUES = 1_000_000
"""Limits of one response, checked before any value is made: as objects, values take up to 50 times
the memory of their text. They allow 7,000 records of v1, which are requested by the hundred,
and 120,000 of v2, which lists a whole fleet."""

_V1 = msgspec.json.Decoder(ResponseV1)
_V2 = msgspec.json.Decoder(list[ClusterV2])
_TIMES_V1, _TIMES_V2 = time_fields(Cluster), time_fields(ClusterV2)
_NO_NOTES: dict[int, Note] = {}


def decode_page(body: bytes, version: str) -> Page:
    """The records of one response.

    Raises:
        UnusableResponseError: not a response of this API (truncated, HTML, another shape). The
            request is worth repeating.
        RefusedError: the API refused in a well-formed error envelope under status 200.
    """
    max_objects = MAX_OBJECTS[version]
    if len(body) > max_objects and _is_too_large(body, max_objects):
        limits = f"{max_objects:,} objects or {MAX_VALUES:,} values"
        raise UnusableResponseError(
            f"the response holds more than {limits}: not a page of clusters"
        )
    try:
        return _decode_v2(body) if version == "v2" else _decode_v1(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _decode_leniently(body, version)


def _is_too_large(body: bytes, max_objects: int) -> bool:
    """Whether ``body`` may hold too many values: each but the first needs one of these marks."""
    objects = body.count(b"{")
    return objects > max_objects or objects + body.count(b",") + body.count(b"[") > MAX_VALUES


def _decode_v1(body: bytes) -> Page:
    response = _V1.decode(body)
    pagination, records = response.data.pagination, response.data.clusters
    if not response.success or not _can_store_times(records, _TIMES_V1):
        raise msgspec.DecodeError
    return Page(
        records=tuple(records),
        notes=_NO_NOTES,
        size=len(records),
        total_count=pagination.total_count if pagination else None,
        per_page=pagination.per_page if pagination else None,
        request_id=valid_request_id(response.meta.request_id if response.meta else None),
    )


def _decode_v2(body: bytes) -> Page:
    flat = _V2.decode(body)
    if not _can_store_times(flat, _TIMES_V2):
        raise msgspec.DecodeError
    records = tuple(Cluster(**msgspec.structs.asdict(record)) for record in flat)
    return Page(records=records, notes=_NO_NOTES, size=len(records))


def _can_store_times(records: Sequence[Cluster | ClusterV2], names: list[str]) -> bool:
    """Whether every time is in the range that can be stored; the types cannot check that."""
    columns = (map(attrgetter(name), records) for name in names)
    times = [time for column in columns for time in column if time is not None]
    return not times or (
        min(times) >= lenient_decode.EARLIEST and max(times) <= lenient_decode.LATEST
    )


def _decode_leniently(body: bytes, version: str) -> Page:
    try:
        response = lenient_decode.parse(body)
    except ValueError as error:
        raise UnusableResponseError(f"the response is not JSON ({_kind_of(body)})") from error
    refusal = parse_refusal(response)
    if refusal:
        raise refusal
    if version == "v2":
        items: object = response
        pagination: dict[str, Any] = {}
        meta: dict[str, Any] = {}
    else:
        data = _object(response, "data")
        items = data.get("clusters")
        pagination, meta = _object(data, "pagination"), _object(response, "meta")
    if not isinstance(items, list):
        wanted = "a flat list" if version == "v2" else "data.clusters"
        raise UnusableResponseError(
            f"the response has no {wanted}: is api.version {version!r} right?"
        )
    records, notes, quarantined = lenient_decode.decode_records(items, version)
    request_id = meta.get("request_id")
    return Page(
        records=tuple(records),
        notes=notes,
        quarantined=tuple(quarantined),
        size=len(items),
        total_count=_integer(pagination.get("total_count")),
        per_page=_integer(pagination.get("per_page")),
        request_id=valid_request_id(request_id),
    )


def _object(value: object, name: str) -> dict[str, Any]:
    inner = value.get(name) if isinstance(value, dict) else None
    return inner if isinstance(inner, dict) else {}


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _kind_of(body: bytes) -> str:
    """The size and kind of the body, without quoting it: enough to recognise a login page."""
    is_markup = body[:100].lstrip().startswith(b"<")
    return f"{len(body)} bytes{' of HTML or XML' if is_markup else ''}"


def micros(values: Sequence[float | None]) -> pa.Array:
    """Money as printed, in integer micros; the module's docstring says why this is exact."""
    known = np.array([value is not None for value in values], dtype=bool)
    units = np.array([0.0 if value is None else value for value in values], dtype=np.float64)
    scaled = units * schema.MICROS_PER_UNIT
    rounded = np.rint(scaled).astype(np.int64)
    is_near_half = 0.5 - np.abs(scaled - rounded) <= scaled * 2.0**-51
    for index in np.flatnonzero(is_near_half):
        exact = Decimal(repr(float(units[index]))) * schema.MICROS_PER_UNIT
        rounded[index] = int(exact.quantize(Decimal(1), ROUND_HALF_EVEN))
    return arrow_arrays.masked(rounded, known, schema.INT)


def to_batch(
    records: Sequence[Cluster],
    observed_micros: Sequence[int],
    notes: dict[int, Note],
    *,
    keep_connection: bool,
) -> pa.RecordBatch:
    """Rows of ``schema.SNAPSHOT.stored``: one for each record, in their order.

    Args:
        records: The decoded records.
        observed_micros: When the page of each was answered, in microseconds since 1970.
        notes: By position in ``records``.
        keep_connection: Whether addresses and ports are stored; null otherwise.
    """
    extra: list[str | None] = [None] * len(records)
    bad: list[str | None] = [None] * len(records)
    for index, note in notes.items():
        extra[index], bad[index] = note.extra, ",".join(note.bad_fields) or None
    dropped = frozenset[str]() if keep_connection else CONNECTION_FIELDS
    arrays = dict(_arrays(Cluster, records, dropped))
    arrays["observed_at"] = arrow_arrays.numbers(observed_micros, pa.int64()).cast(schema.AT)
    arrays["extra"] = arrow_arrays.texts(extra)
    arrays["bad_fields"] = arrow_arrays.texts(bad)
    arrays |= dict.fromkeys(dropped, pa.nulls(len(records), schema.TEXT))
    stored = schema.SNAPSHOT.stored
    return pa.RecordBatch.from_arrays([arrays[name] for name in stored.names], schema=stored)


def _arrays(
    record: Record, values: Sequence[msgspec.Struct], dropped: Collection[str]
) -> Iterator[tuple[str, pa.Array]]:
    """The columns of ``values``, of type ``record``, and of the objects in them."""
    for field in fields_of(record):
        if field.column in dropped:
            continue
        own = list(map(attrgetter(field.name), values))
        if field.group is None:
            yield field.column, _array(field, own)
        else:
            absent = field.group()
            inner = [absent if value is None else value for value in own]
            yield from _arrays(field.group, inner, dropped)


def _array(field: RecordField, values: list[Any]) -> pa.Array:
    stored = schema.SNAPSHOT.stored.field(field.column).type
    match field.kind:
        case RawType():
            return arrow_arrays.texts([bytes(value).decode() or None for value in values])
        case StrType():
            texts = arrow_arrays.texts(values)
            return texts.dictionary_encode() if stored == schema.CODE else texts
        case FloatType() if stored == schema.INT:
            return micros(values)
        case BoolType():
            return arrow_arrays.flags(values)
        case DateTimeType():
            return arrow_arrays.instants(values)
    return arrow_arrays.numbers(values, stored)


def count_older(batches: list[pa.RecordBatch], replaced: Sequence[int], when: datetime) -> int:
    """Rows created before ``when`` or at an unknown time, without the rows in ``replaced``."""
    created = pa.Table.from_batches(batches, schema=schema.SNAPSHOT.stored).column("created_at")
    is_newer = pc.greater_equal(created, arrow_arrays.instants([when])[0])
    newer = pc.indices_nonzero(is_newer).to_pylist()
    return len(created) - len({*newer, *replaced})


def to_table(batches: list[pa.RecordBatch], replaced: Sequence[int]) -> pa.Table:
    """One table of ``batches``, without the rows numbered in ``replaced``; empties ``batches``.

    Rows are sorted by id, so that the order of pages changes no byte.
    """
    stored = schema.SNAPSHOT.stored
    unsorted = pa.Table.from_batches(batches, schema=stored)
    batches.clear()
    order = pc.sort_indices(unsorted, [("cluster_id", "ascending")])
    if replaced:
        order = order.filter(pc.invert(pc.is_in(order, arrow_arrays.numbers(replaced, order.type))))
    # Column by column, and each original is released: a copy of one column, not of the table.
    columns = list(reversed(unsorted.columns))
    del unsorted
    sorted_columns = []
    while columns:
        sorted_columns.append(_in_order(columns.pop(), order))
    pa.default_memory_pool().release_unused()
    return pa.Table.from_arrays(sorted_columns, schema=stored)


def _in_order(column: pa.ChunkedArray, order: pa.Array) -> pa.Array:
    """The column in ``order``; dictionary codes are numbered in order of appearance."""
    if column.type != schema.CODE:
        return column.take(order).combine_chunks()
    return column.cast(schema.TEXT).take(order).combine_chunks().dictionary_encode()


def to_stream(rows: pa.Table) -> bytes:
    """``rows`` as an Arrow stream, which :func:`from_stream` reads."""
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(sink, rows.schema, options=options) as writer:
        writer.write_table(rows)
    return bytes(sink.getvalue())


def from_stream(stream: bytes) -> pa.Table:
    """The rows of an Arrow stream."""
    with pa.ipc.open_stream(stream) as reader:
        return reader.read_all()


def count_rows(stream: bytes) -> int:
    """The number of rows of an Arrow stream."""
    count: int = from_stream(stream).num_rows
    return count
