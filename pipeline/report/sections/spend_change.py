"""Why spend changed against the period before, and the days that were unlike themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.report.model import Column, Section, Table
from pipeline.report.text import names
from pipeline.report.text.numbers import Money, count, count_of, day_short, days_span, known
from pipeline.report.totals import within

if TYPE_CHECKING:
    from datetime import date

    import pandas as pd

    from pipeline.report.model import Totals

    Days = tuple[date, date]

_MOVERS = 5
_UNUSUAL = 20
_CUTS = {"project": "Project", "gpu_type": "GPU type"}
_CAUSES = {
    "new": "New clusters",
    "gone": "Clusters that are gone",
    "resumed": "Ran again",
    "stopped": "Did not run any more",
    "storage": "Charges while stopped",
    "hours": "More or fewer hours",
    "GPUs": "More or fewer GPUs",
    "rate": "Another price",
}


def bridge_section(
    rows: pd.DataFrame, before: Days, after: Days, ledger: pd.DataFrame, currency: str
) -> Section:
    """The causes, which add up to the difference exactly, and who moved it most."""
    money = Money(currency)
    causes = by_cause(rows)
    moved = int(causes["micros"].sum())
    spans = f"{days_span(*after)} against {days_span(*before)}"
    told = causes[causes["micros"] != 0]
    parts = "; ".join(
        f"{_CAUSES.get(cause, cause).lower()} {money.signed(micros)}"
        for cause, micros in zip(told["cause"], told["micros"], strict=True)
    )
    word = "rose" if moved > 0 else "fell"
    text = f"Spend {word} by {money.rounded(abs(moved))}" if moved else "Spend did not change"
    columns = (
        Column(label="Cause"),
        Column(label="Clusters", is_number=True),
        Column(label="Change", is_number=True),
    )
    table = Table(
        caption=f"Why: {spans}",
        columns=columns,
        rows=tuple(
            (_CAUSES.get(cause, cause), count(clusters), money.signed(micros))
            for cause, clusters, micros in told[["cause", "clusters", "micros"]].itertuples(
                index=False
            )
        ),
        totals=(
            ("All causes", "", money.signed(moved)),
            *_sides(ledger, before, after, moved, money),
        ),
    )
    return Section(
        key="causes",
        title="Why spend changed",
        sentences=(f"{text}, {spans}{': ' + parts if parts else ''}.",),
        tables=(table, *_movers(rows, money)) if len(told) else (),
    )


def by_cause(rows: pd.DataFrame) -> pd.DataFrame:
    """cause, clusters, micros: as given, or summed from a row per cluster and cause."""
    if "clusters" in rows:
        return rows[["cause", "clusters", "micros"]]
    groups = rows.groupby("cause", sort=False)["micros"].agg(["size", "sum"])
    order = [*(c for c in _CAUSES if c in groups.index), *groups.index.difference([*_CAUSES])]
    ordered = groups.reindex(order).rename(columns={"size": "clusters", "sum": "micros"})
    table: pd.DataFrame = ordered.rename_axis("cause").reset_index()
    return table.astype({"clusters": "int64", "micros": "int64"})


def _sides(
    ledger: pd.DataFrame, before: Days, after: Days, moved: int, money: Money
) -> tuple[tuple[str, ...], ...]:
    """Both periods' spend, where the ledger at hand holds all of both."""
    was, now = (int(within(ledger, *days)["spend_micros"].sum()) for days in (before, after))
    if now - was != moved:
        return ()
    return (
        (days_span(*before), "", money.exact(was)),
        (days_span(*after), "", money.exact(now)),
    )


def _movers(rows: pd.DataFrame, money: Money) -> tuple[Table, ...]:
    """The clusters that moved it most; none where the rows are not of clusters."""
    if "cluster_id" not in rows or rows.empty:
        return ()
    size = rows["micros"].abs()
    order = rows.assign(size=size).sort_values(
        ["size", "account", "cluster_id", "cause"],
        ascending=[False, True, True, True],
        kind="stable",
    )
    return (
        Table(
            caption="The clusters that moved it most",
            columns=(
                Column(label="Cluster"),
                Column(label="Project"),
                Column(label="Cause"),
                Column(label="Change", is_number=True),
            ),
            rows=tuple(
                (
                    names.label(known(one["name"]), one["cluster_id"]),
                    names.shown(known(one["project_id"])),
                    _CAUSES.get(str(one["cause"]), str(one["cause"])),
                    money.signed(one["micros"]),
                )
                for one in order.head(_MOVERS).to_dict("records")
            ),
        ),
    )


def unusual_section(anomalies: pd.DataFrame, facts: Totals) -> Section | None:
    """Days that were unlike themselves; None where none was."""
    if anomalies.empty:
        return None
    money = Money(facts.currency)
    shown = anomalies.head(_UNUSUAL).to_dict("records")
    table = Table(
        caption="Unusual days",
        columns=(
            Column(label="Day (UTC)"),
            Column(label="Of"),
            Column(label="Spend", is_number=True),
            Column(label="Usual", is_number=True),
            Column(label="Difference", is_number=True),
        ),
        rows=tuple(
            (
                day_short(one["date"].date()),
                _of(one),
                money.exact(one["spend_micros"]),
                money.exact(one["usual_micros"]),
                money.signed(one["deviation_micros"]),
            )
            for one in shown
        ),
    )
    first = shown[0]
    more = len(anomalies) - 1
    text = (
        f"{_of(first)} cost {money.rounded(first['spend_micros'])} on "
        f"{day_short(first['date'].date())}, where {money.rounded(first['usual_micros'])} is usual"
    )
    if more:
        text += f"; {count_of(more, 'other case')} of spend unlike that of comparable days"
    return Section(key="unusual", title="Unusual spend", sentences=(f"{text}.",), tables=(table,))


def _of(row: dict[Any, Any]) -> str:
    if row["cut"] == "fleet":
        return "The fleet"
    group = known(row["group"])
    said = names.shown(None if group is None else str(group))
    return f"{_CUTS[str(row['cut'])]} {said}"


def numbers(
    rows: pd.DataFrame | None, before: Days, after: Days, anomalies: pd.DataFrame | None
) -> dict[str, Any]:
    """The same for machines."""
    out: dict[str, Any] = {}
    if rows is not None:
        causes = by_cause(rows)
        out["bridge"] = {
            "before": list(before),
            "after": list(after),
            "causes": {
                str(cause): int(micros)
                for cause, micros in zip(causes["cause"], causes["micros"], strict=True)
            },
            "difference_micros": int(causes["micros"].sum()),
        }
    if anomalies is not None:
        day = anomalies["date"].dt.strftime("%Y-%m-%d")
        told = anomalies.assign(date=day).astype("object")
        out["anomalies"] = told.where(told.notna(), None).to_dict("records")
    return out
