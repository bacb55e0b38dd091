"""The figures at the top: five or six cards, each with the note that keeps it honest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from pipeline.report import absent
from pipeline.report.model import Card
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
    from pipeline.report.model import Totals


def cards(facts: Totals, evidence_days: int, forecast: Card | None = None) -> tuple[Card, ...]:
    """The cards, in their order; none before a day is closed."""
    if facts.day is None or facts.first is None:
        return ()
    money = Money(facts.currency)
    return (
        _without(_day(facts, money), facts),
        _without(_month(facts, money), facts, in_part=True),
        *([_without(forecast, facts, in_part=True)] if forecast else []),
        _without(_window(facts, money), facts, in_part=True),
        _without(_waste(facts, money, evidence_days), facts),
        _use(facts),
    )


def _without(card: Card, facts: Totals, *, in_part: bool = False) -> Card:
    """The same, saying which accounts it lacks; ``in_part``: after the last day they are known."""
    lost = absent.short(absent.missing(facts))
    if not lost:
        return card
    return structs.replace(card, note=f"{card.note}; {'in part ' if in_part else ''}without {lost}")


def _day(facts: Totals, money: Money) -> Card:
    moved = change(facts.day_micros, facts.week_before_micros)
    days = facts.week_before_days
    note = "no earlier day known"
    if moved != UNKNOWN:
        note = f"{moved} vs the {days}-day mean" if days > 1 else f"{moved} vs the day before"
    return Card(
        label=f"Spend on {day_short(facts.day) if facts.day else UNKNOWN}",
        value=money.rounded(facts.day_micros),
        note=note,
    )


def _month(facts: Totals, money: Money) -> Card:
    note = "nothing known of this month"
    if facts.month_first and facts.day:
        note = days_span(facts.month_first, facts.day)
        if facts.month_first.day > 1:
            note += "; earlier days are unknown"
    return Card(label="Month to date", value=money.rounded(facts.month_micros), note=note)


def _window(facts: Totals, money: Money) -> Card:
    estimated = max(0, (facts.spend_micros or 0) - facts.metered_micros)
    note = "all of it metered"
    if facts.spend_micros is None:
        note = "no price known"
    elif not facts.spend_micros:
        note = "nothing was spent"
    elif estimated:
        note = f"{share(estimated, facts.spend_micros)} of it estimated"
    return Card(
        label=f"Spend in {count_of(facts.days_known, 'day')}",
        value=money.rounded(facts.spend_micros),
        note=note,
    )


def _waste(facts: Totals, money: Money, evidence_days: int) -> Card:
    if not facts.judged:
        return Card(
            label="Proven waste", value=UNKNOWN, note="nothing could be judged", tone="warn"
        )
    note = f"{count_of(facts.wasteful, 'cluster')} with proof" if facts.waste_micros else "none"
    if facts.unproven_micros:
        note += f"; {money.rounded(facts.unproven_micros)} more not proven"
    return Card(
        label=f"Proven waste, {evidence_days} days",
        value=money.rounded(facts.waste_micros),
        note=note,
        tone="bad" if facts.waste_micros else "good",
    )


def _use(facts: Totals) -> Card:
    if facts.gpu_use_pct is None:
        return Card(label="GPU use", value=UNKNOWN, note="no readings", tone="warn")
    return Card(
        label="GPU use while running",
        value=percent(facts.gpu_use_pct),
        note=f"by GPU time, {count_of(facts.gpu_clusters, 'cluster')}",
    )
