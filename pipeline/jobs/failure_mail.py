"""The mail of a night in which no account could be read.

Without it such a night sends nothing, since the last report was mailed before, which would read
as good news. Where some accounts were read, the report names the others, and there is no such mail.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from pipeline.deliver.message import compose
from pipeline.errors import FleetLedgerError
from pipeline.jobs.send import not_given_up, send_mail
from pipeline.jobs.sent_mail import SentMail
from pipeline.redact import Redactor
from pipeline.report.output import render
from pipeline.report.sections import failure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.jobs import Job
    from pipeline.jobs.report import StoredReport
    from pipeline.keys import Secret
    from pipeline.report.model import Failure


def send_failure(
    job: Job, errors: Mapping[str, FleetLedgerError], reported: StoredReport | None
) -> None:
    """Mail ``mail.to``, once a date, that no account could be read; ``errors`` are by account.

    ``reported`` is the report made from what was stored before.

    Raises:
        SettingsError: an address is invalid, or the password is missing.
        NotDeliveredError: the mail server could not be used.
        LockedError: this run lost its lock to another run, which mails in its place.
    """
    settings, day = job.settings.mail, job.now().date()
    sent = SentMail(job.store, day, "-failure")
    to = not_given_up(job, settings.to)
    if not to:
        return
    content = failure_of(job, errors, reported)
    message = compose(
        mail=settings,
        subject=content.subject,
        text=render.failure_text(content),
        html=render.failure_html(content),
        attachments={},
        identity=" ".join(job.store.accounts()),
        day=day,
        kind="failure",
        sent_at=job.now(),
    )
    send_mail(job, sent, message, to, sent.recipients(), sent.refused())


def failure_of(
    job: Job, errors: Mapping[str, FleetLedgerError], reported: StoredReport | None
) -> Failure:
    """What is mailed and posted about such a night."""
    secrets = _secrets(job)
    return failure.failure(
        {name: Redactor.of(secrets).scrub(str(error)) for name, error in errors.items()},
        failure.cause(errors.values()),
        job.now().date(),
        reported.day if reported else None,
        reported.view.title if reported else "",
        render.link_to(job.settings.report.base_url, f"reports/{reported.day}") if reported else "",
    )


def _secrets(job: Job) -> list[Secret]:
    """The API keys: an error may quote one, and what is mailed does not pass the command line."""
    secrets = []
    for name, account in job.settings.all_accounts.items():
        with suppress(FleetLedgerError):  # a missing key is what failed
            secrets.append(job.find_key(name, account))
    return secrets
