"""What is coming: the forecast of the month with the error it would have had, and the budgets."""

from __future__ import annotations

import calendar
from typing import TYPE_CHECKING, Any

from pipeline.report.model import Card, Column, Section, Table
from pipeline.report.text import names
from pipeline.report.text.numbers import (
    UNKNOWN,
    Money,
    count,
    count_of,
    days_span,
    known,
    month_long,
    percent,
    share,
)

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.report.given import Budgets, Estimate, Forecast

_SHOWN = 20
_ENOUGH = 7
"""Days a forecast should have been tested from."""
_METHODS = {
    "floor": "What runs now, until it expires",
    "run rate": "Mean of the last 7 days",
    "recent": "Recent days, later ones counting more",
    "trend": "Yesterday and the trend of two weeks",
    "seasonal": "The same by weekday",
    "naive": "Yesterday again, for comparison",
}
_ALERTS = {
    "forecast": "is forecast to be exceeded",
    "pace": "is being spent ahead of the month",
}
_SPENT = "100 %"


def section(forecast: Forecast | None, budgets: Budgets | None, currency: str) -> Section | None:
    """Forecast and budgets as one section; None where neither is given."""
    if forecast is None and budgets is None:
        return None
    money = Money(currency)
    sentences, tables = [], []
    if forecast is not None:
        sentences.append(sentence(forecast, money))
        if forecast.estimates:
            tables.append(_estimates(forecast, money))
    if budgets is not None:
        alerts = _told(budgets, money)
        sentences += alerts[:_SHOWN]
        if len(alerts) > _SHOWN:
            sentences.append(f"And {count(len(alerts) - _SHOWN)} more.")
        if len(budgets.table):
            tables.append(_budgets(budgets.table, money))
    return Section(
        key="ahead",
        title="What is coming" if forecast is not None else "Budgets",
        sentences=tuple(sentences),
        tables=tuple(tables),
    )


def lede(forecast: Forecast | None, budgets: Budgets | None, currency: str) -> tuple[str, ...]:
    """What of it is among the first sentences."""
    money = Money(currency)
    said = (
        short(forecast, money) if forecast else "",
        warning(budgets, money) if budgets else "",
    )
    return tuple(sentence for sentence in said if sentence)


def card(forecast: Forecast | None, currency: str) -> Card | None:
    """The forecast as a figure at the top."""
    if forecast is None:
        return None
    best = forecast.best
    label = f"Forecast for {period(forecast)}"
    if best is None:
        return Card(label=label, value=UNKNOWN, note=_refused(forecast), tone="warn")
    note = "not tested yet"
    if best.error_share is not None:
        note = f"past ones were off by {_error(best)}"
    return Card(label=label, value=Money(currency).rounded(best.total_micros), note=note)


def sentence(forecast: Forecast, money: Money) -> str:
    """The forecast, its error and its range, and what is already running."""
    best = forecast.best
    if best is None:
        return f"There is no forecast for {period(forecast)}: {_refused(forecast)}."
    text = f"{period(forecast)} is forecast to cost {money.rounded(best.total_micros)}"
    if best.error_share is None:
        text += ", by a method that no past day could test yet"
    else:
        text += (
            f"; forecasts made the same way on {count_of(best.origins, 'earlier day')} were off by "
            f"{percent(100 * best.error_share)}"
        )
    if best.low_micros is not None and best.high_micros is not None:
        low, high = money.rounded(best.low_micros), money.rounded(best.high_micros)
        text += f", and 8 of 10 would put it between {low} and {high}"
    floor = _named(forecast, "floor")
    if floor is not None:
        text += f". If only what runs now goes on, it is {money.rounded(floor.total_micros)}"
    return f"{text}."


def short(forecast: Forecast, money: Money) -> str:
    """The forecast among the first sentences of the report; empty where there is none."""
    best = forecast.best
    if best is None:
        return ""
    text = f"{period(forecast)} is forecast to cost {money.rounded(best.total_micros)}"
    if best.error_share is not None:
        text += f" (past forecasts were off by {_error(best)})"
    return f"{text}."


def warning(budgets: Budgets, money: Money) -> str:
    """That lines were crossed, among the first sentences; empty where none was."""
    many = len(_told(budgets, money))
    verb = "was" if many == 1 else "were"
    return f"{count_of(many, 'budget line')} {verb} newly crossed: see below." if many else ""


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


