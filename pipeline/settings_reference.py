"""Every setting with its type, default, unit, range and meaning, read from ``settings.py``.

docs/settings.md, the JSON Schema for editors and ``config show`` are made from these entries, so a
new setting appears in all three. Its meaning is the docstring below it; its unit is the last word
of its name.
"""

from __future__ import annotations

import ast
import inspect
import json
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec

from pipeline import settings

NAME = "NAME"
"""Stands in a key for a name that the user gives: ``budgets.NAME.amount``."""

_UNITS = {
    "amount": "currency",
    "bound": "share",
    "bytes": "bytes",
    "coverage": "share",
    "days": "days",
    "factor": "times",
    "hours": "hours",
    "minutes": "minutes",
    "money": "currency",
    "pct": "%",
    "rate": "currency per hour",
    "rate_card.NAME": "currency per GPU-hour",
    "ratio": "times",
    "seconds": "seconds",
    "share": "share",
    "spend": "currency",
    "window": "days",
}
"""Units by the last word of a setting's name, or by its key."""

_LIMITS = (("ge", "at least"), ("gt", "above"), ("le", "at most"), ("lt", "below"))


@dataclass(frozen=True)
class Entry:
    """One setting."""

    key: str
    """Dotted, as in TOML."""
    type: str
    default: Any
    """None: not set; ``NODEFAULT``: required."""
    range: str
    meaning: str

    @property
    def section(self) -> str:
        """The name of its table in TOML; empty at the top level."""
        return self.key.rpartition(".")[0]

    @property
    def name(self) -> str:
        """Its name in its section."""
        return self.key.rpartition(".")[2]

    @property
    def unit(self) -> str:
        """The unit of a number; empty for counts and texts."""
        return _UNITS.get(self.key) or _UNITS.get(self.name.rpartition("_")[2], "")

    @property
    def default_text(self) -> str:
        """The default as TOML; "required", or empty if it is not set."""
        if self.default is msgspec.NODEFAULT:
            return "required"
        return "" if self.default is None else toml_value(self.default)


@cache
def entries() -> tuple[Entry, ...]:
    """All settings, in the order of the class."""
    return tuple(_entries(settings.Settings, ""))


def section_meanings() -> dict[str, str]:
    """The meaning of each section, by its name in keys."""
    meanings = dict.fromkeys((entry.section for entry in entries()), "")
    texts = _docstrings()[settings.Settings.__name__]
    for field in msgspec.structs.fields(settings.Settings):
        kind, is_named = _section_of(msgspec.inspect.type_info(field.type))
        if kind is not None:
            key = f"{field.encode_name}.{NAME}" if is_named else field.encode_name
            meanings[key] = _plain(texts.get(field.name) or inspect.getdoc(kind) or "")
    return meanings


