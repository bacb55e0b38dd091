"""From what is stored to everything a report says: its view, and its files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd

from pipeline.jobs.report_inputs import UNUSUAL_DAYS, Sources
from pipeline.report import view
from pipeline.report.analyses import weeks
from pipeline.report.output import csv_files, render
from pipeline.report.text.rules import RuleText
from pipeline.rules import RULES
from pipeline.transform import (
    anomalies,
    changes,
    forecast,
    idle,
    spend,
    unobserved_spend,
    utilization,
)
from pipeline.transform.findings import exclusions
from pipeline.transform.observed import observed_on
from pipeline.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.jobs.findings import DatedPolicy
    from pipeline.model import NotObserved
    from pipeline.report.model import ReportView
    from pipeline.settings import Settings


@dataclass(frozen=True)
class Past:
    """What the days before say of ``day``."""

    settings: Settings
    day: date
    reported: date | None
    """The date of the report before this one."""
    policy: DatedPolicy
    untold: tuple[NotObserved, ...] = ()
    """The accounts that report lacked: of them this one tells what came after their last day."""

    def tells(self, sources: Sources, found: pd.DataFrame) -> dict[str, Any]:
        """What there is to tell besides findings, as ``view.build`` takes it."""
        day, silenced = self.day, self.policy.exclusions
        # What compares days, or looks ahead, is of the accounts that are known to the end.
        ledger, past = (
            observed_on(rows, sources.until, day) for rows in (sources.ledger, sources.past)
        )
        oldest = past["date"].min().date() if len(past) else day
        earlier = {one.account: max(one.until, oldest) for one in self.untold if one.until}
        month = forecast.forecast(past, day)
        fresh = UNUSUAL_DAYS if self.reported is None else (day - self.reported).days
        before, after = weeks(day)
        has_weeks = bool(sources.days) and sources.days[0] <= before[0]
        rules, window = self.settings.rules, self.settings.report.window_days
        return {
            "rulebook": self.policy.applied.rulebook,
            "since": self.reported,
            "untold": self.untold,
            "changed": changes.since(past, self.reported or day - timedelta(days=1), day, earlier),
            "anomalies": anomalies.unusual_days(past, rules, day, min(fresh, UNUSUAL_DAYS)),
            "exclusion_costs": exclusions.costs(silenced, found, day) if silenced else None,
            "forecast": month.plus(_spent(sources.past, month) - _spent(past, month)),
            "bridge": changes.bridge_rows(ledger, before, after) if has_weeks else None,
            "unobservable_micros": None
            if sources.spacing is None
            else unobserved_spend.estimate(sources.since(day, window), sources.spacing),
            "not_observed": sources.not_observed,
        }


def _spent(rows: pd.DataFrame, month: forecast.Forecast) -> int:
    """What is known to be spent of a forecast's period."""
    return int(rows.loc[rows["date"] >= pd.Timestamp(month.first), "spend_micros"].sum())


def derive(
    settings: Settings,
    day: date | None,
    sources: Sources,
    found: pd.DataFrame,
    more: Mapping[str, Any],
) -> tuple[ReportView, dict[str, bytes]]:
    """Ledger rows and findings in; the view and every file of the report out. ``more``: what else
    there is to tell, as ``view.build`` takes it.
    """
    ledger = sources.ledger
    window = sources.since(day, settings.report.window_days)
    recent = sources.since(day, settings.rules.idle_window_days)
    ranked = utilization.rank(window, sources.until)
    evidence = utilization.rank(recent, sources.until)
    candidates = idle.of_findings(evidence, found)
    page = view.build(
        settings=settings,
        day=day,
        ledger=ledger,
        utilization=ranked,
        evidence=evidence,
        findings=found,
        certificates=sources.certificates,
        damaged=sources.damaged,
        days=sources.days,
        version=__version__,
        **more,
    )
    files = csv_files.csv_files(
        spend=spend.spend_rows(window).assign(owner=window["owner"].array),
        utilization=_with_owner(ranked, window),
        idle=_with_owner(candidates, window),
        findings=found,
        wording=RuleText(settings, more.get("rulebook", RULES)),
        day=day,
        changed=more.get("changed"),
        anomalies=more.get("anomalies"),
        not_observed=sources.not_observed,
    )
    files["summary.json"] = csv_files.summary(page)
    files["report.html"] = render.html(page).encode()
    return page, files


def _with_owner(rows: pd.DataFrame, days: pd.DataFrame) -> pd.DataFrame:
    """``rows`` of clusters with the owner that ``days`` of the ledger say."""
    whose = days[["account", "cluster_id", "owner"]].drop_duplicates(["account", "cluster_id"])
    keys = pd.MultiIndex.from_frame(rows[["account", "cluster_id"]].astype("str"))
    known = pd.MultiIndex.from_frame(whose[["account", "cluster_id"]].astype("str"))
    place = known.get_indexer(keys)
    owner = pd.Series([*whose["owner"], None], dtype="object")
    return rows.assign(owner=owner.take(place).array)
