"""The simulated bill is the fleet's true cost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pipeline.simulator.billing import billing_errors, usage
from pipeline.simulator.fleet import Fleet

START = datetime(2026, 3, 30, tzinfo=UTC)


def test_each_day_costs_what_the_fleet_truly_cost_and_newest_is_first() -> None:
    fleet = Fleet(3, 40, START, 6)
    now = START + timedelta(days=4, hours=7)  # 3 April
    bill = usage(fleet, now)
    [clusters] = bill.breakdown
    days = [day.timestamp for day in clusters.time_series]
    assert days == [f"2026-04-0{day}T00:00:00Z" for day in (3, 2, 1)]
    for day in clusters.time_series:
        begin = datetime.fromisoformat(day.timestamp)
        truth = fleet.truth(begin, min(begin + timedelta(days=1), now))["spend_micros"]
        assert round(day.cost * 1_000_000) == int(truth.sum()) > 0
    costs = sum(round(day.cost * 1_000_000) for day in clusters.time_series)
    assert round(bill.summary.total_cost * 1_000_000) == costs
    assert (bill.period.start_date, bill.period.end_date) == ("2026-04-01", "2026-04-30")
    assert (bill.period.days_in_period, bill.period.days_elapsed) == (30, 3)


def test_parameters_have_one_documented_value() -> None:
    assert billing_errors([("timeRange", "current_month"), ("other", "x")]) == {}
    assert billing_errors([("granularity", "hourly")]) == {"granularity": "Must be daily"}
    assert "timeRange" in billing_errors([("timeRange", "current_month")] * 2)
