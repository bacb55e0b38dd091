"""Findings and report: from the ledger to the files people read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import msgspec

from pipeline.errors import DamageError, SettingsError, StorageError
from pipeline.jobs.coverage import warn_of_missing
from pipeline.jobs.findings import findings_of, note_damaged
from pipeline.jobs.ledger import note_future
from pipeline.jobs.owner_reports import message, parts
from pipeline.jobs.report_build import Past, derive
from pipeline.jobs.report_inputs import read
from pipeline.ledger.inputs import last_closed_day
from pipeline.model import NotObserved  # noqa: TC001  # msgspec reads the annotations
from pipeline.report.model import Inputs
from pipeline.schema import FINDINGS, FINDINGS_VERSION
from pipeline.settings import override
from pipeline.transform.budgets import evaluate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.jobs import Job
    from pipeline.jobs.findings import DayFindings
    from pipeline.jobs.report_inputs import Sources
    from pipeline.model import SnapshotRef
    from pipeline.report.model import ReportView
    from pipeline.settings import Settings
    from pipeline.store import Store
    from pipeline.transform.budgets import Budgets


@dataclass(frozen=True)
class Reported:
    """A report that was made."""

    day: date
    folder: str
    view: ReportView


def make_report(job: Job, day: date | None = None, window: str | None = None) -> Reported:
    """Findings and report of ``day`` (the last closed one), stored.

    Raises:
        SettingsError: the day or the window cannot be meant.
        StorageError: there is no snapshot yet.
    """
    settings = override(job.settings, "report", window=window)
    note_future(job)
    refs = job.snapshots()
    if not refs:
        raise StorageError(
            f"{job.store.url('')}: nothing to report from yet; run `fleetledger extract` first"
        )
    day = _checked(day, last_closed(job), refs)
    judged = None if day is None else findings_of(job, day)
    sources = read(job.store, settings, refs, judged)
    for name in sources.damaged:
        note_damaged(job, name)
    found = FINDINGS.empty() if judged is None else judged.findings
    shown = day or max(ref.day for ref in refs)
    more: dict[str, Any] = {}
    files: dict[str, bytes] = {}
    if day is not None and judged is not None:
        warn_of_missing(job, day, sources.not_observed)
        before = max((one for one in job.store.report_days() if one < day), default=None)
        past = Past(settings, day, before, judged.policy, _untold(job.store, before))
        if settings.mail.per_owner:
            files |= parts(job, past, sources, found)
        more = past.tells(sources, found)
        more["budgets"] = _budgets(job, settings, sources, day)
        more["owned"] = bool(judged.policy.owners)
        more["inputs"] = _inputs(judged, sources.damaged)
    page, whole = derive(settings, day, sources, found, more)
    files |= whole
    mail = msgspec.structs.replace(settings.mail, to=settings.mail.to or (settings.mail.sender,))
    files["mail.eml"] = message(job, settings, mail, shown, page, whole)
    return Reported(day=shown, folder=job.store.publish_report(shown, files), view=page)


def _inputs(judged: DayFindings, damaged: Sequence[str]) -> Inputs:
    """What the report is made from; ``damaged``: what it could not read, besides the findings."""
    lacking = dict.fromkeys([*judged.incomplete, *(f"{key}: damaged" for key in damaged)])
    return Inputs(
        findings=judged.digest, findings_version=FINDINGS_VERSION, incomplete=tuple(lacking)
    )


def _untold(store: Store, day: date | None) -> tuple[NotObserved, ...]:
    """The accounts the report of ``day`` lacked; none where it cannot say."""
    if day is None:
        return ()
    try:
        summary = store.read_report(day)["summary.json"]
        return msgspec.json.decode(summary, type=_Lacking).not_observed
    except (DamageError, KeyError, msgspec.DecodeError):
        return ()


class _Lacking(msgspec.Struct, frozen=True):
    """What a report's summary says of accounts; earlier versions say nothing."""

    not_observed: tuple[NotObserved, ...] = ()


def _budgets(job: Job, settings: Settings, sources: Sources, day: date) -> Budgets | None:
    """Where the budgets stand; each line crossed is an alert once, on the day it is crossed.

    What had fired before a day is kept with it, so that the day's report made again is the same.
    """
    if not settings.budgets:
        return None
    kept = job.store.get_state("budgets")
    memory = msgspec.json.decode(kept, type=_Fired) if kept else _Fired(date.min, (), ())
    if memory.day > job.latest().date():  # a report of a day that never was
        memory = _Fired(date.min, memory.before, memory.before)
    fired = memory.before if day <= memory.day else memory.after
    standing = evaluate(settings.budgets, sources.ledger, day, fired, sources.missing)
    if day >= memory.day:
        before = memory.before if day == memory.day else memory.after
        told = _Fired(day, before, tuple(standing.fired))
        job.store.put_state("budgets", msgspec.json.encode(told))
    return standing


def forget_budgets(job: Job, last: date) -> None:
    """Forget which alerts fired after ``last``: those days never were."""
    kept = job.store.get_state("budgets")
    memory = msgspec.json.decode(kept, type=_Fired) if kept else None
    if memory is not None and memory.day > last:
        true = _Fired(last, memory.before, memory.before)
        job.store.put_state("budgets", msgspec.json.encode(true))


class _Fired(msgspec.Struct, frozen=True):
    """Which alerts had fired before and after the newest day a budget was looked at."""

    day: date
    before: tuple[str, ...]
    after: tuple[str, ...]


def _checked(asked: date | None, closed: date | None, refs: Sequence[SnapshotRef]) -> date | None:
    """The day to report on: only a closed one will not change any more."""
    if asked is None:
        return closed
    first = min(ref.day for ref in refs)
    if closed is None or asked > closed:
        until = f"the last closed day is {closed}" if closed else "no day is closed yet"
        raise SettingsError(f"--date {asked}: not closed: {until}")
    if asked < first:
        raise SettingsError(f"--date {asked}: the history begins on {first}")
    return asked


def last_closed(job: Job) -> date | None:
    """The last day that is closed in any account; the report names those that are behind it."""
    closed = [last_closed_day(job.snapshots(account)) for account in job.store.accounts()]
    return max((day for day in closed if day is not None), default=None)
