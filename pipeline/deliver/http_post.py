"""Posts bytes to an address that is a secret, within a time limit for all attempts together.

The address is in no message, log or exception text. Redirects are not followed: they would carry
the report elsewhere. Certificates are always verified; plain http is for loopback. Proxies are used
as for the API: that of the settings, none of the environment. So are CA bundles of the environment;
``.netrc`` is not read.

A post is repeated only if it was not received: no connection, 429 or 5xx. If the connection is lost
after the request was sent, the message may have arrived, and a second one would be the same news.
"""

from __future__ import annotations

import logging
import re
import ssl
from contextlib import contextmanager, suppress
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, NamedTuple

import requests
import urllib3

from pipeline.addresses import check_secret_url, proxies
from pipeline.connection_errors import causes, explain
from pipeline.deadline import Watchdog, WatchedAdapter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pipeline.keys import Secret

_TOO_SLOW, _TOO_MANY = 408, 429
_FIRST_WAIT_SECONDS = 0.5
_SHORTEST_ATTEMPT_SECONDS = 0.05
_MOST_OF_ANSWER = 1000
_CODE = re.compile(r"[a-z][a-z_]{2,39}")
"""A code such as ``invalid_blocks``; other text of an answer is not quoted."""
_NOT_SENT = (
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
    urllib3.exceptions.ProxyError,
    urllib3.exceptions.SSLError,
)

logger = logging.getLogger(__name__)


class Limits(NamedTuple):
    """Of one post."""

    attempts: int
    max_seconds: float
    """For all attempts and waits."""
    proxy: str | None = None
    """A tunnel for https to other machines."""


class Outcome(NamedTuple):
    """Of one attempt, or of all."""

    reason: str
    """Empty if accepted; never the address."""
    is_temporary: bool = False
    """Whether another attempt at once may help."""
    is_refused: bool = False
    """Whether the same request would be refused again, until its address or body changes."""
    wait: float | None = None
    """Seconds that the receiver asks to wait."""


def send(
    method: str, url: Secret, content: bytes, headers: Mapping[str, str], limits: Limits
) -> Outcome:
    """Send a request; its reason is empty if it was accepted (2xx).

    Raises:
        SettingsError: the address is neither https nor loopback.
    """
    check_secret_url(url.reveal())
    until = monotonic() + limits.max_seconds
    outcome = Outcome("not tried")
    for attempt in range(1, limits.attempts + 1):
        left = limits._replace(max_seconds=until - monotonic())
        outcome = _attempt(method, url.reveal(), content, headers, left)
        if not outcome.is_temporary or attempt == limits.attempts:
            break
        wait = _FIRST_WAIT_SECONDS * 2 ** (attempt - 1) if outcome.wait is None else outcome.wait
        logger.info("attempt %d of %d failed: %s", attempt, limits.attempts, outcome.reason)
        if monotonic() + wait + _SHORTEST_ATTEMPT_SECONDS > until:
            late = f"{outcome.reason}; not tried again within {limits.max_seconds:g} s"
            return outcome._replace(reason=late)
        sleep(wait)
    return outcome


def _attempt(
    method: str, url: str, content: bytes, headers: Mapping[str, str], left: Limits
) -> Outcome:
    seconds = left.max_seconds
    watchdog = Watchdog(seconds)
    adapter = WatchedAdapter(watchdog)
    try:
        with watchdog.running(), _unlogged():
            request = requests.Request(method, url, data=content, headers=dict(headers)).prepare()
            options = _options(url, left.proxy)
            response = adapter.send(request, timeout=(seconds, seconds), **options)
            answer = b""
            with suppress(Exception):  # the status is what counts
                answer = response.raw.read(_MOST_OF_ANSWER)
            return _judged(response, answer.decode("ascii", "replace").strip())
    except Exception as error:  # noqa: BLE001  # libraries fail on odd answers in undocumented ways
        return _failed(error, has_cut=watchdog.has_cut, seconds=seconds)
    finally:
        adapter.close()
        watchdog.close()


@contextmanager
def _unlogged() -> Iterator[None]:
    """urllib3 logs the path of each request, which is the secret."""
    log = logging.getLogger("urllib3.connectionpool")
    log.addFilter(_nothing)
    try:
        yield
    finally:
        log.removeFilter(_nothing)


def _nothing(_record: logging.LogRecord) -> bool:
    return False


def _options(url: str, proxy: str | None) -> dict[str, Any]:
    """As for the API: the settings' proxy, but none for this machine; the environment's CAs."""
    with requests.Session() as session:
        usual = session.merge_environment_settings(url, {}, None, None, None)
    return {"stream": True, "verify": usual["verify"] or True, "proxies": proxies(url, proxy)}


def _judged(response: requests.Response, answer: str) -> Outcome:
    status = response.status_code
    if response.ok and not response.is_redirect and status < 300:  # noqa: PLR2004  # 2xx
        return Outcome("")
    code = f" ({answer})" if _CODE.fullmatch(answer) else ""
    reason = f"HTTP {status}{code}"
    if status < 400:  # noqa: PLR2004  # 1xx and 3xx
        where = f"{reason}: a redirect is not followed; give the address it leads to"
        return Outcome(where, is_refused=True)
    is_temporary = status == _TOO_MANY or status >= 500  # noqa: PLR2004  # 5xx
    asked = response.headers.get("Retry-After", "")
    wait = float(asked) if re.fullmatch(r"[0-9]{1,6}", asked) else None
    is_refused = not is_temporary and status != _TOO_SLOW
    return Outcome(reason, is_temporary, is_refused, wait)


def _failed(error: Exception, *, has_cut: bool, seconds: float) -> Outcome:
    """The outcome of an attempt without an answer."""
    chain = list(causes(error))
    if any(isinstance(each, ssl.SSLCertVerificationError) for each in chain):
        return Outcome("its certificate is not trusted; name the CA's file in REQUESTS_CA_BUNDLE")
    if any(isinstance(each, _NOT_SENT) for each in chain):
        return Outcome(f"no connection: {explain(error).words}", is_temporary=True)
    late = has_cut or isinstance(error, requests.Timeout)
    what = f"no answer in {seconds:.1f} s" if late else "the connection was lost"
    return Outcome(f"{what}; it may have arrived")
