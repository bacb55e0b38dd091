"""Clusters that are new, gone, started, stopped or failed since the last report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.report.tables import Field, top_table
from pipeline.report.text import names
from pipeline.report.text.numbers import count, day_short, known

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.report.inputs import ReportInputs
    from pipeline.report.model import Table

_SHOWN = 50


def tables(inputs: ReportInputs) -> tuple[Table, ...]:
    """The table of changes; none where there was none or nothing is known."""
    changes, since, day, money = inputs.status_changes, inputs.since, inputs.day, inputs.money
    if changes is None or changes.empty or since is None or day is None:
        return ()
    caption = f"Clusters that changed since {day_short(since)}"
    table = top_table(
        caption,
        changes,
        (
            Field("Cluster", lambda row: names.label(known(row["name"]), row["cluster_id"])),
            Field("Project", lambda row: names.shown(known(row["project_id"]))),
            Field("Change", lambda row: str(row["change"])),
            Field("Status before", lambda row: names.shown(known(row["status_before"]))),
            Field("Status", lambda row: names.shown(known(row["status"]))),
            Field(
                f"Spend on {day_short(since)}",
                lambda row: money.exact(known(row["spend_before_micros"])),
                is_number=True,
            ),
            Field(
                f"Spend on {day_short(day)}",
                lambda row: money.exact(known(row["spend_micros"])),
                is_number=True,
            ),
        ),
        _SHOWN,
        more="more in changes.csv",
    )
    return (table,)


def sentences(changes: pd.DataFrame | None) -> tuple[str, ...]:
    """All of them in one sentence; none where nothing changed or nothing is known."""
    counts = ", ".join(
        f"{count(size)} {change}" for change, size in (numbers(changes) or {}).items()
    )
    return (f"Clusters: {counts}.",) if counts else ()


def numbers(changes: pd.DataFrame | None) -> dict[str, int] | None:
    """How many of each change, in the order of ``changes.STATUS_CHANGES``."""
    if changes is None:
        return None
    sizes = changes["change"].value_counts(sort=False)
    return {str(change): int(size) for change, size in sizes.items()}
