"""Text without anything that a terminal would obey."""

from __future__ import annotations

import re

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""What a terminal obeys instead of showing (C0, DEL, C1), and what turns the direction of text."""


def printable(text: str) -> str:
    """``text`` with control characters escaped as JSON does it, so that JSON stays the same data.

    Lines and tabs stay.
    """
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text.replace("\r\n", "\n"))
