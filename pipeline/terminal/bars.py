"""Progress bars on stderr, if it is a terminal.

Without a terminal no progress is shown, so that cron has nothing to mail on success.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from datetime import UTC
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date, datetime

    from rich.progress import Progress, TaskID

    from pipeline.progress import OnPage, WalkProgress

T = TypeVar("T")


class Bars:
    """Shows the progress of a run as bars."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._walks: dict[str, TaskID] = {}

    def line(self, text: str) -> None:
        """Prints a line above the bars."""
        self._bars.console.print(text, markup=False, highlight=False)

    def wait(self, until: datetime) -> None:
        """Prints a line that says until when the run waits."""
        self.line(f"waiting until {until.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC")

    def walk(self, account: str) -> OnPage:
        """Adds a bar for a walk over an account's list; its next walk uses the same bar."""
        if account in self._walks:
            self._bars.reset(self._walks[account])
        else:
            self._walks[account] = self._bars.add_task(f"list {account}", total=None, note="")
        task = self._walks[account]

        def on_page(walk: WalkProgress) -> None:
            left = walk.requests_left
            note = f"{walk.pages} pages" + ("" if left is None else f", {left} requests left")
            self._bars.update(task, completed=walk.clusters, total=walk.total, note=note)

        return on_page

    def days(self, what: str, days: Sequence[date]) -> Iterable[date]:
        """The days to build; iterating over them moves a bar."""
        return self.each(what, days) if days else days

    def each(self, what: str, items: Sequence[T]) -> Iterator[T]:
        """The items; iterating over them moves a bar."""
        task = self._bars.add_task(what, total=len(items), note="")
        for item in items:
            yield item
            self._bars.advance(task)


@contextmanager
def progress() -> Iterator[Bars | None]:
    """Bars while the block runs; None if stderr is not a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich import progress as rich
    from rich.console import Console

    columns = (
        rich.SpinnerColumn(),
        rich.TextColumn("{task.description}", markup=False),
        rich.BarColumn(),
        rich.MofNCompleteColumn(),
        rich.TimeRemainingColumn(),
        rich.TextColumn("{task.fields[note]}", markup=False),
    )
    with rich.Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        yield Bars(bars)
