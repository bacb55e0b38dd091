"""Since the last report: which findings are new, which are gone and why, and what acting saved.

Realised savings are those of findings that somebody acted on, of the days since: at most 30. What
was promised is the part of the counted saving that falls on those days. Every sum is that of all
its rows; rows that are not shown have a line of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from pipeline.report.model import Column, Section, Table
from pipeline.report.output.csv_files import ACTED_ON, last_known, promised_so_far
from pipeline.report.text import names
from pipeline.report.text.numbers import UNKNOWN, Money, count, count_of, day_short, known
from pipeline.report.totals import CLUSTER, clusters

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date

    from pipeline.model import NotObserved
    from pipeline.report.model import Totals
    from pipeline.report.text.rules import RuleText

    Cells = Callable[[dict[Any, Any]], tuple[str, ...]]

_SHOWN = 20
_ACTIVE = ("new", "open", "reopened")
_BACK = "reopened"


class Lives:
    """The findings by what became of them since the report of ``since``."""

    def __init__(
        self,
        findings: pd.DataFrame,
        day: date,
        since: date,
        not_observed: Sequence[NotObserved] = (),
        untold: Sequence[NotObserved] = (),
    ) -> None:
        self.day, self.not_observed = day, not_observed
        after = last_known(findings, since, untold)
        state = findings["state"].astype("object")
        active = state.isin(_ACTIVE)
        self.new = _ranked(findings[active & (findings["found_on"] > after) & (state != _BACK)])
        self.back = _ranked(findings[state == _BACK])
        self.gone = _ranked(findings[(state == "gone") & (findings["gone_on"] > after)])
        self.unjudged = int((state == "unjudged").sum())
        self.waiting = int(findings["waiting_cost_micros"].where(active).fillna(0).sum())
        self.acted = self._acted(findings[state.notna()])
        every = int(findings["realised_micros"].fillna(0).sum())
        self.unpromised = every - self.realised
        """What less is spent on clusters whose findings promised nothing."""

    def _acted(self, lived: pd.DataFrame) -> pd.DataFrame:
        """A row per finding that promised a saving and was acted on, with what is due by now."""
        is_gone = lived["state"].astype("object") == "gone"
        acted = is_gone & lived["gone_reason"].astype("object").isin(ACTED_ON)
        promises = lived["promised_micros"].fillna(0) > 0
        realised = lived["realised_micros"].fillna(0)
        due = acted & (lived["gone_on"] < last_known(lived, self.day, self.not_observed))
        rows = lived[promises & (due | (realised != 0))]
        promised = promised_so_far(rows, self.day, self.not_observed)
        saved = rows["realised_micros"].fillna(0)
        # A cluster's saving is counted once, and lies on the finding that promised most.
        rows = rows.assign(size=saved.abs(), realised_micros=saved, due=promised).sort_values(
            ["size", "promised_micros", *CLUSTER, "rule_id"],
            ascending=[False, False, True, True, True],
            na_position="last",
            kind="stable",
        )
        again = rows.duplicated(CLUSTER) & (rows["size"] == 0)
        return rows[~again].reset_index(drop=True)

    @property
    def due(self) -> int:
        """What the findings acted on were to save by now."""
        return int(self.acted["due"].fillna(0).sum())

    @property
    def realised(self) -> int:
        """What they did save."""
        return int(self.acted["realised_micros"].sum())

    def numbers(self) -> dict[str, Any]:
        """For machines."""
        reasons = self.gone["gone_reason"].astype("str").value_counts().sort_index()
        return {
            "new": len(self.new),
            "reopened": len(self.back),
            "gone": {str(reason): int(size) for reason, size in reasons.items()},
            "unjudged": self.unjudged,
            "waiting_cost_micros": self.waiting,
            "promised_micros": self.due,
            "realised_micros": self.realised,
            "realised_unpromised_micros": self.unpromised,
        }


def lives(
    findings: pd.DataFrame,
    facts: Totals,
    since: date | None,
    untold: Sequence[NotObserved] = (),
) -> Lives | None:
    """What became of the findings since the report of ``since``, and since the last day that it
    knew of the accounts ``untold`` in it; None where nothing is known of their past.
    """
    if facts.day is None or since is None or not findings["state"].notna().any():
        return None
    return Lives(findings, facts.day, since, facts.not_observed, untold)


def section(
    told: Lives | None, wording: RuleText, currency: str, statuses: str = ""
) -> Section | None:
    """The section; its sentences hold all its numbers. ``statuses`` is what became of clusters.

    None where neither of them nor of findings is anything to tell.
    """
    money = Money(currency)
    sentences, tables = [statuses] if statuses else [], []
    if told is not None:
        sentences += _sentences(told, money)
        tables = [make(told, wording, money) for make in (_newly, _gone, _realised)]
    if not sentences:
        return None
    return Section(
        key="since",
        title="Since the last report",
        sentences=tuple(sentences),
        tables=tuple(table for table in tables if table.rows),
    )


def _sentences(told: Lives, money: Money) -> list[str]:
    said = [
        f"{count_of(len(told.new), 'finding')} on "
        f"{count_of(len(clusters(told.new)), 'cluster')} {_are(told.new)} new"
        if len(told.new)
        else "No finding is new"
    ]
    if len(told.back):
        said.append(f"{count(len(told.back))} {_are(told.back)} back")
    reasons = told.gone["gone_reason"].astype("str").value_counts().sort_index()
    whys = ", ".join(f"{reason} {count(int(size))}" for reason, size in reasons.items())
    gone = f"{count(len(told.gone))} {_are(told.gone)} gone ({whys})"
    said.append(gone if whys else "none is gone")
    out = ["; ".join(said) + "."]
    if told.unjudged:
        out.append(
            f"{count_of(told.unjudged, 'earlier finding')} could not be judged this time: unknown, "
            "not solved."
        )
    if len(told.acted):
        out.append(
            f"Acting on {count_of(len(told.acted), 'cluster')} was to save "
            f"{money.rounded(told.due)} by now, and saved {money.rounded(told.realised)}."
        )
    if told.unpromised > 0:
        out.append(
            "Clusters whose findings promised no saving were stopped or ended too: they cost "
            f"{money.rounded(told.unpromised)} less since."
        )
    if told.waiting:
        out.append(
            f"Doing nothing about what is open has cost {money.rounded(told.waiting)} since it was "
            "first found."
        )
    return out


def _are(rows: pd.DataFrame) -> str:
    return "is" if len(rows) == 1 else "are"


def _newly(told: Lives, wording: RuleText, money: Money) -> Table:
    rows = pd.concat([told.new, told.back], ignore_index=True)
    return _table(
        "New findings",
        rows,
        ("Cluster", "Finding", "Grade"),
        lambda one: (
            *_named(one, wording),
            str(known(one["grade"]) or UNKNOWN),
        ),
        {"Saving, 30\N{NO-BREAK SPACE}d": "counted_saving_micros"},
        money,
    )


def _gone(told: Lives, wording: RuleText, money: Money) -> Table:
    return _table(
        "Gone findings",
        told.gone,
        ("Cluster", "Finding", "Why"),
        lambda one: (*_named(one, wording), str(known(one["gone_reason"]) or UNKNOWN)),
        {"Promised, 30\N{NO-BREAK SPACE}d": "promised_micros"},
        money,
    )


def _realised(told: Lives, wording: RuleText, money: Money) -> Table:
    return _table(
        "Acted on, and what that saved",
        told.acted,
        ("Cluster", "Finding", "What was done", "On"),
        lambda one: (
            *_named(one, wording),
            str(known(one["gone_reason"]) or "has come back"),
            UNKNOWN if known(one["gone_on"]) is None else day_short(one["gone_on"].date()),
        ),
        {"Promised by now": "due", "Saved": "realised_micros"},
        money,
    )


def _table(
    caption: str,
    rows: pd.DataFrame,
    texts: tuple[str, ...],
    cells: Cells,
    sums: dict[str, str],
    money: Money,
) -> Table:
    """``texts`` and summed columns; what is not shown and the whole as lines of their own."""

    def line(label: str, part: pd.DataFrame) -> tuple[str, ...]:
        amounts = (int(part[column].fillna(0).sum()) for column in sums.values())
        return (label, *[""] * (len(texts) - 1), *(money.exact(amount) for amount in amounts))

    shown, rest = rows.head(_SHOWN), rows.iloc[_SHOWN:]
    totals = [line(f"All {count(len(rows))}", rows)]
    if len(rest):
        totals.insert(0, line(f"{count(len(rest))} more", rest))
    return Table(
        caption=caption,
        columns=(
            *(Column(label=label) for label in texts),
            *(Column(label=label, is_number=True) for label in sums),
        ),
        rows=tuple(
            (*cells(one), *(money.exact(known(one[column])) for column in sums.values()))
            for one in shown.to_dict("records")
        ),
        totals=tuple(totals),
    )


def _named(one: dict[Any, Any], wording: RuleText) -> tuple[str, str]:
    label = names.label(known(one["name"]), one["cluster_id"])
    is_back = " (back)" if one["state"] == _BACK else ""
    return label, wording.name(str(one["rule_id"])) + is_back


def _ranked(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.sort_values(
        ["promised_micros", *CLUSTER, "rule_id"],
        ascending=[False, True, True, True],
        na_position="last",
        kind="stable",
    )
