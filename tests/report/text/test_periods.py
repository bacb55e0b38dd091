"""A period's name says which days it has, and if some are unknown, how many are known."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from pipeline.periods import Period, last_days, parse
from pipeline.report.text.periods import during, label, listed, span

CLOSED = date(2026, 5, 26)
MAY = parse("2026-05", CLOSED)


def every_day(period: Period) -> list[date]:
    return [period.first + timedelta(days=n) for n in range(period.days)]


def plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("period", "name", "when"),
    [
        (MAY, "May 2026", "in May 2026"),
        (parse("2026-05-14", CLOSED), "14 May 2026", "on 14 May 2026"),
        (
            parse("month", CLOSED),
            "1-26 May 2026, month to date",
            "over 1-26 May 2026, month to date",
        ),
        (
            parse("month", date(2026, 5, 1)),
            "1 May 2026, month to date",
            "over 1 May 2026, month to date",
        ),
        (last_days(CLOSED, 30), "27 Apr to 26 May 2026", "from 27 Apr to 26 May 2026"),
    ],
)
def test_a_period_whose_days_are_known_has_its_plain_name(
    period: Period, name: str, when: str
) -> None:
    assert plain(label(period, every_day(period))) == name
    assert plain(during(period, every_day(period))) == when


def test_unknown_days_are_counted_in_every_form() -> None:
    assert plain(label(MAY, every_day(MAY)[3:])) == "May 2026 (28 of 31 days)"
    window = last_days(CLOSED, 30)
    known = every_day(window)[18:]
    assert plain(label(window, known)) == "27 Apr to 26 May 2026 (12 of 30 days)"
    assert plain(label(window, known, "days")) == "30 days (12 known)"
    assert plain(label(window, known, "column")) == "30 d (12 d known)"
    assert plain(label(window, every_day(window), "column")) == "30 d"
    assert plain(label(MAY, known, "column")) == "May 2026 (12 of 31 days)"


def test_spans_that_are_months_have_their_names() -> None:
    assert plain(span(date(2026, 4, 1), date(2026, 4, 30))) == "April 2026"
    assert plain(span(date(2026, 4, 1), date(2026, 4, 29))) == "1 to 29 Apr 2026"
    runs = ((date(2026, 5, 1), date(2026, 5, 3)), (date(2026, 5, 9), date(2026, 5, 9)))
    assert plain(listed(runs)) == "1 to 3 May 2026, 9 May 2026"
