"""Decoding of a page, record by record, for pages that do not decode as their type.

Method: the standard library's parser accepts values that strict ones reject (NaN, 1e999, lone
surrogates, integers of any length), so that one invalid value does not cost a whole page. Then each
field is checked on its own: an unusable value becomes null and its column is noted; a record
without a usable id is kept as raw text with the reason. Values outside the documented vocabularies
are valid data.

Assumptions: a time without a zone is UTC, as everywhere in the API; an integer id is the text of
that integer (noted in ``bad_fields``); numbers written as text are not numbers.
Known limit: a value nested too deeply for the interpreter is null from the 50th level on.
"""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import inspect

from pipeline.extract.api_types import Cluster, ClusterV2, Note
from pipeline.extract.record_fields import CONNECTION_FIELDS, fields_of
from pipeline.model import Quarantined

if TYPE_CHECKING:
    from pipeline.extract.record_fields import Record

MAX_INTEGER_DIGITS = 40
"""Longer integers are read as infinity (the interpreter refuses to convert thousands of digits)."""

MAX_DEPTH = 50
"""Levels kept of JSON that is nested too deeply to be parsed."""

_TOKENS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')
"""Strings, whose brackets do not count, and brackets."""

EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)

MAX_RAW_LENGTH = 100_000
"""Characters of a quarantined record that are kept."""


class _InvalidValueError(Exception):
    """The value cannot be used."""


def parse(body: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """The JSON value of ``body``, read as leniently as is possible without guessing.

    Raises:
        ValueError: not JSON at all (truncated, HTML).
    """
    # Bytes that are not UTF-8 become lone surrogates: bad text in one field, not a lost page.
    text = body.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    try:
        return json.loads(text, parse_int=_parse_integer)
    except RecursionError:
        return json.loads(_without_deep_levels(text), parse_int=_parse_integer)


def _without_deep_levels(text: str) -> str:
    """The JSON ``text`` with null in place of every value nested ``MAX_DEPTH`` levels deep."""
    kept: list[str] = []
    depth = begin = 0
    for token in _TOKENS.finditer(text):
        mark = token[0]
        if mark in "[{":
            depth += 1
            if depth == MAX_DEPTH:
                kept += [text[begin : token.start()], "null"]
        elif mark in "]}":
            if depth == MAX_DEPTH:
                begin = token.end()
            depth -= 1
    return "".join([*kept, text[begin:]]) if depth == 0 else ""


def _parse_integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= MAX_INTEGER_DIGITS else math.inf


def dump(value: object) -> str:
    """``value`` as JSON text in pure ASCII, so that any text can be stored."""
    return json.dumps(value, separators=(",", ":"))


def decode_records(
    items: list[Any], version: str
) -> tuple[list[Cluster], dict[int, Note], list[Quarantined]]:
    """The usable records of ``items``, notes by their position, and the records without an id."""
    records: list[Cluster] = []
    notes: dict[int, Note] = {}
    quarantined: list[Quarantined] = []
    for item in items:
        reason = _why_without_id(item)
        if reason:
            kept = item
            if isinstance(item, dict):
                kept = {name: item[name] for name in item if name not in CONNECTION_FIELDS}
            quarantined.append(Quarantined(reason=reason, raw=dump(kept)[:MAX_RAW_LENGTH]))
            continue
        record, note = _decode_record(item, ClusterV2 if version == "v2" else Cluster)
        if note != _NO_NOTE:
            notes[len(records)] = note
        records.append(record)
    return records, notes, quarantined


_NO_NOTE = Note()


def _decode_record(item: dict[str, Any], record: Record) -> tuple[Cluster, Note]:
    bad: list[str] = []
    if isinstance(item["id"], int):
        bad.append("cluster_id")
        item = item | {"id": str(item["id"])}
    values, unknown = _decode_object(item, record, bad)
    return Cluster(**values), Note(bad_fields=tuple(bad), extra=dump(unknown) if unknown else None)


def _decode_object(
    item: dict[str, Any], record: Record, bad: list[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The valid values of ``item`` by attribute, and the fields that ``record`` does not have.

    The columns of unusable values are appended to ``bad``.
    """
    values: dict[str, Any] = {}
    unknown = dict(item)
    unknown_in_groups: dict[str, Any] = {}
    for field in fields_of(record):
        value = unknown.pop(field.key, None)
        if value is None:
            continue
        if field.group is not None and isinstance(value, dict):
            inner, rest = _decode_object(value, field.group, bad)
            values[field.name] = field.group(**inner)
            if rest:
                unknown_in_groups[field.key] = rest
            continue
        try:
            values[field.name] = _checked(value, field.kind)
        except _InvalidValueError:
            bad.append(field.column)
    return values, unknown | unknown_in_groups


def _why_without_id(item: object) -> str | None:
    """Why ``item`` has no usable id; None if it has one."""
    if not isinstance(item, dict):
        return f"not an object but {_type_name(item)}"
    if "id" not in item:
        return "no id"
    identity = item["id"]
    if isinstance(identity, int) and not isinstance(identity, bool):
        return None
    if not isinstance(identity, str):
        return f"id is {_type_name(identity)}"
    if not identity.strip():
        return "id is empty"
    return None if _is_unicode(identity) else "id is not valid Unicode"


def _type_name(value: object) -> str:
    names = {dict: "an object", list: "an array", str: "text", bool: "a boolean"}
    return "null" if value is None else names.get(type(value), "a number")


def _checked(value: object, kind: inspect.Type) -> object:
    """``value`` as a value of the type.

    Raises:
        _InvalidValueError: it is not valid for the type.
    """
    match kind:
        case inspect.StrType() if isinstance(value, str) and _is_unicode(value):
            return value
        case inspect.BoolType() if isinstance(value, bool):
            return value
        case inspect.IntType():
            number = _number(value, kind)
            if number.is_integer():
                return int(number)
        case inspect.FloatType():
            return _number(value, kind)
        case inspect.DateTimeType() if isinstance(value, str):
            return _instant(value)
        case inspect.RawType():
            return msgspec.Raw(dump(value).encode())
    raise _InvalidValueError


def _is_unicode(text: str) -> bool:
    """Whether ``text`` can be stored: it holds no lone surrogates."""
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)


def _number(value: object, kind: inspect.IntType | inspect.FloatType) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _InvalidValueError
    # A chained comparison is false for NaN as well.
    if not (kind.ge or 0) <= value <= (math.inf if kind.le is None else kind.le):
        raise _InvalidValueError
    return float(value)


def _instant(text: str) -> datetime:
    # A date alone names a day; whatever wrote it dropped the time.
    if len(text) <= len("2024-01-15"):
        raise _InvalidValueError
    try:
        instant = datetime.fromisoformat(text)
        instant = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant
        is_in_range = EARLIEST <= instant <= LATEST
    except (ValueError, OverflowError) as error:
        raise _InvalidValueError from error
    if not is_in_range:
        raise _InvalidValueError
    return instant
