"""The questions an assistant can ask: each reads the store, and its answer carries its doubt.

An answer is that of the notebook interface, and so that of the report. A failure that the caller
can mend is a :class:`~pipeline.errors.FleetLedgerError` in one line.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Literal

from pipeline.assistants.answers import (
    BudgetRow,
    Cause,
    Certainty,
    ChangesAnswer,
    ClusterChange,
    DayRow,
    FindingRow,
    FindingsAnswer,
    ForecastAnswer,
    OutcomeRow,
    PricedCluster,
    SpendAnswer,
    SpendRow,
    WhatIfAnswer,
    WhyAnswer,
    Window,
)
from pipeline.errors import SettingsError
from pipeline.notebook.money import amount
from pipeline.rules import FINDING, GRADES

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from pipeline.assistants.api_text import ApiText
    from pipeline.notebook.open_store import OpenStore

Dimension = Literal["account", "project", "region", "gpu_type", "owner", "cluster", "day"]
_COLUMNS = {"project": "project_id", "cluster": "cluster_id", "day": "date"}
UNGRADED = "ungraded"
_ROWS = 50
_MEANING = {
    "proven": "measured, with 95 % confidence where it rests on samples",
    "likely": "the evidence points to it and does not prove it",
    "suspected": "it may be so; nothing better is known",
    UNGRADED: "the rule states a fact about the cluster and grades nothing",
}


class Tools:
    """The tools over one store."""

    def __init__(self, open_store: Callable[[list[str]], OpenStore], text: ApiText) -> None:
        """``open_store`` opens the store and appends warnings to the list it is given."""
        self._open = open_store
        self._text = text

    def spend(
        self,
        by: list[Dimension] | None = None,
        first: str | None = None,
        last: str | None = None,
        limit: int = _ROWS,
    ) -> SpendAnswer:
        """Where the money went: spend of closed days by any dimensions, most first.

        by: by default project. first, last: days such as 2026-05-14; by default the last 30 closed
        days. Every amount has the lowest and the highest value possible.
        """
        warnings: list[str] = []
        store = self._open(warnings)
        dimensions = [_COLUMNS.get(name, name) for name in by or ["project"]]
        frame = store.spend(*dimensions, first=first, last=last)
        days = store.spend("date", first=first, last=last)["date"]
        rows = [self._spend_row(row) for row in _records(frame.head(limit))]
        high = frame["spend_high_micros"]
        unpriced, estimated = (
            int(frame["unpriced_rows"].sum()),
            int(frame["estimated_micros"].sum()),
        )
        total = int(frame["spend_micros"].sum())
        grade = "unknown in part" if unpriced else "estimated in part" if estimated else "metered"
        return SpendAnswer(
            window=Window(
                first=_day(days.min() if len(days) else store.last_day),
                last=_day(days.max() if len(days) else store.last_day),
            ),
            certainty=Certainty(
                grade=grade,
                low=amount(int(frame["spend_low_micros"].sum())),
                high=None if high.isna().any() else amount(int(high.sum())),
                statement=(
                    f"Of the total, {amount(estimated):,.2f} is estimated from prices and running "
                    "time; the rest is the increase of cost counters. Cluster-days without a known "
                    f"price, which are in no total: {unpriced}."
                ),
            ),
            currency=store.settings.currency,
            warnings=warnings,
            total=total / 1e6,
            rows=rows,
            rows_left_out=max(0, len(frame) - limit),
        )

    def findings(
        self,
        rule: str | None = None,
        grade: Literal["proven", "likely", "suspected"] | None = None,
        project: str | None = None,
        owner: str | None = None,
        day: str | None = None,
        limit: int = 20,
    ) -> FindingsAnswer:
        """Which clusters waste money, how sure that is, and what to do: the open findings.

        rule: such as idle or underutilized. grade, project, owner: only these. day: as of this
        closed day; by default the last one. Those that save most come first.
        """
        warnings: list[str] = []
        store = self._open(warnings)
        frame = store.findings(day)
        outcomes = [
            (row, self._finding(row))
            for row in _records(frame)
            if (rule is None or row["rule_id"] == rule) and (grade is None or row["grade"] == grade)
        ]
        matching = [
            (row, finding)
            for row, finding in outcomes
            if project in (None, finding.from_api.project) and owner in (None, finding.owner)
        ]
        judged = date.fromisoformat(day) if day else store.last_day
        saved = sum(int(row["counted_saving_micros"] or 0) for row, _ in matching)
        counted = [finding for row, finding in matching if row["counted_saving_micros"]]
        weakest = _weakest([finding.grade for finding in counted or [f for _, f in matching]])
        proven = sum(f.saving or 0.0 for f in counted if f.grade == GRADES[0])
        suspected = sum(f.suspected_saving or 0.0 for _, f in matching)
        days = store.settings.rules.idle_window_days
        return FindingsAnswer(
            window=Window(first=f"{judged - timedelta(days=days - 1)}", last=f"{judged}"),
            certainty=Certainty(
                grade=weakest,
                low=round(proven, 6),
                high=round(saved / 1e6 + suspected, 6),
                statement=(
                    f"{_meant(weakest)} The bounds are of the saving: the low one counts proven "
                    "findings only, the high one suspected ones too, which are not in the sum. A "
                    "saving holds if the clusters otherwise stay as they are. Clusters that could "
                    "not be judged are in no finding: ask why about one of them."
                ),
            ),
            currency=store.settings.currency,
            warnings=warnings,
            day=f"{judged}",
            saving=saved / 1e6,
            findings=[finding for _, finding in matching[:limit]],
            findings_left_out=max(0, len(matching) - limit),
        )

    def why(self, cluster: str, day: str | None = None) -> WhyAnswer:
        """Why a cluster is flagged, or is not: what every rule concludes, with the evidence.

        cluster: its id, or its name if no other cluster has it. day: as of this closed day.
        """
        warnings: list[str] = []
        store = self._open(warnings)
        try:
            known = store.why(cluster, day)
        except SettingsError as error:
            if self._text.hides:  # its hint would name other clusters
                raise SettingsError(
                    f"CLUSTER {cluster!r}: no cluster of the last 30 days has this id, or the day "
                    "is not closed"
                ) from error
            raise
        about = self._text.of(known.cluster)
        records = _records(known.outcomes)
        graded = [_grade(row) for row in records if row["outcome"] == FINDING]
        first = next(iter(records))
        weakest = _weakest(graded) if graded else "no finding"
        bound = first["busy_share_bound"]
        days = store.settings.rules.idle_window_days
        rate: Any = known.cluster["hourly_rate_micros"]
        return WhyAnswer(
            window=Window(first=f"{known.day - timedelta(days=days - 1)}", last=f"{known.day}"),
            certainty=Certainty(
                grade=weakest,
                low=None if bound is None else 0.0,
                high=bound,
                statement=(
                    f"{_meant(weakest)} The bounds are of the share of its running time that may "
                    "have been busy, with 95 % confidence; none: unknown."
                ),
            ),
            currency=store.settings.currency,
            warnings=warnings,
            from_api=about,
            account=str(known.cluster["account"]),
            cluster_id=str(known.cluster["cluster_id"]),
            hourly_rate=amount(rate),
            samples=int(first["samples"]),
            busy_share_bound=bound,
            outcomes=[
                OutcomeRow(
                    rule=row["rule_id"],
                    outcome=row["outcome"],
                    grade=_grade(row),
                    reason=self._text.sentence(row["reason"]),
                    saving=row["counted_saving"],
                    provable_waste=row["provable_waste"],
                )
                for row in records
            ],
            days=[
                DayRow(
                    day=_day(row["date"]),
                    spend=row["spend"],
                    low=row["spend_low"],
                    high=row["spend_high"],
                    running_hours=row["running_hours"],
                    gpu_mean_pct=row["gpu_mean_pct"],
                    gpu_max_pct=row["gpu_max_pct"],
                )
                for row in _records(known.days)
            ],
        )

    def changes(self, before: str | None = None, after: str | None = None) -> ChangesAnswer:
        """Why spend changed from one period to another, by cause and by cluster.

        before, after: a day (2026-05-14) or a month (2026-05); by default the last two weeks.
        """
        warnings: list[str] = []
        store = self._open(warnings)
        changed = store.changes(before, after)
        difference = changed.after_micros - changed.before_micros
        order = changed.clusters["micros"].abs().sort_values(ascending=False, kind="stable").index
        (was_low, was_high, is_metered), (now_low, now_high, stays_metered) = (
            _bounds(store, days) for days in (changed.before, changed.after)
        )
        return ChangesAnswer(
            window=_window(changed.after),
            certainty=Certainty(
                grade="metered" if is_metered and stays_metered else "estimated in part",
                low=None if was_high is None else now_low - was_high,
                high=None if now_high is None else now_high - was_low,
                statement=(
                    "The bounds are of the difference. The causes add up to it exactly; which "
                    "cause a part belongs to is a convention where two change together. Spend "
                    "without a known price is in neither period."
                ),
            ),
            currency=store.settings.currency,
            warnings=warnings,
            before=_window(changed.before),
            before_spend=changed.before_micros / 1e6,
            after_spend=changed.after_micros / 1e6,
            difference=difference / 1e6,
            causes=[
                Cause(cause=row["cause"], clusters=int(row["clusters"]), amount=row["amount"])
                for row in _records(changed.causes)
            ],
            largest=[
                ClusterChange(
                    from_api=self._text.of(row),
                    account=row["account"],
                    cluster_id=row["cluster_id"],
                    cause=row["cause"],
                    amount=row["amount"],
                )
                for row in _records(changed.clusters.loc[order].head(10))
            ],
        )

    def forecast(self) -> ForecastAnswer:
        """What this month is forecast to cost, with the range of 8 of 10 outcomes, and budgets."""
        warnings: list[str] = []
        store = self._open(warnings)
        ahead = store.forecast()
        quoted = next((row for row in _records(ahead.methods) if row["is_quoted"]), None)
        return ForecastAnswer(
            window=Window(first=f"{ahead.first}", last=f"{store.last_day}"),
            certainty=Certainty(
                grade="estimate",
                low=quoted["low"] if quoted else None,
                high=quoted["high"] if quoted else None,
                statement=" ".join(map(self._text.sentence, ahead.sentences)),
            ),
            currency=store.settings.currency,
            warnings=warnings,
            month_first=f"{ahead.first}",
            month_last=f"{ahead.until}",
            spent=ahead.spent_micros / 1e6,
            forecast=quoted["total"] if quoted else None,
            past_error_share=quoted["error_share"] if quoted else None,
            refused=ahead.refused,
            budgets=[
                BudgetRow(
                    budget=row["budget"],
                    group=self._text.name("group", row["group"]) or "",
                    amount=row["amount"],
                    spent=row["spent"],
                    forecast=row["forecast"],
                    reached_on=None if row["reached_on"] is None else _day(row["reached_on"]),
                )
                for row in ([] if ahead.budgets is None else _records(ahead.budgets))
            ],
        )

    def what_if(
        self,
        stop: str | None = None,
        match: str = "*",
        gpus: int | None = None,
        hours_a_week: float | None = None,
        limit: int = 20,
    ) -> WhatIfAnswer:
        """What 30 days would cost after one change: stop, fewer GPUs, or hours a week.

        stop, match: a pattern of id, name, project or template; * and ? match anything. Give one of
        stop, gpus and hours_a_week. Nothing is changed.
        """
        warnings: list[str] = []
        store = self._open(warnings)
        plan = store.what_if(stop=stop, match=match, gpus=gpus, hours_a_week=hours_a_week)
        day = store.last_day
        rows = _records(plan.clusters)
        low, high = sorted((plan.saving_micros, plan.run_rate_saving_micros))
        return WhatIfAnswer(
            window=Window(first=f"{day - timedelta(days=29)}", last=f"{day}"),
            certainty=Certainty(
                grade="estimate",
                low=low / 1e6,
                high=high / 1e6,
                statement=(
                    "The bounds are the saving as a finding would count it, and at the clusters' "
                    "recent cost. It assumes that the same work is done after the change, and that "
                    "the clusters otherwise stay as they are."
                ),
            ),
            currency=store.settings.currency,
            warnings=warnings,
            before=plan.before_micros / 1e6,
            after=plan.after_micros / 1e6,
            saving=plan.saving_micros / 1e6,
            unpriced_clusters=sum(not row["is_priced"] for row in rows),
            clusters=[
                PricedCluster(
                    from_api=self._text.of(row),
                    account=row["account"],
                    cluster_id=row["cluster_id"],
                    before=row["before"],
                    after=row["after"],
                    is_priced=bool(row["is_priced"]),
                )
                for row in rows[:limit]
            ],
            clusters_left_out=max(0, len(rows) - limit),
        )

    def _spend_row(self, row: dict[str, Any]) -> SpendRow:
        return SpendRow(
            from_api=self._text.of(row),
            account=row.get("account"),
            cluster_id=row.get("cluster_id"),
            owner=self._text.name("owner", row.get("owner")),
            day=_day(row["date"]) if "date" in row else None,
            spend=row["spend"],
            low=row["spend_low"],
            high=row["spend_high"],
            estimated=row["estimated"],
            unpriced_rows=int(row["unpriced_rows"]),
        )

    def _finding(self, row: dict[str, Any]) -> FindingRow:
        return FindingRow(
            from_api=self._text.of(row),
            account=row["account"],
            cluster_id=row["cluster_id"],
            owner=self._text.name("owner", row["owner"]),
            rule=row["rule_id"],
            grade=_grade(row),
            samples=int(row["samples"]),
            busy_share_bound=row["busy_share_bound"],
            reason=self._text.sentence(row["reason"]),
            action=row["action"],
            saving=row["counted_saving"],
            suspected_saving=row["suspected_saving"],
            provable_waste=row["provable_waste"],
            since=None if row["found_on"] is None else _day(row["found_on"]),
            cost_since=row["waiting_cost"],
        )


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as dicts; unknown values are None."""
    cells = frame.astype("object")
    return [
        {str(name): value for name, value in row.items()}
        for row in cells.where(cells.notna(), None).to_dict("records")
    ]


