"""Budgets and alerts: each alert fires once a month.

A budget is an amount per calendar month for the fleet, for each project, each GPU type, or each
cluster (a cost threshold per cluster). Alerts:

- 50, 80, 100 % of the amount spent;
- 100 % forecast: spent so far plus the group's forecast for the days that are left, made as the
  fleet's is (``forecast.combined``; not under 3 days of history). A median is not additive: the
  forecasts of groups do not add up to the fleet's;
- pace: the share spent is ahead of the share of the month elapsed by a tenth of the amount, after
  at least 3 days. Not for clusters.

``reached_on`` is the day on which spend, and after the last closed day the forecast, reaches the
amount; none if that is not before the month's end.

What has fired is passed in and returned: keys of budget, group, month and alert. In a new month
everything can fire again; within a month nothing fires twice, even if a forecast goes up and down.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipeline.schema import MICROS_PER_UNIT
from pipeline.transform.fold import day_number
from pipeline.transform.forecast import LEAST_DAYS, combined

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import date

    from numpy.typing import NDArray

    from pipeline import settings
    from pipeline.arrays import Floats

ACTUAL_PCT = (50, 80, 100)
FORECAST, PACE = "forecast", "pace"
FLEET = "fleet"
"""The only group of a budget for everything."""
AHEAD = 0.10
_GROUPED_BY = {"project": "project_id", "gpu_type": "gpu_type", "cluster": "cluster_id"}
STATUS_COLUMNS = (
    "budget",
    "group",
    "amount_micros",
    "spent_micros",
    "spent_share",
    "elapsed_share",
    "forecast_micros",
    "reached_on",
)


@dataclass(frozen=True)
class Budgets:
    """The status of every budget, new alerts, and what to remember."""

    table: pd.DataFrame
    """One row per budget and group."""
    alerts: pd.DataFrame
    """The rows that crossed a line for the first time, with ``alert`` and ``key``."""
    fired: tuple[str, ...]
    """To pass to the next evaluation."""


def evaluate(
    budgets: Mapping[str, settings.Budget],
    ledger: pd.DataFrame,
    as_of: date,
    fired: Collection[str] = (),
    missing: Collection[str] = (),
) -> Budgets:
    """Every budget at the end of ``as_of``; ``fired`` is that of the last evaluation.

    ``missing`` are accounts that are not observed on the day: the spend is then a lower bound, and
    budgets that they belong to have no forecast.
    """
    tables, crossed = [], []
    for name, budget in budgets.items():
        table = _status(name, budget, ledger, as_of, missing)
        tables.append(table)
        crossed.append(_crossed(table, budget, as_of))
    columns = [*STATUS_COLUMNS, "alert", "key"]
    if not tables:
        return Budgets(pd.DataFrame(columns=[*STATUS_COLUMNS]), pd.DataFrame(columns=columns), ())
    true_now = pd.concat(crossed, ignore_index=True)
    month = f"/{as_of:%Y-%m}/"
    true_now["key"] = true_now["budget"] + "/" + true_now["group"] + month + true_now["alert"]
    remembered = {key for key in fired if month in key}
    alerts = true_now[~true_now["key"].isin(remembered)].reset_index(drop=True)
    keys = tuple(sorted(remembered | set(true_now["key"])))
    return Budgets(pd.concat(tables, ignore_index=True), alerts[columns], keys)


def _status(
    name: str,
    budget: settings.Budget,
    ledger: pd.DataFrame,
    as_of: date,
    missing: Collection[str],
) -> pd.DataFrame:
    """One budget's groups: this month's spend, and the forecast for its end."""
    rows = ledger[ledger["date"] <= pd.Timestamp(as_of)]
    code, groups = pd.factorize(_group(budget, rows), sort=True)
    ago = (pd.Timestamp(as_of) - rows["date"]).dt.days.to_numpy()
    spend = rows["spend_micros"].to_numpy(np.int64, na_value=0)
    spent = np.zeros(len(groups), np.int64)
    of_month = (ago < as_of.day) & (code >= 0)
    np.add.at(spent, code[of_month], spend[of_month])
    days = int(ago.max(initial=-1)) + 1
    series = np.zeros((len(groups), days))
    np.add.at(series, (code[code >= 0], days - 1 - ago[code >= 0]), spend[code >= 0])
    lacking = np.full(len(groups), bool(missing) and budget.per == FLEET)
    lacking[code[rows["account"].isin(missing).to_numpy(bool) & (code >= 0)]] = True
    month_days = calendar.monthrange(as_of.year, as_of.month)[1]
    to_come = _to_come(series, as_of, month_days - as_of.day)
    ahead = spent + np.rint(to_come.sum(axis=1)).astype(np.int64)
    amount = round(budget.amount * MICROS_PER_UNIT)
    has_forecast = np.full(len(groups), days >= LEAST_DAYS) & ~lacking
    table = pd.DataFrame(
        {
            "budget": name,
            "group": pd.Series(groups, dtype="str"),
            "amount_micros": amount,
            "spent_micros": spent,
            "spent_share": spent / amount,
            "elapsed_share": as_of.day / month_days,
            "forecast_micros": pd.Series(ahead, dtype="Int64").where(has_forecast),
            "reached_on": _reached_on(series, to_come * has_forecast[:, None], as_of, amount),
        }
    )
    wanted = [fnmatchcase(group, budget.match) for group in table["group"]]
    return table[np.array(wanted, dtype=bool)]


def _to_come(series: Floats, as_of: date, days_left: int) -> Floats:
    """The forecast of the days left: a row per group's series, which end on ``as_of``."""
    days = np.zeros((len(series), days_left))
    if series.shape[1] < LEAST_DAYS:
        return days
    start = day_number(as_of) - series.shape[1] + 1
    for row, each in enumerate(series):
        days[row] = combined(each, start, days_left)
    return days


def _reached_on(
    series: Floats, to_come: Floats, as_of: date, amount: int
) -> NDArray[np.datetime64]:
    """The day of the month on which each group's spend reaches ``amount``; NaT if on none."""
    spent = series[:, -as_of.day :]
    # A group per row, a day per column.
    reached = np.concatenate([spent, to_come], axis=1).cumsum(axis=1) >= amount
    if not reached.shape[1]:
        return np.full(len(series), "NaT", dtype="datetime64[s]")
    first = np.datetime64(as_of, "D") - spent.shape[1] + 1
    days = (first + reached.argmax(axis=1)).astype("datetime64[s]")
    return np.where(reached.any(axis=1), days, np.datetime64("NaT"))


def _group(budget: settings.Budget, rows: pd.DataFrame) -> pd.Series[Any]:
    if budget.per == FLEET:
        return pd.Series(FLEET, index=rows.index, dtype="str")
    values = rows[_GROUPED_BY[budget.per]]
    if budget.per == "cluster":
        return rows["account"].astype("str") + "/" + values.astype("str")
    return values.astype("object")


def _crossed(table: pd.DataFrame, budget: settings.Budget, as_of: date) -> pd.DataFrame:
    """The alerts that are true now, one row each."""
    share = table["spent_share"]
    lines = {f"{pct} %": share * 100.0 >= pct for pct in ACTUAL_PCT}
    lines[FORECAST] = (table["forecast_micros"] >= table["amount_micros"]).fillna(value=False)
    if budget.per != "cluster" and as_of.day >= LEAST_DAYS:
        lines[PACE] = share >= table["elapsed_share"] + AHEAD
    return pd.concat(
        [table[line.astype(bool)].assign(alert=alert) for alert, line in lines.items()],
        ignore_index=True,
    )
