"""Small results of the analyses that a report may have, with their numbers written out."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pandas as pd

from pipeline.transform.budgets import Budgets
from pipeline.transform.forecast import Estimate, Forecast
from pipeline.transform.spend_change import SpendChange, last_two_weeks
from tests.report.factories.clusters import DAY, UNIT

if TYPE_CHECKING:
    from pipeline.report.inputs import ReportInputs


def with_analyses(inputs: ReportInputs, name: str) -> ReportInputs:
    """``inputs`` with every analysis; ``name`` is written wherever a name is."""
    return replace(
        inputs,
        forecast=forecast(),
        spend_change=spend_change((name, "new", 700), ("b", "gone", -250), ("c", "hours", 50)),
        budgets=budgets(name),
        unusual_days=unusual_days(name),
        status_changes=status_changes(name),
        exclusion_costs=exclusion_costs(name),
        unobserved_micros=12 * UNIT,
    )


def forecast(*, refused: str | None = None) -> Forecast:
    """Of November."""
    floor = Estimate("floor", 7_000 * UNIT, 14_000 * UNIT, 0.2, None, None, 20)
    daily = (1_125 * UNIT,) * 8
    combined = Estimate(
        "combined", 9_000 * UNIT, 16_000 * UNIT, 0.031, 15_000 * UNIT, None, 20, daily
    )
    return Forecast(
        first=date(2026, 11, 1),
        until=date(2026, 11, 30),
        spent_micros=7_000 * UNIT,
        days_left=8,
        history_days=22,
        estimates=() if refused else (floor, combined),
        refused=refused,
    )


def spend_change(*rows: tuple[str, str, int]) -> SpendChange:
    """Of the last two weeks, from name (also the id and project), cause and amount."""
    return SpendChange(
        *last_two_weeks(DAY),
        pd.DataFrame(
            [
                {
                    "account": "default",
                    "cluster_id": name,
                    "name": name,
                    "project_id": name,
                    "cause": cause,
                    "micros": amount * UNIT,
                }
                for name, cause, amount in rows
            ]
        ),
    )


def budgets(name: str) -> Budgets:
    """One for the fleet with three lines crossed, one for the group ``name`` with none."""
    fleet = {
        "budget": "fleet",
        "group": "fleet",
        "amount_micros": 10_000 * UNIT,
        "spent_micros": 8_500 * UNIT,
        "spent_share": 0.85,
        "elapsed_share": 22 / 30,
        "forecast_micros": 16_000 * UNIT,
        "reached_on": pd.Timestamp("2026-11-27"),
    }
    team = {
        **fleet,
        "budget": name,
        "group": name,
        "spent_micros": 0,
        "spent_share": 0.0,
        "forecast_micros": 9_000 * UNIT,
        "reached_on": pd.NaT,
    }
    alerts = [{**fleet, "alert": alert} for alert in ("50 %", "80 %", "forecast")]
    return Budgets(pd.DataFrame([fleet, team]), pd.DataFrame(alerts), ())


def unusual_days(name: str) -> pd.DataFrame:
    """One day of the project ``name``."""
    return pd.DataFrame(
        [
            {
                "date": pd.Timestamp(DAY),
                "cut": "project",
                "group": name,
                "spend_micros": 900 * UNIT,
                "usual_micros": 400 * UNIT,
                "deviation_micros": 500 * UNIT,
                "score": 9.0,
            }
        ]
    )


def status_changes(name: str) -> pd.DataFrame:
    """One cluster that failed, one that was stopped."""
    return pd.DataFrame(
        [
            {
                "cluster_id": name[:40],
                "account": "default",
                "name": name,
                "project_id": name,
                "change": change,
                "status_before": "running",
                "status": status,
                "spend_before_micros": 20 * UNIT,
                "spend_micros": 5 * UNIT,
            }
            for change, status in (("failed", name), ("stopped", "stopped"))
        ]
    )


def exclusion_costs(name: str) -> pd.DataFrame:
    """One exclusion in force, one expired."""
    return pd.DataFrame(
        [
            {
                "match": name,
                "rule": "idle",
                "owner": name,
                "reason": name,
                "expires": "2026-12-31",
                "is_expired": False,
                "findings": 2,
                "cost_micros": 75 * UNIT,
            },
            {
                "match": "old-*",
                "rule": "*",
                "owner": "ops",
                "reason": "migration",
                "expires": "2026-11-01",
                "is_expired": True,
                "findings": 0,
                "cost_micros": 0,
            },
        ]
    )
