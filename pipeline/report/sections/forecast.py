"""The forecast of the month with its back-tested error, and the budgets."""

from __future__ import annotations

import calendar
from typing import TYPE_CHECKING

from pipeline.report.model import Card, Column, Section, Table
from pipeline.report.sections import budgets as budget_parts
from pipeline.report.sections import not_observed
from pipeline.report.summary import EstimateNumbers, ForecastNumbers
from pipeline.report.text.numbers import (
    UNKNOWN,
    Money,
    count_of,
    days_span,
    month_long,
    percent,
)
from pipeline.transform.forecast import (
    COMBINED,
    FLOOR,
    NAIVE,
    RECENT,
    RUN_RATE,
    SEASONAL,
    TREND,
)

if TYPE_CHECKING:
    from pipeline.report.inputs import ReportInputs
    from pipeline.transform.forecast import Estimate, Forecast
    from pipeline.transform.totals import Totals

_ENOUGH = 7
"""A forecast should have been tested from this many days."""
_METHODS = {
    FLOOR: "Clusters running now, until they expire",
    COMBINED: "Median of the methods below, for each day",
    RUN_RATE: "Mean of the last 7 days",
    RECENT: "Recent days, weighted towards the latest",
    TREND: "Latest day and the trend of two weeks",
    SEASONAL: "The same, by weekday",
    NAIVE: "Latest day repeated, for comparison",
}


def section(inputs: ReportInputs, totals: Totals) -> Section | None:
    """Forecast and budgets as one section; None where there is neither."""
    forecast, budgets, money = inputs.forecast, inputs.budgets, inputs.money
    if forecast is None and budgets is None:
        return None
    titles: list[str] = []
    sentences: list[str] = []
    tables: list[Table] = []
    if forecast is not None:
        titles.append("forecast")
        sentences.append(_sentence(inputs, forecast))
        if forecast.estimates:
            tables.append(_estimates(forecast, money))
    if budgets is not None:
        titles.append("budgets")
        sentences += _outlook(inputs)
        sentences += budget_parts.sentences(budgets, money)
        if len(budgets.table):
            tables.append(budget_parts.table(budgets.table, money))
    return Section(
        key="ahead",
        title=" and ".join(titles).capitalize(),
        sentences=(*sentences, *not_observed.note(totals)),
        tables=tuple(tables),
    )


def lede(inputs: ReportInputs) -> tuple[str, ...]:
    """The part for the first sentences of the report, as one sentence or paragraph."""
    sentences = []
    if inputs.forecast is not None and inputs.forecast.quoted is not None:
        sentences.append(_short(inputs, inputs.forecast, inputs.forecast.quoted))
    sentences += _outlook(inputs)
    return (" ".join(sentences),) if sentences else ()


def _outlook(inputs: ReportInputs) -> list[str]:
    if inputs.budgets is None or inputs.day is None:
        return []
    unknown = inputs.unknown_days_of_month
    return budget_parts.outlook(inputs.budgets, inputs.day, inputs.money, unknown)


def card(inputs: ReportInputs) -> Card | None:
    """The forecast as a figure at the top."""
    forecast = inputs.forecast
    if forecast is None:
        return None
    best = forecast.quoted
    label = f"Forecast for {period(forecast)}"
    if best is None:
        return Card(label=label, value=UNKNOWN, note=_refused(forecast), tone="warn")
    note = "not tested yet"
    if best.error_share is not None:
        note = f"past forecasts were off by {_error(best)}"
    return Card(label=label, value=inputs.money.rounded(best.total_micros), note=note)


