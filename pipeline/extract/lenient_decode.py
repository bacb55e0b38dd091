"""Taking a page apart record by record, when it does not decode as what it should be.

Method: the standard library's parser accepts what strict ones reject (NaN, 1e999, lone
surrogates, integers of any length), so one poisoned value cannot cost a whole page. Every field is
then checked by itself: an unusable value becomes null and its column is named; a record without a
usable id is kept raw with the reason. Values outside the documented vocabularies are data.

Assumptions: a time without a zone is UTC, as everywhere in the API; an integer id is the text of
that integer (named in ``bad_fields``); numbers written as text are not numbers.
Known limit: what is nested too deep for the interpreter is stored as null from the 50th level on.
"""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from pipeline.extract.api_types import COUNT_LIMIT, MONEY_LIMIT, Cluster, Cost, Metrics, Note
from pipeline.model import Quarantined

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_INTEGER = 40
"""Digits beyond which an integer is not worth converting (the interpreter refuses thousands)."""

DEEPEST = 50
"""Levels kept of JSON that is nested too deep to be parsed."""

_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')
"""Strings, whose brackets do not count, and brackets."""

EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)

CONNECTION_FIELDS = frozenset({"port_mappings", "proxy_url", "ssh_connection"})
"""Never part of a quarantined record's text."""

LONGEST_RAW = 100_000
"""Characters of a quarantined record that are kept."""


T = TypeVar("T")


class _Bad(Exception):  # noqa: N818 - a signal inside this module, never an error to anyone
    """The value cannot be used."""


