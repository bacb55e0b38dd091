"""Days with unusual spend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.report.model import Section
from pipeline.report.sections import not_observed
from pipeline.report.summary import UnusualDay, rows_as
from pipeline.report.tables import Field, top_table
from pipeline.report.text import names
from pipeline.report.text.numbers import count_of, day_short, known

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.report.inputs import ReportInputs
    from pipeline.report.tables import Record
    from pipeline.transform.totals import Totals

_SHOWN = 20
_CUTS = {"project": "Project", "gpu_type": "GPU type"}


def section(inputs: ReportInputs, totals: Totals) -> Section | None:
    """The unusual days since the last report, the latest first; None where there was none."""
    days, money = inputs.unusual_days, inputs.money
    if days is None or days.empty:
        return None
    table = top_table(
        "Unusual days",
        days,
        (
            Field("Day (UTC)", lambda row: day_short(row["date"].date())),
            Field("Scope", _subject),
            Field("Spend", lambda row: money.exact(row["spend_micros"]), is_number=True),
            Field("Usual", lambda row: money.exact(row["usual_micros"]), is_number=True),
            Field("Difference", lambda row: money.signed(row["deviation_micros"]), is_number=True),
        ),
        _SHOWN,
    )
    first = days.iloc[0].to_dict()
    text = (
        f"{_subject(first)} cost {money.rounded(first['spend_micros'])} on "
        f"{day_short(first['date'].date())}; {money.rounded(first['usual_micros'])} is usual"
    )
    others = len(days) - 1
    if others:
        text += f". {count_of(others, 'other amount')} {'was' if others == 1 else 'were'} unusual"
    return Section(
        key="unusual",
        title="Unusual spend",
        sentences=(f"{text}.", *not_observed.note(totals)),
        tables=(table,),
    )


def _subject(row: Record) -> str:
    if row["cut"] == "fleet":
        return "The fleet"
    group = known(row["group"])
    return f"{_CUTS[row['cut']]} {names.shown(None if group is None else str(group))}"


def numbers(days: pd.DataFrame | None) -> tuple[UnusualDay, ...] | None:
    """The same for ``summary.json``."""
    return None if days is None else rows_as(UnusualDay, days.assign(date=days["date"].dt.date))
