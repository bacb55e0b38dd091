"""Who answers for what: the report's sums by owner, which add up to those of the whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from pipeline.report.model import Column, Section, Table, Totals
from pipeline.report.sections.findings_table import ranking
from pipeline.report.text import names
from pipeline.report.text.numbers import NBSP, Money, count, count_of, known
from pipeline.report.totals import CLUSTER, open_findings, within

if TYPE_CHECKING:
    from pipeline.settings import Settings

NOBODY = "nobody named"
_SUMS = ("clusters", "spend_micros", "findings", "waste_micros", "saving_micros")


def by_owner(ledger: pd.DataFrame, findings: pd.DataFrame, facts: Totals) -> pd.DataFrame:
    """A row per owner, most spend first: ``owner`` (null is nobody) and what is theirs.

    ``ledger`` and ``findings`` have an ``owner`` column.
    """
    if facts.day is None or facts.first is None:
        return pd.DataFrame(columns=["owner", *_SUMS])
    window = within(ledger, facts.first, facts.day)
    seen = window.drop_duplicates(CLUSTER)
    found = open_findings(findings)
    ranked = ranking(found).astype({"account": "str"})
    whose = found.astype({"account": "str"}).drop_duplicates(CLUSTER)[[*CLUSTER, "owner"]]
    ranked = ranked.merge(whose, on=CLUSTER, how="left")
    sums = {
        "clusters": _by(seen).size(),
        "spend_micros": _by(window)["spend_micros"].sum(),
        "findings": _by(ranked).size(),
        "waste_micros": _by(ranked)["waste"].sum(),
        "saving_micros": _by(ranked)["saving"].sum(),
    }
    table = pd.DataFrame(sums).fillna(0).astype("int64").rename_axis("owner").reset_index()
    table["owner"] = table["owner"].where(table["owner"] != "", None)
    return table.sort_values(
        ["spend_micros", "owner"], ascending=[False, True], kind="stable"
    ).reset_index(drop=True)


def _by(rows: pd.DataFrame) -> Any:  # noqa: ANN401 - pandas' own group
    return rows.groupby(rows["owner"].astype("object").fillna(""), sort=True)


def section(table: pd.DataFrame, settings: Settings) -> Section:
    """The table, and what nobody answers for."""
    money = Money(settings.currency)
    days = f"{settings.report.window_days}{NBSP}d"
    shown = Table(
        caption="By owner",
        columns=(
            Column(label="Owner"),
            Column(label="Clusters", is_number=True),
            Column(label=f"Spend, {days}", is_number=True),
            Column(label="With findings", is_number=True),
            Column(label=f"Waste, {settings.rules.idle_window_days}{NBSP}d", is_number=True),
            Column(label=f"Saving, 30{NBSP}d", is_number=True),
        ),
        rows=tuple(_row(one, money) for one in table.to_dict("records")),
        totals=(_row({"owner": "All", **table[[*_SUMS]].sum().to_dict()}, money),),
    )
    return Section(
        key="owners",
        title="Who answers for it",
        sentences=(_sentence(table, money),),
        tables=(shown,),
    )


def _row(one: dict[Any, Any], money: Money) -> tuple[str, ...]:
    owner = known(one["owner"])
    return (
        NOBODY if owner is None else names.shown(str(owner)),
        count(int(one["clusters"])),
        money.exact(int(one["spend_micros"])),
        count(int(one["findings"])),
        money.exact(int(one["waste_micros"])),
        money.exact(int(one["saving_micros"])),
    )


def _sentence(table: pd.DataFrame, money: Money) -> str:
    nobody = table[table["owner"].isna()]
    owners = count_of(len(table) - len(nobody), "owner")
    if nobody.empty:
        return f"{owners}; somebody answers for every cluster."
    one = nobody.iloc[0]
    return (
        f"{owners}; nobody is named for {count_of(int(one['clusters']), 'cluster')} that cost "
        f"{money.rounded(int(one['spend_micros']))}."
    )


def numbers(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The same for machines."""
    return [
        {str(name): known(value) for name, value in one.items()}
        for one in table.astype("object").to_dict("records")
    ]
