"""Records with invalid or unusual values, to test decoders.

Each kind makes such a record from a good one. The cluster's id alone decides whether and how a
record is changed, so a cluster has the same record on every page and walk.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline.simulator.query_results import Json

DUPLICATE_ID = "cluster_0000000000"
_DEPTH = 3000


def _literal(text: str | bytes) -> msgspec.Raw:
    """Bytes that are written into the response unchanged, valid JSON or not."""
    return msgspec.Raw(text.encode() if isinstance(text, str) else text)


def _put(**values: object) -> Callable[[Json], object]:
    return lambda record: {**record, **values}


def _put_in(part: str, **values: object) -> Callable[[Json], object]:
    def damaged(record: Json) -> object:
        inner = record.get(part)
        return {**record, part: {**(inner if isinstance(inner, dict) else {}), **values}}

    return damaged


def _without(*fields: str) -> Callable[[Json], object]:
    return lambda record: {name: value for name, value in record.items() if name not in fields}


def _doubled_key(record: Json) -> object:
    body = msgspec.json.encode(record)
    return _literal(body[:-1] + b',"name":"the second name"}')


WITHOUT_ID: dict[str, Callable[[Json], object]] = {
    "id missing": _without("id"),
    "id null": _put(id=None),
    "id empty": _put(id=""),
    "record null": lambda _: None,
    "record a list": lambda record: list(record.values()),
    "record a text": lambda record: str(record["id"]),
}
"""Records without a usable id."""

STRANGE_ID: dict[str, Callable[[Json], object]] = {
    "id an integer": lambda record: {**record, "id": int(str(record["id"])[-10:], 16)},
    "id twice": _put(id=DUPLICATE_ID),
    "id with a path": lambda record: {**record, "id": f"../../{record['id']}"},
}

BAD_FIELD: dict[str, Callable[[Json], object]] = {
    "rate NaN": _put_in("cost", hourly_rate=_literal("NaN")),
    "rate 1e999": _put_in("cost", hourly_rate=_literal("1e999")),
    "rate -Infinity": _put_in("cost", hourly_rate=_literal("-Infinity")),
    "rate negative": _put_in("cost", hourly_rate=-3.5),
    "rate absurd": _put_in("cost", hourly_rate=1e300),
    "rate words": _put_in("cost", hourly_rate="n/a"),
    "total 10**40": _put_in("cost", total_cost=_literal("1" + "0" * 40)),
    "total negative": _put_in("cost", total_cost=-1),
    "count 10**40": _put(gpu_count=_literal("1" + "0" * 40)),
    "count negative": _put(gpu_count=-8),
    "count a fraction": _put(gpu_count=2.5),
    "count true": _put(gpu_count=True),
    "name lone surrogate": _put(name=_literal(rb'"lone \ud800 surrogate"')),
    "name not UTF-8": _put(name=_literal(b'"\xff\xfe\xfa"')),
    "name a number": _put(name=12),
    "utilization negative": _put_in("metrics", gpu_utilization=-5.0),
    "utilization absurd": _put_in("metrics", gpu_utilization=1e6),
    "created garbage": _put(created_at="the day before yesterday"),
    "created null": _put(created_at=None),
    "created a number": _put(created_at=1_700_000_000),
    "created in year 0": _put(created_at="0000-00-00T00:00:00Z"),
    "updated 30 February": _put(updated_at="2026-02-30T10:00:00Z"),
    "expires far away": _put(expires_at="99999-12-31T23:59:59Z"),
    "cost a text": _put(cost="12.50"),
    "cost null": _put(cost=None),
    "metrics a list": _put(metrics=[1, 2, 3]),
    "status null": _put(status=None),
    "status an object": _put(status={"state": "running"}),
    "ssh a text": _put(ssh_enabled="yes"),
}
"""The id is valid; one other field is not."""

ODD_BUT_FINE: dict[str, Callable[[Json], object]] = {
    "count a text": lambda record: {**record, "gpu_count": str(record["gpu_count"])},
    "rate a text": _put_in("cost", hourly_rate="12.50"),
    "name of 10,000 characters": _put(name="n" * 10_000),
    "name a script": _put(name="<script>alert(document.cookie)</script>"),
    "name a formula": _put(name='=HYPERLINK("http://evil.example","click")'),
    "name with control characters": _put(name="a\u0000b\r\nc\u202ed"),
    "name twice in the object": _doubled_key,
    "status unknown": _put(status="hibernating"),
    "GPU unknown": _put(gpu_type="B300-NVL72"),
    "extra fields": _put(tags={"team": "search"}, spot=True, __proto__={"x": 1}),
    "extra field deeply nested": _put(deep=_literal("[" * _DEPTH + "]" * _DEPTH)),
    "created with a fraction": lambda record: {
        **record,
        "created_at": str(record["created_at"]).replace("Z", ".000000Z"),
    },
    "created with an offset": lambda record: {
        **record,
        "created_at": str(record["created_at"]).replace("Z", "+00:00"),
    },
    "metrics missing": _without("metrics"),
    "cost missing": _without("cost"),
    "only an id": lambda record: {"id": record["id"]},
}
"""Unusual, but every value can be stored."""

KINDS: dict[str, Callable[[Json], object]] = {
    **WITHOUT_ID,
    **STRANGE_ID,
    **BAD_FIELD,
    **ODD_BUT_FINE,
}


def kind_for(cluster_id: str, kinds: Sequence[str], every: int) -> str | None:
    """The kind of the cluster's record; None for all but one cluster in ``every``."""
    number = zlib.crc32(cluster_id.encode())
    return kinds[number // every % len(kinds)] if number % every == 0 else None


def damage(records: list[Json], kinds: Sequence[str], every: int) -> list[object]:
    """The records with about one in ``every`` replaced by one of ``kinds``."""
    chosen = [kind_for(str(record["id"]), kinds, every) for record in records]
    return [
        KINDS[kind](record) if kind else record
        for kind, record in zip(chosen, records, strict=True)
    ]
