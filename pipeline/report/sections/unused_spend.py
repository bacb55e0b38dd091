"""Utilization in money: what was paid for unused GPU time, by project and by GPU type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.report.model import Section, Table
from pipeline.report.tables import Field, top_table
from pipeline.report.text import names
from pipeline.report.text.numbers import count, known, percent, share
from pipeline.transform.unused_spend import unused_spend

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.report.inputs import ReportInputs
    from pipeline.report.text.numbers import Money
    from pipeline.transform.totals import Totals

_SHOWN = 20
_CUTS = (
    ("project_id", "Project", "Unused GPU time by project"),
    ("gpu_type", "GPU type", "Unused GPU time by GPU type"),
)


def section(inputs: ReportInputs, _totals: Totals) -> Section | None:
    """A sentence and a table per cut; None where no cluster has a price and readings."""
    by_cut = [unused_spend(inputs.utilization, column) for column, _, _ in _CUTS]
    projects = by_cut[0]
    unused = int(projects["unused_micros"].sum())
    if not unused:
        return None
    money = inputs.money
    spend = int(projects["spend_micros"].sum())
    top = projects.iloc[0]
    text = (
        f"{money.rounded(unused)} ({share(unused, spend)}) of the {money.rounded(spend)} spent "
        f"{inputs.during()} paid for unused GPU time, "
        f"{money.rounded(int(top['unused_micros']))} of it in "
        f"{names.shown(known(top['project_id']))}. This is not a saving: the unused part of a GPU "
        "cannot be returned."
    )
    unread = int(projects["unread_micros"].sum())
    if unread:
        text += f" Clusters without readings cost {money.rounded(unread)}; their use is unknown."
    return Section(
        key="unused",
        title="GPU use in money",
        sentences=(text,),
        tables=tuple(_table(rows, cut, money) for cut, rows in zip(_CUTS, by_cut, strict=True)),
    )


def _table(rows: pd.DataFrame, cut: tuple[str, str, str], money: Money) -> Table:
    column, label, caption = cut

    def amount(title: str, name: str) -> Field:
        return Field(
            title,
            lambda row: money.exact(int(row[name])),
            is_number=True,
            total=lambda part: money.exact(int(part[name].sum())),
        )

    return top_table(
        caption,
        rows,
        (
            Field(label, lambda row: names.shown(known(row[column]))),
            Field("Clusters", lambda row: count(int(row["clusters"])), is_number=True),
            amount("Spend", "spend_micros"),
            amount("Not used", "unused_micros"),
            amount("Without readings", "unread_micros"),
            Field("Mean GPU use", lambda row: percent(row["gpu_mean_pct"]), is_number=True),
            Field(
                "95 % of the time at most",
                lambda row: percent(row["gpu_p95_pct"], 0),
                is_number=True,
            ),
        ),
        _SHOWN,
        more="more",
        sum_label="All",
    )
