"""What a person sees in a terminal: progress on stderr, tables and results on stdout.

Without a terminal there is no progress at all, so that cron has nothing to mail on success.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec
import pandas as pd
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from pipeline.schema import MICROS_PER_UNIT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date


class _Walk:
    """Shows one walk: clusters, pages, what is left of the rate limit."""

    def __init__(self, bar: Progress, account: str) -> None:
        self._bar = bar
        self._task = bar.add_task(f"list {account}", total=None, note="")

    def update(
        self,
        *,
        clusters: int,
        total: int | None,
        pages: int,
        requests_left: int | None,
        eta_seconds: float | None,
    ) -> None:
        del eta_seconds  # the bar estimates from what it sees
        left = "" if requests_left is None else f", {requests_left} requests left"
        self._bar.update(self._task, completed=clusters, total=total, note=f"{pages} pages{left}")


class Shown:
    """Progress bars on a terminal."""

    def __init__(self, bar: Progress) -> None:
        self.bar = bar

    def walk(self, account: str) -> _Walk:
        """The walk over an account's list begins."""
        return _Walk(self.bar, account)

    def days(self, account: str, days: Sequence[date]) -> Iterable[date]:
        """The days to build, counted as they pass."""
        return self.bar.track(days, description=f"ledger {account}") if days else days


@contextmanager
def progress() -> Iterator[Shown | None]:
    """Bars while the block runs; None where stderr is not a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield Shown(bar)


def table(frame: pd.DataFrame, title: str) -> None:
    """A frame as a table; amounts in the currency, unknown as a dash, nothing wrapped."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    cells = []
    for name in frame.columns:
        is_amount = str(name).endswith("_micros")
        is_number = is_amount or frame[name].dtype.kind in "iuf"
        header = str(name).removesuffix("_micros")
        shown.add_column(header, justify="right" if is_number else "left", no_wrap=True)
        cells.append([_cell(value, is_amount=is_amount) for value in frame[name].astype(object)])
    for row in zip(*cells, strict=True):
        shown.add_row(*(Text(cell) for cell in row))
    # A pipe has no width: whatever reads it gets whole lines.
    console = Console(width=None if sys.stdout.isatty() else 1000)
    console.print(Text(title))
    console.print(shown)


def records(frame: pd.DataFrame) -> list[dict[str, object]]:
    """Rows as JSON has them: money in micros, instants in ISO 8601, unknown as null."""
    text = frame.to_json(orient="records", date_format="iso", date_unit="s")
    rows: list[dict[str, object]] = msgspec.json.decode(text)
    return rows


def money(micros: int) -> str:
    """An amount in units of the currency, with at least two and at most six decimals."""
    whole, part = divmod(abs(micros), MICROS_PER_UNIT)
    digits = f"{part:06d}".rstrip("0").ljust(2, "0")
    return f"{'-' if micros < 0 else ''}{whole:,}.{digits}"


def _cell(value: object, *, is_amount: bool) -> str:
    """A value without anything a terminal would obey; unknown is a dash."""
    if value is None or value is pd.NA or value != value:  # noqa: PLR0124 - NaN is not itself
        return "—"
    if is_amount:
        return money(int(str(value)))
    if isinstance(value, pd.Timestamp):
        is_day = value.tzinfo is None
        return f"{value:%Y-%m-%d}" if is_day else f"{value:%Y-%m-%d %H:%M:%SZ}"
    if isinstance(value, float):
        return f"{value:.4g}"
    return "".join(c if c.isprintable() else "�" for c in str(value))
