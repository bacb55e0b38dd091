"""Results with more than one table: they show themselves as text and as HTML."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date

    import pandas as pd

    from pipeline.jobs.changes import PeriodChange
    from pipeline.report.text.numbers import Money

_ROWS = 10
"""At most this many of a table are shown; the frame has all."""
_NBSP = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Result:
    """Sentences, and tables by their titles."""

    sentences: tuple[str, ...]

    def tables(self) -> dict[str, pd.DataFrame]:
        """The tables that are shown, by title."""
        return {}

    def __repr__(self) -> str:
        parts = ["\n".join(self.sentences).replace(_NBSP, " ")]
        parts += [f"{title}\n{_head(frame)}" for title, frame in self.tables().items()]
        return "\n\n".join(parts)

    def _repr_html_(self) -> str:
        lines = escape("\n".join(self.sentences))
        tables = "".join(
            f"<h4>{escape(title)}</h4>{_html(frame)}" for title, frame in self.tables().items()
        )
        # Indented lines stay so, and long ones wrap.
        return f'<div style="white-space: pre-wrap">{lines}</div><div>{tables}</div>'


def _head(frame: pd.DataFrame) -> str:
    shown = _shown(frame)
    return shown.to_string(index=False, max_rows=_ROWS, float_format=_number, na_rep="—")


def _html(frame: pd.DataFrame) -> str:
    shown = _shown(frame)
    return shown.to_html(index=False, max_rows=_ROWS, float_format=_number, na_rep="—")


def _shown(frame: pd.DataFrame) -> pd.DataFrame:
    """``frame`` without micros, since the same money is beside them."""
    return frame[[name for name in map(str, frame.columns) if not name.endswith("micros")]]


def _number(value: float) -> str:
    return f"{value:,.2f}"


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Changes(Result):
    """Why one period cost more or less than another."""

    before: tuple[date, date]
    after: tuple[date, date]
    before_micros: int
    """Spend of the first period."""
    after_micros: int
    """Spend of the second one; the causes add up to the difference exactly."""
    causes: pd.DataFrame
    """cause, clusters, amount, micros."""
    clusters: pd.DataFrame
    """account, cluster_id, name, project_id, region, gpu_type, cause, amount, micros."""
    statuses: pd.DataFrame | None
    """Clusters whose status differs between the ends of the periods; None where unknown."""
    detail: PeriodChange
    """The values behind it, for ``charts.waterfall``."""
    money: Money

    def tables(self) -> dict[str, pd.DataFrame]:
        """The causes, the largest changes, the changes of status."""
        order = self.clusters["micros"].abs().sort_values(ascending=False, kind="stable").index
        largest = self.clusters.loc[order, ["name", "project_id", "cause", "amount"]].head(_ROWS)
        shown = {"by cause": self.causes, "largest changes": largest}
        if self.statuses is not None and len(self.statuses):
            columns = ["name", "change", "status_before", "status", "spend_before", "spend"]
            shown["changes of status"] = self.statuses[columns]
        return shown


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Why(Result):
    """All that is known about one cluster."""

    day: date
    """The day that was judged."""
    cluster: dict[str, object]
    """What it is, as of its newest ledger row."""
    outcomes: pd.DataFrame
    """Its rows of the findings table, one for each rule, with ``reason``."""
    days: pd.DataFrame
    """Its last 30 days: date, status, spend with bounds, running hours, GPU use."""

    def tables(self) -> dict[str, pd.DataFrame]:
        """The days; the outcomes are in the sentences."""
        return {"spend by day": self.days.tail(_ROWS)}


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Forecast(Result):
    """What the month is forecast to cost, and the budgets."""

    first: date
    until: date
    spent_micros: int
    """So far in the month."""
    refused: str | None
    """Why there is no forecast."""
    methods: pd.DataFrame
    """method, total, error_share, low, high, origins; ``is_quoted`` marks the one reports state."""
    ahead: pd.DataFrame | None
    """The last closed day as spent and those left as forecast: date, amount, low, high."""
    budgets: pd.DataFrame | None
    """``transform.budgets``: budget, group, amount, spent, shares, forecast, ``reached_on``."""

    def tables(self) -> dict[str, pd.DataFrame]:
        """The methods and the budgets."""
        shown = {"methods": self.methods} if len(self.methods) else {}
        return shown if self.budgets is None else {**shown, "budgets": self.budgets}


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class WhatIf(Result):
    """30 days before and after a change."""

    before_micros: int
    after_micros: int
    difference_micros: int
    saving_micros: int
    """What a finding would count."""
    run_rate_saving_micros: int
    """At the clusters' recent cost."""
    clusters: pd.DataFrame
    """``transform.what_if``: a row per cluster that matches, most saved first."""

    def tables(self) -> dict[str, pd.DataFrame]:
        """The clusters."""
        columns = ["name", "project_id", "before", "after", "saving", "is_priced"]
        return {"clusters": self.clusters[columns]}


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Replay(Result):
    """What rules would have found in the past, and what became of it."""

    flags: pd.DataFrame
    """The first flag of each cluster by each rule."""
    precision: pd.DataFrame
    """Per rule: clusters flagged, those stopped or gone within 14 days, and their share."""

    def tables(self) -> dict[str, pd.DataFrame]:
        """Both."""
        return {"by rule": self.precision, "first flags": self.flags}
