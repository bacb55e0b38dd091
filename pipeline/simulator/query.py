"""The 14 query parameters of ``GET /v1/clusters``: one definition for the parser and OpenAPI.

A response names all invalid parameters at once, as in the vendor's example. Unknown ones are
ignored.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pipeline.simulator.lifecycles import STATUSES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

# Clusters may have other types and regions, which these filters refuse.
DOCUMENTED_GPU_TYPES = ("A100", "H100", "RTX4090", "V100", "T4")
DOCUMENTED_REGIONS = ("us-east-1", "us-west-2", "eu-west-1", "ap-southeast-1")
SORT_KEYS = ("created_at", "name", "status", "gpu_count", "cost")
SORT_ORDERS = ("asc", "desc")
MAX_LIMIT = 100
_MAX_NUMBER = 10**9

_INTEGER = re.compile("[+-]?[0-9]{1,18}")


class InvalidValueError(ValueError):
    """A parameter has an invalid value; the text is the message in ``details``."""


@dataclass(frozen=True)
class Parameter:
    """One query parameter: its meaning, the function that reads its text, and its JSON schema."""

    name: str
    meaning: str
    read: Callable[[str], object]
    schema: Mapping[str, object]
    default: object = None
    is_filter: bool = True


def _one_of(choices: tuple[str, ...]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in choices:
            raise InvalidValueError(f"Must be one of: {', '.join(choices)}")
        return text

    return read


def _instant(text: str) -> datetime:
    """An ISO 8601 date or time; UTC if it has no zone."""
    text = text.upper()
    try:
        # A "+" that is not percent-encoded arrives as a blank.
        t = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
    except ValueError:
        raise InvalidValueError("Must be an ISO 8601 date") from None
    return t if t.tzinfo else t.replace(tzinfo=UTC)


def _choice(
    name: str, meaning: str, choices: tuple[str, ...], default: str | None = None
) -> Parameter:
    schema = {"type": "string", "enum": list(choices)}
    return Parameter(name, meaning, _one_of(choices), schema, default, is_filter=default is None)


def _text(name: str, meaning: str) -> Parameter:
    return Parameter(name, meaning, str, {"type": "string"})


def _integer(name: str, meaning: str, low: int, high: int, default: int | None = None) -> Parameter:
    def read(text: str) -> int:
        if not _INTEGER.fullmatch(text) or not low <= int(text) <= high:
            raise InvalidValueError(f"Must be between {low} and {high}")
        return int(text)

    schema = {"type": "integer", "minimum": low, "maximum": high}
    return Parameter(name, meaning, read, schema, default, is_filter=default is None)


def _date(name: str, meaning: str) -> Parameter:
    schema = {"type": "string", "anyOf": [{"format": "date-time"}, {"format": "date"}]}
    return Parameter(name, meaning, _instant, schema)


PARAMETERS = (
    _integer("page", "Page number for pagination", 1, _MAX_NUMBER, 1),
    _integer("limit", "Number of clusters per page", 1, MAX_LIMIT, 20),
    _choice("status", "Filter by cluster status", STATUSES),
    _choice(
        "gpu_type",
        "Filter by GPU type; others that are listed have no filter",
        DOCUMENTED_GPU_TYPES,
    ),
    _choice(
        "region", "Filter by region; others that are listed have no filter", DOCUMENTED_REGIONS
    ),
    _text("project_id", "Filter by project ID"),
    _text("template_id", "Filter by template ID"),
    # The documentation names no default; newest first is this simulator's.
    _choice("sort_by", "Sort field; cost is the hourly rate", SORT_KEYS, "created_at"),
    _choice("sort_order", "Sort order", SORT_ORDERS, "desc"),
    _text("search", "Search clusters by name or description"),
    _integer("min_gpu_count", "Minimum number of GPUs", 0, _MAX_NUMBER),
    _integer("max_gpu_count", "Maximum number of GPUs", 0, _MAX_NUMBER),
    _date("created_after", "Filter clusters created after date"),
    _date("created_before", "Filter clusters created before date"),
)


@dataclass(frozen=True)
class Query:
    """A valid request for a list."""

    page: int = 1
    limit: int = 20
    status: str | None = None
    gpu_type: str | None = None
    region: str | None = None
    project_id: str | None = None
    template_id: str | None = None
    sort_by: str = "created_at"
    sort_order: str = "desc"
    search: str | None = None
    min_gpu_count: int | None = None
    max_gpu_count: int | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None


@dataclass(frozen=True)
class Parsed:
    """A query, its filters as the caller wrote them, and the message for each invalid parameter."""

    query: Query
    filters_applied: Mapping[str, object]
    errors: Mapping[str, str]


def parse(pairs: Iterable[tuple[str, str]]) -> Parsed:
    """Read pairs of name and text; an empty free text is no filter."""
    texts: defaultdict[str, list[str]] = defaultdict(list)
    for name, value_text in pairs:
        texts[name].append(value_text)
    values: dict[str, Any] = {}
    applied: dict[str, object] = {}
    errors: dict[str, str] = {}
    for parameter in PARAMETERS:
        try:
            text = _single(texts[parameter.name])
            if text is None or (text == "" and parameter.read is str):
                continue
            value = parameter.read(text)
        except InvalidValueError as error:
            errors[parameter.name] = str(error)
            continue
        values[parameter.name] = value
        if parameter.is_filter:
            applied[parameter.name] = text if isinstance(value, datetime) else value
    return Parsed(Query(**values), applied, errors)


def _single(texts: list[str]) -> str | None:
    if len(texts) > 1:
        raise InvalidValueError("Must be given once")
    return texts[0] if texts else None


def openapi_parameters() -> list[dict[str, object]]:
    """The parameters as OpenAPI describes them."""
    return [
        {
            "name": parameter.name,
            "in": "query",
            "required": False,
            "description": parameter.meaning,
            "schema": dict(parameter.schema)
            | ({} if parameter.default is None else {"default": parameter.default}),
        }
        for parameter in PARAMETERS
    ]
