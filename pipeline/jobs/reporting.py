"""Findings and report: from the ledger to the files people read."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import msgspec
import pandas as pd

from pipeline import __version__
from pipeline.deliver.message import compose
from pipeline.errors import DamageError, Exit, SettingsError, StorageError
from pipeline.ledger.inputs import last_closed_day
from pipeline.report import render, tables, view
from pipeline.settings import override
from pipeline.transform import findings, idle, spend, utilization

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.jobs import Job
    from pipeline.model import Certificate, SnapshotRef
    from pipeline.report.parts import ReportView
    from pipeline.settings import Settings
    from pipeline.store import Store


@dataclass(frozen=True)
class Reported:
    """A report that was made."""

    day: date
    folder: str
    view: ReportView


@dataclass(frozen=True)
class _Sources:
    """What a report is made from, read once."""

    ledger: pd.DataFrame
    days: tuple[date, ...]
    digests: tuple[str, ...]
    certificates: list[Certificate]
    damaged: list[str]


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
    day = _checked(day, refs) or _last_closed(job.store)
    sources = _read(job.store, settings, refs, day)
    for name in sources.damaged:
        where = job.store.url(name)
        job.note(Exit.WARNINGS, f"{where}: damaged, left out; `fleetledger check` says more")
    found, page, files = derive(settings, day, sources)
    if day is not None:
        job.store.publish_findings(day, _digest(sources, settings), found)
    shown = day or max(ref.day for ref in refs)
    files["mail.eml"] = _mail(job, settings, shown, page, files)
    return Reported(day=shown, folder=job.store.publish_report(shown, files), view=page)


def derive(
    settings: Settings, day: date | None, sources: _Sources
) -> tuple[pd.DataFrame, ReportView, dict[str, bytes]]:
    """Ledger rows in; findings, the view and every file of the report out."""
    ledger = sources.ledger
    last = day or date.max
    window = _since(ledger, day, settings.report.window_days)
    recent = _since(ledger, day, settings.rules.idle_window_days)
    rows = spend.spend_rows(window)
    ranked = utilization.rank(window)
    candidates = idle.candidates(utilization.rank(recent), settings.rules)
    found = findings.judge(ledger, settings.rules, last)
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
    )
    changed = None if day is None else view.changed_on(ledger, day)
    files = tables.csv_files(
        spend=rows, utilization=ranked, idle=candidates, findings=found, changed=changed
    )
    files["summary.json"] = tables.summary(page)
    files["report.html"] = render.html(page).encode()
    return found, page, files


def _mail(
    job: Job, settings: Settings, day: date, page: ReportView, files: Mapping[str, bytes]
) -> bytes:
    """The report as a message; to its own sender while the settings name no recipients."""
    mail = settings.mail
    if not mail.to:
        mail = msgspec.structs.replace(mail, to=(mail.sender,))
    return compose(
        mail=mail,
        subject=page.subject,
        text=render.text(page),
        html=render.mail_html(page, settings.report.base_url),
        attachments={name: files[name] for name in ("report.html", "findings.csv")},
        identity=" ".join(job.store.accounts()),
        day=day,
        sent_at=job.now(),
    ).as_bytes()


def _checked(day: date | None, refs: Sequence[SnapshotRef]) -> date | None:
    first, last = min(ref.day for ref in refs), max(ref.day for ref in refs)
    if day is not None and not first <= day <= last:
        raise SettingsError(f"--date {day}: there are snapshots of {first} to {last} only")
    return day


def _last_closed(store: Store) -> date | None:
    """The last day that is closed in any account; accounts behind it show in the coverage."""
    closed = [last_closed_day(store.snapshots(account)) for account in store.accounts()]
    return max((day for day in closed if day is not None), default=None)


def _read(
    store: Store, settings: Settings, refs: Sequence[SnapshotRef], day: date | None
) -> _Sources:
    """Ledger rows of the window, of the date's month and of the findings' look-back."""
    if day is None:
        return _Sources(
            store.read_ledger(date.max, date.max), (), (), _certificates(store, refs, []), []
        )
    back = max(settings.report.window_days, findings.TRAILING_DAYS)
    first = min(day - timedelta(days=back - 1), day.replace(day=1))
    damaged: list[str] = []
    ledger = store.read_ledger(first, day, damaged=damaged)
    days = [ref for ref in store.ledger_days(None, first, day) if ref.key not in damaged]
    behind = [ref for ref in refs if first <= ref.day <= day + timedelta(days=1)]
    return _Sources(
        ledger=ledger,
        days=tuple(sorted({ref.day for ref in days})),
        digests=tuple(sorted(ref.digest for ref in days)),
        certificates=_certificates(store, behind, damaged),
        damaged=damaged,
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


def _digest(sources: _Sources, settings: Settings) -> str:
    """Over all that the findings depend on."""
    text = msgspec.json.encode([sources.digests, settings.rules, __version__])
    return hashlib.sha256(text).hexdigest()[:16]
