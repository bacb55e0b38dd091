"""Escapes the control characters of a text."""

from __future__ import annotations

import re

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Characters that control a terminal (C0, DEL, C1) or the direction of text."""


def printable(text: str) -> str:
    """``text`` with control characters escaped as in JSON, so that JSON stays the same data.

    Line breaks and tabs stay.
    """
    return _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", text.replace("\r\n", "\n"))
