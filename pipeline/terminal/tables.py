"""Draws rows as a table that fits the terminal, and converts them to JSON records."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import msgspec
import pandas as pd
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.schema import MICROS_PER_UNIT

if TYPE_CHECKING:
    from collections.abc import Sequence


def table(frame: pd.DataFrame, title: str) -> str:
    """A frame as a table; amounts in units of the currency, unknown values as a dash.

    On a narrow terminal headers and texts wrap; columns that still do not fit are left out from the
    right and listed below. Numbers are never cut.
    """
    columns = [_Column.of(str(name), frame[name]) for name in frame.columns]
    full_width = sum(column.most + _GAP for column in columns)
    # A pipe has no width: its reader gets full lines.
    console = Console(width=None if sys.stdout.isatty() else max(full_width, cell_len(title)))
    is_wide = full_width <= console.width + _GAP
    widths = [c.most for c in columns] if is_wide else _widths(columns, console.width)
    drawn = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="bold")
    shown = columns[: len(widths)]
    for column, width in zip(shown, widths, strict=True):
        drawn.add_column(
            Text(column.header if is_wide else column.header.replace("_", "\n")),
            justify="right" if column.is_number else "left",
            width=width,
            overflow="fold",
        )
    for row in zip(*(column.cells for column in shown), strict=True):
        drawn.add_row(*(Text(cell) for cell in row))
    with console.capture() as capture:
        console.print(Text(title))
        console.print(drawn)
        if omitted := [column.header for column in columns[len(shown) :]]:
            console.print(Text(f"not shown: {', '.join(omitted)} (--format csv has all)"))
    return capture.get().rstrip("\n")


LONGEST_CELL = 200
"""Characters of a text that a table shows; CSV and JSON have all of it."""

_GAP = 2
_TEXT_WRAPS_AT = 12
"""Texts are wrapped to this width at least."""


@dataclass(frozen=True)
class _Column:
    """A column's texts, and the most and the least width it can have."""

    header: str
    is_number: bool
    cells: list[str]
    most: int
    least: int

    @classmethod
    def of(cls, name: str, values: pd.Series[Any]) -> _Column:
        is_amount = name.endswith("_micros")
        is_number = is_amount or values.dtype.kind in "iuf"
        header = name.removesuffix("_micros")
        cells = [_cell(value, is_amount=is_amount) for value in values.astype(object)]
        longest = max(map(cell_len, cells), default=0)
        # A wrapped time is hard to read, and a wrapped id cannot be copied.
        is_unwrapped = is_number or values.dtype.kind == "M" or name == "cluster_id"
        longest_word = max(map(len, header.split("_")))
        least = max(longest_word, longest if is_unwrapped else min(longest, _TEXT_WRAPS_AT))
        return cls(header, is_number, cells, max(longest, len(header)), least)


def _widths(columns: Sequence[_Column], width: int) -> list[int]:
    """The widths of as many columns, from the left, as fit into ``width`` (at least one)."""
    ends = accumulate(column.least + _GAP for column in columns)
    shown = columns[: max(1, sum(end <= width + _GAP for end in ends))]
    spare = width + _GAP - sum(column.least + _GAP for column in shown)
    widths = []
    for column in shown:
        more = 0 if column.is_number else max(0, min(spare, column.most - column.least))
        spare -= more
        widths.append(column.least + more)
    return widths


def records(frame: pd.DataFrame) -> list[dict[str, object]]:
    """Rows as JSON records: money in micros, times in ISO 8601, unknown values as null."""
    text = frame.to_json(orient="records", date_format="iso", date_unit="s")
    rows: list[dict[str, object]] = msgspec.json.decode(text)
    return rows


def money(micros: int) -> str:
    """An amount in units of the currency, with at least two and at most six decimals."""
    units, part = divmod(abs(micros), MICROS_PER_UNIT)
    digits = f"{part:06d}".rstrip("0").ljust(2, "0")
    return f"{'-' if micros < 0 else ''}{units:,}.{digits}"


def _cell(value: object, *, is_amount: bool) -> str:
    """A value as text without control characters; unknown values as a dash."""
    if value is None or value is pd.NA or value != value:  # noqa: PLR0124 - NaN is not itself
        return "—"
    if is_amount:
        return money(int(str(value)))
    if isinstance(value, pd.Timestamp):
        is_day = value.tzinfo is None
        return f"{value:%Y-%m-%d}" if is_day else f"{value:%Y-%m-%d %H:%M:%SZ}"
    if isinstance(value, float):
        return f"{value:.4g}"
    text = str(value)
    shown = text if len(text) <= LONGEST_CELL else f"{text[: LONGEST_CELL - 1]}…"
    return "".join(c if c.isprintable() else "�" for c in shown)
