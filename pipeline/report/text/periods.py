"""How periods are named, everywhere: ``May 2026``, and how many of its days are known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pipeline.periods import Period, end_of_month
from pipeline.report.text.numbers import NBSP, count, count_of, day_long, days_span, month_long

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import date

    from pipeline.periods import Days

Form = Literal["dates", "days", "column"]


def label(period: Period, days: Collection[date], form: Form = "dates") -> str:
    """The name of ``period``; with how many of its days are among ``days``, if not all are.

    A month or day has one name: ``May 2026 (28 of 31 days)``. A window is named by its dates, by
    its length (``days``: ``30 days (12 known)``), or shorter for a card or a column
    (``column``: ``30 d (12 d known)``).
    """
    known = period.known(days)
    if period.kind == "window" and form == "days":
        name, few = count_of(period.days, "day"), f"{count(known)} known"
    elif period.kind == "window" and form == "column":
        name, few = f"{count(period.days)}{NBSP}d", f"{count(known)}{NBSP}d known"
    else:
        name, few = _name(period), f"{count(known)} of {count_of(period.days, 'day')}"
    return name if known == period.days else f"{name} ({few})"


def during(period: Period, days: Collection[date]) -> str:
    """When something happened: ``in May 2026``, ``from 16 Apr to 15 May 2026 (12 of 30 days)``."""
    word = {"window": "from", "day": "on", "month": "in", "month to date": "over"}[period.kind]
    word = "on" if period.kind == "window" and period.days == 1 else word
    return f"{word} {label(period, days)}"


def span(first: date, last: date) -> str:
    """``first`` to ``last``, by the name of the month if they are one."""
    if first.day == 1 and last == end_of_month(first):
        return month_long(first)
    return days_span(first, last)


def in_span(first: date, last: date) -> str:
    """``in May 2026``, ``on 14 May 2026``, ``from 1 to 29 Apr 2026``."""
    name = span(first, last)
    word = "on" if first == last else "in" if name == month_long(first) else "from"
    return f"{word} {name}"


def listed(runs: Sequence[Days]) -> str:
    """Runs of days: ``1 to 3 May 2026, 9 May 2026``."""
    return ", ".join(days_span(*run) for run in runs)


def _name(period: Period) -> str:
    first, last = period.first, period.last
    if period.kind == "month":
        return month_long(first)
    if period.kind == "day":
        return day_long(first)
    if period.kind == "month to date":
        days = "" if first == last else f"{first.day}-"
        return f"{days}{day_long(last)}, month to date"
    return days_span(first, last)
