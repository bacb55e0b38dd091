"""One HTTP client for one endpoint: it asks for a page until it has a usable one, or knows why not.

What it will not do: follow a redirect or any address found in data, read ``.netrc``, talk plain
HTTP to another machine, skip certificate checks, read an answer of any size or for any length of
time, or put the key anywhere but in the one header it belongs in.

Proxies (``HTTPS_PROXY``, ``NO_PROXY``) and CA bundles (``REQUESTS_CA_BUNDLE``) of the environment
are honoured; a ``ca_file`` of the settings wins. A proxy sees no key: it is used for https alone,
as a tunnel, and never on the way to this machine. A request is prepared once and only its address
changes; it goes straight to the transport adapter, without a session's cookies, hooks and history.

An answer is the other side's to write, byte by byte, and libraries fail on odd ones in ways that
they do not list. Whatever a transport raises is therefore one lost answer, to be asked for again.
"""

from __future__ import annotations

import io
import ipaddress
import logging
import re
import ssl
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlencode, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from pipeline.errors import ApiError, FleetLedgerError, KeyRefusedError, SettingsError
from pipeline.extract import lenient_decode
from pipeline.extract.api_errors import (
    KEY_CODES,
    RefusedError,
    UnusableResponseError,
    parse_refusal,
)
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
REDIRECTS, CLIENT_ERRORS = range(300, 400), range(400, 500)
PASSING_CLIENT_ERRORS = frozenset({408, 425, TOO_MANY})
"""A slow or an early request, or one too many: the same one may be answered later."""
SEARCHED_BYTES = 2**20
OVERLAP_BYTES = 2**16
"""Bytes of the next piece that are searched as well: more than a key takes, however escaped."""

BLOCK_BYTES = 1 << 20
GZIP = 16 + zlib.MAX_WBITS

