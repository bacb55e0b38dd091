"""The figures at the top: five or six cards, each with a note that qualifies it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from pipeline.report.model import Card
from pipeline.report.sections import forecast, not_observed
from pipeline.report.text.numbers import (
    UNKNOWN,
    Money,
    change,
    count_of,
    day_short,
    days_span,
    percent,
    share,
)

if TYPE_CHECKING:
    from pipeline.report.inputs import ReportInputs
    from pipeline.transform.totals import Totals


def cards(inputs: ReportInputs, totals: Totals) -> tuple[Card, ...]:
    """The cards, in their order; none before a day is closed."""
    if totals.day is None or totals.first is None:
        return ()
    money, forecast_card = inputs.money, forecast.card(inputs)
    is_month = inputs.period is not None and inputs.period.kind.startswith("month")
    return (
        _without(_day(totals, money), totals),
        *([] if is_month else [_without(_month(totals, money), totals, in_part=True)]),
        *([_without(forecast_card, totals, in_part=True)] if forecast_card else []),
        _without(_window(totals, inputs), totals, in_part=True),
        _without(_waste(totals, inputs), totals),
        _use(totals),
    )


def _without(card: Card, totals: Totals, *, in_part: bool = False) -> Card:
    """``card`` with the accounts it lacks; ``in_part``: it has their earlier days."""
    lost = not_observed.short(not_observed.missing(totals))
    if not lost:
        return card
    return structs.replace(card, note=f"{card.note}; {'partly ' if in_part else ''}without {lost}")


def _day(totals: Totals, money: Money) -> Card:
    moved = change(totals.day_micros, totals.week_before_micros)
    days = totals.week_before_days
    note = "no earlier day to compare with"
    if moved != UNKNOWN:
        note = f"{moved} vs the {days}-day mean" if days > 1 else f"{moved} vs the day before"
    return Card(
        label=f"Spend on {day_short(totals.day) if totals.day else UNKNOWN}",
        value=money.rounded(totals.day_micros),
        note=note,
    )


def _month(totals: Totals, money: Money) -> Card:
    note = "no data of this month"
    if totals.month_first and totals.day:
        note = days_span(totals.month_first, totals.day)
        if totals.month_first.day > 1:
            note += "; earlier days are unknown"
    return Card(label="Month to date", value=money.rounded(totals.month_micros), note=note)


def _window(totals: Totals, inputs: ReportInputs) -> Card:
    estimated = max(0, (totals.spend_micros or 0) - totals.metered_micros)
    note = "all from cost counters"
    if totals.spend_micros is None:
        note = "no known price"
    elif not totals.spend_micros:
        note = "no spend"
    elif estimated:
        note = f"{share(estimated, totals.spend_micros)} estimated"
    return Card(
        label=f"Spend, {inputs.covered('column')}",
        value=inputs.money.rounded(totals.spend_micros),
        note=note,
    )


def _waste(totals: Totals, inputs: ReportInputs) -> Card:
    money = inputs.money
    if not totals.judged:
        return Card(
            label="Proven waste", value=UNKNOWN, note="nothing could be judged", tone="warn"
        )
    note = f"in {count_of(totals.wasteful, 'cluster')}" if totals.waste_micros else "none"
    if totals.unproven_micros:
        more = " more" if totals.waste_micros else ""
        note += f"; {money.rounded(totals.unproven_micros)}{more} is not proven"
    return Card(
        label=f"Proven waste, {inputs.last_days(inputs.settings.rules.idle_window_days)}",
        value=money.rounded(totals.waste_micros),
        note=note,
        tone="bad" if totals.waste_micros else "good",
    )


def _use(totals: Totals) -> Card:
    if totals.gpu_use_pct is None:
        return Card(label="GPU use", value=UNKNOWN, note="no readings", tone="warn")
    return Card(
        label="GPU use while running",
        value=percent(totals.gpu_use_pct),
        note=f"{count_of(totals.gpu_clusters, 'cluster')}, weighted by GPU time",
    )
