"""Reports of a period or of one account, beside those of every night.

Each has a folder of its own, is sent by nothing, and changes nothing that a night remembers: no
budget alert, no policy of a past day, no earlier report.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import msgspec

from pipeline.errors import DamageError, Exit, SettingsError, StorageError
from pipeline.jobs.coverage import coverage, warn_of_missing
from pipeline.jobs.findings import findings_of, note_damaged
from pipeline.jobs.hidden_names import REAL_NAMES, Names, names_of
from pipeline.jobs.report import (
    StoredReport,
    check_day,
    provenance_of,
    readable_snapshots,
)
from pipeline.jobs.report_build import ReportContext, build_report, report_inputs
from pipeline.jobs.report_mail import message
from pipeline.jobs.stored_inputs import Scope, previously_not_observed, read_inputs
from pipeline.periods import last_days, parse
from pipeline.report.text.numbers import NBSP
from pipeline.report.text.periods import listed
from pipeline.settings import override
from pipeline.store import layout
from pipeline.transform.budgets import evaluate
from pipeline.transform.findings.realised import COLUMNS, realised

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.jobs import Job
    from pipeline.jobs.coverage import Coverage
    from pipeline.jobs.findings import DayFindings
    from pipeline.jobs.stored_inputs import StoredInputs
    from pipeline.periods import Period
    from pipeline.report.inputs import ReportInputs
    from pipeline.settings import Settings
    from pipeline.transform.budgets import Budgets
    from pipeline.transform.period_review import Missing


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the user asked for: a period or the days up to a date; one account or all."""

    period: str | None = None
    account: str | None = None
    day: date | None = None
    window: str | None = None


@dataclass(frozen=True, kw_only=True)
class ScopedInputs:
    """What a report of a period or an account is made from."""

    inputs: ReportInputs
    day: date
    """The last day that has data."""
    covered: Period
    account: str
    """Empty: all accounts."""


def make_scoped_report(job: Job, asked: Asked) -> StoredReport:
    """The report that was asked for, with the findings as at its end; stored.

    Raises:
        SettingsError: there is no such account, or the day is not closed.
        StorageError: there is no snapshot, or no closed day in the period.
    """
    scoped = scoped_inputs(job, asked, names=names_of(job))
    inputs, settings = scoped.inputs, scoped.inputs.settings
    view, files = build_report(inputs)
    folder = layout.scoped_report(scoped.covered.name, scoped.account)
    mail = msgspec.structs.replace(settings.mail, to=settings.mail.to or (settings.mail.sender,))
    files["mail.eml"] = message(job, mail, scoped.day, inputs, view, files, folder)
    return StoredReport(scoped.day, job.store.publish_scoped_report(folder, files), view)


def scoped_inputs(
    job: Job,
    asked: Asked,
    *,
    is_stored: bool = True,
    applies_settings: bool = True,
    names: Names = REAL_NAMES,
) -> ScopedInputs:
    """What the report that was asked for is made from.

    Args:
        job: the inputs of the run.
        asked: the period, account, day and window.
        is_stored: whether findings that have to be made are stored.
        applies_settings: whether the settings judge the last closed day; else those of the last
            run do. They never judge an earlier day.
        names: how they are shown.

    Raises:
        SettingsError: there is no such account, or the day is not closed.
        StorageError: there is no snapshot, or no closed day in the period.
    """
    account = _checked_account(job, asked.account)
    refs = readable_snapshots(job)
    known = coverage(job)
    closed, settings = known.last_day(), override(job.settings, "report", window=asked.window)
    if asked.period is None:
        day = check_day(asked.day, closed, refs) or closed
        period, covered = None, last_days(day, settings.report.window_days)
        _last_known(job, known, covered, account)
    else:
        period = covered = parse(asked.period, closed)
        day = _last_known(job, known, covered, account)
        window = f"{(day - period.first).days + 1}d"
        settings = override(settings, "report", window=window)
    judged = findings_of(
        job, day, is_stored=is_stored, applies_settings=applies_settings and day == closed
    )
    scope = Scope(account, period)
    stored = read_inputs(job.store, settings, refs, judged, scope)
    for name in stored.damaged:
        note_damaged(job, name)
    warn_of_missing(job, day, stored.not_observed)
    inputs = _inputs(job, _context(job, settings, judged, scope), stored, judged, names)
    if inputs.review is not None:
        _warn_of_unknown_days(job, inputs.covered(), inputs.review.missing)
    return ScopedInputs(inputs=inputs, day=day, covered=covered, account=account)


