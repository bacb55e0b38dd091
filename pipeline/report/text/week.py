"""Hours of the week in words: 24-bit masks of seven days, Monday first, as times in UTC."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
HOURS = 24
_WEEK = len(DAYS) * HOURS
_LISTED = 2
"""So many days in a row are listed; more are a span."""


def hours_set(masks: Sequence[int]) -> list[list[bool]]:
    """For each day, whether each of its 24 hours is set."""
    return [[bool(mask >> hour & 1) for hour in range(HOURS)] for mask in masks]


def off_times(off: Sequence[int]) -> str:
    """The hours set, as when to switch off and on again, such as ``Mon to Thu from 20:00 to 06:00
    the next day, and from Fri 20:00 to Mon 06:00``.
    """
    runs = _runs(off)
    if not runs:
        return ""
    if runs[0][1] == _WEEK:
        return "all hours of the week"
    by_times: dict[tuple[int, int], list[int]] = {}
    for start, hours in runs:
        by_times.setdefault((start % HOURS, hours), []).append(start // HOURS)
    parts = [_span(days, *times) for times, days in by_times.items()]
    return f"{', '.join(parts[:-1])}, and {parts[-1]}" if len(parts) > 1 else parts[0]


def described(seen: Sequence[int], busy: Sequence[int]) -> str:
    """Whether each hour was busy, quiet or never seen, equal days together."""
    days: dict[str, list[int]] = {}
    for day, (read, worked) in enumerate(zip(hours_set(seen), hours_set(busy), strict=True)):
        states = [
            "busy" if is_busy else "quiet" if is_read else "never seen"
            for is_read, is_busy in zip(read, worked, strict=True)
        ]
        starts = [h for h in range(HOURS) if h == 0 or states[h] != states[h - 1]]
        parts = [
            f"{states[start]} {start} to {end}"
            for start, end in zip(starts, [*starts[1:], HOURS], strict=True)
        ]
        days.setdefault(", ".join(parts), []).append(day)
    return "; ".join(f"{_days(which)}: {text}" for text, which in days.items())


def _runs(masks: Sequence[int]) -> list[tuple[int, int]]:
    """First hour and length of each run of set hours; one may go on across the week's end."""
    is_set = [hour for day in hours_set(masks) for hour in day]
    if all(is_set):
        return [(0, _WEEK)]
    starts = [h for h in range(_WEEK) if is_set[h] and not is_set[h - 1]]
    return [
        (start, next(n for n in range(1, _WEEK) if not is_set[(start + n) % _WEEK]))
        for start in starts
    ]


def _span(days: list[int], hour: int, hours: int) -> str:
    """When runs of ``hours`` hours that begin at ``hour`` begin and end."""
    start, end = f"{hour:02d}:00", f"{(hour + hours) % HOURS:02d}:00"
    if hour + hours <= HOURS:
        return f"{_days(days)} from {start} to {hour + hours:02d}:00"
    if hours < HOURS:
        return f"{_days(days)} from {start} to {end} the next day"
    last = (days[0] + (hour + hours) // HOURS) % len(DAYS)
    spans = [
        f"from {DAYS[day]} {start} to {DAYS[(last + day - days[0]) % len(DAYS)]} {end}"
        for day in days
    ]
    return " and ".join(spans)


def _days(days: list[int]) -> str:
    """``Mon to Thu``, ``Sun to Tue``, ``Mon and Wed``, ``every day``."""
    if len(days) == len(DAYS):
        return "every day"
    firsts = [day for day in days if (day - 1) % len(DAYS) not in days]
    parts: list[str] = []
    for first in firsts:
        stretch = [first]
        while (stretch[-1] + 1) % len(DAYS) in days:
            stretch.append((stretch[-1] + 1) % len(DAYS))
        if len(stretch) > _LISTED:
            parts.append(f"{DAYS[stretch[0]]} to {DAYS[stretch[-1]]}")
        else:
            parts += [DAYS[day] for day in stretch]
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else parts[0]
