"""Budgets: which thresholds were crossed, and how much of each is spent."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pipeline.report.summary import BudgetAlert, BudgetNumbers, rows_as
from pipeline.report.tables import Field, top_table
from pipeline.report.text import names
from pipeline.report.text.numbers import (
    UNKNOWN,
    count,
    count_of,
    day_short,
    known,
    month_long,
    percent,
    share,
)
from pipeline.transform.budgets import FLEET, FORECAST, PACE

if TYPE_CHECKING:
    from datetime import date

    import pandas as pd

    from pipeline.report.model import Table
    from pipeline.report.tables import Record
    from pipeline.report.text.numbers import Money
    from pipeline.transform.budgets import Budgets

_SHOWN = 20
_ALERTS = {
    FORECAST: "is forecast to be exceeded",
    PACE: "is being spent faster than the month passes",
}


def sentences(budgets: Budgets, money: Money) -> list[str]:
    """The thresholds crossed since the last report."""
    alerts = _alerts(budgets, money)
    more = len(alerts) - _SHOWN
    return alerts[:_SHOWN] + ([f"And {count(more)} more."] if more > 0 else [])


def outlook(budgets: Budgets, day: date, money: Money, unknown_days: int = 0) -> list[str]:
    """The fleet's budgets, and how many others are or will be exceeded; what happens when.

    ``unknown_days``: of the month, up to ``day``; with any, what is not spent yet is not claimed.
    """
    rows = budgets.table
    is_fleet = rows["group"] == FLEET
    others = rows[~is_fleet & rows["reached_on"].notna()]
    texts = [_outlook(row, day, money, unknown_days) for row in rows[is_fleet].to_dict("records")]
    if len(others):
        ranked = others.sort_values(["reached_on", "budget", "group"], kind="stable")
        first = ranked.to_dict("records")[0]
        budget = "other budget" if is_fleet.any() else "budget"
        many = f"{count(len(others))} of {count_of(int((~is_fleet).sum()), budget)}"
        verb = "is" if len(others) == 1 else "are"
        which = "" if len(others) == 1 else "the first is "
        texts.append(
            f"{many} {verb} used up this month or forecast to be: {which}{_of_group(first)}, on "
            f"{day_short(first['reached_on'].date())}."
        )
    return texts


def _outlook(row: Record, day: date, money: Money, unknown_days: int) -> str:
    """When a fleet's budget is used up, or what of it is expected to be left."""
    budget = f"The budget of {money.rounded(row['amount_micros'])} for {month_long(day)}"
    reached = known(row["reached_on"])
    if reached is not None and reached.date() <= day:
        more = money.rounded(row["spent_micros"] - row["amount_micros"])
        return f"{budget} was used up on {day_short(reached.date())}; {more} more has been spent."
    if known(row["forecast_micros"]) is None or (unknown_days and reached is None):
        spent = f"{share(row['spent_micros'], row['amount_micros'])} of {_lower(budget)} is spent"
        unknown = f"{count_of(unknown_days, 'day')} of the month unknown"
        return f"At least {spent}, with {unknown}." if unknown_days else f"{spent}."
    if (day + timedelta(days=1)).month != day.month:
        left = money.rounded(row["amount_micros"] - row["spent_micros"])
        return f"{budget} was not used up: {left} was left."
    return f"{budget} is forecast {_ahead(row, reached, money, unknown_days)}."


def _ahead(row: Record, reached: pd.Timestamp | None, money: Money, unknown_days: int) -> str:
    """When it will be used up and by how much exceeded, or what will be left."""
    left = row["amount_micros"] - row["forecast_micros"]
    if reached is None:
        return f"to last, with {money.rounded(left)} left"
    when, over = day_short(reached.date()), money.rounded(-left)
    if unknown_days:
        return f"to be used up by {when} at the latest and exceeded by at least {over}"
    return f"to be used up on {when} and exceeded by {over}"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def table(budgets: pd.DataFrame, money: Money) -> Table:
    """Every budget and group, the most spent first."""
    elapsed = percent(100 * float(budgets["elapsed_share"].iloc[0]))
    return top_table(
        f"Budgets, {elapsed} of the month elapsed",
        budgets.sort_values(
            ["spent_share", "budget", "group"], ascending=[False, True, True], kind="stable"
        ),
        (
            Field("Budget", lambda row: names.shown(str(row["budget"]))),
            Field("Group", lambda row: names.shown(str(row["group"]))),
            Field("Amount", lambda row: money.rounded(row["amount_micros"]), is_number=True),
            Field("Spent", lambda row: money.exact(row["spent_micros"]), is_number=True),
            Field(
                "Share",
                lambda row: share(row["spent_micros"], row["amount_micros"]),
                is_number=True,
            ),
            Field(
                "Forecast",
                lambda row: money.rounded(known(row["forecast_micros"])),
                is_number=True,
            ),
            Field("Used up", _used_up),
        ),
        _SHOWN,
        more="more with a smaller share",
    )


def _alerts(budgets: Budgets, money: Money) -> list[str]:
    """A sentence per threshold crossed; of a budget's spent shares only the highest."""
    rows = budgets.alerts
    actual = rows["alert"].astype("str").str.fullmatch(r"\d+ %").astype(bool)
    parts = rows[actual]
    parts = parts.assign(part=parts["alert"].astype("str").str.removesuffix(" %").astype("int64"))
    parts = parts.sort_values("part", kind="stable")
    highest = parts.drop_duplicates(["budget", "group"], keep="last").sort_index()
    spent = [
        f"{_subject(row)}: {share(row['spent_micros'], row['amount_micros'])} of "
        f"{money.rounded(row['amount_micros'])} is spent ({money.rounded(row['spent_micros'])})."
        for row in highest.to_dict("records")
    ]
    # Of a fleet's forecast the outlook says more.
    is_repeated = (rows["alert"] == FORECAST) & (rows["group"] == FLEET)
    return spent + [
        f"{_subject(row)}: {money.rounded(row['amount_micros'])} {_ALERTS[row['alert']]}."
        for row in rows[~actual & ~is_repeated].to_dict("records")
    ]


def _subject(row: Record) -> str:
    return f"Budget {_of_group(row)}"


def _of_group(row: Record) -> str:
    name = names.shown(str(row["budget"]))
    group = names.shown(str(row["group"]))
    return name if group == FLEET else f"{name} of {group}"


def _used_up(row: Record) -> str:
    reached = known(row["reached_on"])
    if reached is not None:
        return day_short(reached.date())
    return UNKNOWN if known(row["forecast_micros"]) is None else "not this month"


def numbers(budgets: Budgets | None) -> tuple[BudgetNumbers, ...] | None:
    """The same for ``summary.json``."""
    if budgets is None:
        return None
    rows = budgets.table
    return rows_as(BudgetNumbers, rows.assign(reached_on=rows["reached_on"].dt.date))


def alert_numbers(budgets: Budgets | None) -> tuple[BudgetAlert, ...] | None:
    """The thresholds crossed since the last report, for ``summary.json``."""
    return None if budgets is None else rows_as(BudgetAlert, budgets.alerts)
