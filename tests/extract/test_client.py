"""The client against a real HTTP server on loopback with scripted responses."""

from __future__ import annotations

import gzip
import http.server
import ipaddress
import json
import re
import ssl
import threading
import traceback
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from pipeline.errors import ApiError, Exit, SettingsError
from pipeline.extract.api_errors import RefusedError
from pipeline.extract.budget import BudgetError, RequestBudget, Timing
from pipeline.extract.client import BLOCK_BYTES, ApiTarget, Client, KeyNotAcceptedError
from pipeline.extract.decode import decode_page
from pipeline.extract.probe import probe
from pipeline.keys import Secret
from pipeline.settings import Extract

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pipeline.extract.client import Fetched

CANARY = "tpo_live_CANARY0123456789"
NOW = datetime(2026, 5, 4, 12, 0, 0, tzinfo=UTC)
GOOD = json.dumps(
    {"success": True, "data": {"clusters": [{"id": "a"}], "pagination": {"total_count": 1}}}
).encode()


class Script(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.seen.append((self.path, dict(self.headers)))
        step = self.server.steps[min(len(self.server.seen), len(self.server.steps)) - 1]
        step(self)

    def log_message(self, *_: object) -> None:
        pass

    def date_time_string(self, timestamp: float | None = None) -> str:  # noqa: ARG002
        return format_datetime(NOW, usegmt=True)


def reply(status: int = 200, body: object = GOOD, **headers: str) -> Callable[[Script], None]:
    def step(handler: Script) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return step


def cut_off(handler: Script) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"success"')
    handler.close_connection = True


def hang_up(handler: Script) -> None:
    handler.close_connection = True


def drip(handler: Script) -> None:
    """A byte now and then, for ever: no single read ever times out."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    try:
        while not handler.server.over.wait(0.02):
            handler.wfile.write(b" ")
    except OSError:
        pass


def say_nothing(handler: Script) -> None:
    handler.server.over.wait(10)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        pass


@contextmanager
def serving(*steps: Callable[[Script], None]) -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Script) as server:
        server.steps, server.seen, server.over = steps, [], threading.Event()
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            server.shutdown()
            thread.join()


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def timing(self) -> Timing:
        return Timing(lambda: self.now, self.sleep, lambda: 0.5)


def ask(
    server: Server,
    *,
    times: int = 1,
    clock: Clock | None = None,
    auth: str = "bearer",
    scheme: str = "http",
    **settings: object,
) -> Fetched:
    clock = clock or Clock()
    url = f"{scheme}://127.0.0.1:{server.server_port}"
    settings = Extract(**{"page_deadline_seconds": 5.0, **settings})
    budget = RequestBudget(settings, clock.timing())
    client = Client(ApiTarget(url, "v1", auth, Secret(CANARY)), settings, budget)
    try:
        for _ in range(times):
            response = client.get({"page": 1}, lambda body: decode_page(body, "v1"))
    finally:
        client.close()
    return response


def refused(server: Server, error: type[Exception] = ApiError, **kwargs: object) -> Exception:
    """The error, after checking that neither it nor its causes quote the key."""
    with pytest.raises(error) as caught:
        ask(server, **kwargs)
    assert CANARY not in "".join(traceback.format_exception(caught.value))
    assert CANARY not in repr(caught.value)
    assert "\n" not in str(caught.value)
    return caught.value


def test_a_page_has_the_time_of_the_server() -> None:
    with serving(reply()) as server:
        response = ask(server)
    assert response.page.records[0].id == "a"
    assert response.server_time == NOW
    assert server.seen[0][0] == "/v1/clusters?page=1"


@pytest.mark.parametrize(("auth", "header"), [("bearer", f"Bearer {CANARY}"), ("bare", CANARY)])
def test_the_key_is_sent_as_the_settings_say(auth: str, header: str) -> None:
    with serving(reply()) as server:
        ask(server, auth=auth)
    assert server.seen[0][1]["Authorization"] == header


def test_netrc_cannot_replace_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with serving(reply()) as server:
        ask(server)
    assert server.seen[0][1]["Authorization"] == f"Bearer {CANARY}"


def test_one_connection_serves_many_pages_and_gzip_is_understood() -> None:
    packed = reply(200, gzip.compress(GOOD), Content_Encoding="gzip")
    with serving(packed, reply()) as server:
        assert ask(server, times=3).page.size == 1
    assert len(server.seen) == 3
    assert server.seen[0][1]["Accept-Encoding"] == "gzip"


@pytest.mark.parametrize(
    "trouble",
    [
        reply(429, b"{}"),
        reply(500, b"oops"),
        reply(502, b"<html>"),
        reply(503, b""),
        reply(504, b""),
        reply(200, b"<html>Sign in</html>"),
        reply(200, GOOD[:-9]),
        reply(200, b'{"success": false, "error": {"code": "INTERNAL_ERROR", "message": "x"}}'),
        reply(200, gzip.compress(GOOD)[:-12], Content_Encoding="gzip"),
        reply(200, b"not gzip", Content_Encoding="gzip"),
        reply(200, GOOD, Content_Encoding="br"),
        cut_off,
        hang_up,
    ],
)
def test_a_temporary_failure_is_retried_with_growing_delays(
    trouble: Callable[..., None],
) -> None:
    clock = Clock()
    with serving(trouble, trouble, reply()) as server:
        assert ask(server, clock=clock).page.size == 1
    assert len(server.seen) == 3
    assert clock.slept == [0.375, 0.75]


def test_a_lasting_failure_ends_after_the_configured_attempts() -> None:
    with serving(reply(500, b"{}")) as server:
        error = refused(server, attempts=3)
    assert len(server.seen) == 3
    assert error.exit_code is Exit.API_UNAVAILABLE
    assert "HTTP 500" in str(error)
    assert "3 tries" in str(error)


@pytest.mark.parametrize("trouble", [drip, say_nothing])
def test_a_page_that_drips_or_hangs_is_cut_off_at_its_deadline(
    trouble: Callable[..., None],
) -> None:
    with serving(trouble, reply()) as server:
        assert ask(server, page_deadline_seconds=0.2).page.size == 1
    with serving(trouble) as server:
        assert "page_deadline_seconds" in str(
            refused(server, page_deadline_seconds=0.2, attempts=1)
        )


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(
    "body",
    [
        {"error": "FORBIDDEN", "message": f"bad key {CANARY}", "code": 403, "request_id": "req_9"},
        {"success": False, "error": {"code": "FORBIDDEN", "message": f"bad key {CANARY}"}},
        None,
    ],
)
def test_a_refused_key_costs_one_request_and_is_never_quoted(status: int, body: object) -> None:
    with serving(reply(status, json.dumps(body).encode())) as server:
        error = refused(server, KeyNotAcceptedError)
    assert len(server.seen) == 1
    assert error.exit_code is Exit.KEY_REFUSED
    assert error.refusal.status == status
    if body:
        assert error.refusal.code == "FORBIDDEN"
        assert "bad key" not in str(error)


@pytest.mark.parametrize("status", [200, 400, 404, 409, 422])
def test_a_permanent_refusal_is_a_typed_error_after_one_request(status: int) -> None:
    body = {
        "success": False,
        "error": {
            "code": "INVALID_PARAMETERS",
            "message": "Invalid\nquery",
            "details": {"limit": "Must be between 1 and 100"},
        },
        "meta": {"request_id": "req_7"},
    }
    with serving(reply(status, json.dumps(body).encode())) as server:
        error = refused(server, RefusedError)
    assert len(server.seen) == 1
    assert (error.code, error.request_id) == ("INVALID_PARAMETERS", "req_7")
    assert str(error).endswith("the API answered INVALID_PARAMETERS [request req_7]")


def test_the_flat_error_envelope_is_understood() -> None:
    body = {
        "error": "VALIDATION_ERROR",
        "message": "m",
        "code": 400,
        "details": {"field": "limit"},
        "request_id": "req_8",
    }
    with serving(reply(400, json.dumps(body).encode())) as server:
        error = refused(server, RefusedError)
    assert (error.code, error.status, error.request_id) == ("VALIDATION_ERROR", 400, "req_8")


@pytest.mark.parametrize("text", ["a b", "\u202e", "x" * 100, "", "<p>", 7, None, ["A"]])
def test_an_invalid_code_or_request_id_is_not_quoted(text: object) -> None:
    body = json.dumps({"error": {"code": text, "message": "m"}, "request_id": text})
    with serving(reply(400, body.encode())) as server:
        error = refused(server, RefusedError)
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+: the API answered HTTP 400", str(error))


def test_no_redirect_is_followed() -> None:
    with serving(reply()) as elsewhere:
        where = f"http://127.0.0.1:{elsewhere.server_port}/v1/clusters"
        with serving(reply(302, b"", Location=where)) as server:
            error = refused(server)
        assert elsewhere.seen == []
    assert len(server.seen) == 1
    assert "redirects" in str(error)


@pytest.mark.parametrize(
    ("status", "header", "slept"),
    [
        (429, "7", 7.0),
        (503, "7", 7.0),
        (429, format_datetime(NOW.replace(second=20), usegmt=True), 20.0),
        (429, format_datetime(NOW.replace(hour=11), usegmt=True), 0.0),
        (429, "soon", 0.375),
        (429, "-5", 0.375),
        (500, "7", 0.375),
    ],
)
def test_retry_after_counts_as_seconds_or_date_on_429_and_503_only(
    status: int, header: str, slept: float
) -> None:
    clock = Clock()
    with serving(reply(status, b"{}", Retry_After=header), reply()) as server:
        ask(server, clock=clock)
    assert clock.slept == [slept]


def test_a_429_may_have_the_wait_in_its_body() -> None:
    clock = Clock()
    body = {"error": "RATE_LIMIT_EXCEEDED", "code": 429, "details": {"retry_after": 11}}
    with serving(reply(429, json.dumps(body).encode()), reply()) as server:
        ask(server, clock=clock)
    assert clock.slept == [11.0]


def test_retry_after_on_a_successful_response_is_ignored() -> None:
    clock = Clock()
    with serving(reply(200, GOOD, Retry_After="60")) as server:
        ask(server, clock=clock, times=2)
    assert clock.slept == []


def test_a_probe_names_the_limit_of_the_settings_not_its_own() -> None:
    with serving(reply(429, b"{}", Retry_After="1800")) as server:
        url = f"http://127.0.0.1:{server.server_port}"
        with pytest.raises(ApiError) as caught:
            probe(ApiTarget(url, "v1", "bearer", Secret(CANARY)), Extract(), Clock().timing())
    assert str(caught.value) == (
        f"{url}: HTTP 429; try again after 2026-05-04 12:30:00 UTC; a snapshot waits for that, "
        "up to extract.max_wait_seconds (900 s)"
    )


def test_a_wait_beyond_the_limit_ends_the_run_with_the_time_to_retry() -> None:
    clock = Clock()
    with serving(reply(429, b"{}", Retry_After="1800")) as server:
        error = refused(server, BudgetError, clock=clock, max_wait_seconds=900.0)
    assert len(server.seen) == 1
    assert clock.slept == []
    assert "try again after 2026-05-04 12:30:00 UTC" in str(error)


def limits(remaining: int, limit: int = 1000) -> dict[str, str]:
    reset = str(int(NOW.timestamp()) + 30)
    return {
        "X_RateLimit_Limit": str(limit),
        "X_RateLimit_Remaining": str(remaining),
        "X_RateLimit_Reset": reset,
    }


def test_the_reserve_of_the_rate_limit_is_not_used() -> None:
    clock = Clock()
    with serving(reply(**limits(21)), reply(**limits(20)), reply(**limits(999))) as server:
        ask(server, clock=clock, times=3, reserve_requests=20)
    # 30 s until the reset, and one for the rounding of both clocks.
    assert clock.slept == [31.0]


def test_the_reserve_is_at_most_a_fifth_of_a_small_limit() -> None:
    clock = Clock()
    with serving(reply(**limits(3, limit=10)), reply(**limits(2, limit=10))) as server:
        ask(server, clock=clock, times=2, reserve_requests=20)
    assert clock.slept == []


def test_a_compression_bomb_is_stopped_at_the_size_limit() -> None:
    bomb = gzip.compress(b" " * 20_000_000)
    with serving(reply(200, bomb, Content_Encoding="gzip")) as server:
        assert "max_page_bytes" in str(refused(server, max_page_bytes=1_000_000))
    with serving(reply(200, b" " * 2_000_000)) as server:
        assert "max_page_bytes" in str(refused(server, max_page_bytes=1_000_000))


def test_several_gzip_members_are_one_response_with_the_same_size_limit() -> None:
    parts = gzip.compress(GOOD[:30]) + gzip.compress(GOOD[30:])
    with serving(reply(200, parts, Content_Encoding="gzip")) as server:
        assert ask(server).page.size == 1
    with serving(reply(200, gzip.compress(b" " * 100_000) * 50, Content_Encoding="gzip")) as server:
        assert "max_page_bytes" in str(refused(server, max_page_bytes=1_000_000))
    assert len(server.seen) == 1


def test_the_requests_and_the_time_of_a_walk_are_limited() -> None:
    with serving(reply()) as server:
        assert "max_pages" in str(refused(server, BudgetError, times=4, max_pages=3))
    assert len(server.seen) == 3
    clock = Clock()
    with serving(reply(503, b"{}", Retry_After="50")) as server:
        error = refused(server, BudgetError, clock=clock, max_walk_seconds=60.0)
    assert clock.slept == [50.0]
    assert "max_walk_seconds" in str(error)


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example.com",
        "ftp://127.0.0.1",
        "api.example.com",
        "https://user:secret@api.example.com",
        "https://api.example.com/?key=x",
        "http://127.0.0.1.example.com",
    ],
)
def test_the_key_is_not_sent_to_an_unsafe_address(url: str) -> None:
    settings = Extract()
    with pytest.raises(SettingsError) as caught:
        Client(ApiTarget(url, "v1", "bearer", Secret(CANARY)), settings, RequestBudget(settings))
    assert "secret" not in str(caught.value)


def test_a_closed_port_is_an_api_error() -> None:
    with serving(reply()) as server:
        pass
    error = refused(server, attempts=2)
    assert str(error) == (
        f"http://127.0.0.1:{server.server_port}: the connection failed: "
        "nothing listens at its port (2 tries); "
        "check api.url; if it is right: is the API up? try again later"
    )


def test_https_to_a_port_of_plain_http_is_named() -> None:
    with serving(reply()) as server:
        error = refused(server, attempts=1, scheme="https")
    assert "speaks no TLS, so https is wrong there (1 try); check api.url" in str(error)


def test_an_answer_that_is_no_json_points_to_the_address_until_a_page_has_come() -> None:
    page = b"<!doctype html><title>Log in</title>"
    with serving(reply(200, page)) as server:
        error = refused(server, attempts=1)
        assert "the response is not JSON" in str(error)
        assert "check api.url" in str(error)
    with serving(reply(), reply(200, page)) as server:
        error = refused(server, times=2, attempts=1)
        assert "the response is not JSON" in str(error)
        assert "api.url" not in str(error)


def make_ca(folder: Path) -> tuple[Path, Path]:
    """A CA, and a certificate with its key that the CA signed for 127.0.0.1."""
    now = datetime.now(UTC)

    def build(
        subject: str, issuer: str, public: ec.EllipticCurvePublicKey
    ) -> x509.CertificateBuilder:
        names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, n)]) for n in (subject, issuer)]
        return (
            x509.CertificateBuilder(names[1], names[0], public, x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
        )

    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca = build("test CA", "test CA", ca_key.public_key()).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=True
    )
    here = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    leaf = build("127.0.0.1", "test CA", key.public_key()).add_extension(
        x509.SubjectAlternativeName([here]), critical=False
    )
    pem = serialization.Encoding.PEM
    ca_file, server_file = folder / "ca.pem", folder / "server.pem"
    ca_file.write_bytes(ca.sign(ca_key, hashes.SHA256()).public_bytes(pem))
    server_file.write_bytes(
        leaf.sign(ca_key, hashes.SHA256()).public_bytes(pem)
        + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return ca_file, server_file


def test_a_certificate_is_verified_and_a_private_ca_is_accepted(tmp_path: Path) -> None:
    ca_file, server_file = make_ca(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server_file)
    with serving(reply()) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        url = f"https://127.0.0.1:{server.server_port}"
        settings = Extract()

        def get(ca: str | None) -> Fetched:
            target = ApiTarget(url, "v1", "bearer", Secret(CANARY), ca)
            client = Client(target, settings, RequestBudget(settings, Clock().timing()))
            with closing(client):
                return client.get({}, lambda body: decode_page(body, "v1"))

        with pytest.raises(ApiError, match="certificate was not accepted") as refusal:
            get(None)
        assert CANARY not in "".join(traceback.format_exception(refusal.value))
        assert server.seen == []
        assert get(str(ca_file)).page.size == 1


def test_a_key_is_removed_wherever_in_a_large_page_it_is() -> None:
    start = b'{"success": true, "data": {"clusters": [{"id": "a", "description": "'
    padding = b"x" * (BLOCK_BYTES - len(start) - len(CANARY) // 2)
    body = start + padding + CANARY.encode() + b'"}]}}'
    with serving(reply(200, body)) as server:
        description = ask(server).page.records[0].description
    assert CANARY not in description
    assert description.endswith("***")
