"""One HTTP client for one endpoint: it asks for a page until it has a usable one, or knows why not.

What it will not do: follow a redirect or any address found in data, read ``.netrc``, talk plain
HTTP to another machine, skip certificate checks, read an answer of any size or for any length of
time, or put the key anywhere but in the one header it belongs in.

Proxies (``HTTPS_PROXY``, ``NO_PROXY``) and CA bundles (``REQUESTS_CA_BUNDLE``) of the environment
are honoured; a ``ca_file`` of the settings wins. A request is prepared once and only its address
changes; it goes straight to the transport adapter, without a session's cookies, hooks and history.
"""

from __future__ import annotations

import ipaddress
import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlencode, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from pipeline.errors import ApiError, KeyRefusedError, SettingsError
from pipeline.extract import lenient_decode
from pipeline.extract.api_errors import KEY_CODES, RefusedError, UnusableError, refusal_in
from pipeline.extract.budget import http_date, retry_after
from pipeline.extract.deadline import Watchdog, watched
from pipeline.redact import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from pipeline.extract.api_types import Page
    from pipeline.extract.budget import Budget
    from pipeline.keys import Secret
    from pipeline.settings import Extract

OK, UNAUTHORIZED, FORBIDDEN, TOO_MANY, UNAVAILABLE = 200, 401, 403, 429, 503
TRANSIENT = frozenset({TOO_MANY, 500, 502, UNAVAILABLE, 504})
REDIRECTS = range(300, 400)
BLOCK_BYTES = 1 << 20
GZIP = 16 + zlib.MAX_WBITS

_LOST = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)


@dataclass(frozen=True)
class ApiTarget:
    """Which API, and how to be let in."""

    base_url: str
    """Scheme and host, without ``/v1``."""
    version: Literal["v1", "v2"]
    auth: Literal["bearer", "bare"]
    key: Secret
    ca_file: str | None = None


@dataclass(frozen=True)
class Fetched:
    """A usable page and when the server answered it."""

    page: Page
    server_time: datetime | None
    """The answer's Date header."""


class KeyNotAcceptedError(KeyRefusedError):
    """The API knows the key too well, or not at all."""

    def __init__(self, refusal: RefusedError, base_url: str) -> None:
        self.refusal = refusal
        super().__init__(
            f"{base_url} refused the API key: {refusal}; a key with read access to clusters is "
            "needed, from an address the account allows"
        )


class _Again(Exception):  # noqa: N818 - a signal inside this module
    """This attempt failed; another may not."""

    def __init__(self, why: str, wait: float | None = None) -> None:
        super().__init__(why)
        self.wait = wait


class _WatchedAdapter(HTTPAdapter):
    """The usual transport, whose connections a watchdog may cut."""

    def __init__(self, watchdog: Watchdog) -> None:
        self._watchdog = watchdog
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        if "ConnectionCls" not in vars(pool):
            pool.ConnectionCls = watched(pool.ConnectionCls, self._watchdog)
        return pool


