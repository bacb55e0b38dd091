"""Sending: over a verified connection, with a result per recipient.

Nothing leaves in the clear but to this very machine. A server that takes the message for some
recipients and not for others is reported as exactly that.
"""

from __future__ import annotations

import ipaddress
import re
import smtplib
import ssl
from typing import TYPE_CHECKING

from pipeline.deliver.message import address, compose, one_line
from pipeline.errors import NotDeliveredError, SettingsError

if TYPE_CHECKING:
    from email.message import EmailMessage

    from pipeline.keys import Secret
    from pipeline.settings import Mail

__all__ = ["compose", "is_permanent", "send"]

_LONGEST_REPLY = 200


def send(message: EmailMessage, mail: Mail, password: Secret | None) -> dict[str, str]:
    """Send ``message``; each recipient's result: empty if accepted, else the server's refusal.

    Raises:
        SettingsError: settings that would send it unprotected, or a CA file that is none.
        NotDeliveredError: no recipient can have been served.
    """
    context = _context(mail)
    where = f"mail server {mail.host}:{mail.port}"
    everyone = [address(one, "mail.to").addr_spec for one in mail.to]
    is_sending = False
    try:
        with _connect(mail, context) as server:
            if mail.security == "starttls":
                server.starttls(context=context)
            if mail.username:
                server.login(mail.username, password.reveal() if password else "")
            is_sending = True
            sender = address(mail.sender, "mail.sender").addr_spec
            refused = server.send_message(message, sender, everyone)
    except smtplib.SMTPRecipientsRefused as error:
        # Nobody was served: a 421 ends the talk before those after it, and those before it too.
        last = list(error.recipients.values())[-1]
        refused = dict.fromkeys(everyone, last) | error.recipients
    except smtplib.SMTPServerDisconnected as error:
        doubt = "; it may have arrived, and sending it again cannot double it" * is_sending
        # smtplib reports its own time-out while it waits for a reply as a lost connection.
        late = isinstance(error.__context__, TimeoutError)
        what = f"gave no answer in {mail.timeout_seconds:g} s" if late else "closed the connection"
        raise NotDeliveredError(
            f"{where} {what}{doubt}; check mail.host, mail.port and mail.security"
        ) from error
    except (smtplib.SMTPException, ssl.SSLError, OSError) as error:
        raise NotDeliveredError(f"{where}: {_explained(error, mail)}") from error
    return {one: _reply(*refused[one]) if one in refused else "" for one in everyone}


def is_permanent(refusal: str) -> bool:
    """Whether the server refused a recipient for good (5xx), not for now (4xx)."""
    return refusal.startswith("5")


def _connect(mail: Mail, context: ssl.SSLContext | None) -> smtplib.SMTP:
    if mail.security == "tls":
        return smtplib.SMTP_SSL(mail.host, mail.port, timeout=mail.timeout_seconds, context=context)
    return smtplib.SMTP(mail.host, mail.port, timeout=mail.timeout_seconds)


def _context(mail: Mail) -> ssl.SSLContext | None:
    """How the server is verified; None for this machine, if the settings ask for it."""
    if mail.security == "none":
        if not _is_loopback(mail.host):
            raise SettingsError(
                f'mail.security = "none" would send the report to {mail.host} unprotected; '
                'use "starttls" or "tls" (none is for localhost only)'
            )
        return None
    try:
        return ssl.create_default_context(cafile=mail.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            f"mail.ca_file {mail.ca_file} is not a readable file of PEM certificates"
        ) from error


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() in {"localhost", "localhost.localdomain", "ip6-localhost"}


def _explained(error: Exception, mail: Mail) -> str:
    """What went wrong, and what to do about it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not trusted ({one_line(error.verify_message)}); "
            "give its CA as mail.ca_file, or the host name the certificate is for as mail.host"
        )
    if isinstance(error, smtplib.SMTPResponseException):
        reply = _reply(error.smtp_code, error.smtp_error)
        if isinstance(error, smtplib.SMTPAuthenticationError):
            reply = _code(reply)
        return f"{_refused(error)} ({reply})"
    if isinstance(error, TimeoutError):
        said = f"no answer in {mail.timeout_seconds:g} s"
    elif isinstance(error, ssl.SSLError):
        said = f"no TLS there ({one_line(error.reason or error)})"
    else:
        reason = error.strerror if isinstance(error, OSError) else None
        said = one_line(reason or error).rstrip(".")
    return f"{said}; check mail.host, mail.port and mail.security"


def _refused(error: smtplib.SMTPResponseException) -> str:
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return "login refused: check mail.username and its password"
    if isinstance(error, smtplib.SMTPSenderRefused):
        return "sender refused: check mail.sender and mail.username"
    return "message refused"


def _code(reply: str) -> str:
    """A reply's codes without its words, which may repeat what it was told: a password."""
    match = re.match(r"\d{3}( \d\.\d{1,3}\.\d{1,3}\b)?", reply)
    return match[0] if match else "no code"


def _reply(code: int, text: bytes | str) -> str:
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return one_line(f"{code} {words}", _LONGEST_REPLY)
