"""Exclusions: how many findings each of them hides, what that costs, and which have expired."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.report.model import Section
from pipeline.report.summary import ExclusionNumbers, rows_as
from pipeline.report.tables import Field, top_table
from pipeline.report.text import names
from pipeline.report.text.numbers import NBSP, Money, count, count_of

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.report.inputs import ReportInputs
    from pipeline.report.tables import Record
    from pipeline.transform.totals import Totals

_SHOWN = 50
_NAMED = 3
"""Expired exclusions named in the sentence; more are counted."""


def section(inputs: ReportInputs, _totals: Totals) -> Section | None:
    """What each exclusion costs, the most expensive first; None where there is none."""
    costs, money, rule_text = inputs.exclusion_costs, inputs.money, inputs.rule_text
    if costs is None or costs.empty:
        return None

    def rule(row: Record) -> str:
        return "every rule" if row["rule"] == "*" else rule_text.name(row["rule"])

    table = top_table(
        "Exclusions and what they cost",
        costs.sort_values(["cost_micros", "match"], ascending=[False, True], kind="stable"),
        (
            Field("Excluded", lambda row: names.shown(row["match"])),
            Field("Rule", rule),
            Field("Reason", lambda row: names.shown(row["reason"], 120)),
            Field("Owner", lambda row: names.shown(row["owner"])),
            Field("Expires", _expires),
            Field("Findings", lambda row: count(row["findings"]), is_number=True),
            Field(
                f"Saving forgone, 30{NBSP}d",
                lambda row: money.exact(row["cost_micros"]),
                is_number=True,
            ),
        ),
        _SHOWN,
        more="more with a lower cost",
    )
    return Section(
        key="exclusions",
        title="Exclusions",
        sentences=tuple(_sentences(costs, money)),
        tables=(table,),
    )


def _expires(row: Record) -> str:
    return f"{row['expires']} (expired)" if row["is_expired"] else str(row["expires"])


def _sentences(costs: pd.DataFrame, money: Money) -> list[str]:
    is_expired = costs["is_expired"].astype("bool")
    in_force, expired = costs[~is_expired], costs[is_expired]
    hidden = int(in_force["findings"].sum())
    text = f"{count_of(len(in_force), 'active exclusion')}"
    if hidden:
        most = int(in_force["cost_micros"].max())
        text += (
            f" {'hides' if len(in_force) == 1 else 'hide'} {count_of(hidden, 'finding')}; the most "
            f"expensive one forgoes {money.rounded(most)} over 30 days"
        )
    sentences = [f"{text}."]
    if len(expired):
        named = ", ".join(
            f"{names.shown(match)} ({expires})"
            for match, expires in expired[["match", "expires"]].head(_NAMED).itertuples(index=False)
        )
        rest = len(expired) - _NAMED
        more = f" and {count(rest)} more" if rest > 0 else ""
        verb = "has" if len(expired) == 1 else "have"
        sentences.append(f"{count_of(len(expired), 'exclusion')} {verb} expired: {named}{more}.")
    return sentences


def numbers(costs: pd.DataFrame | None) -> tuple[ExclusionNumbers, ...] | None:
    """The same for ``summary.json``."""
    return None if costs is None else rows_as(ExclusionNumbers, costs)
