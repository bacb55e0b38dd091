"""What a person sees in a terminal: progress on stderr, tables and results on stdout.

Without a terminal there is no progress at all, so that cron has nothing to mail on success.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date

    import pandas as pd


NUMBERS = frozenset({"hourly_rate", "total_cost"})
"""Columns of amounts already written out."""


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
    """A frame as a table, cells as they are; columns that do not fit are cut, never wrapped."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for name in frame.columns:
        is_number = name in NUMBERS or frame[name].dtype.kind in "iuf"
        shown.add_column(str(name), justify="right" if is_number else "left", no_wrap=True)
    for row in frame.astype(object).to_numpy():
        shown.add_row(*(Text(_cell(value)) for value in row))
    # A pipe has no width: whatever reads it gets whole lines.
    width = None if sys.stdout.isatty() else 1000
    console = Console(width=width)
    console.print(Text(title))
    console.print(shown)


def _cell(value: object) -> str:
    """A value without anything a terminal would obey; unknown is a dash."""
    if value is None or value != value:  # noqa: PLR0124 - NaN and NaT differ from themselves
        return "—"
    return "".join(c if c.isprintable() else "�" for c in str(value))
