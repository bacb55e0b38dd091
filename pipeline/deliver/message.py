"""Composes the mail of a report: a pure function of its content and recipients.

The same report for the same recipients has the same Message-ID, boundaries and bytes, so that mail
servers drop the copy if it is sent again after a lost connection. The notice that no day is closed
yet has another Message-ID than the report of the same date.
"""

from __future__ import annotations

import hashlib
import unicodedata
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import TYPE_CHECKING, Literal

from pipeline.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from pipeline.settings import Mail

Kind = Literal["report", "notice", "failure"]
_LONGEST_SUBJECT = 180
_TYPES = {"html": ("text", "html"), "csv": ("text", "csv"), "json": ("application", "json")}


def compose(
    *,
    mail: Mail,
    subject: str,
    text: str,
    html: str,
    attachments: Mapping[str, bytes],
    identity: str,
    day: date | None,
    sent_at: datetime,
    pictures: Mapping[str, bytes] | None = None,
    kind: Kind = "report",
) -> EmailMessage:
    """The message: a text part, an HTML part with the same content, and the attachments.

    Args:
        mail: sender, recipients, subject prefix.
        subject: the short headline; line breaks in it are removed.
        text: the plain part.
        html: the HTML part.
        attachments: files by name.
        identity: the store and accounts of the report: part of the Message-ID.
        day: the report's date, part of the Message-ID.
        sent_at: the ``Date`` header.
        pictures: PNG files by name; the HTML part shows them as ``cid:NAME``.
        kind: a report, the notice that no day is closed yet, or that of a night without data: part
            of the Message-ID.

    Raises:
        SettingsError: an invalid address, or no recipient.
    """
    sender = address(mail.sender, "mail.sender")
    recipients = [address(recipient, "mail.to") for recipient in mail.to]
    if not recipients:
        raise SettingsError("mail.to names no recipient; give at least one address")
    key = _key(identity, day, kind, [recipient.addr_spec for recipient in recipients])
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = recipients
    message["Subject"] = one_line(f"{mail.subject_prefix} {subject}", _LONGEST_SUBJECT)
    message["Date"] = format_datetime(sent_at)
    message["Message-ID"] = f"<fleetledger.{key}@{sender.domain or 'localhost'}>"
    # Mail programs filter by it; it is the same for every report of a sender.
    message["List-ID"] = f"GPU cost reports <reports.fleetledger.{sender.domain or 'localhost'}>"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(text)
    message.add_alternative(html, subtype="html")
    html_part = message.get_payload()[-1]  # type: ignore[index]  # multipart since it has two texts
    for name, png in (pictures or {}).items():
        html_part.add_related(  # type: ignore[union-attr]
            png, "image", "png", cid=f"<{name}>", filename=name, disposition="inline"
        )
    for name, content in attachments.items():
        maintype, subtype = _TYPES.get(name.rpartition(".")[2], ("application", "octet-stream"))
        params = {"charset": "utf-8"} if maintype == "text" else {}
        message.add_attachment(
            content, maintype=maintype, subtype=subtype, filename=name, params=params
        )
    parts = (part for part in message.walk() if part.is_multipart())
    for number, part in enumerate(parts):
        part.set_boundary(f"=_{key}_{number}")
    return message


def address(text: str, setting: str) -> Address:
    """An address of the settings, with or without a display name.

    Raises:
        SettingsError: ``text`` is not a mail address; the message names ``setting``.
    """
    name, bracket, rest = text.rpartition("<")
    spec = rest.removesuffix(">").strip() if bracket else text.strip()
    try:
        address = Address(display_name=name.strip().strip('"'), addr_spec=spec)
    except (HeaderParseError, ValueError, IndexError) as error:
        raise SettingsError(f"{setting}: {text!r} is not a mail address") from error
    if not address.username or not address.domain:
        raise SettingsError(f"{setting}: {text!r} is not a mail address")
    return address


def _key(identity: str, day: date | None, kind: Kind, recipients: list[str]) -> str:
    # "report" adds nothing, so that reports keep the Message-ID that earlier versions gave them.
    kinds = [] if kind == "report" else [kind]
    text = "\0".join([identity, day.isoformat() if day else "", *kinds, *sorted(recipients)])
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


def one_line(text: object, longest: int = 200) -> str:
    """``text`` on one line, without control characters, of at most ``longest`` characters."""
    clean = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in str(text))
    return " ".join(clean.split())[:longest]
