"""What is wrong with a value that a person wrote, in words; the library names types and paths."""

from __future__ import annotations

import re
from typing import NamedTuple

_TYPES = {
    "array": "a list",
    "bool": "true or false",
    "date": "a date such as 2026-12-31",
    "datetime": "a time",
    "float": "a number",
    "int": "a whole number",
    "object": "a table",
    "str": "a text",
    "time": "a time of day",
}
_ACTUAL = _TYPES | {"bool": "true or false", "float": "a number with decimals", "date": "a date"}
_BOUNDS = {">=": "of at least", "<=": "of at most", ">": "above", "<": "below"}
_TYPE = re.compile(r"Expected `([\w | ]+)`(?:, got `(\w+)`)?(?: (>=|<=|>|<) (\S+))?(?: (.*))?")
_MISSING = re.compile(r"Object missing required field `(.*)`")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`")


class ValueProblem(NamedTuple):
    """What is wrong, and where."""

    place: str
    """As ``mail.port`` or ``exclude[0].expires``; empty at the top level."""
    reason: str


def problem_of(error: Exception) -> ValueProblem:
    """The problem that a ``ValidationError`` of msgspec describes."""
    reason, _, place = str(error).partition(" - at `$")
    return ValueProblem(place.rstrip("`").removeprefix("."), _in_words(reason))


def entry_problem(error: Exception) -> str:
    """The same for a file of entries, as ``exclude 1: expires: give a date``."""
    place, reason = problem_of(error)
    name, _, rest = place.partition("[")
    number, _, key = rest.partition("]")
    entry = f"{name} {int(number) + 1}" if number.isdigit() else name
    return ": ".join(part for part in (entry, key.lstrip("."), reason) if part)


def _in_words(reason: str) -> str:
    if match := _MISSING.fullmatch(reason):
        return f"{match[1]} is missing"
    if match := _UNKNOWN.fullmatch(reason):
        return f"unknown key {match[1]!r}"
    if reason == "Invalid RFC3339 encoded date":
        return f"give {_TYPES['date']}"
    if match := _TYPE.fullmatch(reason):
        return f"give {_wanted(match)}{_instead_of(match[2])}"
    return reason[:1].lower() + reason[1:]


def _wanted(match: re.Match[str]) -> str:
    kinds = [_TYPES.get(kind, kind) for kind in match[1].split(" | ") if kind != "null"]
    bound = f" {_BOUNDS[match[3]]} {float(match[4]):,.12g}" if match[3] else ""
    rest = (match[5] or "").replace("matching regex", "of the form").replace(r"\\Z", "$")
    return f"{' or '.join(kinds)}{bound}" + (f" {rest}" if rest else "")


def _instead_of(kind: str | None) -> str:
    return f", not {_ACTUAL.get(kind, kind)}" if kind else ""
