"""What a report is made from besides the findings, read from the store once."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import msgspec

from pipeline.errors import DamageError
from pipeline.jobs import certificates as certificates_of
from pipeline.jobs.bills import BilledDays, billed_days
from pipeline.jobs.ledger_rows import Span
from pipeline.jobs.report_rows import ReportDays, Utilization, read_report_rows
from pipeline.ledger.inputs import usual_spacing
from pipeline.model import NotObserved  # msgspec reads the annotations
from pipeline.transform import anomalies
from pipeline.transform.findings import judge
from pipeline.transform.findings.owners import owner_over_time
from pipeline.transform.fold import between
from pipeline.transform.observed import observed_days

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from pipeline.jobs.findings import DayFindings
    from pipeline.model import Certificate, NotObserved, SnapshotRef
    from pipeline.periods import Period
    from pipeline.settings import Settings
    from pipeline.store import Store

UNUSUAL_DAYS = 7
"""A report shows the unusual days since the one before it, and of no more than a week."""


@dataclass(frozen=True)
class Scope:
    """What a report is limited to."""

    account: str = ""
    """Empty: all accounts."""
    period: Period | None = None
    """None: the settings' window."""

    def has(self, account: str) -> bool:
        """Whether ``account`` is in it."""
        return self.account in ("", account)


ALL = Scope()


@dataclass(frozen=True, eq=False, kw_only=True)
class StoredInputs:
    """Ledger rows, and what is known about how they came about."""

    ledger: pd.DataFrame
    """With the ``owner`` of each cluster."""
    utilization: Utilization
    history: pd.DataFrame
    """Older days too, with the few columns that forecasts and comparisons need."""
    days: tuple[date, ...]
    """The days that have a ledger, empty ones included."""
    account_days: Mapping[str, frozenset[date]]
    """Those of each account."""
    certificates: tuple[Certificate, ...]
    """Of the snapshots behind the ledger rows."""
    damaged: tuple[str, ...]
    """Stored files that could not be read."""
    snapshot_spacing_seconds: float | None
    """The usual time between two snapshots."""
    observed_until: Mapping[str, date]
    """The last day on which each account is observed: no row is of a later one."""
    not_observed: tuple[NotObserved, ...]
    """The accounts without data on the report's day."""
    billed: BilledDays | None = None
    """What accounts were billed for the ledger's days."""

    def of_owner(self, name: str) -> StoredInputs:
        """Only this owner's clusters, and the accounts they are in."""
        ledger, history = (
            rows[(rows["owner"] == name).to_numpy(bool)] for rows in (self.ledger, self.history)
        )
        accounts = {str(account) for account in history["account"].unique()}
        return replace(
            self,
            ledger=ledger,
            utilization=self.utilization.of_owner(name),
            history=history,
            billed=None,
            not_observed=tuple(lost for lost in self.not_observed if lost.account in accounts),
        )

    @property
    def missing_accounts(self) -> tuple[str, ...]:
        """The accounts that should be observed and are not."""
        return tuple(lost.account for lost in self.not_observed if lost.in_settings)

    def last_days(self, day: date | None, days: int) -> pd.DataFrame:
        """The ledger rows of the ``days`` days up to and including ``day``; all for None."""
        if day is None:
            return self.ledger
        return between(self.ledger, day - timedelta(days=days - 1), day)


def report_days(settings: Settings, day: date, scope: Scope = ALL) -> ReportDays:
    """The ledger days that the report of ``day`` reads: all columns of its window, of its month,
    of the trailing 30 days, and of the period that it compares with.
    """
    recent, unusual = _first_day(settings, day), day - timedelta(days=UNUSUAL_DAYS - 1)
    if scope.period is not None and (before := scope.period.before(day)) is not None:
        unusual, recent = min(unusual, scope.period.first), min(recent, before.first)
    oldest = min(recent, unusual - timedelta(days=anomalies.HISTORY_DAYS))
    return ReportDays.of(
        Span(oldest, recent, day), settings.report.window_days, settings.rules.idle_window_days
    )


def _first_day(settings: Settings, day: date) -> date:
    """The first day of the report's window, month and look-back."""
    days = max(settings.report.window_days, judge.TRAILING_DAYS)
    return min(day - timedelta(days=days - 1), day.replace(day=1))


def read_inputs(
    store: Store,
    settings: Settings,
    refs: Sequence[SnapshotRef],
    judged: DayFindings | None,
    scope: Scope = ALL,
) -> StoredInputs:
    """Ledger rows of the window, of the date's month and of the findings' look-back.

    With a period in ``scope``, also those of the period before, and the history that unusual days
    anywhere in it need.
    """
    damaged: list[str] = []
    if judged is None:
        no_rows = store.read_ledger(date.max, date.max).assign(owner=None)
        certificates = certificates_of.read(store, refs, damaged, is_kept=False)
        return StoredInputs(
            ledger=no_rows,
            utilization=Utilization.none().with_owners(()),
            history=no_rows,
            days=(),
            account_days={},
            certificates=certificates,
            damaged=tuple(damaged),
            snapshot_spacing_seconds=None,
            observed_until={},
            not_observed=(),
        )
    day, coverage, policy = judged.day, judged.coverage, judged.policy
    first, wanted = _first_day(settings, day), report_days(settings, day, scope)
    read = read_report_rows(
        store,
        wanted,
        coverage.until,
        damaged,
        accounts=[scope.account] if scope.account else None,
        rows=judged.rows if scope is ALL else None,
        known=judged.utilization if scope is ALL else None,
    )
    span, rows = wanted.span, read.rows
    ledger, history = (
        observed_days(between(each, since, day), coverage.until)
        for each, since in ((rows.recent, span.recent), (rows.history, span.oldest))
    )
    days: dict[str, set[date]] = defaultdict(set)
    for ref in store.ledger_days(scope.account or None, span.recent, day):
        if ref.key not in damaged and coverage.has(ref.account, ref.day):
            days[ref.account].add(ref.day)
    behind = [
        ref
        for ref in refs
        if first <= ref.day <= day + timedelta(days=1) and scope.has(ref.account)
    ]
    certificates = certificates_of.read(store, behind, damaged, is_kept=scope is ALL)
    billed = billed_days(store, settings.currency, coverage, scope.has, damaged)
    return StoredInputs(
        utilization=read.utilization.with_owners(policy.owners),
        ledger=ledger.assign(owner=owner_over_time(policy.owners, ledger)),
        history=history.assign(owner=owner_over_time(policy.owners, history)),
        days=tuple(sorted(set().union(*days.values()))),
        account_days={account: frozenset(known) for account, known in days.items()},
        certificates=certificates,
        damaged=tuple(damaged),
        snapshot_spacing_seconds=usual_spacing(behind),
        observed_until=coverage.until,
        # An account that left the settings is named as long as the report has days of it.
        not_observed=tuple(
            lost
            for lost in coverage.missing(day, policy.accounts)
            if scope.has(lost.account)
            and (lost.in_settings or (lost.until is not None and lost.until >= first))
        ),
        billed=billed,
    )


def previously_not_observed(store: Store, day: date | None) -> tuple[NotObserved, ...]:
    """The accounts that the report of ``day`` lacked; none where that is unknown."""
    if day is None:
        return ()
    try:
        summary = store.read_report(day, ["summary.json"])["summary.json"]
        return msgspec.json.decode(summary, type=_Summary).not_observed
    except (DamageError, KeyError, msgspec.DecodeError):
        return ()


class _Summary(msgspec.Struct, frozen=True):
    """What ``summary.json`` says of accounts; earlier versions say nothing."""

    not_observed: tuple[NotObserved, ...] = ()
