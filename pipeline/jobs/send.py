"""Send: mail a stored report to its recipients, and to each owner their part, once each."""

from __future__ import annotations

import logging
from email import message_from_bytes
from email.policy import SMTP
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import msgspec

from pipeline.deliver import mail
from pipeline.deliver.message import address
from pipeline.errors import Exit, NotDeliveredError, SettingsError, StorageError
from pipeline.jobs.sent_mail import SentMail, given_up, refusals

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import date, datetime
    from email.message import EmailMessage

    from pipeline.jobs import Job
    from pipeline.settings import Settings

log = logging.getLogger(__name__)

_WHOLE_REPORT = "mail.eml"


def send(job: Job, day: date, *, again: bool = False, retry_refused: bool = True) -> dict[str, str]:
    """Mail the report of ``day`` to all recipients who have not got it; each one's result.

    The result is empty for an accepted message, else the server's reason. The store keeps who got
    which report, so a run after a partial failure serves only the others. Recipients whom the
    server refused for good (5xx) are tried again only with ``retry_refused``, and with the next
    report; after ``MOST_REFUSALS`` dates in a row only with ``retry_refused``.

    Raises:
        SettingsError: there are no recipients.
        StorageError: there is no such report.
        NotDeliveredError: a mail could not be sent because the server could not be used.
        LockedError: this run lost its lock to another run, which mails in its place.
    """
    settings = job.settings.mail
    if not settings.to and not settings.per_owner:
        raise SettingsError("no recipients: name them in mail.to of the settings")
    files = job.store.read_report(day)
    messages = _messages(job, day, files)
    results: dict[str, str] = {}
    failed: NotDeliveredError | None = None
    for name, message in messages.items():
        to = settings.to if name == _WHOLE_REPORT else (str(message["To"]),)
        if not to or (name == _WHOLE_REPORT and _waits_for_findings(job, files)):
            continue
        sent = SentMail.of(job.store, day, name, is_notice=_summary(files)["day"] is None)
        served = set() if again else sent.recipients()
        refused = {} if again or retry_refused else sent.refused()
        try:
            if again:
                _set_new_message_id(message, job.now())
            mail_results = send_mail(
                job, sent, message, to if retry_refused else not_given_up(job, to), served, refused
            )
        except NotDeliveredError as error:  # another mail may still be delivered
            failed = error
        else:
            results |= {
                recipient: results.get(recipient) or reason
                for recipient, reason in mail_results.items()
            }
    if failed is not None:
        raise failed
    return results


def send_mail(
    job: Job,
    sent: SentMail,
    message: EmailMessage,
    to: tuple[str, ...],
    served: Collection[str],
    refused: Mapping[str, str],
) -> dict[str, str]:
    """Send a mail to those of ``to`` who are neither served nor refused for good, and keep the
    results.
    """
    # The settings' recipients, such as "Ana <ana@example.org>", by their bare addresses.
    waiting = {address(recipient, "mail.to").addr_spec: recipient for recipient in to}
    waiting = {spec: recipient for spec, recipient in waiting.items() if spec not in served}
    skipped = {spec: refused[spec] for spec in waiting if spec in refused}
    for spec, reason in skipped.items():
        job.note(
            Exit.NOT_DELIVERED,
            f"mail to {spec} was refused for good: {reason}; correct the address, or try again "
            "with `fleetledger send`",
        )
    recipients = tuple(recipient for spec, recipient in waiting.items() if spec not in skipped)
    if not recipients:
        return skipped
    message.replace_header("To", ", ".join(recipients))
    message.replace_header("Date", format_datetime(job.now()))
    settings = msgspec.structs.replace(job.settings.mail, to=recipients)
    job.store.confirm_locks()
    results = mail.send(message, settings, job.password())
    sent.add(results)
    accepted = sum(not reason for reason in results.values())
    log.info(
        "mailed %s of %s: %d of %d recipients accepted",
        sent.mail or "the report", sent.day, accepted, len(results),
    )  # fmt: skip
    for recipient, reason in results.items():
        if reason:
            job.note(Exit.NOT_DELIVERED, f"mail to {recipient} refused: {reason}")
    for recipient, kept in refusals(job.store).items():
        if recipient in results and kept.is_last:
            job.note(Exit.NOT_DELIVERED, given_up(recipient, len(kept.days), kept.reason))
    return skipped | results


def not_given_up(job: Job, to: tuple[str, ...]) -> tuple[str, ...]:
    """The recipients whom ``nightly`` still mails."""
    last = {recipient for recipient, kept in refusals(job.store).items() if kept.is_last}
    return tuple(text for text in to if address(text, "mail.to").addr_spec not in last)


def _set_new_message_id(message: EmailMessage, now: datetime) -> None:
    """Give the message another Message-ID: mail servers drop one that they have delivered."""
    key, at, domain = str(message["Message-ID"]).rpartition("@")
    message.replace_header("Message-ID", f"{key}.{now:%Y%m%dT%H%M%SZ}{at}{domain}")


def check_addresses(settings: Settings) -> None:
    """Check the addresses in the settings, before any work is done.

    Raises:
        SettingsError: one of them is not valid.
    """
    address(settings.mail.sender, "mail.sender")
    for recipient in settings.mail.to:
        address(recipient, "mail.to")


def stored_message(job: Job, day: date) -> EmailMessage:
    """The mail of a stored report, as it would be sent."""
    return _messages(job, day, job.store.read_report(day))[_WHOLE_REPORT]


def _messages(job: Job, day: date, files: Mapping[str, bytes]) -> dict[str, EmailMessage]:
    """The stored mails by their file names: that of the whole report, and those of its parts."""
    if _WHOLE_REPORT not in files:
        raise StorageError(
            f"the report of {day} has no {_WHOLE_REPORT}; make it again: report --date {day}"
        )
    names = [_WHOLE_REPORT]
    if job.settings.mail.per_owner:
        names += sorted(n for n in files if n.startswith("mail-") and n.endswith(".eml"))
    return {name: message_from_bytes(files[name], policy=SMTP) for name in names}


def _summary(files: Mapping[str, bytes]) -> dict[str, Any]:
    """The report's numbers; its ``day`` is null if no day was closed yet."""
    summary: dict[str, Any] = msgspec.json.decode(files["summary.json"])
    return summary


def _waits_for_findings(job: Job, files: Mapping[str, bytes]) -> bool:
    """Whether the settings allow no mail of a report without findings, and this is one."""
    if job.settings.mail.when == "always":
        return False
    outcomes = _summary(files)["outcomes"]
    return not any(counts.get("FINDING", 0) for counts in outcomes.values())
