"""Spend by day and project: the chart, its legend with totals, and the same as a table.

The chart also has the forecast and the fleet's budget, where there are any.

The six projects with most money have a colour of their own; the rest are added up as one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pipeline.report import chart_images, charts
from pipeline.report.model import Chart, Column, SpendByDay, Swatch, Table
from pipeline.report.sections import not_observed, spend_ahead
from pipeline.report.text import names
from pipeline.report.text.numbers import UNKNOWN, count_of, day_short, share
from pipeline.schema import MICROS_PER_UNIT
from pipeline.transform.fold import between, day_number, day_numbers, first_rows, number

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import date

    from pipeline.report.inputs import ReportInputs
    from pipeline.report.text.numbers import Money
    from pipeline.transform.totals import Totals

NO_PROJECT = "no project"
_OWN_COLOUR = len(charts.SERIES) - 1
_LABELS, _LABELS_NARROW = 7, 3
"""At most this many days have a label under their bar, the first and the last among them."""


def spend_by_day(inputs: ReportInputs, totals: Totals) -> SpendByDay:
    """The chart with its legend, and the table; a day without a ledger is unknown."""
    grid = _grid(inputs.window, totals)
    money = inputs.money
    title = "Spend by day and project"
    if grid is None or totals.first is None or totals.day is None:
        return SpendByDay(
            chart=Chart(title=title, summary="Nothing was spent."),
            projects=(),
            by_day=Table(caption=title, columns=(), rows=()),
        )
    sums = grid.sum()
    spend = int(sums.sum())
    top = grid.columns[0]
    summary = (
        f"{top} accounts for {share(int(sums.iloc[0]), spend)} of the {money.rounded(spend)} spent "
        f"{inputs.during()}."
        if len(grid.columns) > 1
        else f"{money.rounded(spend)} {inputs.during()}, all in {top}."
    )
    drawing = _drawing(grid, inputs)
    notes = spend_ahead.sentences(inputs, drawing.ahead, drawing.budget)
    summary = " ".join([summary, *notes, *not_observed.note(totals)])
    swatches = tuple(
        Swatch(
            css=f"c{place}",
            name=str(name),
            spend=money.rounded(int(amount)),
            share=share(int(amount), spend),
        )
        for place, (name, amount) in enumerate(sums.items(), start=1)
    )
    return SpendByDay(
        chart=Chart(
            title=title,
            summary=summary,
            svg=_svg(drawing, money, summary, charts.WIDE),
            narrow=_svg(drawing, money, summary, charts.NARROW),
        ),
        projects=swatches,
        by_day=_table(grid, money, frozenset(inputs.days)),
    )


def picture(inputs: ReportInputs, totals: Totals) -> charts.Picture | None:
    """The chart alone; None where nothing was spent."""
    grid = _grid(inputs.window, totals)
    return None if grid is None else _draw(_drawing(grid, inputs), inputs.money, charts.WIDE)


def _grid(window: pd.DataFrame, totals: Totals) -> pd.DataFrame | None:
    """Micros: a row per day of the window, a column per project shown, most money first."""
    if totals.day is None or totals.first is None:
        return None
    rows = between(window[["date", "project_id", "spend_micros"]], totals.first, totals.day)
    rows = rows[(rows["spend_micros"].fillna(0) > 0).to_numpy(bool)]
    if rows.empty:
        return None
    project, count = number(rows, ["project_id"])
    projects = rows["project_id"].take(first_rows(project, count)).tolist()
    spend = rows["spend_micros"].to_numpy(np.int64)
    sums = np.zeros(count, dtype=np.int64)
    np.add.at(sums, project, spend)
    rank = [(-micros, pd.isna(key), str(key)) for micros, key in zip(sums, projects, strict=True)]
    most_first = sorted(range(count), key=rank.__getitem__)
    few = count <= len(charts.SERIES)
    own = [projects[place] for place in (most_first if few else most_first[:_OWN_COLOUR])]
    labels = _unique([NO_PROJECT if pd.isna(key) else names.shown(str(key), 28) for key in own])
    if not few:
        labels.append(f"{count_of(count - len(own), 'other project')}")
    column = np.minimum(np.argsort(most_first), len(labels) - 1)
    days = pd.date_range(totals.first, totals.day)
    grid = np.zeros((len(days), len(labels)), dtype=np.int64)
    np.add.at(grid, (day_numbers(rows["date"]) - day_number(totals.first), column[project]), spend)
    return pd.DataFrame(grid, index=days, columns=labels)


def _unique(labels: list[str]) -> list[str]:
    """Shortened names that became equal get a number."""
    seen: dict[str, int] = {}
    for place, text in enumerate(labels):
        seen[text] = seen.get(text, 0) + 1
        if seen[text] > 1:
            labels[place] = f"{text} ({seen[text]})"
    return labels


@dataclass(frozen=True, eq=False)
class _Drawing:
    """What is drawn: bars, and what is ahead of them."""

    grid: pd.DataFrame
    ahead: pd.DataFrame | None
    budget: spend_ahead.BudgetPace | None


def _drawing(grid: pd.DataFrame, inputs: ReportInputs) -> _Drawing:
    is_current = inputs.day == grid.index[-1].date()
    ahead = None
    if is_current:
        ahead = spend_ahead.forecast_days(inputs, int(grid.iloc[-1].sum()))
    return _Drawing(grid, ahead, spend_ahead.fleet_budget(inputs) if is_current else None)


def _svg(drawing: _Drawing, money: Money, summary: str, width: int) -> str:
    label = f"Stacked bar chart of spend per day. {summary}"
    return chart_images.svg(_draw(drawing, money, width), label)


def _draw(drawing: _Drawing, money: Money, width: int) -> charts.Picture:
    grid, ahead = drawing.grid, drawing.ahead
    dates = [stamp.date() for stamp in grid.index]
    later = [] if ahead is None else ahead["date"].tolist()[1:]
    axis = _axis([*dates, *later])
    axis_days = list(axis.values())
    long = (
        grid.set_axis([axis[day] for day in dates], axis=0)
        .rename_axis(index="day")
        .reset_index()
        .melt(id_vars="day", var_name="project", value_name="micros")
    )
    long["order"] = long["project"].map({name: n for n, name in enumerate(grid.columns)})
    long = long[long["micros"] > 0]
    long["units"] = long["micros"] / MICROS_PER_UNIT
    long["tip"] = [
        f"{day} · {project} · {money.exact(micros)}"
        for day, project, micros in zip(long["day"], long["project"], long["micros"], strict=True)
    ]
    return charts.spend_by_day(
        long[["day", "project", "units", "order", "tip"]],
        axis_days,
        _labelled(axis_days, _LABELS if width == charts.WIDE else _LABELS_NARROW),
        list(grid.columns),
        symbol=money.symbol,
        width=width,
        ahead=None
        if ahead is None
        else spend_ahead.units(ahead).assign(day=ahead["date"].map(axis)),
        budget=_budget_line(drawing, axis, money),
    )


def _axis(days: list[date]) -> dict[date, str]:
    """How each day is written; a window of more than a year meets the same day twice."""
    short = [day_short(day) for day in days]
    return dict(zip(days, short if len({*short}) == len(days) else map(str, days), strict=True))


def _budget_line(
    drawing: _Drawing, axis: dict[date, str], money: Money
) -> charts.DailyBudget | None:
    """Over the days of its month that are drawn; None where it would not fit."""
    budget = drawing.budget
    if budget is None or not spend_ahead.is_drawable(budget, drawing.grid.sum(axis=1).max()):
        return None
    days = list(axis)
    of_month = [day for day in days if budget.first <= day <= budget.last]
    return charts.DailyBudget(
        first=axis[of_month[0]],
        last=axis[of_month[-1]],
        units=budget.per_day_micros / MICROS_PER_UNIT,
        text=spend_ahead.label(budget, money),
        is_label_left=days.index(of_month[0]) <= len(days) // 2,
    )


def _labelled(days: list[str], most: int) -> list[str]:
    """The first, the last, and evenly between."""
    gaps = min(most, len(days)) - 1
    places = range(gaps + 1) if gaps else range(1)
    return [days[round(place * (len(days) - 1) / max(1, gaps))] for place in places]


def _table(grid: pd.DataFrame, money: Money, known_days: Collection[date]) -> Table:
    return Table(
        caption="Spend by day and project",
        columns=(
            Column(label="Day (UTC)"),
            *(Column(label=name, is_number=True) for name in grid.columns),
            Column(label="All", is_number=True),
        ),
        rows=tuple(
            (
                day_short(stamp.date()),
                *(
                    _row(values, money)
                    if stamp.date() in known_days
                    else [UNKNOWN] * (len(values) + 1)
                ),
            )
            for stamp, values in zip(grid.index[::-1], grid.to_numpy().tolist()[::-1], strict=True)
        ),
        totals=(("All days", *_row(grid.sum().tolist(), money)),),
    )


def _row(values: Sequence[int], money: Money) -> tuple[str, ...]:
    return (*(money.exact(v) for v in values), money.exact(sum(values)))
