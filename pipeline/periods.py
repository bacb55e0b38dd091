"""Periods that a report can be about: a month, a day, the month to date, or the last days.

A period is what was asked for. Which of its days are known is a separate question, and a period is
never shortened to the days that are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Collection

Kind = Literal["window", "month", "day", "month to date"]
Days = tuple[date, date]
"""The first and the last of consecutive days."""

MONTH_TO_DATE = "month"
EXAMPLES = "a month (2026-05), a day (2026-05-14), or 'month' for the month to date"
_DAY = timedelta(days=1)
_MONTH_TEXT = re.compile(r"[0-9]{4}-[0-9]{2}")
_DAY_TEXT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True)
class Period:
    """The days ``first`` to ``last``."""

    kind: Kind
    first: date
    last: date

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.last - self.first).days + 1

    @property
    def name(self) -> str:
        """Its name in a path: 2026-05, 2026-05-14, 2026-05-to-26, 2026-05-14-30d."""
        if self.kind == "month":
            return f"{self.first:%Y-%m}"
        if self.kind == "day":
            return f"{self.first}"
        if self.kind == "month to date":
            return f"{self.first:%Y-%m}-to-{self.last:%d}"
        return f"{self.last}-{self.days}d"

    def each_day(self) -> list[date]:
        """Its days, in order."""
        return [self.first + offset * _DAY for offset in range(self.days)]

    def known(self, days: Collection[date]) -> int:
        """How many of ``days`` are in it."""
        return sum(self.first <= day <= self.last for day in {*days})

    def missing(self, days: Collection[date]) -> tuple[Days, ...]:
        """Its days that are not among ``days``, as runs of consecutive days."""
        runs: list[Days] = []
        for day in self.each_day():
            if day in days:
                continue
            if runs and runs[-1][1] == day - _DAY:
                runs[-1] = (runs[-1][0], day)
            else:
                runs.append((day, day))
        return tuple(runs)

    def before(self, until: date) -> Period | None:
        """What the days up to ``until`` are compared with; None for a window.

        A whole month is compared with the month before, its first days with as many of that month,
        and a day with the day before.
        """
        if self.kind == "window":
            return None
        if self.kind == "day":
            return Period("day", self.first - _DAY, self.first - _DAY)
        end = self.first - _DAY
        first = end.replace(day=1)
        if until >= end_of_month(self.first):
            return Period("month", first, end)
        return Period("window", first, min(first + (until - self.first), end))


def parse(text: str, last_closed: date) -> Period:
    """The period that ``text`` names; the month to date ends on ``last_closed``.

    Raises:
        ValueError: it names none.
    """
    if text == MONTH_TO_DATE:
        return Period("month to date", last_closed.replace(day=1), last_closed)
    if _MONTH_TEXT.fullmatch(text):
        first = date.fromisoformat(f"{text}-01")
        return Period("month", first, end_of_month(first))
    if _DAY_TEXT.fullmatch(text):
        day = date.fromisoformat(text)
        return Period("day", day, day)
    raise ValueError(text)


def last_days(day: date, days: int) -> Period:
    """The window of ``days`` days up to and including ``day``."""
    return Period("window", day - (days - 1) * _DAY, day)


def end_of_month(day: date) -> date:
    """The last day of its month."""
    # Four days after the 28th is in the next month, whatever the month.
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
