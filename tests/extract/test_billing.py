"""Bills: the JSON of the API and CSV, and one line for each that cannot be used."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from pipeline.errors import SettingsError
from pipeline.extract.billing import parse_bill

FIRST, SECOND = date(2026, 6, 1), date(2026, 6, 2)


def usage(*points: tuple[object, object], **values: Any) -> bytes:  # noqa: ANN401
    """The JSON of the API, with these days of clusters."""
    series = [{"timestamp": when, "value": 1.0, "cost": cost} for when, cost in points]
    other = {"resourceType": "storage", "usage": {"cost": 142.37}, "timeSeries": []}
    body = {
        "summary": {"totalCost": 1.0, "currency": "USD"},
        "breakdown": [other, {"resourceType": "clusters", "timeSeries": series}],
    }
    return json.dumps(body | values).encode()


def test_the_apis_json_is_read_to_the_last_digit() -> None:
    bill = parse_bill(usage(("2026-06-02T00:00:00Z", 12.345678), ("2026-06-01", 7)), "b.json")
    assert bill.days == {FIRST: 7_000_000, SECOND: 12_345_678}
    assert (bill.currency, bill.others) == ("USD", {"storage": 142_370_000})


@pytest.mark.parametrize(("elapsed", "days"), [(2, [FIRST]), (30, [FIRST, SECOND])])
def test_the_newest_day_of_a_period_that_is_not_over_is_left_out(
    elapsed: int, days: list[date]
) -> None:
    period = {"daysInPeriod": 30, "daysElapsed": elapsed}
    assert [
        *parse_bill(usage(("2026-06-02", 1), ("2026-06-01", 7), period=period), "b").days
    ] == days


def test_csv_is_read_with_any_case_of_columns_and_other_columns() -> None:
    text = (
        b"\xef\xbb\xbfDate, Amount,note,Currency\r\n2026-06-01,12.5,x,EUR\r\n2026-06-02,-1,,EUR\r\n"
    )
    bill = parse_bill(text, "b.csv")
    assert bill.days == {FIRST: 12_500_000, SECOND: -1_000_000}
    assert bill.currency == "EUR"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"day,amount\n2026-06-01,1\n", "it has no column date (it has: day, amount)"),
        (b"a,b\n1,2\n", "it has no column date and no column amount (it has: a, b)"),
        (b"", "it has no column date and no column amount (it has: nothing)"),
        (b"date,amount\n", "it has no days"),
        (b"date,amount\n2026-06-01,\n", "'' is no amount, such as 1234.56"),
        (b"date,amount\n2026-06-01\n", "'None' is no amount"),
        (b"date,amount\n2026-06-01,nan\n", "'nan' is no amount"),
        (b"date,amount\n2026-06-01,1e13\n", "'1e13' is no amount"),
        (b'date,amount\n2026-06-01,"1,234.5"\n', "'1,234.5' is no amount"),
        (b"date,amount\n06/01/2026,1\n", "'06/01/2026' is no date, such as 2026-06-15"),
        (b"date,amount\n2026-06-01,1\n2026-06-01,2\n", "2026-06-01 is in it twice"),
        (b"date,amount,currency\n2026-06-01,1,USD\n2026-06-02,1,EUR\n", "currencies: EUR, USD"),
        (b"date,amount\n2026-06-01T08:00:00Z,1\n", "its days begin at 08:00 UTC"),
        (b"date,amount\n2026-06-01T00:00:00-07:00,1\n", "its days begin at 07:00 UTC"),
        (b'{"breakdown": [', "not valid JSON"),
        (b"[1]", "it has no list 'breakdown'"),
        (b'{"breakdown": [{"resourceType": "storage"}]}', "no timeSeries of resourceType"),
        (usage((None, 1)), "'None' is no date"),
        (usage(("2026-06-01", None)), "'None' is no amount"),
        (usage(("2026-06-01", True)), "'True' is no amount"),
        (b"\xff\xfe", "not UTF-8 text"),
    ],
)
def test_what_is_no_bill_is_named(data: bytes, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_bill(data, "--billing b")
    message = str(caught.value)
    assert message.startswith("--billing b: ")
    assert words in message
    assert "\n" not in message


def test_a_bill_without_currency_and_other_resources_is_a_bill() -> None:
    bill = parse_bill(usage(("2026-06-01", 1), summary=None), "b")
    assert bill.currency is None
