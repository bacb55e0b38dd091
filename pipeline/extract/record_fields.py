"""The fields of an API record, read from its type: the table that both decoders follow."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from msgspec import inspect

from pipeline.schema import SNAPSHOT

if TYPE_CHECKING:
    import msgspec

    Record = type[msgspec.Struct]

CONNECTION_FIELDS = frozenset({"port_mappings", "proxy_url", "ssh_connection"})
"""Stored only if ``extract.connection_details`` is "keep"; never part of a quarantined record."""


@dataclass(frozen=True)
class RecordField:
    """One field: its names, and the type of its value."""

    name: str
    """Of the attribute."""
    key: str
    """In JSON."""
    column: str
    """In the snapshot."""
    kind: inspect.Type
    """The type and its limits. Every field but the id may be null."""

    @property
    def group(self) -> Record | None:
        """The type of the object that the field holds; None if it holds a single value."""
        return self.kind.cls if isinstance(self.kind, inspect.StructType) else None


@cache
def fields_of(record: Record) -> tuple[RecordField, ...]:
    """The fields of a record type, in order."""
    kinds = [
        (field.name, field.encode_name, _not_null(field.type))
        for field in inspect.type_info(record).fields  # type: ignore[attr-defined]
    ]
    return tuple(RecordField(name, key, _column(name), kind) for name, key, kind in kinds)


def time_fields(record: Record) -> list[str]:
    """The names of the fields that hold a time."""
    return [f.name for f in fields_of(record) if isinstance(f.kind, inspect.DateTimeType)]


def _not_null(kind: inspect.Type) -> inspect.Type:
    members = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    return next(member for member in members if not isinstance(member, inspect.NoneType))


def _column(name: str) -> str:
    """The column of a field: its own name, with the unit where the schema adds one."""
    columns = name, f"{name}_pct", f"{name}_micros", f"cluster_{name}"
    return next((column for column in columns if column in SNAPSHOT.names), name)