def _checked_account(job: Job, name: str | None) -> str:
    """The account's name; empty for all."""
    if name is None:
        return ""
    known = sorted({*job.settings.all_accounts, *job.store.accounts()})
    if name not in known:
        raise SettingsError(
            f"--account {name[:80]!r}: there is no such account; known: {', '.join(known)}"
        )
    return name


def _last_known(job: Job, known: Coverage, period: Period, account: str) -> date:
    """The last day of ``period`` that any account has data of.

    Raises:
        StorageError: the ``account`` has none, or no account has.
    """
    refs = job.store.ledger_days()
    closed = [ref for ref in refs if known.has(ref.account, ref.day)]
    within = [ref for ref in closed if period.first <= ref.day <= period.last]
    if any(account in ("", ref.account) for ref in within):
        return max(ref.day for ref in within)
    whose = f" of account {account}" if account else ""
    own = [ref.day for ref in closed if account in ("", ref.account)]
    there = f"the closed days are {min(own)} to {max(own)}" if own else "it has none at all"
    raise StorageError(f"no closed day{whose} from {period.first} to {period.last}: {there}")


def _context(job: Job, settings: Settings, judged: DayFindings, scope: Scope) -> ReportContext:
    """What the report compares with: the period before, or the last nightly report."""
    if scope.period is not None:
        saved = _realised(job, judged.day, scope.period, scope.account)
        return ReportContext(settings, judged.day, judged.policy, None, scope=scope, realised=saved)
    earlier = (day for day in job.store.report_days() if day < judged.day)
    previous = max(earlier, default=None)
    lacked = tuple(
        lost for lost in previously_not_observed(job.store, previous) if scope.has(lost.account)
    )
    return ReportContext(settings, judged.day, judged.policy, previous, lacked, scope)


def _inputs(
    job: Job, context: ReportContext, stored: StoredInputs, judged: DayFindings, names: Names
) -> ReportInputs:
    """The inputs of the report; budgets are of all accounts, so one account's has none."""
    findings = judged.findings
    if context.scope.account:
        of_account = findings["account"].astype("object") == context.scope.account
        findings = findings[of_account.to_numpy(bool)].reset_index(drop=True)
    budgets = None if context.scope.account else _budgets(job, context, stored)
    context, stored, findings = names.shown(context, stored, findings)
    inputs = replace(
        report_inputs(context, stored, findings),
        budgets=names.budgets(budgets, job.settings.budgets),
        has_owners=bool(judged.policy.owners),
        provenance=provenance_of(judged, stored.damaged),
    )
    return names.inputs(inputs)


def _budgets(job: Job, context: ReportContext, stored: StoredInputs) -> Budgets | None:
    """The budgets at the end of the period, and the thresholds crossed in it.

    Without an earlier report, all that are crossed.
    """
    budgets, history, lost = job.settings.budgets, stored.history, stored.missing_accounts
    if not budgets:
        return None
    fired: tuple[str, ...] = ()
    if context.since is not None:
        fired = evaluate(budgets, history, context.since, (), lost).fired
    return evaluate(budgets, history, context.day, fired, lost)


def _realised(job: Job, day: date, period: Period, account: str) -> pd.DataFrame | None:
    """What acting on findings saved in the period up to ``day``; None if findings are damaged."""
    stored = job.store.findings_digests()
    before = period.first - timedelta(days=1)
    days = [each for each in period.each_day() if each in stored and each <= day]
    try:
        saved = realised(
            job.store.read_findings(before, COLUMNS) if before in stored else None,
            (job.store.read_findings(each, COLUMNS) for each in days),
        )
    except DamageError as error:
        job.note(Exit.WARNINGS, f"{error}; what acting on findings saved is not known")
        return None
    return saved[(saved["account"] == account).to_numpy(bool)] if account else saved


def _warn_of_unknown_days(job: Job, label: str, lacking: tuple[Missing, ...]) -> None:
    """Name the days of the period that have no data."""
    for missing in lacking:
        whose = f"account {missing.account}: " if missing.account else ""
        days = listed(missing.runs)
        job.note(Exit.WARNINGS, f"{label}: {whose}no data of {days}".replace(NBSP, " "))