def toml_value(value: Any) -> str:  # noqa: ANN401 - of any setting
    """``value`` as TOML."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(toml_value, value))}]"
    if isinstance(value, float):
        return f"{value:g}" if value == float(f"{value:g}") else repr(value)
    return json.dumps(value, ensure_ascii=False)  # TOML's texts, integers and booleans are JSON's


def json_schema() -> str:
    """The settings file as a JSON Schema, with the meaning of each key, for editors."""
    schema = msgspec.json.schema(settings.Settings)
    for name, definition in schema["$defs"].items():
        texts = _docstrings().get(name, {})
        kind = getattr(settings, name)
        for field in msgspec.structs.fields(kind):
            described = definition["properties"][field.encode_name]
            if text := texts.get(field.name):
                described["description"] = _plain(text)
            if "pattern" in described:  # the end of a text, which editors write otherwise
                described["pattern"] = described["pattern"].replace(r"\Z", "$")
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Settings of FleetLedger",
    }
    return json.dumps({**head, **schema}, indent=1, ensure_ascii=False) + "\n"


def to_markdown() -> str:
    """The tables of docs/settings.md, one for each section."""
    parts: list[str] = []
    meanings = section_meanings()
    for section in dict.fromkeys(entry.section for entry in entries()):
        parts += [f"## `[{section}]`" if section else "## Top level", ""]
        parts += [meanings[section], ""] if meanings[section] else []
        parts += ["| key | type | default | unit | range | meaning |"]
        parts += ["| --- | --- | --- | --- | --- | --- |"]
        for entry in entries():
            if entry.section == section:
                default = entry.default_text
                default = default if default in {"", "required"} else f"`{default}`"
                cells = (f"`{entry.name}`", entry.type, default, entry.unit, entry.range)
                parts.append(f"| {' | '.join((*cells, entry.meaning))} |")
        parts.append("")
    return "\n".join(parts)


def _entries(kind: type[settings.Section], prefix: str) -> list[Entry]:
    out: list[Entry] = []
    deeper: list[Entry] = []
    for field in msgspec.structs.fields(kind):
        key = f"{prefix}{field.encode_name}"
        info = msgspec.inspect.type_info(field.type)
        inner, is_named = _section_of(info)
        if inner is not None:
            deeper += _entries(inner, f"{key}.{NAME}." if is_named else f"{key}.")
            continue
        meaning = _plain(_docstrings()[kind.__name__].get(field.name, ""))
        if isinstance(info, msgspec.inspect.DictType):
            key, info, default = f"{key}.{NAME}", info.value_type, None
            deeper.append(Entry(key, _type(info), default, _range(info), meaning))
        else:
            out.append(Entry(key, _type(info), field.default, _range(info), meaning))
    return out + deeper


def _section_of(info: msgspec.inspect.Type) -> tuple[type[settings.Section] | None, bool]:
    """The class of a section, and whether the user names its instances; None if it is a value."""
    is_named = isinstance(info, msgspec.inspect.DictType)
    inner = info.value_type if isinstance(info, msgspec.inspect.DictType) else info
    kind = inner.cls if isinstance(inner, msgspec.inspect.StructType) else None
    return (kind if kind and issubclass(kind, settings.Section) else None), is_named


def _without_none(info: msgspec.inspect.Type) -> msgspec.inspect.Type:
    if isinstance(info, msgspec.inspect.UnionType):
        kinds = [t for t in info.types if not isinstance(t, msgspec.inspect.NoneType)]
        return kinds[0]
    return info


def _type(info: msgspec.inspect.Type) -> str:
    info = _without_none(info)
    if isinstance(info, msgspec.inspect.LiteralType):
        return "choice"
    if isinstance(info, msgspec.inspect.VarTupleType):
        return f"list of {_type(info.item_type)}s"
    names: dict[type[msgspec.inspect.Type], str] = {
        msgspec.inspect.BoolType: "true or false",
        msgspec.inspect.FloatType: "number",
        msgspec.inspect.IntType: "integer",
        msgspec.inspect.StrType: "text",
    }
    return names[type(info)]


def _range(info: msgspec.inspect.Type) -> str:
    """The values that are allowed, in words; empty if all of the type are."""
    info = _without_none(info)
    if isinstance(info, msgspec.inspect.LiteralType):
        return ", ".join(f"`{value}`" for value in sorted(map(str, info.values)))
    if isinstance(info, (msgspec.inspect.IntType, msgspec.inspect.FloatType)):
        limits = [(word, getattr(info, name)) for name, word in _LIMITS]
        return ", ".join(f"{word} {limit:,.12g}" for word, limit in limits if limit is not None)
    if isinstance(info, msgspec.inspect.StrType) and info.pattern == settings.WINDOW:
        return "1d to 9999d"
    return ""


@cache
def _docstrings() -> dict[str, dict[str, str]]:
    """The text below each field of each class of ``settings.py``."""
    tree = ast.parse(inspect.getsource(settings))
    texts: dict[str, dict[str, str]] = {}
    for kind in (node for node in tree.body if isinstance(node, ast.ClassDef)):
        fields = texts.setdefault(kind.name, {})
        for field, text in zip(kind.body, kind.body[1:], strict=False):
            match field, text:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(words))),
                ):
                    fields[name] = inspect.cleandoc(words)
    return texts


def _plain(text: str) -> str:
    """A docstring as one line of Markdown."""
    return " ".join(text.split()).replace("``", "`").replace("|", r"\|")
