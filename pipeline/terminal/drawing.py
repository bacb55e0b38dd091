"""Draws columns of texts as a table that fits the terminal; loads no table library."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from rich.cells import cell_len

from pipeline.terminal.amounts import amounts
from pipeline.terminal.text import one_cell

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

UNKNOWN = "—"
LONGEST_CELL = 200
"""Characters of a text that a table shows; CSV and JSON have all of it."""

_GAP = 2
_TEXT_WRAPS_AT = 14
"""Texts are wrapped to this width at least."""
_BOLD, _PLAIN = "\x1b[1m", "\x1b[0m"


@dataclass(frozen=True)
class Column:
    """A column's texts, and the most and the least width it can have."""

    header: str
    cells: Sequence[str]
    most: int
    least: int
    is_number: bool = False
    stays: bool = False
    """Whether it is shown however narrow the terminal is."""

    @classmethod
    def of(
        cls,
        name: str,
        values: Sequence[object],
        *,
        is_number: bool = False,
        wraps: bool = True,
        stays: bool = False,
    ) -> Column:
        """The column ``name`` of ``values``; None is unknown, and ``_micros`` are amounts.

        ``wraps``: whether a text may go on in the next line; numbers never do.
        """
        if name.endswith("_micros"):
            is_number = True
            cells = amounts(values, is_rate=name.endswith("_rate_micros"))
        else:
            cells = [str(value) if value is not None else None for value in values]
        texts = [UNKNOWN if text is None else one_cell(text, LONGEST_CELL) for text in cells]
        header = name.removesuffix("_micros")
        longest = max(map(cell_len, texts), default=0)
        narrowest = min(longest, _TEXT_WRAPS_AT) if wraps and not is_number else longest
        least = max(narrowest, *map(cell_len, header.split("_")))
        return cls(header, texts, max(longest, cell_len(header)), least, is_number, stays)


def draw(columns: Sequence[Column], title: str) -> str:
    """The table; unknown values are a dash.

    On a narrow terminal headers and texts wrap; columns that still do not fit are left out from the
    right, but for those that stay, and listed below. Numbers are never cut.
    """
    full_width = sum(column.most + _GAP for column in columns) - _GAP
    # A pipe has no width: its reader gets full lines.
    is_terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if is_terminal else max(full_width, cell_len(title))
    is_wide = full_width <= width
    shown = columns if is_wide else _fitting(columns, width)
    widths = [c.most for c in columns] if is_wide else _widths(shown, width)
    bold, plain = (_BOLD, _PLAIN) if is_terminal else ("", "")
    lines = wrapped(title, width)
    headers = [[c.header] if is_wide else c.header.split("_") for c in shown]
    lines += [f"{bold}{line}{plain}" for line in _lines(shown, headers, widths)]
    for row in zip(*(column.cells for column in shown), strict=True):
        cells = [wrapped(cell, size) for cell, size in zip(row, widths, strict=True)]
        lines += _lines(shown, cells, widths)
    if omitted := [column.header for column in columns if column not in shown]:
        lines += wrapped(f"not shown: {', '.join(omitted)} (--format csv has all)", width)
    return "\n".join(lines)


def _fitting(columns: Sequence[Column], width: int) -> list[Column]:
    """Those that stay, and as many others, from the left, as fit beside them; at least one."""
    left = width + _GAP - sum(column.least + _GAP for column in columns if column.stays)
    others = [column for column in columns if not column.stays]
    ends = accumulate(column.least + _GAP for column in others)
    fits = others[: sum(end <= left for end in ends)]
    return [column for column in columns if column.stays or column in fits] or list(columns[:1])


def _widths(shown: Sequence[Column], width: int) -> list[int]:
    """The widths of columns that fit into ``width``; texts share what is left, from the left."""
    spare = width + _GAP - sum(column.least + _GAP for column in shown)
    widths = []
    for column in shown:
        more = 0 if column.is_number else max(0, min(spare, column.most - column.least))
        spare -= more
        widths.append(min(column.least + more, width))
    return widths


def _lines(
    columns: Sequence[Column], cells: Sequence[Sequence[str]], widths: Sequence[int]
) -> Iterator[str]:
    """The lines of one row, whose cells are lists of lines."""
    for number in range(max(map(len, cells), default=0)):
        parts = []
        for column, lines, width in zip(columns, cells, widths, strict=True):
            text = lines[number] if number < len(lines) else ""
            blanks = " " * (width - cell_len(text))
            parts.append(blanks + text if column.is_number else text + blanks)
        yield (" " * _GAP).join(parts).rstrip()


def wrapped(text: str, width: int) -> list[str]:
    """``text`` in lines of at most ``width`` cells, cut between words where that is possible."""
    if cell_len(text) <= width:
        return [text]
    lines, line = list[str](), ""
    for word in text.split(" "):
        joined = f"{line} {word}" if line else word
        if cell_len(joined) <= width:
            line = joined
            continue
        if line:
            lines.append(line)
        *full, line = _folded(word, width)
        lines += full
    return [*lines, line]


def _folded(word: str, width: int) -> list[str]:
    """A word in parts of at most ``width`` cells, cut after a ``-`` or ``_`` where one is near.

    A character wider than that is a part.
    """
    parts, part = list[str](), ""
    for character in word:
        if part and cell_len(part) + cell_len(character) > width:
            cut = max(part.rfind("-"), part.rfind("_")) + 1
            cut = cut if 2 * cut > len(part) else len(part)
            parts.append(part[:cut])
            part = part[cut:]
        part += character
    return [*parts, part]
