"""Whether the server of a secret address can be reached, without a request that it would see.

A connection is made, for https with TLS, and closed. Whether the path of the address is right, only
a request can show.
"""

from __future__ import annotations

import http.client
import ssl
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from pipeline.addresses import check_secret_url, is_loopback
from pipeline.connection_errors import explain

if TYPE_CHECKING:
    from pipeline.keys import Secret


def connect(url: Secret, seconds: float, proxy: str | None = None) -> str:
    """Connect to the server of ``url``, as :func:`http_post.send` does, and send nothing.

    Args:
        url: the address.
        seconds: for the connection, and for the TLS handshake.
        proxy: a proxy of plain http that tunnels https to other machines.

    Returns:
        The reason why there is no connection, without the address; empty if there was one.

    Raises:
        SettingsError: the address is neither https nor loopback.
    """
    check_secret_url(url.reveal())
    try:
        with closing(_connection(url.reveal(), seconds, proxy)) as connection:
            connection.connect()
    except (OSError, http.client.HTTPException) as error:
        return explain(error).words
    return ""


def _connection(url: str, seconds: float, proxy: str | None) -> http.client.HTTPConnection:
    """A connection that is not made yet."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=seconds)
    if proxy is None or is_loopback(host):
        return http.client.HTTPSConnection(host, port, timeout=seconds, context=_context(url))
    way = urlsplit(proxy)
    tunnel = http.client.HTTPSConnection(
        way.hostname or "", way.port or 80, timeout=seconds, context=_context(url)
    )
    tunnel.set_tunnel(host, port or 443)
    return tunnel


def _context(url: str) -> ssl.SSLContext:
    """The CAs of the environment, else those of requests, as for a post."""
    with requests.Session() as session:
        bundle = session.merge_environment_settings(url, {}, None, None, None)["verify"]
    place = bundle if isinstance(bundle, str) else DEFAULT_CA_BUNDLE_PATH
    if Path(place).is_dir():
        return ssl.create_default_context(capath=place)
    return ssl.create_default_context(cafile=place)
