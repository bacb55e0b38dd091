"""Deliver: a stored report to its recipients, and to each owner their part, once each."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import SMTP
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import msgspec

from pipeline.deliver import mail
from pipeline.deliver.message import address
from pipeline.errors import Exit, NotDeliveredError, SettingsError, StorageError
from pipeline.jobs.sent import Sent

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import date, datetime
    from email.message import EmailMessage

    from pipeline.jobs import Job
    from pipeline.settings import Settings

_WHOLE = "mail.eml"


def send(job: Job, day: date, *, again: bool = False, retry_refused: bool = True) -> dict[str, str]:
    """Mail the report of ``day`` to everyone who has not got it; each one's result.

    The result is empty for an accepted message, else the server's refusal. Who got which report
    is kept in the store, so a run after a partial failure serves only the rest. Whom the server
    refused for good (5xx) is tried again only if ``retry_refused``, and with the next report.

    Raises:
        SettingsError: nobody to send to.
        StorageError: there is no such report.
        NotDeliveredError: somebody cannot have been served, because the server could not be used.
        LockedError: this run's lock was lost to another one, which mails in its place.
    """
    settings = job.settings.mail
    if not settings.to and not settings.per_owner:
        raise SettingsError("nobody to send to: name the recipients in mail.to of the settings")
    files = job.store.read_report(day)
    messages = _messages(job, day, files)
    results: dict[str, str] = {}
    failed: NotDeliveredError | None = None
    for name, message in messages.items():
        to = settings.to if name == _WHOLE else (str(message["To"]),)
        if not to or (name == _WHOLE and _waits_for_findings(job, files)):
            continue
        sent = Sent.of(job.store, day, name, is_notice=_summary(files)["day"] is None)
        served = set() if again else sent.served()
        refused = {} if again or retry_refused else sent.refused()
        try:
            if again:
                _make_new(message, job.now())
            done = _send_one(job, sent, message, to, served, refused)
        except NotDeliveredError as error:  # another one may still go through
            failed = error
        else:
            results |= {one: results.get(one) or refusal for one, refusal in done.items()}
    if failed is not None:
        raise failed
    return results


def _send_one(
    job: Job,
    sent: Sent,
    message: EmailMessage,
    to: tuple[str, ...],
    served: Collection[str],
    refused: Mapping[str, str],
) -> dict[str, str]:
    """One message to those of ``to`` who are neither served nor refused for good; then kept."""
    waiting = {address(one, "mail.to").addr_spec: one for one in to}
    waiting = {spec: one for spec, one in waiting.items() if spec not in served}
    left_out = {spec: refused[spec] for spec in waiting if spec in refused}
    for spec, refusal in left_out.items():
        job.note(
            Exit.NOT_DELIVERED,
            f"mail to {spec} was refused for good: {refusal}; correct the address, or try again "
            "with `fleetledger send`",
        )
    missing = tuple(one for spec, one in waiting.items() if spec not in left_out)
    if not missing:
        return left_out
    message.replace_header("To", ", ".join(missing))
    message.replace_header("Date", format_datetime(job.now()))
    asked = msgspec.structs.replace(job.settings.mail, to=missing)
    job.store.confirm_locks()
    results = mail.send(message, asked, job.password())
    sent.add(results)
    for one, refusal in results.items():
        if refusal:
            job.note(Exit.NOT_DELIVERED, f"mail to {one} refused: {refusal}")
    return left_out | results


def _make_new(message: EmailMessage, now: datetime) -> None:
    """Another Message-ID: mail servers drop what they have delivered before, corrected or not."""
    key, at, domain = str(message["Message-ID"]).rpartition("@")
    message.replace_header("Message-ID", f"{key}.{now:%Y%m%dT%H%M%SZ}{at}{domain}")


def check_addresses(settings: Settings) -> None:
    """Whether mail could be sent where the settings say.

    Raises:
        SettingsError: an address that is none.
    """
    address(settings.mail.sender, "mail.sender")
    for one in settings.mail.to:
        address(one, "mail.to")


def stored_message(job: Job, day: date) -> EmailMessage:
    """The mail of a stored report, as it would be sent."""
    return _messages(job, day, job.store.read_report(day))[_WHOLE]


def _messages(job: Job, day: date, files: Mapping[str, bytes]) -> dict[str, EmailMessage]:
    """The stored mails by their files' names: the whole report's, and those of its parts."""
    if _WHOLE not in files:
        raise StorageError(
            f"the report of {day} has no {_WHOLE}; make it again: report --date {day}"
        )
    wanted = [_WHOLE]
    if job.settings.mail.per_owner:
        wanted += sorted(n for n in files if n.startswith("mail-") and n.endswith(".eml"))
    return {name: message_from_bytes(files[name], policy=SMTP) for name in wanted}


def _summary(files: Mapping[str, bytes]) -> dict[str, Any]:
    """The report's numbers; its ``day`` is null where no day was closed yet."""
    summary: dict[str, Any] = msgspec.json.decode(files["summary.json"])
    return summary


def _waits_for_findings(job: Job, files: Mapping[str, bytes]) -> bool:
    """Whether the settings want no mail of a report without findings, and this is one."""
    if job.settings.mail.when == "always":
        return False
    outcomes = _summary(files)["outcomes"]
    return not any(counts.get("FINDING", 0) for counts in outcomes.values())
