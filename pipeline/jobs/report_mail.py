"""A report as a message: its text, its pictures and the files attached to it."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from pipeline.deliver.message import compose
from pipeline.report.output import render

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from pipeline.jobs import Job
    from pipeline.report.inputs import ReportInputs
    from pipeline.report.model import ReportView
    from pipeline.settings import Mail

MOST_ATTACHED_BYTES = 5_000_000
"""Of one file. Servers commonly accept 10 to 25 MB, and a mail carries three bytes as four."""


def slug(owner: str) -> str:
    """An owner's part of a file name, different for each owner."""
    words = "-".join(re.findall(r"[a-z0-9]+", owner.lower()))[:40]
    return f"{words}-{hashlib.sha256(owner.encode()).hexdigest()[:6]}".lstrip("-")


def attachments(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The report's page, and its findings if they do not make the mail too large.

    The page shortens names, the CSV does not: a few names of 100,000 letters, which anyone who
    creates a cluster may choose, must not prevent the mail.
    """
    names = ("report.html", "findings.csv")
    return {name: files[name] for name in names if len(files[name]) <= MOST_ATTACHED_BYTES}


def message(
    job: Job,
    mail: Mail,
    day: date,
    inputs: ReportInputs,
    view: ReportView,
    files: Mapping[str, bytes],
) -> bytes:
    """A report as a message to ``mail.to``; ``day`` is the date of its folder.

    Raises:
        SettingsError: an address is invalid.
    """
    owner = inputs.owner
    pictures = render.mail_pictures(view)
    published = f"report-{slug(owner)}.html" if owner else "report.html"
    attached = attachments(files)
    return compose(
        mail=mail,
        subject=view.headline.subject,
        text=render.text(view),
        html=render.mail_html(
            view,
            inputs.settings.report.base_url,
            pictures,
            published,
            has_csv="findings.csv" in attached,
        ),
        pictures=pictures,
        attachments=attached,
        identity=" ".join([*job.store.accounts(), *([owner] if owner else [])]),
        day=day,
        kind="notice" if inputs.day is None else "report",
        sent_at=job.now(),
    ).as_bytes()
