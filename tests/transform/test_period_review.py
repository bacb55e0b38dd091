"""Which days lack data, for all accounts and for single ones, and what can be compared."""

from __future__ import annotations

from datetime import date, timedelta

from pipeline.periods import parse
from pipeline.transform.period_review import Missing, missing, review

CLOSED = date(2026, 5, 31)
MAY = parse("2026-05", CLOSED)


def days(first: date, last: date) -> frozenset[date]:
    return frozenset(first + timedelta(days=n) for n in range((last - first).days + 1))


def test_days_that_one_account_lacks_are_its_own() -> None:
    known = {
        "lab": days(date(2026, 5, 4), date(2026, 5, 31)),
        "prod": days(date(2026, 5, 10), date(2026, 5, 28)),
    }
    assert missing(MAY, known) == (
        Missing("", ((date(2026, 5, 1), date(2026, 5, 3)),)),
        Missing(
            "prod",
            ((date(2026, 5, 4), date(2026, 5, 9)), (date(2026, 5, 29), date(2026, 5, 31))),
        ),
    )


def test_months_are_compared_if_every_account_has_every_day_of_both() -> None:
    both = days(date(2026, 4, 1), CLOSED)
    assert review(MAY, CLOSED, {"lab": both, "prod": both}).incomparable == ()
    short = both - {date(2026, 4, 7)}
    lacking = ((date(2026, 4, 7), date(2026, 4, 7)),)
    assert review(MAY, CLOSED, {"lab": both, "prod": short}).incomparable == (
        Missing("prod", lacking),
    )
    assert review(MAY, CLOSED, {"lab": short}).incomparable == (Missing("", lacking),)


def test_the_first_days_of_a_month_are_compared_with_as_many() -> None:
    until = date(2026, 5, 12)
    reviewed = review(MAY, until, {"lab": days(date(2026, 4, 1), until)})
    assert (reviewed.before.first, reviewed.before.last) == (date(2026, 4, 1), date(2026, 4, 12))
    assert reviewed.incomparable == ()
    assert reviewed.missing == (Missing("", ((date(2026, 5, 13), CLOSED),)),)
