"""Exclusions: what each of them keeps quiet, and which have run out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.report.model import Column, Section, Table
from pipeline.report.text import names
from pipeline.report.text.numbers import Money, count, count_of

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.report.text.rules import RuleText

_SHOWN = 50
_FEW = 3


def section(costs: pd.DataFrame, wording: RuleText, currency: str) -> Section | None:
    """What each exclusion costs, dearest first; None where there is none."""
    if costs.empty:
        return None
    money = Money(currency)
    order = costs.sort_values(["cost_micros", "match"], ascending=[False, True], kind="stable")
    rows = order.to_dict("records")
    more = len(rows) - _SHOWN
    return Section(
        key="exclusions",
        title="Exclusions",
        sentences=tuple(_sentences(costs, money)),
        tables=(
            Table(
                caption="Exclusions and what they cost",
                columns=(
                    Column(label="Excluded"),
                    Column(label="Rule"),
                    Column(label="Because"),
                    Column(label="Answered for by"),
                    Column(label="Until"),
                    Column(label="Findings", is_number=True),
                    Column(label="Saving forgone, 30\N{NO-BREAK SPACE}d", is_number=True),
                ),
                rows=tuple(_row(one, wording, money) for one in rows[:_SHOWN]),
                totals=((f"{count(more)} more, cheaper", *[""] * 6),) if more > 0 else (),
            ),
        ),
    )


def numbers(costs: pd.DataFrame | None) -> dict[str, Any]:
    """The same for machines."""
    if costs is None:
        return {}
    kept = ["match", "rule", "owner", "expires", "is_expired", "findings", "cost_micros"]
    return {"exclusions": costs[kept].astype("object").to_dict("records")}


def _row(one: dict[Any, Any], wording: RuleText, money: Money) -> tuple[str, ...]:
    rule = str(one["rule"])
    return (
        names.shown(str(one["match"])),
        "every rule" if rule == "*" else wording.name(rule),
        names.shown(str(one["reason"]), 120),
        names.shown(str(one["owner"])),
        f"{one['expires']}, has run out" if one["is_expired"] else str(one["expires"]),
        count(one["findings"]),
        money.exact(one["cost_micros"]),
    )


def _sentences(costs: pd.DataFrame, money: Money) -> list[str]:
    works = costs[~costs["is_expired"].astype("bool")]
    silent = int(works["findings"].sum())
    text = f"{count_of(len(works), 'exclusion')} in force"
    if silent:
        dearest = int(works["cost_micros"].max())
        text += (
            f" {'keeps' if len(works) == 1 else 'keep'} {count_of(silent, 'finding')} quiet; the "
            f"dearest forgoes {money.rounded(dearest)} over 30 days"
        )
    said = [f"{text}."]
    expired = costs[costs["is_expired"].astype("bool")]
    if len(expired):
        named = ", ".join(
            f"{names.shown(str(one['match']))} ({one['expires']})"
            for one in expired.head(_FEW).to_dict("records")
        )
        rest = len(expired) - _FEW
        verb = "has" if len(expired) == 1 else "have"
        more = f" and {count(rest)} more" if rest > 0 else ""
        said.append(
            f"{count(len(expired))} {verb} run out and "
            f"{'works' if len(expired) == 1 else 'work'} no more: {named}{more}."
        )
    return said