def numbers(forecast: Forecast | None, budgets: Budgets | None) -> dict[str, Any]:
    """The same for machines."""
    out: dict[str, Any] = {}
    if forecast is not None:
        fields = ("first", "until", "spent_micros", "days_left", "history_days", "refused")
        out["forecast"] = {name: getattr(forecast, name) for name in fields}
        out["forecast"]["best"] = forecast.best.method if forecast.best else None
        told = ("method", "total_micros", "error_share", "low_micros", "high_micros", "origins")
        out["forecast"]["estimates"] = [
            {name: getattr(one, name) for name in told} for one in forecast.estimates
        ]
    if budgets is not None:
        where = ["budget", "group", "amount_micros", "spent_micros", "forecast_micros"]
        out["budgets"] = _records(budgets.table[where])
        out["budget_alerts"] = _records(budgets.alerts[["budget", "group", "alert"]])
    return out


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {str(name): known(value) for name, value in record.items()}
        for record in frame.astype("object").to_dict("records")
    ]


def _named(forecast: Forecast, method: str) -> Estimate | None:
    return next((one for one in forecast.estimates if one.method == method), None)


def _error(one: Estimate) -> str:
    """The back-tested error; how few days it rests on, where they are few."""
    text = percent(100 * (one.error_share or 0.0))
    return text if one.origins >= _ENOUGH else f"{text}, on {count_of(one.origins, 'day')} only"


def _refused(forecast: Forecast) -> str:
    return forecast.refused or "no method has enough history"


def _estimates(forecast: Forecast, money: Money) -> Table:
    best = forecast.best
    return Table(
        caption=f"The ways to forecast {period(forecast)}",
        columns=(
            Column(label="Way"),
            Column(label="Forecast", is_number=True),
            Column(label="8 of 10 within", is_number=True),
            Column(label="Past error", is_number=True),
        ),
        rows=tuple(
            (
                _METHODS.get(one.method, one.method) + (" (quoted)" if one is best else ""),
                money.rounded(one.total_micros),
                _range(one, money),
                UNKNOWN if one.error_share is None else _error(one),
            )
            for one in forecast.estimates
        ),
    )


def _range(one: Estimate, money: Money) -> str:
    if one.low_micros is None or one.high_micros is None:
        return UNKNOWN
    return f"{money.rounded(one.low_micros)} to {money.rounded(one.high_micros)}"


def _told(budgets: Budgets, money: Money) -> list[str]:
    """A sentence for each line crossed; of one budget's spent parts only the highest."""
    rows = budgets.alerts
    actual = rows["alert"].astype("str").str.fullmatch(r"\d+ %").astype(bool)
    parts = rows[actual]
    parts = parts.assign(part=parts["alert"].astype("str").str.removesuffix(" %").astype("int64"))
    parts = parts.sort_values("part", kind="stable")
    highest = parts.drop_duplicates(["budget", "group"], keep="last").sort_index()
    told = [
        f"{_who(one)}: {one['part']}\N{NO-BREAK SPACE}% of {money.rounded(one['amount_micros'])} "
        f"{'or more ' if one['alert'] == _SPENT else ''}is spent "
        f"({money.rounded(one['spent_micros'])})."
        for one in highest.to_dict("records")
    ]
    return told + [
        f"{_who(one)}: {money.rounded(one['amount_micros'])} "
        f"{_ALERTS.get(str(one['alert']), str(one['alert']))}."
        for one in rows[~actual].to_dict("records")
    ]


def _who(row: dict[Any, Any]) -> str:
    name = names.shown(str(row["budget"]))
    group = names.shown(str(row["group"]))
    return f"Budget {name}" if group == "fleet" else f"Budget {name} of {group}"


def _budgets(table: pd.DataFrame, money: Money) -> Table:
    ranked = table.sort_values(
        ["spent_share", "budget", "group"], ascending=[False, True, True], kind="stable"
    )
    more = len(ranked) - _SHOWN
    elapsed = percent(100 * float(ranked["elapsed_share"].iloc[0]))
    return Table(
        caption=f"Budgets, with {elapsed} of the month gone",
        columns=(
            Column(label="Budget"),
            Column(label="Of"),
            Column(label="Amount", is_number=True),
            Column(label="Spent", is_number=True),
            Column(label="Share", is_number=True),
            Column(label="Run rate leads to", is_number=True),
        ),
        rows=tuple(
            (
                names.shown(str(one["budget"])),
                names.shown(str(one["group"])),
                money.rounded(one["amount_micros"]),
                money.exact(one["spent_micros"]),
                share(one["spent_micros"], one["amount_micros"]),
                money.rounded(known(one["forecast_micros"])),
            )
            for one in ranked.head(_SHOWN).to_dict("records")
        ),
        totals=((f"{count(more)} more, less spent", *[""] * 5),) if more > 0 else (),
    )
