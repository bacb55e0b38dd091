"""What an address of the settings must look like, before anything is sent there."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from pipeline.errors import SettingsError

_HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")


def check_api_url(url: str) -> None:
    """Whether a key may be sent to ``url``.

    Raises:
        SettingsError: not an http(s) address, credentials inside, or plain http to another host.
    """
    check_url(url)
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None:
        # Not quoted: it holds a password.
        raise SettingsError("the address holds a user name or password; give the API key instead")
    if parts.query or parts.fragment:
        raise SettingsError(f"{url!r}: give scheme and host only, such as https://api.example.com")
    if re.search(r"/v\d+(/clusters)?/?$", parts.path):
        raise SettingsError(
            f"{url!r}: give scheme and host only; the version is a setting of its own "
            "(--api-version, api.version)"
        )
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise SettingsError(f"{url!r}: the key would travel unencrypted; use https")


def check_url(url: str) -> None:
    """Whether ``url`` is an http(s) address that every HTTP library understands.

    Raises:
        SettingsError: it is not.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # brackets that do not close, a port that is no number or too large
        parts, port = urlsplit(""), None
    host = parts.hostname or ""
    is_written_plainly = url.isascii() and url.isprintable() and " " not in url
    is_web = parts.scheme in {"https", "http"} and port != 0
    if not (is_written_plainly and is_web and _is_host(host)):
        at = " (user and password left out)" if "@" in url else ""
        shown = url.rpartition("@")[2][:100]
        raise SettingsError(f"{shown!r}{at}: not an address like https://api.example.com:8443")


def check_host(host: str) -> None:
    """Whether ``host`` can name a machine.

    Raises:
        SettingsError: it cannot.
    """
    if not _is_host(host):
        raise SettingsError(f"{host[:100]!r}: not a host's name like smtp.example.com, or its IP")


def is_loopback(host: str) -> bool:
    """Whether ``host`` is this very machine."""
    return host == "localhost" or (_is_ip(host) and ipaddress.ip_address(host).is_loopback)


def _is_host(text: str) -> bool:
    return _HOST.fullmatch(text) is not None or _is_ip(text)


def _is_ip(host: str) -> bool:
    try:
        # A zone ("%eth0") is written in a way of its own by each library.
        return "%" not in host and bool(ipaddress.ip_address(host))
    except ValueError:
        return False