def _sentence(inputs: ReportInputs, forecast: Forecast) -> str:
    """The forecast, its error and range, and the cost of what already runs."""
    best, money = forecast.quoted, inputs.money
    if best is None:
        return f"There is no forecast for {period(forecast)}: {_refused(forecast)}."
    text = f"{period(forecast)} is forecast to cost {money.rounded(best.total_micros)}"
    text += _without(inputs, forecast)
    if best.error_share is None:
        text += ". The method could not be tested on past days yet"
    else:
        text += (
            f". Forecasts made the same way on {count_of(best.origins, 'earlier day')} were off by "
            f"{percent(100 * best.error_share)}"
        )
    if best.low_micros is not None and best.high_micros is not None:
        low, high = money.rounded(best.low_micros), money.rounded(best.high_micros)
        text += f", which puts 8 of 10 outcomes between {low} and {high}"
    floor = next((each for each in forecast.estimates if each.method == FLOOR), None)
    if floor is not None:
        text += (
            ". If only the clusters running now continue, it would cost "
            f"{money.rounded(floor.total_micros)}"
        )
    return f"{text}."


def _without(inputs: ReportInputs, forecast: Forecast) -> str:
    """Which days of the forecast's period it does not include, since their spend is unknown."""
    if inputs.day is None or forecast.first > inputs.day:
        return ""
    missing = inputs.unknown_days_of_month
    return f", without {count_of(missing, 'day')} whose spend is unknown" if missing else ""


def _short(inputs: ReportInputs, forecast: Forecast, best: Estimate) -> str:
    """The forecast in one sentence, with its interval or else its error."""
    money = inputs.money
    text = f"{period(forecast)} is forecast to cost {money.rounded(best.total_micros)}"
    text += _without(inputs, forecast)
    if best.low_micros is not None and best.high_micros is not None:
        low, high = money.rounded(best.low_micros), money.rounded(best.high_micros)
        return f"{text}, 8 times out of 10 between {low} and {high}."
    if best.error_share is not None:
        text += f" (past forecasts were off by {_error(best)})"
    return f"{text}."


def period(forecast: Forecast) -> str:
    """``June 2026``, or the days."""
    first, until = forecast.first, forecast.until
    last = calendar.monthrange(first.year, first.month)[1]
    is_month = (first.year, first.month, 1, last) == (
        until.year,
        until.month,
        first.day,
        until.day,
    )
    return month_long(first) if is_month else days_span(first, until)


def numbers(forecast: Forecast | None) -> ForecastNumbers | None:
    """The same for ``summary.json``."""
    if forecast is None:
        return None
    return ForecastNumbers(
        first=forecast.first,
        until=forecast.until,
        spent_micros=forecast.spent_micros,
        days_left=forecast.days_left,
        history_days=forecast.history_days,
        refused=forecast.refused,
        best=forecast.quoted.method if forecast.quoted else None,
        estimates=tuple(
            EstimateNumbers(
                method=estimate.method,
                total_micros=estimate.total_micros,
                error_share=estimate.error_share,
                low_micros=estimate.low_micros,
                high_micros=estimate.high_micros,
                origins=estimate.origins,
            )
            for estimate in forecast.estimates
        ),
    )


def _error(estimate: Estimate) -> str:
    """The back-tested error, with the number of days behind it where they are few."""
    text = percent(100 * (estimate.error_share or 0.0))
    return (
        text
        if estimate.origins >= _ENOUGH
        else f"{text}, on {count_of(estimate.origins, 'day')} only"
    )


def _refused(forecast: Forecast) -> str:
    return forecast.refused or "no method has enough history"


def _estimates(forecast: Forecast, money: Money) -> Table:
    best = forecast.quoted
    return Table(
        caption=f"Forecast methods for {period(forecast)}",
        columns=(
            Column(label="Method"),
            Column(label="Forecast", is_number=True),
            Column(label="8 of 10 outcomes", is_number=True),
            Column(label="Past error", is_number=True),
        ),
        rows=tuple(
            (
                _METHODS[estimate.method] + (" (used)" if estimate is best else ""),
                money.rounded(estimate.total_micros),
                _range(estimate, money),
                UNKNOWN if estimate.error_share is None else _error(estimate),
            )
            for estimate in forecast.estimates
        ),
    )


def _range(estimate: Estimate, money: Money) -> str:
    if estimate.low_micros is None or estimate.high_micros is None:
        return UNKNOWN
    return f"{money.rounded(estimate.low_micros)} to {money.rounded(estimate.high_micros)}"
