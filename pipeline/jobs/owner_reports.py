"""A report as a message, and each owner's part of it as a report of its own."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

import msgspec

from pipeline.deliver.message import compose
from pipeline.errors import SettingsError
from pipeline.jobs.report_build import derive
from pipeline.report.output import render
from pipeline.transform.findings.owners import mail_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    import pandas as pd

    from pipeline.jobs import Job
    from pipeline.jobs.report_build import Past
    from pipeline.jobs.report_inputs import Sources
    from pipeline.report.model import ReportView
    from pipeline.settings import Mail, Settings

MOST_ATTACHED_BYTES = 5_000_000
"""Of one file. Servers commonly take 10 to 25 MB, and a mail carries three bytes as four."""


def parts(job: Job, past: Past, sources: Sources, found: pd.DataFrame) -> dict[str, bytes]:
    """For each owner with an address and clusters: their part as page, CSV and mail.

    An address that is none costs that owner's mail, not the report.
    """
    settings, files = past.settings, {}
    for owner, address in mail_of(past.policy.owners).items():
        part = sources.of_owner(owner)
        mine = found[(found["owner"] == owner).to_numpy(bool)]
        if part.since(past.day, settings.report.window_days).empty:
            continue
        more = past.tells(part, mine) | {"owner": owner}
        costs = more["exclusion_costs"]
        more["exclusion_costs"] = None if costs is None else _told_to(costs)
        page, whole = derive(settings, past.day, part, mine, more)
        name = slug(owner)
        for one in ("report.html", "findings.csv"):
            stem, dot, kind = one.partition(".")
            files[f"{stem}-{name}{dot}{kind}"] = whole[one]
        if settings.mail.when == "findings" and not page.facts.found:
            continue
        mail = msgspec.structs.replace(settings.mail, to=(address,))
        try:
            files[f"mail-{name}.eml"] = message(job, settings, mail, past.day, page, whole, owner)
        except SettingsError as error:
            job.note_error(SettingsError(f"owner {owner!r}: {error}"))
    return files


def _told_to(costs: pd.DataFrame) -> pd.DataFrame | None:
    """Of the costs of exclusions those that silence something of theirs."""
    theirs = costs[costs["findings"] > 0]
    return theirs if len(theirs) else None


def slug(owner: str) -> str:
    """A file name's part for an owner, another one for each."""
    words = "-".join(re.findall(r"[a-z0-9]+", owner.lower()))[:40]
    return f"{words}-{hashlib.sha256(owner.encode()).hexdigest()[:6]}".lstrip("-")


def attachments(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The report's page, and its findings if they do not make the mail too large.

    The page clips names, the CSV does not: a few names of 100,000 letters, which whoever creates a
    cluster may choose, must not keep the mail from everyone.
    """
    wanted = ("report.html", "findings.csv")
    return {name: files[name] for name in wanted if len(files[name]) <= MOST_ATTACHED_BYTES}


def message(
    job: Job,
    settings: Settings,
    mail: Mail,
    day: date,
    page: ReportView,
    files: Mapping[str, bytes],
    owner: str = "",
) -> bytes:
    """A report, or an owner's part of it, as a message to ``mail.to``."""
    pictures = render.mail_pictures(page)
    published = f"report-{slug(owner)}.html" if owner else "report.html"
    attached = attachments(files)
    has_csv = "findings.csv" in attached
    return compose(
        mail=mail,
        subject=page.subject,
        text=render.text(page),
        html=render.mail_html(page, settings.report.base_url, pictures, published, has_csv=has_csv),
        pictures=pictures,
        attachments=attached,
        identity=" ".join([*job.store.accounts(), *([owner] if owner else [])]),
        day=day,
        kind="notice" if page.facts.day is None else "report",
        sent_at=job.now(),
    ).as_bytes()
