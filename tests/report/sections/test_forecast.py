from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pytest

from pipeline.report.sections import forecast
from pipeline.report.text.numbers import UNKNOWN
from pipeline.report.view import build
from tests.report.factories import analyses
from tests.report.factories.clusters import UNIT
from tests.report.factories.results import full
from tests.report.reading import plain, section_of, sentences

if TYPE_CHECKING:
    from pipeline.report.model import ReportView

NOVEMBER = tuple(date(2026, 11, day) for day in range(1, 23))


def test_the_forecast_says_its_error_and_what_already_runs(views: dict[str, ReportView]) -> None:
    view = views["full"]
    assert sentences(section_of(view, "ahead"))[0] == (
        "November 2026 is forecast to cost $16,000, without 8 days whose spend is unknown. "
        "Forecasts made the same way on 20 earlier "
        "days were off by 3.1 %. If only the clusters running now continue, it would cost $14,000."
    )
    (card,) = (card for card in view.cards if card.label.startswith("Forecast"))
    assert (card.value, plain(card.note)) == ("$16,000", "past forecasts were off by 3.1 %")
    assert plain(view.headline.lede[-1]).startswith(
        "November 2026 is forecast to cost $16,000, without 8 days whose spend is unknown (past "
    )


def test_the_first_sentences_have_the_interval_where_there_is_one() -> None:
    month = analyses.forecast()
    tested = replace(
        month,
        estimates=tuple(
            replace(each, low_micros=15_000 * UNIT, high_micros=18_000 * UNIT)
            for each in month.estimates
        ),
    )
    (sentence,) = forecast.lede(replace(full(), forecast=tested, budgets=None, days=NOVEMBER))
    assert plain(sentence) == (
        "November 2026 is forecast to cost $16,000, 8 times out of 10 between $15,000 and $18,000."
    )


def test_a_refused_forecast_is_a_dash_with_its_reason() -> None:
    refused = analyses.forecast(refused="2 days of history")
    view = build(replace(full(), forecast=refused))
    (card,) = (card for card in view.cards if card.label.startswith("Forecast"))
    assert (card.value, card.note, card.tone) == (UNKNOWN, "2 days of history", "warn")
    assert sentences(section_of(view, "ahead"))[0] == (
        "There is no forecast for November 2026: 2 days of history."
    )


def test_a_forecast_tested_on_few_days_says_on_how_few() -> None:
    month = analyses.forecast()
    few = replace(
        month, estimates=tuple(replace(estimate, origins=1) for estimate in month.estimates)
    )
    (sentence,) = forecast.lede(replace(full(), forecast=few))
    assert "(past forecasts were off by 3.1 %, on 1 day only)" in plain(sentence)


@pytest.mark.parametrize("has_budgets", [True, False])
def test_without_a_forecast_the_section_is_about_budgets_if_there_are_any(
    has_budgets: bool,  # noqa: FBT001 - a parameter of the test
    views: dict[str, ReportView],
) -> None:
    inputs = replace(full(), forecast=None)
    inputs = inputs if has_budgets else replace(inputs, budgets=None)
    section = forecast.section(inputs, views["full"].totals)
    assert (section.title if section else None) == ("Budgets" if has_budgets else None)


def test_the_numbers_of_a_forecast_are_for_machines(views: dict[str, ReportView]) -> None:
    numbers = views["full"].numbers.forecast
    assert numbers is not None
    assert (numbers.best, numbers.refused, numbers.days_left) == ("combined", None, 8)
    assert [estimate.method for estimate in numbers.estimates] == ["floor", "combined"]
