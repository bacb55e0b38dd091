"""What the chart of spend by day adds to its bars: the forecast and the month's budget, per day.

The range of a forecast is that of the total of the days left. The band spreads it over these days
in proportion to their forecasts; a single day varies more, and the sentence says so.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pandas as pd

from pipeline.report.text.numbers import count_of, month_long
from pipeline.schema import MICROS_PER_UNIT

if TYPE_CHECKING:
    from pipeline.report.inputs import ReportInputs
    from pipeline.report.text.numbers import Money

_MOST_ABOVE = 3
"""A budget line higher than this many times the highest bar would make the bars too low to read."""


@dataclass(frozen=True)
class BudgetPace:
    """The budget of the whole fleet, spread over its month."""

    name: str
    amount_micros: int
    spent_micros: int
    first: date
    last: date

    @property
    def per_day_micros(self) -> int:
        """With the same amount on every day."""
        return round(self.amount_micros / self.last.day)


def forecast_days(inputs: ReportInputs, last_day_micros: int) -> pd.DataFrame | None:
    """The last day (as spent) and those left: date, ``micros``, and ``low`` and ``high`` or null.

    None where there is no forecast of single days.
    """
    forecast, day = inputs.forecast, inputs.day
    best = forecast.quoted if forecast is not None else None
    if best is None or day is None or not best.daily_micros:
        return None
    micros = pd.Series(best.daily_micros, dtype="float64")
    low = high = pd.Series(float("nan"), index=micros.index)
    ahead = best.remaining_micros
    if best.low_micros is not None and best.high_micros is not None and ahead > 0:
        low, high = (
            micros * ((ahead + bound - best.total_micros) / ahead)
            for bound in (best.low_micros, best.high_micros)
        )
    start = [last_day_micros]
    bounds = start if low.notna().all() else [float("nan")]
    return pd.DataFrame(
        {
            "date": [day + timedelta(days=n) for n in range(len(micros) + 1)],
            "micros": [*start, *micros],
            "low": [*bounds, *low],
            "high": [*bounds, *high],
        }
    )


def fleet_budget(inputs: ReportInputs) -> BudgetPace | None:
    """The fleet's budget of the date's month; of several, the smallest."""
    day, budgets = inputs.day, inputs.budgets
    if day is None or budgets is None:
        return None
    of_fleet = [name for name, each in inputs.settings.budgets.items() if each.per == "fleet"]
    rows = budgets.table[budgets.table["budget"].isin(of_fleet)]
    if rows.empty:
        return None
    row = rows.sort_values(["amount_micros", "budget"], kind="stable").iloc[0]
    return BudgetPace(
        name=str(row["budget"]),
        amount_micros=int(row["amount_micros"]),
        spent_micros=int(row["spent_micros"]),
        first=day.replace(day=1),
        last=day.replace(day=calendar.monthrange(day.year, day.month)[1]),
    )


def is_drawable(budget: BudgetPace, highest_micros: float) -> bool:
    """Whether its line leaves the bars readable."""
    return budget.per_day_micros <= _MOST_ABOVE * highest_micros


def label(budget: BudgetPace, money: Money) -> str:
    """The words at its line."""
    return f"budget: {money.rounded(budget.per_day_micros)} a day"


def units(frame: pd.DataFrame) -> pd.DataFrame:
    """Micros as floats of the currency: for drawing only."""
    columns = {"units": "micros", "low": "low", "high": "high"}
    return pd.DataFrame({new: frame[old] / MICROS_PER_UNIT for new, old in columns.items()})


def sentences(
    inputs: ReportInputs, ahead: pd.DataFrame | None, budget: BudgetPace | None
) -> list[str]:
    """What the line, the band and the budget's line are."""
    out = []
    if ahead is not None:
        out.append(f"Dotted: the forecast for the next {count_of(len(ahead) - 1, 'day')}.")
        if ahead["low"].notna().all():
            out.append("Band: 8 of 10 outcomes of their total; single days vary more.")
    if budget is not None and inputs.day is not None:
        unknown = inputs.unknown_days_of_month
        out.append(_budget_sentence(budget, inputs.day, inputs.money, unknown))
    return out


def _budget_sentence(budget: BudgetPace, day: date, money: Money, unknown_days: int) -> str:
    """What the budget allows a day, and what of it remains if all spend of the month is known."""
    text = (
        f"The budget of {money.rounded(budget.amount_micros)} for "
        f"{month_long(day)} allows {money.rounded(budget.per_day_micros)} a day"
    )
    left, days = budget.amount_micros - budget.spent_micros, (budget.last - day).days
    if left < 0:
        return f"{text}; it is exceeded by {money.rounded(-left)}."
    if unknown_days:
        return f"{text}."
    if not days:
        return f"{text}; {money.rounded(left)} of it is not spent."
    return (
        f"{text}; {money.rounded(left // days)} a day remains for the last {count_of(days, 'day')}."
    )