logger = logging.getLogger(__name__)
# urllib3 warns, with tracebacks, of what it finds odd in an answer, even when it can be used.
for _module in ("connection", "connectionpool", "response"):
    logging.getLogger(f"urllib3.{_module}").addFilter(lambda line: line.levelno < logging.WARNING)


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
    """Asks for pages, one at a time, over one kept connection."""

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
        is_here = _is_loopback(urlsplit(self._address).hostname or "")
        is_https = self._address.startswith("https:")
        self._transport: dict[str, Any] = {
            "stream": True,
            "timeout": (settings.connect_timeout_seconds, settings.page_deadline_seconds),
            "verify": not is_https or _ca_bundle(api.ca_file, environment["verify"]),
            "proxies": {} if is_here else environment["proxies"],
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
                # Not the failure itself: its traceback would keep the whole answer in memory.
                why, asked = str(failure), failure.wait
            logger.info("try %d of %d failed: %s", failures, self._settings.attempts, why)
            if failures < self._settings.attempts:
                self._budget.wait(self._budget.backoff(failures) if asked is None else asked, why)
        tries = self._settings.attempts
        raise ApiError(f"{self._base_url}: {why} ({tries} tries); is the API up? try again later")

    def _attempt(self, decode: Callable[[bytes], Page]) -> Fetched:
        response, body = self._exchange()
        server_time = http_date(response.headers.get("date"))
        self._budget.observe(response.headers, server_time)
        if response.status_code != OK:
            raise self._failure(response, body, server_time)
        try:
            return Fetched(decode(body), server_time)
        except UnusableResponseError as error:
            raise _Again(str(error)) from error
        except RefusedError as refusal:
            raise self._judged(refusal, refusal.retry_after) from None

    def _exchange(self) -> tuple[requests.Response, bytes]:
        """One request and the whole answer to it."""
        with self._watchdog.running():
            try:
                response = self._adapter.send(self._request, **self._transport)
                try:
                    return response, self._without_key(self._body(response))
                except BaseException:
                    response.raw.close()
                    raise
            except (FleetLedgerError, _Again):
                raise
            except Exception as error:
                if _is_distrust(error):
                    raise ApiError(
                        f"{self._base_url}: its certificate was not accepted; "
                        "if it is signed by your own CA, set api.ca_file"
                    ) from error
                raise _Again(self._how_it_was_lost(error)) from error

    def _body(self, response: requests.Response) -> bytes:
        """The decoded body, never more of it than the settings allow."""
        encoding = response.headers.get("content-encoding", "identity").lower()
        if encoding not in {"gzip", "identity"}:
            raise _Again("the answer has a Content-Encoding that was not asked for")
        blocks = _blocks(response)
        if encoding == "gzip":
            blocks = _unpacked(blocks)
        kept = io.BytesIO()  # unlike a list of blocks, it is the body, without a copy
        for block in blocks:
            kept.write(block)
            if kept.tell() > self._settings.max_page_bytes:
                most = self._settings.max_page_bytes
                raise ApiError(
                    f"{self._base_url}: a page is larger than extract.max_page_bytes ({most})"
                )
        return kept.getvalue()

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
        said = _refusal_in(body, status)
        refusal = said or RefusedError(f"HTTP {status}", status=status)
        if status in {UNAUTHORIZED, FORBIDDEN}:
            return KeyNotAcceptedError(refusal, self._base_url)
        if status in CLIENT_ERRORS and status not in PASSING_CLIENT_ERRORS:
            has_code = said is not None and said.code != f"HTTP {status}"
            return refusal.by(f"{self._base_url}: HTTP {status}" if has_code else self._base_url)
        wait = None
        if status in {TOO_MANY, UNAVAILABLE}:
            wait = retry_after(response.headers, server_time)
            wait = refusal.retry_after if wait is None else wait
        return _Again(f"HTTP {status}: {said}" if said else f"HTTP {status}", wait)

    def _judged(self, refusal: RefusedError, wait: float | None) -> Exception:
        """What a refusal under status 200 means."""
        if refusal.code in KEY_CODES:
            return KeyNotAcceptedError(refusal, self._base_url)
        return refusal.by(self._base_url) if refusal.is_permanent else _Again(str(refusal), wait)

    def _quotes_key(self, body: bytes) -> bool:
        """Whether the key is in ``body``, in any form; searched in pieces, so that a page of the
        largest size allowed is not held in memory a second time.
        """
        return any(
            self._redactor.finds(
                body[begin : begin + SEARCHED_BYTES + OVERLAP_BYTES].decode(
                    "utf-8", "surrogateescape"
                )
            )
            for begin in range(0, len(body), SEARCHED_BYTES)
        )

    def _without_key(self, body: bytes) -> bytes:
        """``body``, should it quote the key without the key; nothing reads it before."""
        if not self._quotes_key(body):
            return body
        try:
            return lenient_decode.dump(
                self._redactor.scrub_all(lenient_decode.parse(body))
            ).encode()
        except (ValueError, RecursionError):
            return b""


def _refusal_in(body: bytes, status: int) -> RefusedError | None:
    try:
        return parse_refusal(lenient_decode.parse(body), status)
    except ValueError:
        return None


def _blocks(response: requests.Response) -> Iterator[bytes]:
    """The body as it is on the wire."""
    while block := response.raw.read(BLOCK_BYTES, decode_content=False):
        yield block


def _unpacked(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The body out of its gzip members, in blocks of bounded size."""
    member = zlib.decompressobj(GZIP)
    for block in blocks:
        left = block
        while left:
            if member.eof:
                member = zlib.decompressobj(GZIP)
            try:
                yield member.decompress(left, BLOCK_BYTES)
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
    wrong = SettingsError(f"api.url {base_url!r}: not an address like https://api.example.com")
    try:
        parts = urlsplit(base_url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise wrong from error
    if parts.username or parts.password:
        raise SettingsError("api.url holds a user name or password; the key is given separately")
    if parts.scheme not in {"https", "http"} or not host:
        raise wrong
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


def _ca_bundle(ca_file: str | None, environment: str | bool | None) -> str | bool:  # noqa: FBT001 - as requests has it
    """What certificates are verified with: a file or folder, or True for the usual CAs.

    Raises:
        SettingsError: it cannot be read, or holds no certificate.
    """
    source = "api.ca_file" if ca_file is not None else "REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE"
    bundle = environment if ca_file is None else ca_file
    if not isinstance(bundle, str):
        return True
    where = {"capath" if Path(bundle).is_dir() else "cafile": bundle}
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(**where)
    except (OSError, ValueError) as error:
        why = "no certificates in PEM" if isinstance(error, ssl.SSLError) else "cannot be read"
        if isinstance(error, FileNotFoundError):
            why = "there is no such file"
        raise SettingsError(f"{source} {bundle!r}: {why}; name a CA bundle, or none") from error
    return bundle


def _is_distrust(error: BaseException) -> bool:
    """Whether a certificate was the reason; other TLS failures pass."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, (ssl.SSLCertVerificationError, ssl.CertificateError)):
            return True
        cause = cause.__cause__ or cause.__context__
    return False
