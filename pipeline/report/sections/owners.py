"""Spend, waste and savings by owner; the rows add up to those of the report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.report.model import Section, Table
from pipeline.report.summary import OwnerNumbers, rows_as
from pipeline.report.tables import Field, top_table
from pipeline.report.text import names
from pipeline.report.text.numbers import NBSP, Money, count, count_of, known
from pipeline.transform.owner_totals import owner_totals

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.report.inputs import ReportInputs
    from pipeline.report.tables import Record
    from pipeline.transform.totals import Totals

NO_OWNER = "no owner"


def section(inputs: ReportInputs, _totals: Totals) -> Section | None:
    """A row per owner, and which clusters have none; None where no owners are named."""
    if not inputs.has_owners:
        return None
    table = owner_totals(inputs.window, inputs.findings)
    return Section(
        key="owners",
        title="Owners",
        sentences=(_sentence(table, inputs.money),),
        tables=(_table(table, inputs),),
    )


def _table(table: pd.DataFrame, inputs: ReportInputs) -> Table:
    settings, money = inputs.settings, inputs.money

    def number(label: str, column: str) -> Field:
        return Field(
            label,
            lambda row: count(int(row[column])),
            is_number=True,
            total=lambda rows: count(int(rows[column].sum())),
        )

    def amount(label: str, column: str) -> Field:
        return Field(
            label,
            lambda row: money.exact(int(row[column])),
            is_number=True,
            total=lambda rows: money.exact(int(rows[column].sum())),
        )

    fields = (
        Field("Owner", _owner),
        number("Clusters", "clusters"),
        amount(f"Spend, {inputs.covered('column')}", "spend_micros"),
        number("Clusters with findings", "findings"),
        amount(f"Waste, {inputs.last_days(settings.rules.idle_window_days)}", "waste_micros"),
        amount(f"Saving, 30{NBSP}d", "saving_micros"),
    )
    return top_table("By owner", table, fields, len(table), sum_label="All")


def _owner(row: Record) -> str:
    owner = known(row["owner"])
    return NO_OWNER if owner is None else names.shown(str(owner))


def _sentence(table: pd.DataFrame, money: Money) -> str:
    without = table[table["owner"].isna()]
    owners = count_of(len(table) - len(without), "owner")
    if without.empty:
        return f"{owners}; every cluster has an owner."
    row = without.iloc[0]
    return (
        f"{owners}; {count_of(int(row['clusters']), 'cluster')} that cost "
        f"{money.rounded(int(row['spend_micros']))} "
        f"{'has' if row['clusters'] == 1 else 'have'} no owner."
    )


def numbers(inputs: ReportInputs) -> tuple[OwnerNumbers, ...] | None:
    """The same for ``summary.json``."""
    if not inputs.has_owners:
        return None
    return rows_as(OwnerNumbers, owner_totals(inputs.window, inputs.findings))
