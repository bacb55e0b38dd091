"""Clusters that are new, gone, started, stopped or failed since the last report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.report.model import Column, Table, Totals
from pipeline.report.text import names
from pipeline.report.text.numbers import Money, count, day_short, known

if TYPE_CHECKING:
    from datetime import date

    import pandas as pd

_SHOWN = 50


def table(changed: pd.DataFrame | None, facts: Totals, since: date | None) -> Table:
    """The first of them, and how many more changes.csv has; no rows where nothing is known."""
    when = f" since {day_short(since)}" if since else ""
    columns = (
        Column(label="Cluster"),
        Column(label="Project"),
        Column(label="Change"),
        Column(label="Status before"),
        Column(label="Status"),
        Column(label=f"Spend on {day_short(since)}" if since else "Spend before", is_number=True),
        Column(label=f"Spend on {day_short(facts.day)}" if facts.day else "Spend", is_number=True),
    )
    rows: tuple[tuple[str, ...], ...] = ()
    if changed is not None:
        money = Money(facts.currency)
        shown = changed.head(_SHOWN).to_dict("records")
        rows = tuple(_row(one, money) for one in shown)
    more = 0 if changed is None else len(changed) - len(rows)
    totals = ((f"{count(more)} more in changes.csv", *[""] * 6),) if more else ()
    return Table(caption=f"Clusters that changed{when}", columns=columns, rows=rows, totals=totals)


def _row(one: dict[Any, Any], money: Money) -> tuple[str, ...]:
    return (
        names.label(known(one["name"]), one["cluster_id"]),
        names.shown(known(one["project_id"])),
        str(one["change"]),
        names.shown(known(one["status_before"])),
        names.shown(known(one["status"])),
        money.exact(known(one["spend_before_micros"])),
        money.exact(known(one["spend_micros"])),
    )


def sentence(changed: pd.DataFrame | None) -> str:
    """All of them in a line; empty where nothing changed or nothing is known."""
    said = ", ".join(f"{count(number)} {change}" for change, number in numbers(changed).items())
    return f"Clusters: {said}." if said else ""


def numbers(changed: pd.DataFrame | None) -> dict[str, int]:
    """How many of each change, those that need somebody first."""
    if changed is None:
        return {}
    sizes = changed["change"].value_counts(sort=False)
    return {str(change): int(size) for change, size in sizes.items()}