class Client:
    """Asks for pages, one at a time, over one kept connection. One per worker."""

    def __init__(self, api: ApiTarget, settings: Extract, budget: Budget) -> None:
        self._address = f"{_checked(api.base_url)}/{api.version}/clusters"
        self._base_url = api.base_url.rstrip("/")
        self._settings = settings
        self._budget = budget
        self._redactor = Redactor.of([api.key])
        if self._redactor.finds(api.base_url):
            raise SettingsError("api.url holds the API key; it is given separately")
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
        self._transport: dict[str, Any] = {
            "stream": True,
            "timeout": (settings.connect_timeout_seconds, settings.page_deadline_seconds),
            "verify": api.ca_file or environment["verify"] or True,
            "proxies": environment["proxies"],
        }
        self._watchdog = Watchdog(settings.page_deadline_seconds)
        self._adapter = _WatchedAdapter(self._watchdog)

    def close(self) -> None:
        """Close the connection and end the watchdog."""
        self._adapter.close()
        self._watchdog.close()

    def get(self, query: Mapping[str, str | int], decode: Callable[[bytes], Page]) -> Fetched:
        """The page ``query`` asks for, after as many tries as the settings allow.

        Raises:
            KeyNotAcceptedError: after one request; asking again with the same key is rude.
            RefusedError: the API said no, in a way that will not change.
            ApiError: no usable answer within the attempts, or the budget is spent.
        """
        self._request.url = f"{self._address}?{urlencode(query)}" if query else self._address
        for failures in range(1, self._settings.attempts + 1):
            self._budget.before_request()
            try:
                return self._attempt(decode)
            except _Again as failure:
                last = failure
            if failures < self._settings.attempts:
                self._budget.retries += 1
                wait = self._budget.backoff(failures) if last.wait is None else last.wait
                self._budget.wait(wait, str(last))
        tries = self._settings.attempts
        raise ApiError(f"{self._base_url}: {last} ({tries} tries); is the API up? try again later")

    def _attempt(self, decode: Callable[[bytes], Page]) -> Fetched:
        with self._watchdog.running():
            try:
                response = self._adapter.send(self._request, **self._transport)
                try:
                    body = self._without_key(self._body(response))
                except BaseException:
                    response.raw.close()
                    raise
            except requests.exceptions.SSLError as error:
                raise ApiError(
                    f"{self._base_url}: its certificate was not accepted; "
                    "if it is signed by your own CA, set api.ca_file"
                ) from error
            except _LOST as error:
                raise _Again(self._how_it_was_lost(error)) from error
        server_time = http_date(response.headers.get("date"))
        self._budget.observe(response.headers, server_time)
        if response.status_code != OK:
            raise self._failure(response, body, server_time)
        try:
            return Fetched(decode(body), server_time)
        except UnusableError as error:
            raise _Again(str(error)) from error
        except RefusedError as refusal:
            raise self._judged(refusal, refusal.retry_after) from None

    def _body(self, response: requests.Response) -> bytes:
        """The decoded body, never more of it than the settings allow."""
        encoding = response.headers.get("content-encoding", "identity").lower()
        if encoding not in {"gzip", "identity"}:
            raise _Again("the answer has a Content-Encoding that was not asked for")
        blocks = _blocks(response)
        if encoding == "gzip":
            blocks = _unpacked(blocks, self._settings.max_page_bytes + 1)
        kept: list[bytes] = []
        size = 0
        for block in blocks:
            kept.append(block)
            size += len(block)
            if size > self._settings.max_page_bytes:
                most = self._settings.max_page_bytes
                raise ApiError(
                    f"{self._base_url}: a page is larger than extract.max_page_bytes ({most})"
                )
        return kept[0] if len(kept) == 1 else b"".join(kept)

    def _how_it_was_lost(self, error: Exception) -> str:
        slow = (requests.ReadTimeout, urllib3.exceptions.ReadTimeoutError)
        if self._watchdog.has_cut or isinstance(error, slow):
            seconds = self._settings.page_deadline_seconds
            return f"no complete answer within extract.page_deadline_seconds ({seconds:g} s)"
        # Only the kind of the failure: the text of a network error may quote addresses.
        cause: BaseException = error
        while cause.__context__ is not None and not isinstance(cause, OSError):
            cause = cause.__context__
        return f"the connection failed ({type(cause).__name__})"

    def _failure(
        self, response: requests.Response, body: bytes, server_time: datetime | None
    ) -> Exception:
        """What a status other than 200 means."""
        status = response.status_code
        if status in REDIRECTS:
            return ApiError(
                f"{self._base_url} redirects elsewhere (HTTP {status}), which is never followed; "
                "set api.url to the API itself"
            )
        refusal = _refusal_in(body, status) or RefusedError(f"HTTP {status}", status=status)
        if status in {UNAUTHORIZED, FORBIDDEN}:
            return KeyNotAcceptedError(refusal, self._base_url)
        if status not in TRANSIENT:
            return refusal
        wait = None
        if status in {TOO_MANY, UNAVAILABLE}:
            wait = retry_after(response.headers, server_time)
            wait = refusal.retry_after if wait is None else wait
        return _Again(f"HTTP {status}: {refusal}", wait)

    def _judged(self, refusal: RefusedError, wait: float | None) -> Exception:
        """What a refusal under status 200 means."""
        if refusal.code in KEY_CODES:
            return KeyNotAcceptedError(refusal, self._base_url)
        return refusal if refusal.is_permanent else _Again(str(refusal), wait)

    def _without_key(self, body: bytes) -> bytes:
        """``body``, should it quote the key without the key; nothing reads it before."""
        if not self._redactor.finds(body.decode("utf-8", "surrogateescape")):
            return body
        try:
            return lenient_decode.dump(
                self._redactor.scrub_all(lenient_decode.parse(body))
            ).encode()
        except (ValueError, RecursionError):
            return b""


def _refusal_in(body: bytes, status: int) -> RefusedError | None:
    try:
        return refusal_in(lenient_decode.parse(body), status)
    except ValueError:
        return None


def _blocks(response: requests.Response) -> Iterator[bytes]:
    """The body as it is on the wire."""
    while block := response.raw.read(BLOCK_BYTES, decode_content=False):
        yield block


def _unpacked(blocks: Iterable[bytes], most: int) -> Iterator[bytes]:
    """The body out of its gzip members, no block of it larger than ``most``."""
    member = zlib.decompressobj(GZIP)
    for block in blocks:
        left = block
        while left:
            if member.eof:
                member = zlib.decompressobj(GZIP)
            try:
                yield member.decompress(left, most)
            except zlib.error as error:
                raise _Again("the answer's compression is damaged") from error
            left = member.unused_data if member.eof else member.unconsumed_tail
    if not member.eof:
        raise _Again("the answer is cut short")


def _checked(base_url: str) -> str:
    """``base_url`` without a trailing slash, if the key may be sent there.

    Raises:
        SettingsError: not an http(s) address, credentials inside, or plain http to another host.
    """
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    if parts.username or parts.password:
        raise SettingsError("api.url holds a user name or password; the key is given separately")
    if parts.scheme not in {"https", "http"} or not host:
        raise SettingsError(f"api.url {base_url!r}: not an address like https://api.example.com")
    if parts.query or parts.fragment:
        raise SettingsError(
            "api.url has a part after '?' or '#'; give scheme and host only, the key separately"
        )
    if re.search(r"/v\d+(/clusters)?/?$", parts.path):
        raise SettingsError(
            f"api.url {base_url!r}: give scheme and host only; the version is a setting of its own "
            "(--api-version, api.version)"
        )
    if parts.scheme == "http" and not _is_loopback(host):
        raise SettingsError(f"api.url {base_url!r}: the key would travel unencrypted; use https")
    return base_url.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
