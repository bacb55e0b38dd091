"""Budgets fire once a month, each line on its own."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from pipeline import schema
from pipeline.settings import Budget
from pipeline.transform import budgets

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., Any]

UNIT = schema.MICROS_PER_UNIT


def alerts(got: budgets.Budgets) -> list[tuple[str, str]]:
    return list(zip(got.alerts["group"], got.alerts["alert"], strict=True))


def test_each_line_fires_once_and_a_new_month_arms_them(days: Make, ledger: Make) -> None:
    month = {"all": Budget(amount=7440.0)}  # 31 days x 240.00
    rows = ledger(*days("2026-03-01", 50))
    fired: tuple[str, ...] = ()
    crossed: dict[tuple[str, str], int] = {}
    for day in pd.date_range("2026-03-01", "2026-04-16"):
        got = budgets.evaluate(month, rows, day.date(), fired)
        fired = got.fired
        crossed |= {(str(day.date())[5:], alert): 1 for _, alert in alerts(got)}
    assert list(crossed) == [
        ("03-03", "forecast"),
        ("03-16", "50 %"),
        ("03-25", "80 %"),
        ("03-31", "100 %"),
        ("04-16", "50 %"),
    ]


def test_spending_ahead_of_the_calendar_is_a_pace_alert(row: Make, ledger: Make) -> None:
    rows = ledger(
        row("2026-03-01", spend_micros=25 * UNIT), row("2026-03-04", cluster_id="b", spend_micros=0)
    )
    got = budgets.evaluate({"all": Budget(amount=100.0)}, rows, date(2026, 3, 4))
    assert ("fleet", "pace") in alerts(got)
    calm = budgets.evaluate({"all": Budget(amount=130.0)}, rows, date(2026, 3, 4))
    assert ("fleet", "pace") not in alerts(calm)


def test_budgets_per_project_type_and_cluster_stand_alone(row: Make, ledger: Make) -> None:
    rows = ledger(
        row("2026-03-01", cluster_id="a", project_id="x", gpu_type="H100", spend_micros=60 * UNIT),
        row("2026-03-01", cluster_id="b", project_id="y", gpu_type="H100", spend_micros=30 * UNIT),
        row("2026-03-01", cluster_id="c", project_id=None, gpu_type="T4", spend_micros=None),
        row("2026-02-28", cluster_id="a", project_id="x", spend_micros=999 * UNIT),
    )
    lines = {
        "p": Budget(amount=100.0, per="project"),
        "t": Budget(amount=100.0, per="gpu_type", match="H*"),
        "c": Budget(amount=50.0, per="cluster"),
    }
    got = budgets.evaluate(lines, rows, date(2026, 3, 1))
    share = got.table.set_index(["budget", "group"])["spent_share"]
    assert share.to_dict() == pytest.approx(
        {
            ("p", "x"): 0.6, ("p", "y"): 0.3, ("t", "H100"): 0.9,
            ("c", "default/a"): 1.2, ("c", "default/b"): 0.6, ("c", "default/c"): 0.0,
        }
    )  # fmt: skip
    assert ("default/a", "100 %") in alerts(got)
    assert ("x", "50 %") in alerts(got)
    # Two days of history: too few for a forecast.
    assert got.table["forecast_micros"].isna().all()


def test_no_budgets_and_no_ledger_mean_no_alerts(ledger: Make) -> None:
    assert budgets.evaluate({}, ledger(), date(2026, 3, 1)).alerts.empty
    empty = budgets.evaluate({"all": Budget(amount=1.0)}, ledger(), date(2026, 3, 1))
    assert empty.table.empty
    assert empty.alerts.empty


def test_the_day_that_uses_a_budget_up_is_seen_or_forecast(days: Make, ledger: Make) -> None:
    rows = ledger(*days("2026-03-01", 10))  # 240.00 a day
    budget = {
        name: Budget(amount=amount)
        for name, amount in (("seen", 480.0), ("forecast", 4800.0), ("lasts", 7441.0))
    }
    got = budgets.evaluate(budget, rows, date(2026, 3, 10)).table.set_index("budget")["reached_on"]
    assert got["seen"] == pd.Timestamp("2026-03-02")
    assert got["forecast"] == pd.Timestamp("2026-03-20")
    assert pd.isna(got["lasts"])


def test_without_a_forecast_no_day_is_named_that_has_not_come(days: Make, ledger: Make) -> None:
    rows = ledger(*days("2026-03-01", 10))
    budget = {"seen": Budget(amount=480.0), "unknown": Budget(amount=4800.0)}
    got = budgets.evaluate(budget, rows, date(2026, 3, 10), missing=["default"]).table
    assert got["reached_on"].isna().tolist() == [False, True]
