"""Budgets: which thresholds were crossed, and how much of each is spent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.report.summary import BudgetAlert, BudgetNumbers, rows_as
from pipeline.report.tables import Field, top_table
from pipeline.report.text import names
from pipeline.report.text.numbers import NBSP, count, count_of, known, percent, share
from pipeline.transform.budgets import FORECAST, PACE

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.report.model import Table
    from pipeline.report.tables import Record
    from pipeline.report.text.numbers import Money
    from pipeline.transform.budgets import Budgets

_SHOWN = 20
_ALERTS = {
    FORECAST: "is forecast to be exceeded",
    PACE: "is being spent faster than the month elapses",
}
_SPENT = "100 %"


def sentences(budgets: Budgets, money: Money) -> list[str]:
    """The thresholds crossed since the last report."""
    alerts = _alerts(budgets, money)
    more = len(alerts) - _SHOWN
    return alerts[:_SHOWN] + ([f"And {count(more)} more."] if more > 0 else [])


def lede(budgets: Budgets, money: Money) -> list[str]:
    """How many thresholds were crossed, for the first sentences of the report."""
    crossed = len(_alerts(budgets, money))
    verb = "was" if crossed == 1 else "were"
    if not crossed:
        return []
    return [f"{count_of(crossed, 'budget threshold')} {verb} newly crossed; details are below."]


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
        f"{_subject(row)}: {row['part']}{NBSP}% of {money.rounded(row['amount_micros'])} "
        f"{'or more ' if row['alert'] == _SPENT else ''}is spent "
        f"({money.rounded(row['spent_micros'])})."
        for row in highest.to_dict("records")
    ]
    return spent + [
        f"{_subject(row)}: {money.rounded(row['amount_micros'])} {_ALERTS[row['alert']]}."
        for row in rows[~actual].to_dict("records")
    ]


def _subject(row: Record) -> str:
    name = names.shown(str(row["budget"]))
    group = names.shown(str(row["group"]))
    return f"Budget {name}" if group == "fleet" else f"Budget {name} of {group}"


def numbers(budgets: Budgets | None) -> tuple[BudgetNumbers, ...] | None:
    """The same for ``summary.json``."""
    return None if budgets is None else rows_as(BudgetNumbers, budgets.table)


def alert_numbers(budgets: Budgets | None) -> tuple[BudgetAlert, ...] | None:
    """The thresholds crossed since the last report, for ``summary.json``."""
    return None if budgets is None else rows_as(BudgetAlert, budgets.alerts)
