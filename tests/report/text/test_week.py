"""Hours of the week in words."""

from __future__ import annotations

import pytest

from pipeline.report.text.week import described, off_times

ALL = (1 << 24) - 1
OFFICE = ((1 << 18) - 1) - ((1 << 9) - 1)
"""9 to 18 o'clock."""
NIGHT = ALL - OFFICE


def masks(*hours: int) -> list[int]:
    """Of hours of the week."""
    week = [0] * 7
    for hour in hours:
        week[hour % 168 // 24] |= 1 << hour % 24
    return week


@pytest.mark.parametrize(
    ("off", "words"),
    [
        ([0] * 7, ""),
        ([ALL] * 7, "all hours of the week"),
        (
            [NIGHT] * 5 + [ALL, ALL],
            "Mon to Thu from 18:00 to 09:00 the next day, and from Fri 18:00 to Mon 09:00",
        ),
        ([NIGHT] * 7, "every day from 18:00 to 09:00 the next day"),
        ([0, (1 << 12) - 1, 0, (1 << 12) - 1, 0, 0, 0], "Tue and Thu from 00:00 to 12:00"),
        (masks(*range(12, 24)), "Mon from 12:00 to 24:00"),
        (masks(*range(6 * 24, 8 * 24)), "from Sun 00:00 to Tue 00:00"),
        (masks(*range(24)), "Mon from 00:00 to 24:00"),
        (
            masks(*(d * 24 + h for d in (6, 7, 8) for h in range(20, 32))),
            "Sun to Tue from 20:00 to 08:00 the next day",
        ),
    ],
)
def test_off_hours_are_written_as_when_to_switch_off_and_on(off: list[int], words: str) -> None:
    assert off_times(off) == words


def test_an_hour_without_a_reading_is_never_called_quiet() -> None:
    seen = [ALL] * 5 + [ALL - 1] * 2
    assert described(seen, [OFFICE] * 5 + [0, 0]) == (
        "Mon to Fri: quiet 0 to 9, busy 9 to 18, quiet 18 to 24; "
        "Sat and Sun: never seen 0 to 1, quiet 1 to 24"
    )
