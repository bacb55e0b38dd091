"""From an answer's bytes to rows of ``schema.SNAPSHOT``: pure, and the only user of Arrow here.

Money: a JSON number is read as a double and becomes integer micros by ``rint(x * 1e6)``. For a
number with at most six decimals, up to 1e9 units, that is exact: the double is off by at most
2**-53 of its value and the product by as much again, together less than 0.23 micros at 1e9 units,
so the nearest integer is the one printed. A product that lies within that error of half a micro
is decided in decimal arithmetic on the shortest text of the double (half to even), which is the
text that was printed as long as that has at most 15 digits.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import schema
from pipeline.extract import lenient_decode
from pipeline.extract.api_errors import UnusableError, refusal_in
from pipeline.extract.api_types import AnswerV1, Cluster, ClusterV2, Cost, Metrics, Note, Page

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

MOST_OBJECTS = {"v1": 50_000, "v2": 200_000}
MOST_VALUES = 1_000_000
"""In one answer, counted before any is made: as objects they take up to 50 times the room of their
text. It is room for 7,000 records of v1, which are asked for by the hundred, and for 120,000 of
v2, which lists a whole fleet."""

_V1 = msgspec.json.Decoder(AnswerV1)
_V2 = msgspec.json.Decoder(list[ClusterV2])
_NO_NOTES: dict[int, Note] = {}


def decode_page(body: bytes, version: str) -> Page:
    """The records of one answer.

    Raises:
        UnusableError: not an answer of this API (truncated, HTML, another shape); asked again.
        RefusedError: the API said no in a well-formed error envelope under a good status.
    """
    most = MOST_OBJECTS[version]
    if len(body) > most and _is_absurd(body, most):
        limits = f"{most:,} objects or {MOST_VALUES:,} values"
        raise UnusableError(f"the answer holds more than {limits}: not a page of clusters")
    try:
        return _typed_v2(body) if version == "v2" else _typed_v1(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _leniently(body, version)


def _is_absurd(body: bytes, most_objects: int) -> bool:
    """Whether there may be too many values in ``body``: each but the first costs one mark."""
    objects = body.count(b"{")
    return objects > most_objects or objects + body.count(b",") + body.count(b"[") > MOST_VALUES


def _typed_v1(body: bytes) -> Page:
    answer = _V1.decode(body)
    pagination, records = answer.data.pagination, answer.data.clusters
    times = (
        [one.created_at for one in records],
        [one.updated_at for one in records],
        [one.expires_at for one in records],
    )
    if not answer.success or not _are_timely(*times):
        raise msgspec.DecodeError("not what it should be")
    return Page(
        records=tuple(records),
        notes=_NO_NOTES,
        size=len(records),
        total_count=pagination.total_count if pagination else None,
        per_page=pagination.per_page if pagination else None,
        request_id=answer.meta.request_id if answer.meta else None,
    )


def _are_timely(*columns: list[datetime | None]) -> bool:
    """Whether every time is one that can be stored; the types cannot say that."""
    times = [time for column in columns for time in column if time is not None]
    return not times or (
        min(times) >= lenient_decode.EARLIEST and max(times) <= lenient_decode.LATEST
    )


def _typed_v2(body: bytes) -> Page:
    answer = _V2.decode(body)
    if not _are_timely([one.created_at for one in answer]):
        raise msgspec.DecodeError("not what it should be")
    records = tuple(
        Cluster(
            id=one.id,
            name=one.name,
            status=one.status,
            gpu_type=one.gpu_type,
            storage_gb=one.volume_size,
            created_at=one.created_at,
        )
        for one in answer
    )
    notes = {
        index: Note(container_disk_gb=one.container_disk_size)
        for index, one in enumerate(answer)
        if one.container_disk_size is not None
    }
    return Page(records=records, notes=notes, size=len(records))


def _leniently(body: bytes, version: str) -> Page:
    try:
        answer = lenient_decode.parse(body)
    except ValueError as error:
        raise UnusableError(f"the answer is not JSON ({_glimpse(body)})") from error
    refusal = refusal_in(answer)
    if refusal:
        raise refusal
    if version == "v2":
        items: object = answer
        pagination: dict[str, Any] = {}
        meta: dict[str, Any] = {}
    else:
        data = _object(answer, "data")
        items = data.get("clusters")
        pagination, meta = _object(data, "pagination"), _object(answer, "meta")
    if not isinstance(items, list):
        wanted = "a flat list" if version == "v2" else "data.clusters"
        raise UnusableError(f"the answer has no {wanted}: is api.version {version!r} right?")
    records, notes, quarantined = lenient_decode.salvage(items, version)
    request_id = meta.get("request_id")
    return Page(
        records=tuple(records),
        notes=notes,
        quarantined=tuple(quarantined),
        size=len(items),
        total_count=_integer(pagination.get("total_count")),
        per_page=_integer(pagination.get("per_page")),
        request_id=request_id if isinstance(request_id, str) else None,
    )


def _object(value: object, name: str) -> dict[str, Any]:
    inner = value.get(name) if isinstance(value, dict) else None
    return inner if isinstance(inner, dict) else {}


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _glimpse(body: bytes) -> str:
    """What the body is, without a word of it: enough to recognise a login page."""
    is_markup = body[:100].lstrip().startswith(b"<")
    return f"{len(body)} bytes{' of HTML or XML' if is_markup else ''}"


def micros(values: Sequence[float | None]) -> pa.Array:
    """Money as printed, in integer micros; see the top of this module for why this is exact."""
    known = np.array([value is not None for value in values], dtype=bool)
    units = np.array([0.0 if value is None else value for value in values], dtype=np.float64)
    scaled = units * schema.MICROS_PER_UNIT
    whole = np.rint(scaled).astype(np.int64)
    doubtful = 0.5 - np.abs(scaled - whole) <= scaled * 2.0**-51
    for index in np.flatnonzero(doubtful):
        exact = Decimal(repr(float(units[index]))) * schema.MICROS_PER_UNIT
        whole[index] = int(exact.quantize(Decimal(1), ROUND_HALF_EVEN))
    return pa.array(whole, schema.INT, mask=~known)


def _code(values: list[str | None]) -> pa.Array:
    return pa.array(values, pa.string()).dictionary_encode()


def _raw(values: list[msgspec.Raw]) -> pa.Array:
    return pa.array([bytes(value).decode() or None for value in values], pa.string())


_NO_METRICS, _NO_COST = Metrics(), Cost()


def columns(
    records: Sequence[Cluster],
    observed_micros: Sequence[int],
    notes: dict[int, Note],
    *,
    keep_connection: bool,
) -> pa.RecordBatch:
    """Rows of ``schema.SNAPSHOT.stored``: one per record, in their order.

    Args:
        records: What was decoded.
        observed_micros: When each one's page was answered, in microseconds since 1970.
        notes: By position in ``records``.
        keep_connection: Whether addresses and ports are stored; null otherwise.
    """
    rows = len(records)
    metrics = [r.metrics or _NO_METRICS for r in records]
    cost = [r.cost or _NO_COST for r in records]
    absent = pa.nulls(rows, pa.string())
    disk: list[int | None] = [None] * rows
    extra: list[str | None] = [None] * rows
    bad: list[str | None] = [None] * rows
    for index, note in notes.items():
        disk[index], extra[index] = note.container_disk_gb, note.extra
        bad[index] = ",".join(note.bad_fields) or None
    made = {
        "cluster_id": pa.array([r.id for r in records], schema.TEXT),
        "observed_at": pa.array(observed_micros, pa.int64()).cast(schema.AT),
        "name": pa.array([r.name for r in records], schema.TEXT),
        "project_id": _code([r.project_id for r in records]),
        "region": _code([r.region for r in records]),
        "gpu_type": _code([r.gpu_type for r in records]),
        "gpu_count": pa.array([r.gpu_count for r in records], schema.INT),
        "template_id": _code([r.template_id for r in records]),
        "status": _code([r.status for r in records]),
        "description": pa.array([r.description for r in records], schema.TEXT),
        "cpu_cores": pa.array([r.cpu_cores for r in records], schema.INT),
        "memory_gb": pa.array([r.memory_gb for r in records], schema.INT),
        "storage_gb": pa.array([r.storage_gb for r in records], schema.INT),
        "container_disk_gb": pa.array(disk, schema.INT),
        "ssh_enabled": pa.array([r.ssh_enabled for r in records], schema.FLAG),
        "gpu_utilization_pct": pa.array([m.gpu_utilization for m in metrics], schema.REAL),
        "memory_utilization_pct": pa.array([m.memory_utilization for m in metrics], schema.REAL),
        "cpu_utilization_pct": pa.array([m.cpu_utilization for m in metrics], schema.REAL),
        "hourly_rate_micros": micros([c.hourly_rate for c in cost]),
        "current_session_cost_micros": micros([c.current_session_cost for c in cost]),
        "total_cost_micros": micros([c.total_cost for c in cost]),
        "created_at": pa.array([r.created_at for r in records], schema.AT),
        "updated_at": pa.array([r.updated_at for r in records], schema.AT),
        "expires_at": pa.array([r.expires_at for r in records], schema.AT),
        "port_mappings": _raw([r.port_mappings for r in records]) if keep_connection else absent,
        "proxy_url": pa.array([r.proxy_url for r in records], schema.TEXT)
        if keep_connection
        else absent,
        "ssh_connection": _raw([r.ssh_connection for r in records]) if keep_connection else absent,
        "extra": pa.array(extra, schema.TEXT),
        "bad_fields": pa.array(bad, schema.TEXT),
    }
    stored = schema.SNAPSHOT.stored
    return pa.RecordBatch.from_arrays([made[name] for name in stored.names], schema=stored)


def count_older(batches: list[pa.RecordBatch], replaced: Sequence[int], when: datetime) -> int:
    """Rows created before ``when`` or at an unknown time, those in ``replaced`` left out."""
    created = pa.Table.from_batches(batches, schema=schema.SNAPSHOT.stored).column("created_at")
    is_older = pc.fill_null(pc.less(created, pa.scalar(when, created.type)), fill_value=True)
    mask = is_older.to_numpy().copy()
    mask[list(replaced)] = False
    return int(mask.sum())


def table(batches: list[pa.RecordBatch], replaced: Sequence[int]) -> pa.Table:
    """One table of ``batches``, which are used up, without the rows numbered in ``replaced``.

    Sorted by id, so that the order of pages changes no byte.
    """
    stored = schema.SNAPSHOT.stored
    whole = pa.Table.from_batches(batches, schema=stored)
    batches.clear()
    order = pc.sort_indices(whole, [("cluster_id", "ascending")])
    if replaced:
        order = order.filter(pc.invert(pc.is_in(order, pa.array(replaced, order.type))))
    # Column by column, each let go when it is done: a copy of one column, not of the table.
    waiting = list(reversed(whole.columns))
    del whole
    done = []
    while waiting:
        done.append(_in_order(waiting.pop(), order))
    pa.default_memory_pool().release_unused()
    return pa.Table.from_arrays(done, schema=stored)


def _in_order(column: pa.ChunkedArray, order: pa.Array) -> pa.Array:
    """The column sorted, codes numbered as they appear."""
    if column.type != schema.CODE:
        return column.take(order).combine_chunks()
    return column.cast(schema.TEXT).take(order).combine_chunks().dictionary_encode()


def to_stream(rows: pa.Table) -> bytes:
    """``rows`` as bytes that :func:`from_stream` reads."""
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(sink, rows.schema, options=options) as writer:
        writer.write_table(rows)
    return bytes(sink.getvalue())


def from_stream(stream: bytes) -> pa.Table:
    """The rows :func:`to_stream` wrote."""
    with pa.ipc.open_stream(stream) as reader:
        return reader.read_all()


def rows_in(stream: bytes) -> int:
    """How many rows a stream holds."""
    rows: int = from_stream(stream).num_rows
    return rows
