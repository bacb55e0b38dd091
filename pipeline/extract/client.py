"""The HTTP client of one endpoint. It requests a page until the response is usable, or gives up.

It never follows a redirect or an address found in data, never reads ``.netrc``, never uses plain
HTTP to another machine, and never skips certificate checks. The size and duration of a response are
limited. The key is sent in one header only.

A proxy is used only if the settings name one; ``HTTPS_PROXY`` and the like are not read. It does
not see the key: it is used for https only, as a tunnel, and never for this machine. CA bundles of
the environment (``REQUESTS_CA_BUNDLE``) are used; a ``ca_file`` of the settings takes precedence. A
request is prepared once and only its address changes; it goes to the transport adapter directly,
without a session's cookies and hooks.

The server may send any bytes, and libraries fail on odd ones in undocumented ways. Every exception
of the transport is therefore one lost response, and the request is repeated.
"""

from __future__ import annotations

import io
import logging
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar
from urllib.parse import urlencode

import requests
import urllib3

from pipeline.addresses import check_api_url, proxies
from pipeline.connection_errors import explain
from pipeline.deadline import Watchdog, WatchedAdapter
from pipeline.errors import ApiError, FleetLedgerError, KeyRefusedError, SettingsError
from pipeline.extract import lenient_decode
from pipeline.extract.api_errors import (
    KEY_CODES,
    RefusedError,
    UnusableResponseError,
    parse_refusal,
)
from pipeline.extract.budget import http_date, retry_after
from pipeline.extract.tls import ca_bundle, is_certificate_error
from pipeline.redact import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from pipeline.extract.budget import RequestBudget
    from pipeline.keys import Secret
    from pipeline.settings import Extract

T = TypeVar("T")

OK, UNAUTHORIZED, FORBIDDEN, TOO_MANY, UNAVAILABLE = 200, 401, 403, 429, 503
REDIRECTS, CLIENT_ERRORS = range(300, 400), range(400, 500)
TRANSIENT_CLIENT_ERRORS = frozenset({408, 425, TOO_MANY})
"""A request that was too slow, too early or one too many may succeed later."""
BLOCK_BYTES = 1 << 20
OVERLAP_BYTES = 1 << 16
"""Bytes of the next block that are searched for the key as well, however it is escaped."""
GZIP = 16 + zlib.MAX_WBITS

logger = logging.getLogger(__name__)
# urllib3 warns, with tracebacks, of what it finds odd in an answer, even when it can be used.
for _module in ("connection", "connectionpool", "response"):
    logging.getLogger(f"urllib3.{_module}").addFilter(lambda line: line.levelno < logging.WARNING)


@dataclass(frozen=True)
class ApiTarget:
    """An API and the credentials for it."""

    base_url: str
    """Scheme and host, without ``/v1``."""
    version: Literal["v1", "v2"]
    auth: Literal["bearer", "bare"]
    key: Secret
    ca_file: str | None = None
    named_by: str = "api.url"
    """The setting, option or variable that holds ``base_url``."""
    proxy: str | None = None
    """A tunnel for https to other machines."""


@dataclass(frozen=True)
class Fetched(Generic[T]):
    """A usable page and the server's time."""

    page: T
    server_time: datetime | None
    """From the response's ``Date`` header."""


class KeyNotAcceptedError(KeyRefusedError):
    """The API rejected the key."""

    def __init__(self, refusal: RefusedError, base_url: str) -> None:
        self.refusal = refusal
        super().__init__(
            f"{base_url} refused the API key: {refusal}; a key with read access to clusters is "
            "needed, from an address the account allows"
        )


class _RetryableError(Exception):
    """This attempt failed; another one may succeed."""

    def __init__(self, why: str, wait: float | None = None, *, is_by_address: bool = False) -> None:
        super().__init__(why)
        self.wait = wait
        self.is_by_address = is_by_address
        """Whether a wrong address is a likely reason."""


