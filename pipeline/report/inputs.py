"""What a report is made from: one frozen value, built by ``jobs.report_build``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from pipeline.periods import Period, last_days
from pipeline.report.text import periods
from pipeline.report.text.numbers import Money
from pipeline.report.text.rules import RuleText
from pipeline.rules import RULES
from pipeline.transform.findings.by_cluster import by_cluster, open_findings
from pipeline.transform.findings.follow_up import follow_up
from pipeline.transform.fold import between

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.model import Certificate, NotObserved
    from pipeline.report.summary import Provenance
    from pipeline.rules import Rule
    from pipeline.settings import Settings
    from pipeline.transform.budgets import Budgets
    from pipeline.transform.findings.follow_up import FollowUp
    from pipeline.transform.forecast import Forecast
    from pipeline.transform.period_review import PeriodReview
    from pipeline.transform.spend_change import SpendChange


@dataclass(frozen=True, eq=False, kw_only=True)
class ReportInputs:
    """The data of one report; a part whose field is None is left out of it."""

    settings: Settings
    """Currency, window, thresholds, rows shown."""
    day: date | None
    """The report's date, the last closed day; None: no day is closed yet."""
    ledger: pd.DataFrame
    """Ledger rows of the window and of the date's month, with ``owner`` where there are owners."""
    utilization: pd.DataFrame
    """``transform.utilization.rank`` of the window."""
    evidence: pd.DataFrame
    """``transform.utilization.rank`` of the rules' window."""
    findings: pd.DataFrame
    """Every cluster under every rule, as of ``day``."""
    days: tuple[date, ...]
    """The days that have a ledger, empty ones included."""
    certificates: tuple[Certificate, ...] = ()
    """Of the snapshots behind the window."""
    damaged: tuple[str, ...] = ()
    """Stored files that were skipped because their content is not what was written."""
    rules: tuple[Rule, ...] = RULES
    """The rules that were judged, for their names and thresholds."""
    version: str = ""
    """The program's, for the footer."""
    owner: str = ""
    """Whose clusters the report is about; empty for all."""
    account: str = ""
    """The account it is about; empty for all."""
    review: PeriodReview | None = None
    """Of the period it is about; None: it is about the settings' window."""
    not_observed: tuple[NotObserved, ...] = ()
    """Accounts without data on ``day``; the ledger has no row of theirs after their last day."""

    previous_report: date | None = None
    """The date of the report before this one; for a period, the day before it."""
    not_observed_before: tuple[NotObserved, ...] = ()
    """Accounts that the previous report lacked: this one shows what came after their last day."""
    status_changes: pd.DataFrame | None = None
    """``transform.changes.since`` the previous report."""
    unusual_days: pd.DataFrame | None = None
    """``transform.anomalies.unusual_days``."""
    detectable_micros: int | None = None
    """``transform.anomalies.detectable_change``; None also where too little is known."""
    spend_change: SpendChange | None = None
    """Of the last two weeks; for a period, from the one before."""
    forecast: Forecast | None = None
    """Of the month."""
    budgets: Budgets | None = None
    exclusion_costs: pd.DataFrame | None = None
    """``transform.findings.exclusions.costs``."""
    has_owners: bool = False
    """Whether owners are named: the report then shows the sums by owner."""
    unobserved_micros: int | None = None
    """An estimate of the window's money that no snapshot can show."""
    reconciliation: pd.DataFrame | None = None
    """``transform.reconcile`` of the window's billed days."""
    provenance: Provenance | None = None
    """The findings it is made from, and what they lack."""

    @property
    def since(self) -> date | None:
        """The date to compare with: the previous report's, by default the day before."""
        if self.previous_report is not None or self.day is None:
            return self.previous_report
        return self.day - timedelta(days=1)

    @cached_property
    def window(self) -> pd.DataFrame:
        """The ledger rows of the window; before a day is closed, all there are."""
        if self.day is None:
            return self.ledger
        first = self.day - timedelta(days=self.settings.report.window_days - 1)
        return between(self.ledger, first, self.day)

    @cached_property
    def open_findings(self) -> pd.DataFrame:
        """The findings that no exclusion covers."""
        return open_findings(self.findings)

    @cached_property
    def clusters_found(self) -> pd.DataFrame:
        """The clusters of the open findings, most provable money first: ``by_cluster`` of them."""
        return by_cluster(self.open_findings)

    @cached_property
    def followed(self) -> FollowUp | None:
        """What became of the findings since the report before."""
        if self.day is None or self.since is None:
            return None
        return follow_up(
            self.findings, self.day, self.since, self.not_observed, self.not_observed_before
        )

    @property
    def unknown_days_of_month(self) -> int:
        """How many days of the date's month, up to the date, have no ledger."""
        if self.day is None:
            return 0
        month_to_date = Period("month to date", self.day.replace(day=1), self.day)
        return month_to_date.days - month_to_date.known(self.days)

    @property
    def period(self) -> Period | None:
        """What the report covers; None before a day is closed."""
        if self.day is None:
            return None
        if self.review is not None:
            return self.review.period
        return last_days(self.day, self.settings.report.window_days)

    def covered(self, form: periods.Form = "dates") -> str:
        """The name of its period, with how many days are known; empty before a day is closed."""
        return periods.label(self.period, self.days, form) if self.period else ""

    def during(self) -> str:
        """``in May 2026``, ``from 1 to 30 Nov 2026``; empty before a day is closed."""
        return periods.during(self.period, self.days) if self.period else ""

    def last_days(self, days: int, form: periods.Form = "column") -> str:
        """The name of the ``days`` days up to the report's date, such as ``30 d (12 d known)``."""
        return periods.label(last_days(self.day or date.max, days), self.days, form)

    @property
    def money(self) -> Money:
        """Writes amounts of the account's currency."""
        return Money(self.settings.currency)

    @cached_property
    def rule_text(self) -> RuleText:
        """Names and explains the rules."""
        return RuleText(self.settings, self.rules)
