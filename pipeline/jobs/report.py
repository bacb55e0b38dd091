"""Findings and report: from the ledger to the files people read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

import msgspec

from pipeline.deliver.channel_message import FILE, encode
from pipeline.errors import SettingsError, StorageError
from pipeline.jobs import channel_text
from pipeline.jobs.coverage import coverage, warn_of_missing
from pipeline.jobs.findings import findings_of, keep_open, note_damaged
from pipeline.jobs.future_snapshots import warn_of_future_snapshots
from pipeline.jobs.hidden_names import names_of
from pipeline.jobs.owner_reports import owner_files
from pipeline.jobs.report_build import (
    ReportContext,
    base_inputs,
    build_report,
    report_inputs,
)
from pipeline.jobs.report_mail import message
from pipeline.jobs.stored_inputs import previously_not_observed, read_inputs, report_days
from pipeline.ledger.inputs import last_closed_day
from pipeline.report.summary import Provenance
from pipeline.schema import FINDINGS
from pipeline.schema_versions import FINDINGS_VERSION
from pipeline.settings import override
from pipeline.transform.budgets import evaluate

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from pipeline.jobs import Job
    from pipeline.jobs.findings import DayFindings
    from pipeline.jobs.stored_inputs import StoredInputs
    from pipeline.model import SnapshotRef
    from pipeline.report.inputs import ReportInputs
    from pipeline.report.model import ReportView
    from pipeline.settings import Settings
    from pipeline.transform.budgets import Budgets


@dataclass(frozen=True)
class StoredReport:
    """A report that was made and stored."""

    day: date
    folder: str
    view: ReportView


def make_report(job: Job, day: date | None = None, window: str | None = None) -> StoredReport:
    """Findings and report of ``day`` (by default the last closed one), stored.

    Raises:
        SettingsError: the day or the window is invalid.
        StorageError: there is no snapshot yet.
    """
    settings = override(job.settings, "report", window=window)
    refs = readable_snapshots(job)
    closed = last_closed(job)
    day = check_day(job, day, closed)
    judged = None if day is None else findings_of(job, day, report=report_days(settings, day))
    if judged is not None and day == closed:
        keep_open(job, judged)
    stored = read_inputs(job.store, settings, refs, judged)
    for name in stored.damaged:
        note_damaged(job, name)
    files: dict[str, bytes] = {}
    if judged is None:
        inputs = base_inputs(settings, None, stored, FINDINGS.empty())
    else:
        warn_of_missing(job, judged.day, stored.not_observed)
        context = _context(job, settings, judged)
        shown = names_of(job)
        budgets = shown.budgets(_budgets(job, settings, stored, judged.day), settings.budgets)
        context, stored, findings = shown.shown(context, stored, judged.findings)
        if settings.mail.per_owner or any(each.owner for each in settings.webhooks.values()):
            files |= owner_files(job, context, stored, findings, shown)
        inputs = shown.inputs(_fleet_inputs(context, stored, judged, findings, budgets))
    view, report_files = build_report(inputs)
    files |= report_files
    folder_day = day or max(ref.day for ref in refs)
    mail = msgspec.structs.replace(settings.mail, to=settings.mail.to or (settings.mail.sender,))
    files["mail.eml"] = message(job, mail, folder_day, inputs, view, report_files)
    files[FILE] = encode(channel_text.channel_message(inputs, view, folder_day))
    return StoredReport(folder_day, job.store.publish_report(folder_day, files), view)


def readable_snapshots(job: Job) -> Sequence[SnapshotRef]:
    """All snapshots that a report may read; those from the future are named.

    Raises:
        StorageError: there are none.
    """
    warn_of_future_snapshots(job)
    refs = job.snapshots()
    if not refs:
        raise StorageError(
            f"{job.store.url('')}: nothing to report from yet; run `fleetledger extract` first"
        )
    return refs


def _context(job: Job, settings: Settings, judged: DayFindings) -> ReportContext:
    """The previous report, and the policy of the day."""
    earlier = (day for day in job.store.report_days() if day < judged.day)
    previous = max(earlier, default=None)
    not_observed = previously_not_observed(job.store, previous)
    return ReportContext(settings, judged.day, judged.policy, previous, not_observed)


def _fleet_inputs(
    context: ReportContext,
    stored: StoredInputs,
    judged: DayFindings,
    findings: pd.DataFrame,
    budgets: Budgets | None,
) -> ReportInputs:
    """The inputs of the report of all clusters: with budgets, owners and its provenance."""
    return replace(
        report_inputs(context, stored, findings),
        budgets=budgets,
        has_owners=bool(judged.policy.owners),
        provenance=provenance_of(judged, stored.damaged),
    )


def provenance_of(judged: DayFindings, damaged: Sequence[str]) -> Provenance:
    """What the report is made from; ``damaged``: what it could not read, besides the findings."""
    lacking = dict.fromkeys([*judged.incomplete, *(f"{key}: damaged" for key in damaged)])
    return Provenance(
        findings=judged.digest, findings_version=FINDINGS_VERSION, incomplete=tuple(lacking)
    )


def _budgets(job: Job, settings: Settings, stored: StoredInputs, day: date) -> Budgets | None:
    """How much of each budget is spent; a line crossed is an alert on the day it is crossed.

    What had fired before a day is kept with it, so that the day's report made again is the same.
    """
    if not settings.budgets:
        return None
    memory = _fired_alerts(job) or _FiredAlerts(date.min, (), ())
    if memory.day > job.latest().date():  # a report of a day later than all snapshots
        memory = _FiredAlerts(date.min, memory.before, memory.before)
    fired = memory.before if day <= memory.day else memory.after
    # The forecast's own history, so that a budget's forecast is the report's.
    budgets = evaluate(settings.budgets, stored.history, day, fired, stored.missing_accounts)
    if day >= memory.day:
        before = memory.before if day == memory.day else memory.after
        _remember(job, _FiredAlerts(day, before, tuple(budgets.fired)))
    return budgets


def forget_budgets(job: Job, last: date) -> None:
    """Forget which alerts fired after ``last``: the later days are discarded."""
    memory = _fired_alerts(job)
    if memory is not None and memory.day > last:
        _remember(job, _FiredAlerts(last, memory.before, memory.before))


class _FiredAlerts(msgspec.Struct, frozen=True):
    """Which alerts had fired before and after the newest day that budgets were evaluated for."""

    day: date
    before: tuple[str, ...]
    after: tuple[str, ...]


def _fired_alerts(job: Job) -> _FiredAlerts | None:
    return job.store.read_state("budgets", _FiredAlerts)


def _remember(job: Job, alerts: _FiredAlerts) -> None:
    job.store.put_state("budgets", msgspec.json.encode(alerts))


def check_day(job: Job, asked: date | None, closed: date | None) -> date | None:
    """The day to report on: only a closed one, which does not change any more.

    Raises:
        SettingsError: ``asked`` is not closed, or is before the history.
    """
    if asked is None:
        return closed
    if closed is None or asked > closed:
        until = f"the last closed day is {closed}" if closed else "no day is closed yet"
        raise SettingsError(f"--date {asked}: not closed: {until}")
    # The ledger goes back further than the snapshots where they were pruned.
    first = min(coverage(job).since.values())
    if asked < first:
        raise SettingsError(f"--date {asked}: the history begins on {first}")
    return asked


def last_closed(job: Job) -> date | None:
    """The last day that is closed in any account; the report names the accounts behind it."""
    closed = [last_closed_day(job.snapshots(account)) for account in job.store.accounts()]
    return max((day for day in closed if day is not None), default=None)
