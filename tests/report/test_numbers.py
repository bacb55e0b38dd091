from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.report.text import numbers
from pipeline.report.text.numbers import (
    MINUS,
    NBSP,
    UNKNOWN,
    Money,
    by_grade,
    change,
    compared,
)

DOLLARS = Money("USD")


@pytest.mark.parametrize(
    ("micros", "exact", "rounded"),
    [
        (None, UNKNOWN, UNKNOWN),
        (0, "$0.00", "$0.00"),
        (1, "<$0.01", "<$0.01"),
        (4_999, "<$0.01", "<$0.01"),
        (12_345_000, "$12.34", "$12.34"),
        (12_355_000, "$12.36", "$12.36"),
        (99_994_999, "$99.99", "$99.99"),
        (113_050_400_000, "$113,050.40", "$113,050"),
        (-7_500_000, f"{MINUS}$7.50", f"{MINUS}$7.50"),
        (-1, f"<{MINUS}$0.01", f"<{MINUS}$0.01"),
    ],
)
def test_money_is_rounded_half_to_even_and_never_to_a_false_zero(
    micros: int | None, exact: str, rounded: str
) -> None:
    assert (DOLLARS.exact(micros), DOLLARS.rounded(micros)) == (exact, rounded)


def test_a_currency_without_a_symbol_is_written_by_its_code() -> None:
    assert Money("EUR").exact(1_500_000) == "€1.50"
    assert Money("CHF").exact(1_500_000) == f"CHF{NBSP}1.50"
    assert Money("JPY").exact(1_500_000_000) == f"JPY{NBSP}1,500"


@pytest.mark.parametrize(
    ("currency", "exact", "small"),
    [
        ("UGX", "1,235", "<{}1"), ("XAF", "1,235", "<{}1"), ("PYG", "1,235", "<{}1"),
        ("KWD", "1,234.568", "<{}0.001"), ("BHD", "1,234.568", "<{}0.001"),
        ("CHF", "1,234.57", "<{}0.01"),
    ],
)  # fmt: skip
def test_a_currency_has_the_decimals_of_iso_4217(currency: str, exact: str, small: str) -> None:
    money, symbol = Money(currency), f"{currency}{NBSP}"
    assert money.exact(1_234_567_890) == symbol + exact
    assert money.rounded(1_234_567_890) == f"{symbol}1,235"
    assert money.exact(1) == small.format(symbol)


def test_a_span_says_when_its_upper_end_is_unknown() -> None:
    assert DOLLARS.span(1_000_000, 1_000_000) == "$1.00"
    assert DOLLARS.span(1_000_000, 2_000_000) == "$1.00 to $2.00"
    assert DOLLARS.span(1_000_000, None) == "$1.00 to unknown"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, UNKNOWN),
        (float("nan"), UNKNOWN),
        (0.0, f"0{NBSP}%"),
        (0.0001, f"<0.1{NBSP}%"),
        (0.04, f"<0.1{NBSP}%"),
        (33.333, f"33.3{NBSP}%"),
        (18.0, f"18{NBSP}%"),
        (99.96, f">99.9{NBSP}%"),
        (99.9999999, f">99.9{NBSP}%"),
        (100.0, f"100{NBSP}%"),
        (-20.5, f"{MINUS}20.5{NBSP}%"),
    ],
)
def test_a_percentage_is_0_or_100_only_when_it_is_exactly_that(
    value: float | None, written: str
) -> None:
    assert numbers.percent(value) == written


@given(st.floats(min_value=0, max_value=100, exclude_min=True, exclude_max=True))
def test_no_share_in_between_is_ever_written_as_nothing_or_all(value: float) -> None:
    assert numbers.percent(value) not in (f"0{NBSP}%", f"100{NBSP}%", f"0.0{NBSP}%")
    assert numbers.percent(value, 0) not in (f"0{NBSP}%", f"100{NBSP}%")


@given(st.integers(min_value=1, max_value=10**15))
def test_positive_money_is_never_written_as_zero_and_survives_as_a_decimal(micros: int) -> None:
    assert DOLLARS.exact(micros) != "$0.00"
    assert DOLLARS.rounded(micros) not in ("$0", "$0.00")
    assert numbers.decimal(micros) == Decimal(micros) / 1_000_000
    assert "E" not in str(numbers.decimal(micros))


def test_a_change_carries_its_sign_and_needs_something_to_compare_with() -> None:
    assert numbers.change(80, 100) == f"{MINUS}20{NBSP}%"
    assert numbers.change(102, 100) == f"+2{NBSP}%"
    assert numbers.change(100, 100) == f"±0{NBSP}%"
    assert numbers.change(100, 0) == numbers.change(100, None) == UNKNOWN


def test_durations_use_the_unit_that_says_something() -> None:
    assert numbers.duration(None) == UNKNOWN
    assert numbers.duration(40) == f"40{NBSP}s"
    assert numbers.duration(720) == f"12{NBSP}min"
    assert numbers.duration(5_400) == f"1.5{NBSP}h"
    assert numbers.duration(3_600_000) == f"1,000{NBSP}h"


def test_days_and_moments_are_utc() -> None:
    assert numbers.day_long(date(2026, 11, 2)) == f"2{NBSP}November{NBSP}2026"
    assert numbers.days_span(date(2026, 11, 1), date(2026, 11, 22)) == f"1 to 22{NBSP}Nov{NBSP}2026"
    assert numbers.days_span(date(2025, 12, 30), date(2026, 1, 2)) == (
        f"30{NBSP}Dec 2025 to 2{NBSP}Jan{NBSP}2026"
    )
    there = datetime(2026, 11, 22, 1, 5, tzinfo=timezone(timedelta(hours=2)))
    assert numbers.moment(there) == f"21{NBSP}Nov{NBSP}2026 23:05{NBSP}UTC"
    assert numbers.moment(datetime(2026, 11, 22, tzinfo=UTC)).endswith(f"00:00{NBSP}UTC")


@pytest.mark.parametrize(
    ("now", "before", "text"),
    [
        (103, 100, f"3{NBSP}% more than"),
        (97, 100, f"3{NBSP}% less than"),
        (100, 100, "the same as"),
    ],
)
def test_a_change_in_a_sentence_is_in_words(now: int, before: int, text: str) -> None:
    assert compared(change(now, before)) == text


def test_a_sum_names_the_grade_of_its_findings() -> None:
    money = Money("USD")
    both = {"proven": 80_000_000, "likely": 20_000_000, "suspected": 0}
    assert by_grade(both, money) == "$80.00 on proven findings and $20.00 on likely ones"
    assert by_grade({"proven": 0, "likely": 20_000_000}, money) == "$20.00 on likely findings"
    assert by_grade({"proven": 0}, money) == ""
    assert by_grade({**both, "": 5_000_000}, money) == (
        "$80.00 on proven findings, $20.00 on likely ones and $5.00 on ones without a grade"
    )
    assert by_grade({"": 5_000_000}, money) == "$5.00 on findings without a grade"
