"""Sends a message over a verified connection and returns a result per recipient.

Unencrypted connections are allowed to the loopback interface only. A server may accept the message
for some recipients and refuse it for others; each recipient has a result of its own.
"""

from __future__ import annotations

import ipaddress
import logging
import re
import smtplib
import ssl
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from pipeline.deliver.message import address, compose, one_line
from pipeline.errors import NotDeliveredError, SettingsError
from pipeline.redact import Redactor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage

    from pipeline.keys import Secret
    from pipeline.settings import Mail

__all__ = ["check_login", "compose", "send"]

_LONGEST_REPLY = 200

logger = logging.getLogger(__name__)


def send(message: EmailMessage, mail: Mail, password: Secret | None) -> dict[str, str]:
    """Send ``message``; the result per recipient: empty if accepted, else the server's refusal.

    Raises:
        SettingsError: the settings would send it unprotected, or the CA file is invalid.
        NotDeliveredError: the connection, the login or the message failed for all recipients.
    """
    recipients = [address(text, "mail.to").addr_spec for text in mail.to]
    is_sending = False
    try:
        with _session(mail, password) as server:
            is_sending = True
            sender = address(mail.sender, "mail.sender").addr_spec
            refused = server.send_message(message, sender, recipients)
    except smtplib.SMTPRecipientsRefused as error:
        # No recipient was served: a 421 closes the session before the recipients after it are
        # asked, and drops those before it too.
        last = list(error.recipients.values())[-1]
        refused = dict.fromkeys(recipients, last) | error.recipients
    except (smtplib.SMTPException, ssl.SSLError, OSError) as error:
        raise _not_delivered(error, mail, is_sending=is_sending) from error
    # A server may quote the password: nothing that is stored or printed is made from it.
    redactor = Redactor.of([password] if password else [])
    replies = {spec: redactor.scrub(_reply(*reply)) for spec, reply in refused.items()}
    results = {spec: replies.get(spec, "") for spec in recipients}
    for spec, refusal in results.items():
        logger.info("%s for %s: %s", message["Message-ID"], spec, refusal or "accepted")
    return results


def check_login(mail: Mail, password: Secret | None) -> None:
    """Connect and log in as :func:`send` does, and send nothing.

    Raises:
        SettingsError: an address or the CA file is invalid, or mail would travel unprotected.
        NotDeliveredError: the connection or the login failed.
    """
    for text, setting in ((mail.sender, "mail.sender"), *((to, "mail.to") for to in mail.to)):
        address(text, setting)
    try:
        with _session(mail, password) as server:
            server.noop()
    except (smtplib.SMTPException, ssl.SSLError, OSError) as error:
        raise _not_delivered(error, mail, is_sending=False) from error


@contextmanager
def _session(mail: Mail, password: Secret | None) -> Iterator[smtplib.SMTP]:
    """A connection as the settings want it: encrypted, and logged in."""
    context = _context(mail)
    logger.info("connecting to %s (security: %s)", _where(mail), mail.security)
    with _connection(mail, context) as server:
        if mail.security == "starttls":
            server.starttls(context=context)
        if mail.username:
            server.login(mail.username, password.reveal() if password else "")
        yield server


def _where(mail: Mail) -> str:
    return f"mail server {mail.host}:{mail.port}"


def _not_delivered(error: Exception, mail: Mail, *, is_sending: bool) -> NotDeliveredError:
    if isinstance(error, smtplib.SMTPServerDisconnected):
        doubt = "; it may have arrived, and sending it again cannot double it" * is_sending
        # smtplib reports its own time-out while it waits for a reply as a lost connection.
        is_late = isinstance(error.__context__, TimeoutError)
        what = f"no answer in {mail.timeout_seconds:g} s" if is_late else "closed the connection"
        return NotDeliveredError(
            f"{_where(mail)}: {what}{doubt}; check mail.host, mail.port and mail.security"
        )
    return NotDeliveredError(f"{_where(mail)}: {_explained(error, mail)}")


@contextmanager
def _connection(mail: Mail, context: ssl.SSLContext | None) -> Iterator[smtplib.SMTP]:
    """A connection that is closed at the end, whatever the server replies to QUIT.

    smtplib's own ``with`` raises for a reply other than 221, after the message was accepted.
    """
    server = _connect(mail, context)
    try:
        yield server
    finally:
        with suppress(smtplib.SMTPException, OSError):
            server.quit()
        server.close()


def _connect(mail: Mail, context: ssl.SSLContext | None) -> smtplib.SMTP:
    if mail.security == "tls":
        return smtplib.SMTP_SSL(mail.host, mail.port, timeout=mail.timeout_seconds, context=context)
    return smtplib.SMTP(mail.host, mail.port, timeout=mail.timeout_seconds)


def _context(mail: Mail) -> ssl.SSLContext | None:
    """The TLS context; None for an unencrypted connection to the loopback interface.

    Raises:
        SettingsError: an unencrypted connection to another host, or an invalid CA file.
    """
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
    """The failure and its remedy."""
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
        reason = f"no answer in {mail.timeout_seconds:g} s"
    elif isinstance(error, ssl.SSLError):
        reason = f"no TLS there ({one_line(error.reason or error)})"
    else:
        text = error.strerror if isinstance(error, OSError) else None
        reason = one_line(text or error).rstrip(".")
    return f"{reason}; check mail.host, mail.port and mail.security"


def _refused(error: smtplib.SMTPResponseException) -> str:
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return "login refused: check mail.username and its password"
    if isinstance(error, smtplib.SMTPSenderRefused):
        return "sender refused: check mail.sender and mail.username"
    return "message refused"


def _code(reply: str) -> str:
    """The codes of a reply, without its text, which may quote the password."""
    match = re.match(r"\d{3}( \d\.\d{1,3}\.\d{1,3}\b)?", reply)
    return match[0] if match else "no code"


def _reply(code: int, text: bytes | str) -> str:
    decoded = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return one_line(f"{code} {decoded}", _LONGEST_REPLY)
