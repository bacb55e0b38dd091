"""Makes texts safe for a terminal: control characters are escaped, or replaced in a table."""

from __future__ import annotations

import re

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Characters that control a terminal (C0, DEL, C1) or the direction of text."""


def printable(text: str) -> str:
    """``text`` with control characters escaped as in JSON, so that JSON stays the same data.

    Line breaks and tabs stay.
    """
    return _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", text.replace("\r\n", "\n"))


def one_cell(text: str, longest: int) -> str:
    """``text`` in one line of at most ``longest`` characters, without control characters."""
    shown = text if len(text) <= longest else f"{text[: longest - 1]}…"
    if shown.isprintable():
        return shown
    return "".join(c if c.isprintable() else "�" for c in shown)


_UNITS = (
    ("year", 365 * 86_400), ("month", 30 * 86_400), ("day", 86_400), ("hour", 3600), ("minute", 60),
)  # fmt: skip


def age(seconds: int) -> str:
    """A length of time as people name it: ``5 months``, ``1 hour``."""
    for unit, length in _UNITS:
        if seconds >= length:
            number = seconds // length
            return f"{number} {unit}" + ("" if number == 1 else "s")
    return "less than a minute"


def count_of(number: int, noun: str) -> str:
    """``no problems``, ``1 problem``, ``2 problems``."""
    return f"{number or 'no'} {noun}{'s' * (number != 1)}"