def _bounds(store: OpenStore, days: tuple[date, date]) -> tuple[float, float | None, bool]:
    """The lowest and the highest spend of a period, and whether all of it is metered."""
    rows = store.spend("account", first=days[0], last=days[1])
    high = rows["spend_high_micros"]
    is_metered = not rows["estimated_micros"].any() and not rows["unpriced_rows"].any()
    return (
        int(rows["spend_low_micros"].sum()) / 1e6,
        None if high.isna().any() else int(high.sum()) / 1e6,
        bool(is_metered),
    )


def _window(days: tuple[date, date]) -> Window:
    return Window(first=f"{days[0]}", last=f"{days[1]}")


def _day(value: Any) -> str:  # noqa: ANN401 - a date or a pandas time
    return f"{value:%Y-%m-%d}"


def _grade(row: dict[str, Any]) -> str:
    return row["grade"] or UNGRADED


def _weakest(grades: list[str]) -> str:
    """The weakest of the grades; a fact that is not graded weakens nothing."""
    known = [grade for grade in GRADES if grade in grades]
    return max(known, key=GRADES.index) if known else UNGRADED


def _meant(grade: str) -> str:
    meaning = _MEANING.get(grade)
    return f"{grade.capitalize()}: {meaning}." if meaning else "No rule found anything."
