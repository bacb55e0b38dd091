"""Forecast and budget in the chart of spend by day."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from pipeline.report.sections import spend_ahead
from pipeline.report.sections.spend_by_day import spend_by_day
from pipeline.settings import Budget
from pipeline.transform.forecast import Estimate
from tests.report.factories import analyses
from tests.report.factories.clusters import DAY, UNIT
from tests.report.factories.results import normal
from tests.report.reading import plain

if TYPE_CHECKING:
    from pipeline.report.inputs import ReportInputs
    from pipeline.report.model import Chart, ReportView


def with_forecast(*, low: int | None, high: int | None) -> ReportInputs:
    daily = tuple(1_000 * UNIT + 100 * UNIT * day for day in range(8))
    ahead, total = sum(daily), 7_000 * UNIT + sum(daily)
    best = Estimate("combined", ahead, total, 0.03, low, high, 20, daily)
    return replace(normal(), forecast=replace(analyses.forecast(), estimates=(best,)))


def with_budget(amount: float, spent: int = 8_500, per: str = "fleet") -> ReportInputs:
    inputs = normal()
    budgets = analyses.budgets("team-a")
    table = budgets.table.assign(amount_micros=round(amount) * UNIT, spent_micros=spent * UNIT)
    settings = msgspec.structs.replace(
        inputs.settings,
        budgets={"fleet": msgspec.convert({"amount": amount, "per": per}, Budget)},
    )
    return replace(inputs, settings=settings, budgets=replace(budgets, table=table))


def drawn(inputs: ReportInputs, views: dict[str, ReportView]) -> Chart:
    return spend_by_day(inputs, views["normal"].totals).chart


def words(chart: Chart) -> list[str]:
    return [plain(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", chart.svg)]


def test_without_forecast_and_budget_the_chart_has_its_bars_alone(
    views: dict[str, ReportView],
) -> None:
    chart = drawn(normal(), views)
    assert spend_ahead.sentences(normal(), None, None) == []
    assert "forecast" not in words(chart)
    assert chart == views["normal"].spend.chart


def test_the_band_is_the_range_of_the_total_of_the_days_left() -> None:
    low, high = 17_000 * UNIT, 20_000 * UNIT
    days = spend_ahead.forecast_days(with_forecast(low=low, high=high), 500)
    assert days is not None
    assert days["date"].tolist() == [DAY + timedelta(days=n) for n in range(9)]
    assert days.iloc[0][["micros", "low", "high"]].tolist() == [500, 500, 500]
    left = days.iloc[1:]
    assert left["low"].sum() == pytest.approx(low - 7_000 * UNIT)
    assert left["high"].sum() == pytest.approx(high - 7_000 * UNIT)
    assert (left["low"] < left["micros"]).all()


def test_a_forecast_without_a_range_has_a_line_and_no_band(views: dict[str, ReportView]) -> None:
    inputs = with_forecast(low=17_000 * UNIT, high=None)
    chart = drawn(inputs, views)
    assert "forecast" in words(chart)
    assert "30 Nov" in words(chart)
    assert "Band" not in chart.summary
    assert 'fill="var(--muted)" opacity="0.3"' not in chart.svg
    with_band = drawn(with_forecast(low=17_000 * UNIT, high=20_000 * UNIT), views)
    assert "Band: 8 of 10" in plain(with_band.summary)
    assert with_band.svg.count("<path") == chart.svg.count("<path") + 1


@pytest.mark.parametrize(
    ("spent", "sentence"),
    [
        (20_000, "allows $1,200 a day; $2,000 a day remains for the last 8 days."),
        (40_000, "allows $1,200 a day; it is exceeded by $4,000."),
    ],
)
def test_the_budget_of_the_fleet_is_a_line_with_its_amount_per_day(
    spent: int, sentence: str, views: dict[str, ReportView]
) -> None:
    month = tuple(DAY.replace(day=day) for day in range(1, DAY.day + 1))
    chart = drawn(replace(with_budget(36_000, spent), days=month), views)
    assert "budget: $1,200 a day" in words(chart)
    assert plain(chart.summary).endswith(f"The budget of $36,000 for November 2026 {sentence}")


@pytest.mark.parametrize("budget", [9_000, 36_000])
def test_the_label_of_the_budget_is_above_all_bars(
    budget: int, views: dict[str, ReportView]
) -> None:
    month = tuple(DAY.replace(day=day) for day in range(1, DAY.day + 1))
    chart = drawn(replace(with_budget(budget, 20_000), days=month), views)
    for picture in (chart.svg, chart.narrow):
        labels = re.findall(r',([-\d.]+)\)"[^>]*>budget: ', picture)
        bars = re.findall(r'<path d="M[-\d.]+,([-\d.]+)h[^"]*Z" fill="var\(--c\d\)"', picture)
        assert labels
        assert bars
        assert max(map(float, labels)) < min(map(float, bars))


def test_with_unknown_days_no_pace_is_claimed_to_remain(views: dict[str, ReportView]) -> None:
    chart = drawn(with_budget(36_000, 20_000), views)
    assert plain(chart.summary).endswith("November 2026 allows $1,200 a day.")


def test_a_budget_of_groups_and_one_far_above_the_bars_have_no_line(
    views: dict[str, ReportView],
) -> None:
    assert spend_ahead.fleet_budget(with_budget(36_000, per="project")) is None
    chart = drawn(with_budget(3_600_000), views)
    assert not any("budget" in text for text in words(chart))
    assert "$120,000 a day" in chart.summary