def parse(body: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """The JSON value of ``body``, as leniently as can be done without guessing.

    Raises:
        ValueError: not JSON at all (truncated, HTML).
    """
    # Bytes that are not UTF-8 become lone surrogates: bad text in one field, not a lost page.
    text = body.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    try:
        return json.loads(text, parse_int=_integer)
    except RecursionError:
        return json.loads(_shallow(text), parse_int=_integer)


def _shallow(text: str) -> str:
    """JSON with null in place of whatever is nested deeper than anyone means."""
    kept: list[str] = []
    depth = begin = 0
    for token in _TOKENS.finditer(text):
        mark = token[0]
        if mark in "[{":
            depth += 1
            if depth == DEEPEST:
                kept += [text[begin : token.start()], "null"]
        elif mark in "]}":
            if depth == DEEPEST:
                begin = token.end()
            depth -= 1
    return "".join([*kept, text[begin:]]) if depth == 0 else ""


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= LONGEST_INTEGER else math.inf


def dump(value: object) -> str:
    """``value`` as JSON text, pure ASCII, so that any text can be stored."""
    return json.dumps(value, separators=(",", ":"))


def salvage(
    items: list[Any], version: str
) -> tuple[list[Cluster], dict[int, Note], list[Quarantined]]:
    """The usable records of ``items``, notes on them by position, and those without identity."""
    one = _v2 if version == "v2" else _v1
    records: list[Cluster] = []
    notes: dict[int, Note] = {}
    quarantined: list[Quarantined] = []
    for item in items:
        reason = _no_identity(item)
        if reason:
            shown = item
            if isinstance(item, dict):
                shown = {name: item[name] for name in item if name not in CONNECTION_FIELDS}
            quarantined.append(Quarantined(reason=reason, raw=dump(shown)[:LONGEST_RAW]))
            continue
        record, note = one(item)
        if note != _NO_NOTE:
            notes[len(records)] = note
        records.append(record)
    return records, notes, quarantined


def _no_identity(item: object) -> str | None:
    """Why ``item`` cannot be told from another record, or None if it can."""
    if not isinstance(item, dict):
        return f"not an object but {_kind(item)}"
    if "id" not in item:
        return "no id"
    identity = item["id"]
    if isinstance(identity, int) and not isinstance(identity, bool):
        return None
    if not isinstance(identity, str):
        return f"id is {_kind(identity)}"
    if not identity.strip():
        return "id is empty"
    return None if _is_storable(identity) else "id is not valid Unicode"


def _kind(value: object) -> str:
    names = {dict: "an object", list: "an array", str: "text", bool: "a boolean"}
    return "null" if value is None else names.get(type(value), "a number")


class _Fields:
    """Reads the fields of one JSON object, noting the unusable and the unknown ones."""

    def __init__(self, item: dict[str, Any]) -> None:
        self.left = dict(item)
        self.bad: list[str] = []

    def take(self, name: str, column: str, check: Callable[[Any], T]) -> T | None:
        """The checked value of ``name``; None if absent, null or unusable."""
        value = self.left.pop(name, None)
        if value is None:
            return None
        try:
            return check(value)
        except _Bad:
            self.bad.append(column)
            return None

    def group(self, name: str) -> _Fields:
        """The object under ``name``, its bad fields noted here too."""
        value = self.left.pop(name, None)
        if value is not None and not isinstance(value, dict):
            self.bad.append(name)
        inner = _Fields(value if isinstance(value, dict) else {})
        inner.bad = self.bad
        return inner


def _identity(value: object) -> str:
    return str(value)


def _is_storable(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)


def _text(value: object) -> str:
    if not isinstance(value, str) or not _is_storable(value):
        raise _Bad
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise _Bad
    return value


def _number(value: object, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _Bad
    # Written so that NaN, which compares false to everything, is refused as well.
    if not 0 <= value <= most:
        raise _Bad
    return float(value)


def _count(value: object) -> int:
    number = _number(value, COUNT_LIMIT)
    if not number.is_integer():
        raise _Bad
    return int(number)


def _money(value: object) -> float:
    return _number(value, MONEY_LIMIT)


def _percent(value: object) -> float:
    return _number(value, 100)


def instant(value: object) -> datetime:
    """The UTC time ``value`` writes out.

    Raises:
        ValueError: it is not a time, or one no cluster can have.
    """
    if not isinstance(value, str):
        raise ValueError("not a text")  # noqa: TRY004 - one reason among several
    when = datetime.fromisoformat(value)
    when = when.replace(tzinfo=UTC) if when.tzinfo is None else when
    if not EARLIEST <= when <= LATEST:
        raise ValueError("out of range")
    return when


def _instant(value: object) -> datetime:
    # A date alone is a day, not an instant: whoever wrote it dropped the time.
    if isinstance(value, str) and len(value) <= len("2024-01-15"):
        raise _Bad
    try:
        return instant(value)
    except (ValueError, OverflowError) as error:
        raise _Bad from error


def _json(value: object) -> msgspec.Raw:
    return msgspec.Raw(dump(value).encode())


_NO_NOTE = Note()


def _finish(
    fields: _Fields, inner: dict[str, _Fields], container_disk_gb: int | None = None
) -> Note:
    extra = fields.left | {name: group.left for name, group in inner.items() if group.left}
    return Note(
        bad_fields=tuple(fields.bad),
        extra=dump(extra) if extra else None,
        container_disk_gb=container_disk_gb,
    )


def _v1(item: dict[str, Any]) -> tuple[Cluster, Note]:
    fields = _Fields(item)
    if isinstance(item["id"], int):
        fields.bad.append("cluster_id")
    metrics, cost = fields.group("metrics"), fields.group("cost")
    record = Cluster(
        id=fields.take("id", "cluster_id", _identity) or "",
        name=fields.take("name", "name", _text),
        description=fields.take("description", "description", _text),
        status=fields.take("status", "status", _text),
        gpu_type=fields.take("gpu_type", "gpu_type", _text),
        gpu_count=fields.take("gpu_count", "gpu_count", _count),
        cpu_cores=fields.take("cpu_cores", "cpu_cores", _count),
        memory_gb=fields.take("memory_gb", "memory_gb", _count),
        storage_gb=fields.take("storage_gb", "storage_gb", _count),
        region=fields.take("region", "region", _text),
        project_id=fields.take("project_id", "project_id", _text),
        template_id=fields.take("template_id", "template_id", _text),
        ssh_enabled=fields.take("ssh_enabled", "ssh_enabled", _flag),
        port_mappings=fields.take("port_mappings", "port_mappings", _json) or msgspec.Raw(),
        proxy_url=fields.take("proxy_url", "proxy_url", _text),
        ssh_connection=fields.take("ssh_connection", "ssh_connection", _json) or msgspec.Raw(),
        metrics=Metrics(
            gpu_utilization=metrics.take("gpu_utilization", "gpu_utilization_pct", _percent),
            memory_utilization=metrics.take(
                "memory_utilization", "memory_utilization_pct", _percent
            ),
            cpu_utilization=metrics.take("cpu_utilization", "cpu_utilization_pct", _percent),
        ),
        cost=Cost(
            hourly_rate=cost.take("hourly_rate", "hourly_rate_micros", _money),
            current_session_cost=cost.take(
                "current_session_cost", "current_session_cost_micros", _money
            ),
            total_cost=cost.take("total_cost", "total_cost_micros", _money),
        ),
        created_at=fields.take("created_at", "created_at", _instant),
        updated_at=fields.take("updated_at", "updated_at", _instant),
        expires_at=fields.take("expires_at", "expires_at", _instant),
    )
    return record, _finish(fields, {"metrics": metrics, "cost": cost})


def _v2(item: dict[str, Any]) -> tuple[Cluster, Note]:
    fields = _Fields(item)
    if isinstance(item["id"], int):
        fields.bad.append("cluster_id")
    disk = fields.take("containerDiskSize", "container_disk_gb", _count)
    record = Cluster(
        id=fields.take("id", "cluster_id", _identity) or "",
        name=fields.take("name", "name", _text),
        status=fields.take("status", "status", _text),
        gpu_type=fields.take("gpuType", "gpu_type", _text),
        storage_gb=fields.take("volumeSize", "storage_gb", _count),
        created_at=fields.take("createdAt", "created_at", _instant),
    )
    return record, _finish(fields, {}, disk)
