"""The 14 query parameters of ``GET /v1/clusters``: one definition, read by parser and OpenAPI.

Every bad parameter gets its message at once, as in the vendor's example; unknown ones are ignored.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

STATUSES = ("running", "stopped", "starting", "stopping", "error", "pending")
GPU_TYPES = ("A100", "H100", "RTX4090", "V100", "T4")
REGIONS = ("us-east-1", "us-west-2", "eu-west-1", "ap-southeast-1")
SORT_KEYS = ("created_at", "name", "status", "gpu_count", "cost")
SORT_ORDERS = ("asc", "desc")
MAX_LIMIT = 100
_MAX_PAGE = 10**9

_INTEGER = re.compile(r"[+-]?\d{1,18}")


class RefusedError(ValueError):
    """A value a parameter cannot have; its text is the message in ``details``."""


@dataclass(frozen=True)
class Parameter:
    """One query parameter: what it means, how its text is read, and its JSON schema."""

    name: str
    meaning: str
    read: Callable[[str], object]
    schema: Mapping[str, object]
    default: object = None
    is_filter: bool = True


def _one_of(choices: tuple[str, ...]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in choices:
            raise RefusedError(f"Must be one of: {', '.join(choices)}")
        return text

    return read


def _integer(low: int, high: int, message: str) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not _INTEGER.fullmatch(text) or not low <= int(text) <= high:
            raise RefusedError(message)
        return int(text)

    return read


def _instant(text: str) -> datetime:
    """An ISO 8601 date or time; UTC where it names no zone."""
    try:
        # A "+" that was not percent-encoded arrives as a blank.
        t = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        return (t if t.tzinfo else t.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise RefusedError("Must be an ISO 8601 date") from None


def _choice(
    name: str, meaning: str, choices: tuple[str, ...], default: str | None = None
) -> Parameter:
    schema = {"type": "string", "enum": list(choices)}
    return Parameter(name, meaning, _one_of(choices), schema, default, is_filter=default is None)


def _text(name: str, meaning: str) -> Parameter:
    return Parameter(name, meaning, str, {"type": "string"})


def _gpu_count(name: str, meaning: str) -> Parameter:
    read = _integer(0, 10**9, "Must be an integer of 0 or more")
    return Parameter(name, meaning, read, {"type": "integer", "minimum": 0})


def _date(name: str, meaning: str) -> Parameter:
    return Parameter(name, meaning, _instant, {"type": "string", "format": "date-time"})


PARAMETERS = (
    Parameter(
        "page",
        "Page number for pagination",
        _integer(1, _MAX_PAGE, "Must be 1 or more"),
        {"type": "integer", "minimum": 1},
        default=1,
        is_filter=False,
    ),
    Parameter(
        "limit",
        "Number of clusters per page",
        _integer(1, MAX_LIMIT, f"Must be between 1 and {MAX_LIMIT}"),
        {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
        default=20,
        is_filter=False,
    ),
    _choice("status", "Filter by cluster status", STATUSES),
    _choice("gpu_type", "Filter by GPU type", GPU_TYPES),
    _choice("region", "Filter by region", REGIONS),
    _text("project_id", "Filter by project ID"),
    _text("template_id", "Filter by template ID"),
    # The documentation names no default; newest first is this simulator's.
    _choice("sort_by", "Sort field; cost is the hourly rate", SORT_KEYS, "created_at"),
    _choice("sort_order", "Sort order", SORT_ORDERS, "desc"),
    _text("search", "Search clusters by name or description"),
    _gpu_count("min_gpu_count", "Minimum number of GPUs"),
    _gpu_count("max_gpu_count", "Maximum number of GPUs"),
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
    """A query, the filters as the caller wrote them, and what was wrong."""

    query: Query
    filters_applied: Mapping[str, object]
    refused: Mapping[str, str]


def parse(given: Mapping[str, str]) -> Parsed:
    """Read the given parameters; an empty free text is no filter."""
    values: dict[str, Any] = {}
    applied: dict[str, object] = {}
    refused: dict[str, str] = {}
    for parameter in PARAMETERS:
        text = given.get(parameter.name)
        if text is None or (text == "" and parameter.read is str):
            continue
        try:
            value = parameter.read(text)
        except RefusedError as error:
            refused[parameter.name] = str(error)
            continue
        values[parameter.name] = value
        if parameter.is_filter:
            applied[parameter.name] = text if isinstance(value, datetime) else value
    return Parsed(Query(**values), applied, refused)


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
