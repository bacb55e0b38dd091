"""A report as a message, and a report for each owner about their clusters alone."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from pipeline.deliver.message import compose
from pipeline.errors import SettingsError
from pipeline.jobs.report_build import build_report, report_inputs
from pipeline.report.output import render
from pipeline.transform.findings.owners import mail_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    import pandas as pd

    from pipeline.jobs import Job
    from pipeline.jobs.report_build import ReportContext
    from pipeline.jobs.report_inputs import StoredInputs
    from pipeline.report.inputs import ReportInputs
    from pipeline.report.model import ReportView
    from pipeline.settings import Mail

MOST_ATTACHED_BYTES = 5_000_000
"""Of one file. Servers commonly accept 10 to 25 MB, and a mail carries three bytes as four."""


def owner_files(
    job: Job, context: ReportContext, stored: StoredInputs, findings: pd.DataFrame
) -> dict[str, bytes]:
    """For each owner with an address and clusters: their report as page, CSV and mail.

    An invalid address costs that owner's mail, not the report.
    """
    files: dict[str, bytes] = {}
    for owner, address in mail_of(context.policy.owners).items():
        owned = stored.of_owner(owner)
        if owned.last_days(context.day, context.settings.report.window_days).empty:
            continue
        inputs = _owner_inputs(owner, context, owned, findings)
        view, report_files = build_report(inputs)
        name = slug(owner)
        files[f"report-{name}.html"] = report_files["report.html"]
        files[f"findings-{name}.csv"] = report_files["findings.csv"]
        if context.settings.mail.when == "findings" and not view.totals.with_findings:
            continue
        mail = msgspec.structs.replace(context.settings.mail, to=(address,))
        try:
            files[f"mail-{name}.eml"] = message(job, mail, context.day, inputs, view, report_files)
        except SettingsError as error:
            job.note_error(SettingsError(f"owner {owner!r}: {error}"))
    return files


def _owner_inputs(
    owner: str, context: ReportContext, owned: StoredInputs, findings: pd.DataFrame
) -> ReportInputs:
    """The inputs of an owner's report: of exclusions only those that cover their findings."""
    own_findings = findings[(findings["owner"] == owner).to_numpy(bool)]
    inputs = replace(report_inputs(context, owned, own_findings), owner=owner)
    if inputs.exclusion_costs is None:
        return inputs
    costs = inputs.exclusion_costs[inputs.exclusion_costs["findings"] > 0]
    return replace(inputs, exclusion_costs=costs if len(costs) else None)


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
