"""Deliver: a stored report to its recipients, and to each owner their part, once each."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import SMTP
from email.utils import format_datetime
from typing import TYPE_CHECKING

import msgspec

from pipeline.deliver import mail
from pipeline.deliver.message import address
from pipeline.errors import Exit, NotDeliveredError, SettingsError, StorageError

if TYPE_CHECKING:
    from datetime import date
    from email.message import EmailMessage

    from pipeline.jobs import Job
    from pipeline.settings import Settings

_WHOLE = "mail.eml"


def send(job: Job, day: date, *, again: bool = False) -> dict[str, str]:
    """Mail the report of ``day`` to everyone who has not got it; each one's result.

    The result is empty for an accepted message, else the server's refusal. Who got which report
    is kept in the store, so a run after a partial failure serves only the rest.

    Raises:
        SettingsError: nobody to send to.
        StorageError: there is no such report.
        NotDeliveredError: somebody cannot have been served, because the server could not be used.
    """
    settings = job.settings.mail
    if not settings.to and not settings.per_owner:
        raise SettingsError("nobody to send to: name the recipients in mail.to of the settings")
    messages = _messages(job, day)
    results: dict[str, str] = {}
    failed: NotDeliveredError | None = None
    for name, message in messages.items():
        to = settings.to if name == _WHOLE else (str(message["To"]),)
        if not to or (name == _WHOLE and _waits_for_findings(job, day)):
            continue
        try:
            done = _send_one(job, _state(day, name), message, to, again=again)
        except NotDeliveredError as error:  # another one may still go through
            failed = error
        else:
            results |= {one: results.get(one) or refusal for one, refusal in done.items()}
    if failed is not None:
        raise failed
    return results


def _send_one(
    job: Job, state: str, message: EmailMessage, to: tuple[str, ...], *, again: bool
) -> dict[str, str]:
    """One message to those of ``to`` that are not in ``state``, which then has them."""
    served: set[str] = set(msgspec.json.decode(job.store.get_state(state) or b"[]"))
    missing = tuple(one for one in to if again or address(one, "mail.to").addr_spec not in served)
    if not missing:
        return {}
    message.replace_header("To", ", ".join(missing))
    message.replace_header("Date", format_datetime(job.now()))
    asked = msgspec.structs.replace(job.settings.mail, to=missing)
    results = mail.send(message, asked, job.password())
    served |= {one for one, refusal in results.items() if not refusal}
    job.store.put_state(state, msgspec.json.encode(sorted(served)))
    for one, refusal in results.items():
        if refusal:
            job.note(Exit.NOT_DELIVERED, f"mail to {one} refused: {refusal}")
    return results


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
    return _messages(job, day)[_WHOLE]


def _messages(job: Job, day: date) -> dict[str, EmailMessage]:
    """The stored mails by their files' names: the whole report's, and those of its parts."""
    files = job.store.read_report(day)
    if _WHOLE not in files:
        raise StorageError(
            f"the report of {day} has no {_WHOLE}; make it again: report --date {day}"
        )
    wanted = [_WHOLE]
    if job.settings.mail.per_owner:
        wanted += sorted(n for n in files if n.startswith("mail-") and n.endswith(".eml"))
    return {name: message_from_bytes(files[name], policy=SMTP) for name in wanted}


def _state(day: date, name: str) -> str:
    """Where it is kept who got a message."""
    part = name.removeprefix("mail").removesuffix(".eml")
    return f"sent-{day}{part}"


def _waits_for_findings(job: Job, day: date) -> bool:
    """Whether the settings want no mail of a report without findings, and this is one."""
    if job.settings.mail.when == "always":
        return False
    outcomes = msgspec.json.decode(job.store.read_report(day)["summary.json"])["outcomes"]
    return not any(counts.get("FINDING", 0) for counts in outcomes.values())