class Client:
    """Requests pages, one at a time, over one persistent connection."""

    def __init__(
        self, api: ApiTarget, settings: Extract, budget: RequestBudget, path: str = "clusters"
    ) -> None:
        check_api_url(api.base_url)
        self._base_url = api.base_url.rstrip("/")
        self._address = f"{self._base_url}/{api.version}/{path}"
        self._named_by = api.named_by
        self._is_right_address = False
        """Whether a page has come from there."""
        self._settings = settings
        self._budget = budget
        self._redactor = Redactor.of([api.key])
        if self._redactor.finds(api.base_url):
            raise SettingsError(f"{api.named_by} contains the API key; give the key separately")
        secret = api.key.reveal()
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "Authorization": secret if api.auth == "bare" else f"Bearer {secret}",
            "User-Agent": "fleetledger",
        }
        self._request = requests.Request("GET", self._address, headers=headers).prepare()
        with requests.Session() as session:
            environment = session.merge_environment_settings(self._address, {}, None, None, None)
        is_https = self._address.startswith("https:")
        self._transport: dict[str, Any] = {
            "stream": True,
            "timeout": (settings.connect_timeout_seconds, settings.page_deadline_seconds),
            "verify": not is_https or ca_bundle(api.ca_file, environment["verify"]),
            "proxies": proxies(self._address, api.proxy),
        }
        self._watchdog = Watchdog(settings.page_deadline_seconds)
        self._adapter = WatchedAdapter(self._watchdog)

    def close(self) -> None:
        """Close the connection and end the watchdog."""
        self._adapter.close()
        self._watchdog.close()

    def get(self, query: Mapping[str, str | int], decode: Callable[[bytes], T]) -> Fetched[T]:
        """The page that matches ``query``, after at most as many attempts as the settings allow.

        Raises:
            KeyNotAcceptedError: at once, since the same key would be rejected again.
            RefusedError: the API refused, in a way that does not change.
            ApiError: no usable response within the attempts, or the run's limits are reached.
        """
        self._request.url = f"{self._address}?{urlencode(query)}" if query else self._address
        for failures in range(1, self._settings.attempts + 1):
            self._budget.before_request()
            try:
                return self._attempt(decode)
            except _RetryableError as failure:
                # Not the exception itself: its traceback would keep the response in memory.
                why, wait = str(failure), failure.wait
                is_by_address = failure.is_by_address and not self._is_right_address
            logger.info("attempt %d of %d failed: %s", failures, self._settings.attempts, why)
            if failures < self._settings.attempts:
                self._budget.wait(self._budget.backoff(failures) if wait is None else wait, why)
        tries = self._settings.attempts
        check = f"check {self._named_by}; if it is right: " if is_by_address else ""
        raise ApiError(
            f"{self._base_url}: {why} ({tries} {'try' if tries == 1 else 'tries'}); "
            f"{check}is the API up? try again later"
        )

    def _attempt(self, decode: Callable[[bytes], T]) -> Fetched[T]:
        response, body = self._exchange()
        server_time = http_date(response.headers.get("date"))
        self._budget.observe(response.headers, server_time)
        if response.status_code != OK:
            raise self._status_error(response, body, server_time)
        try:
            page = Fetched(decode(body), server_time)
        except UnusableResponseError as error:
            raise _RetryableError(str(error), is_by_address=True) from error
        except RefusedError as refusal:
            raise self._refusal(refusal, refusal.retry_after) from None
        self._is_right_address = True
        return page

    def _exchange(self) -> tuple[requests.Response, bytes]:
        """One request and its complete response."""
        with self._watchdog.running():
            try:
                response = self._adapter.send(self._request, **self._transport)
                try:
                    return response, self._without_key(self._body(response))
                except BaseException:
                    response.raw.close()
                    raise
            except (FleetLedgerError, _RetryableError):
                raise
            except Exception as error:
                if is_certificate_error(error):
                    raise ApiError(
                        f"{self._base_url}: its certificate was not accepted; "
                        "if it is signed by your own CA, set api.ca_file"
                    ) from error
                raise self._connection_failure(error) from error

    def _body(self, response: requests.Response) -> bytes:
        """The decoded body, at most as large as the settings allow."""
        encoding = response.headers.get("content-encoding", "identity").lower()
        if encoding not in {"gzip", "identity"}:
            raise _RetryableError("the response has a Content-Encoding that was not requested")
        blocks = _blocks(response)
        if encoding == "gzip":
            blocks = _unpacked(blocks)
        body = io.BytesIO()  # unlike a list of blocks, it needs no copy at the end
        for block in blocks:
            body.write(block)
            if body.tell() > self._settings.max_page_bytes:
                most = self._settings.max_page_bytes
                raise ApiError(
                    f"{self._base_url}: a page is larger than extract.max_page_bytes ({most})"
                )
        return body.getvalue()

    def _connection_failure(self, error: Exception) -> _RetryableError:
        timeouts = (requests.ReadTimeout, urllib3.exceptions.ReadTimeoutError)
        if self._watchdog.has_cut or isinstance(error, timeouts):
            seconds = self._settings.page_deadline_seconds
            return _RetryableError(
                f"no complete response within extract.page_deadline_seconds ({seconds:g} s)"
            )
        failure = explain(error)
        return _RetryableError(
            f"the connection failed: {failure.words}", is_by_address=failure.is_by_address
        )

    def _status_error(
        self, response: requests.Response, body: bytes, server_time: datetime | None
    ) -> Exception:
        """The error for a status other than 200."""
        status = response.status_code
        if status in REDIRECTS:
            return ApiError(
                f"{self._base_url} redirects elsewhere (HTTP {status}), which is never followed; "
                f"set {self._named_by} to the API itself"
            )
        reported = _parse_body(body, status)
        refusal = reported or RefusedError(f"HTTP {status}", status=status)
        if status in {UNAUTHORIZED, FORBIDDEN}:
            return KeyNotAcceptedError(refusal, self._base_url)
        if status in CLIENT_ERRORS and status not in TRANSIENT_CLIENT_ERRORS:
            has_code = reported is not None and reported.code != f"HTTP {status}"
            source = f"{self._base_url}: HTTP {status}" if has_code else self._base_url
            return refusal.with_prefix(source)
        wait = None
        if status in {TOO_MANY, UNAVAILABLE}:
            wait = retry_after(response.headers, server_time)
            wait = refusal.retry_after if wait is None else wait
        return _RetryableError(f"HTTP {status}: {reported}" if reported else f"HTTP {status}", wait)

    def _refusal(self, refusal: RefusedError, wait: float | None) -> Exception:
        """The error for a refusal with status 200."""
        if refusal.code in KEY_CODES:
            return KeyNotAcceptedError(refusal, self._base_url)
        return (
            refusal.with_prefix(self._base_url)
            if refusal.is_permanent
            else _RetryableError(str(refusal), wait)
        )

    def _quotes_key(self, body: bytes) -> bool:
        """Whether the key is in ``body``, in any form; searched in pieces, so that a page of the
        largest size allowed is not held in memory a second time.
        """
        return any(
            self._redactor.finds(
                body[begin : begin + BLOCK_BYTES + OVERLAP_BYTES].decode("utf-8", "surrogateescape")
            )
            for begin in range(0, len(body), BLOCK_BYTES)
        )

    def _without_key(self, body: bytes) -> bytes:
        """``body``, with the key removed if it quotes it; nothing reads the body before that."""
        if not self._quotes_key(body):
            return body
        try:
            return lenient_decode.dump(
                self._redactor.scrub_all(lenient_decode.parse(body))
            ).encode()
        except (ValueError, RecursionError):
            return b""


def _parse_body(body: bytes, status: int) -> RefusedError | None:
    try:
        return parse_refusal(lenient_decode.parse(body), status)
    except ValueError:
        return None


def _blocks(response: requests.Response) -> Iterator[bytes]:
    """The body as it is transmitted."""
    while block := response.raw.read(BLOCK_BYTES, decode_content=False):
        yield block


def _unpacked(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The content of the gzip members of a body, in blocks of limited size."""
    member = zlib.decompressobj(GZIP)
    for block in blocks:
        rest = block
        while rest:
            if member.eof:
                member = zlib.decompressobj(GZIP)
            try:
                yield member.decompress(rest, BLOCK_BYTES)
            except zlib.error as error:
                raise _RetryableError("the response's compression is damaged") from error
            rest = member.unused_data if member.eof else member.unconsumed_tail
    if not member.eof:
        raise _RetryableError("the response is truncated")
