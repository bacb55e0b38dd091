"""Why a connection failed, in words.

The text of a library's error may quote an address, and its type is a name for programmers: neither
is shown.
"""

from __future__ import annotations

import errno
import http.client
import socket
import ssl
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_NO_TLS_REASONS = (
    "WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG",
)  # fmt: skip
"""What OpenSSL reports if the answer to its first message is no TLS, in its versions."""
_NO_ROUTE_ERRORS = (errno.ENETUNREACH, errno.EHOSTUNREACH)


class Failure(NamedTuple):
    """Why a connection failed."""

    words: str
    is_by_address: bool = False
    """Whether a wrong address is a likely reason."""


def explain(error: BaseException) -> Failure:
    """Why a connection failed, from the error and what caused it."""
    chain = list(causes(error))
    known = [failure for each in chain if (failure := _known(each)) is not None]
    # The first cause in time is the last of the chain.
    failure = known[-1] if known else Failure("it failed for a reason that is not known")
    if any(type(each).__name__ == "ProxyError" for each in chain):
        return Failure(f"by the proxy that the setting proxy names: {failure.words}")
    return failure


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error, what caused it, and so on; urllib3 keeps some causes in ``reason``."""
    waiting: list[BaseException] = [error]
    seen: set[int] = set()
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        parts = (each.__cause__, each.__context__, getattr(each, "reason", None), *each.args)
        waiting += [part for part in parts if isinstance(part, BaseException)]


_CLOSED = Failure("it was closed before the answer was complete")
_NO_TLS = Failure(
    "what answers at its port speaks no TLS, so https is wrong there", is_by_address=True
)
_NO_ROUTE = Failure("there is no route to its host", is_by_address=True)
_BY_TYPE: tuple[tuple[type[Exception], Failure], ...] = (
    (ssl.SSLCertVerificationError, Failure("its certificate is not trusted")),
    (ssl.SSLError, Failure("the TLS handshake failed")),
    (socket.gaierror, Failure("its host name cannot be resolved", is_by_address=True)),
    (ConnectionRefusedError, Failure("nothing listens at its port", is_by_address=True)),
    (TimeoutError, Failure("no connection in time", is_by_address=True)),
    (http.client.IncompleteRead, _CLOSED),
    (ConnectionError, _CLOSED),
    (http.client.HTTPException,
     Failure("what answers at its port speaks no HTTP", is_by_address=True)),
)  # fmt: skip
"""The first type that an error is of decides."""


def _known(error: BaseException) -> Failure | None:
    """What an error of the standard library means; None for one of another library."""
    if isinstance(error, ssl.SSLError) and getattr(error, "reason", None) in _NO_TLS_REASONS:
        return _NO_TLS
    if isinstance(error, OSError) and error.errno in _NO_ROUTE_ERRORS:
        return _NO_ROUTE
    return next((failure for kind, failure in _BY_TYPE if isinstance(error, kind)), None)
