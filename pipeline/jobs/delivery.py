"""Deliver: a stored report to its recipients, once each."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import SMTP
from email.utils import format_datetime
from typing import TYPE_CHECKING

import msgspec

from pipeline.deliver import mail
from pipeline.deliver.message import address
from pipeline.errors import Exit, SettingsError, StorageError

if TYPE_CHECKING:
    from datetime import date
    from email.message import EmailMessage

    from pipeline.jobs import Job


def send(job: Job, day: date, *, again: bool = False) -> dict[str, str]:
    """Mail the report of ``day`` to everyone who has not got it; each one's result.

    The result is empty for an accepted message, else the server's refusal. Who got which report
    is kept in the store, so a run after a partial failure serves only the rest.

    Raises:
        SettingsError: nobody to send to.
        StorageError: there is no such report.
        NotDeliveredError: nobody can have been served.
    """
    settings = job.settings.mail
    if not settings.to:
        raise SettingsError("nobody to send to: name the recipients in mail.to of the settings")
    message = stored_message(job, day)
    name = f"sent-{day}"
    served: set[str] = set(msgspec.json.decode(job.store.get_state(name) or b"[]"))
    missing = [
        one for one in settings.to if again or address(one, "mail.to").addr_spec not in served
    ]
    if not missing:
        return {}
    if settings.when == "findings" and not _has_findings(job, day):
        return {}
    message.replace_header("To", ", ".join(missing))
    message.replace_header("Date", format_datetime(job.now()))
    results = mail.send(
        message, msgspec.structs.replace(settings, to=tuple(missing)), job.password()
    )
    served |= {one for one, refusal in results.items() if not refusal}
    job.store.put_state(name, msgspec.json.encode(sorted(served)))
    for one, refusal in results.items():
        if refusal:
            job.note(Exit.NOT_DELIVERED, f"mail to {one} refused: {refusal}")
    return results


def stored_message(job: Job, day: date) -> EmailMessage:
    """The mail of a stored report, as it would be sent."""
    files = job.store.read_report(day)
    if "mail.eml" not in files:
        raise StorageError(
            f"the report of {day} has no mail.eml; make it again: report --date {day}"
        )
    return message_from_bytes(files["mail.eml"], policy=SMTP)


def _has_findings(job: Job, day: date) -> bool:
    outcomes = msgspec.json.decode(job.store.read_report(day)["summary.json"])["outcomes"]
    return any(counts.get("FINDING", 0) for counts in outcomes.values())
