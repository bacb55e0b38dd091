"""The words for a connection that failed, without a name or text of a library."""

from __future__ import annotations

import errno
import http.client
import socket
import ssl

import pytest
import requests
import urllib3

from pipeline.connection_errors import explain

CLOSED = "it was closed before the answer was complete"


@pytest.mark.parametrize(
    ("error", "words", "is_by_address"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), "nothing listens at its port", True),
        (socket.gaierror(-2, "x"), "its host name cannot be resolved", True),
        (TimeoutError("x"), "no connection in time", True),
        (OSError(errno.EHOSTUNREACH, "x"), "there is no route to its host", True),
        (ConnectionResetError("x"), CLOSED, False),
        (http.client.RemoteDisconnected("x"), CLOSED, False),
        (http.client.IncompleteRead(b""), CLOSED, False),
        (http.client.BadStatusLine("\x15\x03"), "what answers at its port speaks no HTTP", True),
        (ssl.SSLCertVerificationError("x"), "its certificate is not trusted", False),
        (ssl.SSLError(1, "x"), "the TLS handshake failed", False),
        (ValueError("x"), "it failed for a reason that is not known", False),
    ],
)  # fmt: skip
def test_each_cause_has_its_words(error: Exception, words: str, *, is_by_address: bool) -> None:
    assert explain(error) == (words, is_by_address)
    wrapped = requests.ConnectionError(
        urllib3.exceptions.MaxRetryError(None, "/canary", error)  # type: ignore[arg-type]
    )
    assert explain(wrapped) == (words, is_by_address)


def test_a_failure_on_the_way_to_a_proxy_names_the_proxy() -> None:
    refused = ConnectionRefusedError(errno.ECONNREFUSED, "x")
    proxy = urllib3.exceptions.ProxyError("x", refused)
    assert explain(requests.exceptions.ProxyError(proxy)) == (
        "by the proxy that the setting proxy names: nothing listens at its port",
        False,
    )
