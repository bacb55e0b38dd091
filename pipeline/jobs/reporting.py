"""Findings and report: from the ledger to the files people read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pandas as pd

from pipeline import __version__
from pipeline.deliver.message import compose
from pipeline.errors import DamageError, Exit, SettingsError, StorageError
from pipeline.jobs.judging import judge
from pipeline.ledger.inputs import last_closed_day, usual_spacing
from pipeline.report import render, tables, view
from pipeline.schema import FINDINGS
from pipeline.settings import override
from pipeline.transform import (
    anomalies,
    changes,
    exclusions,
    findings,
    forecast,
    idle,
    spend,
    unobservable,
    utilization,
)
from pipeline.transform.budgets import evaluate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.jobs import Job
    from pipeline.jobs.judging import Judged
    from pipeline.model import Certificate, SnapshotRef
    from pipeline.report.parts import ReportView
    from pipeline.settings import Settings
    from pipeline.store import Store
    from pipeline.transform.budgets import Budgets


_UNUSUAL_DAYS = 7
"""A report tells unusual days since the one before it, and of no more than a week."""
_OF_THE_PAST = (
    *("date", "account", "cluster_id", "name", "project_id", "gpu_type", "template_id"),
    *("status", "hourly_rate_micros", "expires_at", "spend_micros", "flags"),
)


@dataclass(frozen=True)
class Reported:
    """A report that was made."""

    day: date
    folder: str
    view: ReportView


@dataclass(frozen=True)
class Sources:
    """What a report is made from besides the findings, read once."""

    ledger: pd.DataFrame
    past: pd.DataFrame
    """Older days too, with the few columns that forecasts and comparisons need."""
    days: tuple[date, ...]
    certificates: list[Certificate]
    damaged: list[str]
    spacing: float | None = None
    """Usual seconds between two looks."""


def make_report(job: Job, day: date | None = None, window: str | None = None) -> Reported:
    """Findings and report of ``day`` (the last closed one), stored.

    Raises:
        SettingsError: the day or the window cannot be meant.
        StorageError: there is no snapshot yet.
    """
    settings = override(job.settings, "report", window=window)
    refs = job.store.snapshots()
    if not refs:
        raise StorageError(
            f"{job.store.url('')}: nothing to report from yet; run `fleetledger extract` first"
        )
    day = _checked(day, last_closed(job.store), refs)
    judged = None if day is None else judge(job, day)
    sources = _read(job.store, settings, refs, day)
    for name in sources.damaged:
        where = job.store.url(name)
        job.note(Exit.WARNINGS, f"{where}: damaged, left out; `fleetledger check` says more")
    more = {} if day is None or judged is None else _more(job, settings, day, sources, judged)
    found = FINDINGS.empty() if judged is None else judged.findings
    page, files = derive(settings, day, sources, found, more)
    shown = day or max(ref.day for ref in refs)
    files["mail.eml"] = _mail(job, settings, shown, page, files)
    return Reported(day=shown, folder=job.store.publish_report(shown, files), view=page)


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
    window = _since(ledger, day, settings.report.window_days)
    recent = _since(ledger, day, settings.rules.idle_window_days)
    ranked = utilization.rank(window)
    candidates = idle.candidates(utilization.rank(recent), settings.rules)
    page = view.build(
        settings=settings,
        day=day,
        ledger=ledger,
        utilization=ranked,
        idle=candidates,
        findings=found,
        certificates=sources.certificates,
        damaged=sources.damaged,
        days=sources.days,
        version=__version__,
        rulebook=findings.Policy.of(settings).rulebook,
        **more,
    )
    files = tables.csv_files(
        spend=spend.spend_rows(window),
        utilization=ranked,
        idle=candidates,
        findings=found,
        day=day,
        changed=more.get("changed"),
        anomalies=more.get("anomalies"),
    )
    files["summary.json"] = tables.summary(page)
    files["report.html"] = render.html(page).encode()
    return page, files


def _more(
    job: Job, settings: Settings, day: date, sources: Sources, judged: Judged
) -> dict[str, Any]:
    """What the ledger says besides findings: what is ahead, why spend changed, what is silenced."""
    ledger, silenced = sources.ledger, judged.policy.exclusions
    reported = max((one for one in job.store.report_days() if one < day), default=None)
    fresh = _UNUSUAL_DAYS if reported is None else min(_UNUSUAL_DAYS, (day - reported).days)
    after = (day - timedelta(days=6), day)
    before = (day - timedelta(days=13), day - timedelta(days=7))
    has_weeks = bool(sources.days) and sources.days[0] <= before[0]
    return {
        "since": reported,
        "changed": changes.since(sources.past, reported or day - timedelta(days=1), day),
        "anomalies": anomalies.unusual_days(sources.past, settings.rules, day, fresh),
        "exclusion_costs": exclusions.costs(silenced, judged.findings, day) if silenced else None,
        "forecast": forecast.forecast(sources.past, day),
        "bridge": changes.bridge_rows(ledger, before, after) if has_weeks else None,
        "bridge_days": (before, after),
        "budgets": _budgets(job, settings, ledger, day),
        "unobservable_micros": None
        if sources.spacing is None
        else unobservable.estimate(
            _since(ledger, day, settings.report.window_days), sources.spacing
        ),
    }


def _budgets(job: Job, settings: Settings, ledger: pd.DataFrame, day: date) -> Budgets | None:
    """Where the budgets stand; each line crossed is an alert once, on the day it is crossed.

    What had fired before a day is kept with it, so that the day's report made again is the same.
    """
    if not settings.budgets:
        return None
    kept = job.store.get_state("budgets")
    memory = msgspec.json.decode(kept, type=_Fired) if kept else _Fired(date.min, (), ())
    standing = evaluate(
        settings.budgets, ledger, day, memory.before if day <= memory.day else memory.after
    )
    if day >= memory.day:
        before = memory.before if day == memory.day else memory.after
        told = _Fired(day, before, tuple(standing.fired))
        job.store.put_state("budgets", msgspec.json.encode(told))
    return standing


class _Fired(msgspec.Struct, frozen=True):
    """Which alerts had fired before and after the newest day a budget was looked at."""

    day: date
    before: tuple[str, ...]
    after: tuple[str, ...]


def _mail(
    job: Job, settings: Settings, day: date, page: ReportView, files: Mapping[str, bytes]
) -> bytes:
    """The report as a message; to its own sender while the settings name no recipients."""
    mail = settings.mail
    if not mail.to:
        mail = msgspec.structs.replace(mail, to=(mail.sender,))
    pictures = render.mail_pictures(page)
    return compose(
        mail=mail,
        subject=page.subject,
        text=render.text(page),
        html=render.mail_html(page, settings.report.base_url, pictures),
        pictures=pictures,
        attachments={name: files[name] for name in ("report.html", "findings.csv")},
        identity=" ".join(job.store.accounts()),
        day=day,
        sent_at=job.now(),
    ).as_bytes()


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


def last_closed(store: Store) -> date | None:
    """The last day that is closed in any account; accounts behind it show in the coverage."""
    closed = [last_closed_day(store.snapshots(account)) for account in store.accounts()]
    return max((day for day in closed if day is not None), default=None)


def _read(
    store: Store, settings: Settings, refs: Sequence[SnapshotRef], day: date | None
) -> Sources:
    """Ledger rows of the window, of the date's month and of the findings' look-back."""
    if day is None:
        nothing = store.read_ledger(date.max, date.max)
        return Sources(nothing, nothing, (), _certificates(store, refs, []), [])
    back = max(settings.report.window_days, findings.TRAILING_DAYS)
    first = min(day - timedelta(days=back - 1), day.replace(day=1))
    damaged: list[str] = []
    ledger = store.read_ledger(first, day, damaged=damaged)
    oldest = min(first, day - timedelta(days=anomalies.HISTORY_DAYS + _UNUSUAL_DAYS - 1))
    past = store.read_ledger(oldest, day, columns=_OF_THE_PAST, damaged=damaged)
    damaged = list(dict.fromkeys(damaged))
    days = [ref for ref in store.ledger_days(None, first, day) if ref.key not in damaged]
    behind = [ref for ref in refs if first <= ref.day <= day + timedelta(days=1)]
    return Sources(
        ledger=ledger,
        past=past,
        days=tuple(sorted({ref.day for ref in days})),
        certificates=_certificates(store, behind, damaged),
        damaged=damaged,
        spacing=usual_spacing(behind),
    )


def _certificates(
    store: Store, refs: Sequence[SnapshotRef], damaged: list[str]
) -> list[Certificate]:
    good = []
    for ref in refs:
        try:
            good.append(store.certificate(ref))
        except DamageError:
            damaged.append(ref.key)
    return good


def _since(ledger: pd.DataFrame, day: date | None, days: int) -> pd.DataFrame:
    """The rows of the ``days`` days up to and with ``day``."""
    if day is None:
        return ledger
    first = pd.Timestamp(day - timedelta(days=days - 1))
    return ledger[(ledger["date"] >= first) & (ledger["date"] <= pd.Timestamp(day))]
