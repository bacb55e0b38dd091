"""From what is stored to the inputs of a report, and from these to its view and files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pandas as pd

from pipeline.jobs.stored_inputs import ALL, UNUSUAL_DAYS, Scope, StoredInputs
from pipeline.report import view
from pipeline.report.inputs import ReportInputs
from pipeline.report.output import render
from pipeline.report.output.csv_files import csv_files
from pipeline.report.output.summary_json import summary_json
from pipeline.report.output.tickets import tickets
from pipeline.transform import anomalies, changes, unobserved_spend, utilization
from pipeline.transform.findings import exclusions, judge
from pipeline.transform.forecast import Forecast, forecast
from pipeline.transform.observed import observed_on
from pipeline.transform.period_review import PeriodReview, review
from pipeline.transform.spend_change import SpendChange, last_two_weeks, spend_change
from pipeline.version import __version__

if TYPE_CHECKING:
    from pipeline.jobs.findings import DatedPolicy
    from pipeline.model import NotObserved
    from pipeline.report.model import ReportView
    from pipeline.settings import Settings


@dataclass(frozen=True)
class ReportContext:
    """What a report of ``day`` compares with, and the policy of that day."""

    settings: Settings
    day: date
    policy: DatedPolicy
    previous_report: date | None
    """The date of the report before this one."""
    not_observed_before: tuple[NotObserved, ...] = ()
    """The accounts that report lacked: this one shows what came after their last day."""
    scope: Scope = ALL
    realised: pd.DataFrame | None = None
    """What acting on findings saved on the days of the scope's period."""

    @property
    def since(self) -> date | None:
        """The date to compare with: the day before the period, or that of the previous report."""
        period = self.scope.period
        return self.previous_report if period is None else period.first - timedelta(days=1)


def base_inputs(
    settings: Settings, day: date | None, stored: StoredInputs, findings: pd.DataFrame
) -> ReportInputs:
    """Ledger, utilization and findings: all there is before a day is closed."""
    used = stored.utilization
    return ReportInputs(
        settings=settings,
        day=day,
        ledger=stored.ledger,
        utilization=utilization.ranked(used.window),
        evidence=utilization.ranked(used.evidence),
        findings=findings,
        days=stored.days,
        certificates=stored.certificates,
        damaged=stored.damaged,
        rules=tuple(judge.Policy.of(settings).rulebook),
        version=__version__,
    )


def report_inputs(
    context: ReportContext, stored: StoredInputs, findings: pd.DataFrame
) -> ReportInputs:
    """The inputs of the report of a closed day, with comparisons of days and forecasts."""
    day, settings, excluded = context.day, context.settings, context.policy.exclusions
    # Comparisons and forecasts need accounts that have data up to the day.
    history = observed_on(stored.history, stored.observed_until, day)
    daily = anomalies.daily_sums(history)
    since = context.since or day - timedelta(days=1)
    period = context.scope.period
    unusual_days = (day - since).days
    if period is None:
        unusual_days = min(unusual_days, UNUSUAL_DAYS) if context.since else UNUSUAL_DAYS
    reviewed = None
    if period is not None:
        reviewed = review(period, day, stored.account_days, context.realised)
    return replace(
        base_inputs(settings, day, stored, findings),
        # Those of the day: a rule may have been removed or changed since.
        rules=tuple(context.policy.applied.rulebook),
        not_observed=stored.not_observed,
        previous_report=context.since,
        account=context.scope.account,
        review=reviewed,
        not_observed_before=context.not_observed_before,
        status_changes=changes.since(history, since, day, _earlier_ends(context, history)),
        unusual_days=anomalies.unusual_days(daily, settings.rules, day, unusual_days),
        detectable_micros=anomalies.detectable_change(daily, settings.rules, day),
        spend_change=_spend_change(stored, day)
        if reviewed is None
        else _change_of_period(stored, reviewed, day),
        forecast=_forecast(stored, history, day),
        exclusion_costs=exclusions.costs(excluded, findings, day) if excluded else None,
        unobserved_micros=_unobserved_spend(stored, day, settings.report.window_days),
        reconciliation=_reconciliation(stored, day, settings.report.window_days),
    )


def _earlier_ends(context: ReportContext, history: pd.DataFrame) -> dict[str, date]:
    """The last day that the previous report knew of each account it lacked."""
    oldest = history["date"].min().date() if len(history) else context.day
    return {
        account.account: max(account.until, oldest)
        for account in context.not_observed_before
        if account.until
    }


def _spend_change(stored: StoredInputs, day: date) -> SpendChange | None:
    """Of the last two weeks; None where the ledger is younger."""
    before, after = last_two_weeks(day)
    if not stored.days or stored.days[0] > before[0]:
        return None
    return spend_change(observed_on(stored.ledger, stored.observed_until, day), before, after)


def _change_of_period(
    stored: StoredInputs, reviewed: PeriodReview, day: date
) -> SpendChange | None:
    """From the period before; None where the two cannot be compared."""
    if reviewed.incomparable:
        return None
    before, period = reviewed.before, reviewed.period
    return spend_change(stored.ledger, (before.first, before.last), (period.first, day))


def _forecast(stored: StoredInputs, history: pd.DataFrame, day: date) -> Forecast:
    """Of the month; what accounts without data on ``day`` have spent is in it, and no more."""
    month = forecast(history, day)

    def spent(rows: pd.DataFrame) -> int:
        return int(rows.loc[rows["date"] >= pd.Timestamp(month.first), "spend_micros"].sum())

    return month.plus(spent(stored.history) - spent(history))


def _unobserved_spend(stored: StoredInputs, day: date, window_days: int) -> int | None:
    if stored.snapshot_spacing_seconds is None:
        return None
    window = stored.last_days(day, window_days)
    return unobserved_spend.estimate(window, stored.snapshot_spacing_seconds)


def _reconciliation(stored: StoredInputs, day: date, window_days: int) -> pd.DataFrame | None:
    """The billed days of the window; None if there are none."""
    if stored.billed is None:
        return None
    first = day - timedelta(days=window_days - 1)
    rows = stored.billed.rows(stored.last_days(day, window_days), first, day)
    return rows if len(rows) else None


def build_report(inputs: ReportInputs) -> tuple[ReportView, dict[str, bytes]]:
    """The view of a report, and all its files but the mail."""
    report = view.build(inputs)
    files = csv_files(inputs)
    files["summary.json"] = summary_json(report)
    files |= tickets(inputs, report)
    files["report.html"] = render.html(report).encode()
    return report, files
