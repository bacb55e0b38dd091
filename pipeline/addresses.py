"""Checks of the addresses in the settings, made before anything is sent there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pipeline.errors import SettingsError

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

_HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")


def check_api_url(url: str) -> None:
    """Check that the API key may be sent to ``url``.

    Raises:
        SettingsError: it is not an http(s) address, contains credentials or a path of the API, or
            is plain http to another machine.
    """
    check_url(url)
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None:
        # The address is not quoted: it contains a password.
        raise SettingsError(
            "the address contains a user name or password; give the API key instead"
        )
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
    """Check that ``url`` is an http(s) address that every HTTP library understands.

    Raises:
        SettingsError: it is not.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # an unclosed bracket, or an invalid port
        parts, port = urlsplit(""), None
    host = parts.hostname or ""
    is_plain_ascii = url.isascii() and url.isprintable() and " " not in url
    is_web = parts.scheme in {"https", "http"} and port != 0
    if not (is_plain_ascii and is_web and _is_host(host)):
        omitted = " (user and password left out)" if "@" in url else ""
        shown = url.rpartition("@")[2][:100]
        raise SettingsError(f"{shown!r}{omitted}: not an address like https://api.example.com:8443")


def check_secret_url(url: str) -> None:
    """Check an address that is a secret itself, such as a webhook's; no error quotes it.

    Raises:
        SettingsError: it is not an https address, or one of plain http to this machine.
    """
    try:
        check_url(url)
        parts = urlsplit(url)
    except SettingsError:
        raise SettingsError("it holds no address like https://example.com/services/...") from None
    if parts.username is not None or parts.password is not None:
        raise SettingsError("its address contains a user name or password; remove them")
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise SettingsError("its address is plain http to another machine; use https")


def check_proxy(url: str) -> None:
    """Check the address of a proxy.

    Raises:
        SettingsError: it is not an http(s) address, or holds credentials or a path.
    """
    check_url(url)
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None:
        raise SettingsError(
            "the address contains a user name or password, which is not supported; "
            "use a proxy that needs none"
        )
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise SettingsError(f"{url!r}: give scheme, host and port only")


def proxies(url: str, proxy: str | None) -> dict[str, str]:
    """The proxies of a request to ``url``, as requests has them: for https to other machines."""
    is_here = is_loopback(urlsplit(url).hostname or "")
    return {} if proxy is None or is_here else {"https": proxy}


def check_host(host: str) -> None:
    """Check that ``host`` is the name or IP address of a machine.

    Raises:
        SettingsError: it is not.
    """
    if not _is_host(host):
        raise SettingsError(
            f"{host[:100]!r}: not a host name like smtp.example.com, nor an IP address"
        )


def is_loopback(host: str) -> bool:
    """Whether ``host`` is this machine."""
    if host == "localhost":
        return True
    address = _ip_address(host)
    return address is not None and address.is_loopback


def _is_host(text: str) -> bool:
    return _HOST.fullmatch(text) is not None or _ip_address(text) is not None


def _ip_address(host: str) -> IPv4Address | IPv6Address | None:
    from ipaddress import ip_address  # noqa: PLC0415 - most commands start without it

    try:
        # Libraries disagree on how a zone ("%eth0") is written.
        return None if "%" in host else ip_address(host)
    except ValueError:
        return None
