"""A report as a message: its text, its pictures and the files attached to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from pipeline.deliver.message import compose
from pipeline.report.output import render
from pipeline.report.text.names import slug

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

    from pipeline.jobs import Job
    from pipeline.report.inputs import ReportInputs
    from pipeline.report.model import ReportView
    from pipeline.settings import Mail

MOST_BYTES = 1_000_000
"""Of a whole message. Many servers refuse larger ones; an attachment carries three bytes as four.
"""
_FEWER_ROWS = (100, 50, 20, 0)
"""The rows of findings in the attached page, where all are too many."""


class _Attached(NamedTuple):
    """What a message carries, and where the reader finds what it does not."""

    files: dict[str, bytes]
    rest: str


def message(
    job: Job,
    mail: Mail,
    day: date,
    inputs: ReportInputs,
    view: ReportView,
    files: Mapping[str, bytes],
    folder: str = "",
) -> bytes:
    """A report as a message to ``mail.to``; ``day`` is its date.

    ``folder``: where it is stored, if that is not the folder of the day's report.

    It is the first of ``_choices`` that is no larger than ``MOST_BYTES``.

    Raises:
        SettingsError: an address is invalid.
    """
    owner = inputs.owner
    link = render.link_to(
        inputs.settings.report.base_url,
        folder or f"reports/{day}",
        f"report-{slug(owner)}.html" if owner else "report.html",
    )
    pictures = render.mail_pictures(view)
    composed = b""
    where = f"the folder {folder or f'reports/{day}'} where FleetLedger stores its data"
    parts = [part for part in (owner, folder) if part]
    for attached in _choices(mail, where, view, files):
        composed = compose(
            mail=mail,
            subject=view.headline.subject,
            text=render.mail_text(view, link, attached.rest),
            html=render.mail_html(view, link, pictures, attached.rest),
            pictures=pictures,
            attachments=attached.files,
            identity=" ".join([*job.store.accounts(), *parts]),
            day=day,
            kind="notice" if inputs.day is None else "report",
            sent_at=job.now(),
        ).as_bytes()
        if len(composed) <= MOST_BYTES:
            break
    return composed


def _choices(
    mail: Mail, folder: str, view: ReportView, files: Mapping[str, bytes]
) -> Iterator[_Attached]:
    """What to attach, the best first: page and CSV, the page, its first rows, nothing.

    The page is without its script: mail gateways remove it, or the whole page because of it.
    """
    if mail.attach == "html":
        page, csv = render.html(view, has_script=False).encode(), files["findings.csv"]
        if len(csv) < MOST_BYTES:
            yield _Attached(
                {"report.html": page, "findings.csv": csv},
                "The full report is attached, with the findings as a CSV file.",
            )
        yield _Attached(
            {"report.html": page},
            "The full report is attached; findings.csv is too large for a mail and is in "
            f"{folder}.",
        )
        for rows in _FEWER_ROWS:
            shown = _with_rows(view, rows)
            kept, every = len(shown.findings.rows), len(view.findings.rows)
            if kept == every:
                continue
            yield _Attached(
                {"report.html": render.html(shown, has_script=False).encode()},
                f"The attached report has {kept} of {every} rows of findings: the first, and those "
                f"to act on. The others and findings.csv are in {folder}.",
            )
    yield _Attached({}, f"The full report and findings.csv are in {folder}.")


def _with_rows(view: ReportView, rows: int) -> ReportView:
    """The view with the first rows of its findings, and those of the actions to do first."""
    acted_on = {action.anchor for action in view.first.rows}
    table = view.findings
    kept = tuple(
        row for place, row in enumerate(table.rows) if place < rows or row.anchor in acted_on
    )
    note = f"{table.note} This copy for a mail has {len(kept)} rows."
    # The totals count the rows that are left out.
    shorter = msgspec.structs.replace(table, rows=kept, totals=(), note=note)
    return msgspec.structs.replace(view, findings=shorter)
