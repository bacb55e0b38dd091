"""Which days a period has, which of them are missing, and what it is compared with."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.periods import Period, last_days, parse

CLOSED = date(2026, 5, 26)


def days(first: str, last: str) -> tuple[date, date]:
    return date.fromisoformat(first), date.fromisoformat(last)


@pytest.mark.parametrize(
    ("text", "kind", "first", "last", "name"),
    [
        ("2026-05", "month", "2026-05-01", "2026-05-31", "2026-05"),
        ("2028-02", "month", "2028-02-01", "2028-02-29", "2028-02"),
        ("2026-05-14", "day", "2026-05-14", "2026-05-14", "2026-05-14"),
        ("month", "month to date", "2026-05-01", "2026-05-26", "2026-05-to-26"),
    ],
)
def test_a_text_names_a_period(text: str, kind: str, first: str, last: str, name: str) -> None:
    period = parse(text, CLOSED)
    assert (period.kind, (period.first, period.last)) == (kind, days(first, last))
    assert period.name == name


@pytest.mark.parametrize("text", ["", "2026", "2026-13", "2026-02-30", "May", "26-05", "2026-5"])
def test_other_texts_name_none(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the message is the command's
        parse(text, CLOSED)


def test_missing_days_are_runs() -> None:
    month = parse("2026-05", CLOSED)
    known = {CLOSED - timedelta(days=n) for n in range(17)} - {date(2026, 5, 12)}
    assert month.missing(known) == (
        days("2026-05-01", "2026-05-09"),
        days("2026-05-12", "2026-05-12"),
        days("2026-05-27", "2026-05-31"),
    )
    assert month.known(known) == 16


@given(
    st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(1, 60), st.sets(st.integers(0, 59))
)
def test_known_and_missing_days_add_up(last: date, length: int, chosen: set[int]) -> None:
    period = last_days(last, length)
    known = {period.first + timedelta(days=n) for n in chosen}
    lacking = sum((until - since).days + 1 for since, until in period.missing(known))
    assert period.known(known) + lacking == period.days == length


@pytest.mark.parametrize(
    ("text", "until", "before"),
    [
        ("2026-05", "2026-05-31", ("2026-04-01", "2026-04-30")),
        ("2026-05", "2026-05-26", ("2026-04-01", "2026-04-26")),
        ("2026-03", "2026-03-30", ("2026-02-01", "2026-02-28")),
        ("month", "2026-05-26", ("2026-04-01", "2026-04-26")),
        ("2026-05-01", "2026-05-01", ("2026-04-30", "2026-04-30")),
    ],
)
def test_a_period_is_compared_with_as_many_days_before(
    text: str, until: str, before: tuple[str, str]
) -> None:
    earlier = parse(text, CLOSED).before(date.fromisoformat(until))
    assert earlier is not None
    assert (earlier.first, earlier.last) == days(*before)


def test_a_window_is_compared_with_nothing() -> None:
    assert Period("window", *days("2026-05-01", "2026-05-30")).before(CLOSED) is None
