"""Posts to a secret address: what is repeated, what is not, and how long it may take."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import pytest

from pipeline.deliver import http_post
from pipeline.deliver.http_post import Limits
from pipeline.errors import SettingsError
from pipeline.keys import Secret
from tests.deliver.listener import Listener, listening

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET_PATH = "/services/canary-4711-hook"
LIMITS = Limits(4, 10.0)


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as running:
        yield running


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits between attempts, which tests do not wait for."""
    waited: list[float] = []
    monkeypatch.setattr(http_post, "sleep", waited.append)
    return waited


def post(listener: Listener, limits: Limits = LIMITS) -> str:
    url = Secret(listener.url + SECRET_PATH)
    return http_post.send("POST", url, b"{}", {"X-Test": "1"}, limits).reason


def test_an_accepted_post_is_sent_once_with_its_body_and_headers(listener: Listener) -> None:
    listener.answers = [(202, "", {})]
    assert post(listener) == ""
    [received] = listener.received
    assert (received.method, received.path, received.body) == ("POST", SECRET_PATH, b"{}")
    assert received.headers["X-Test"] == "1"


def test_too_many_requests_and_server_errors_are_repeated(
    listener: Listener, waits: list[float]
) -> None:
    listener.answers = [(429, "", {"Retry-After": "2"}), (503, "", {}), (200, "ok", {})]
    assert post(listener) == ""
    assert len(listener.received) == 3
    assert waits == [2.0, 1.0]


def test_attempts_are_limited(listener: Listener, waits: list[float]) -> None:
    listener.answers = [(500, "<html>secret stack trace</html>", {})]
    assert post(listener) == "HTTP 500"
    assert len(listener.received) == 4
    assert waits == [0.5, 1.0, 2.0]


def test_no_wait_goes_beyond_the_total_time(listener: Listener, waits: list[float]) -> None:
    listener.answers = [(429, "", {"Retry-After": "3600"})]
    assert post(listener) == "HTTP 429; not tried again within 10 s"
    assert len(listener.received) == 1
    assert waits == []


def test_a_refusal_is_final_and_names_the_vendors_code(listener: Listener) -> None:
    listener.answers = [(400, "invalid_blocks", {})]
    assert post(listener) == "HTTP 400 (invalid_blocks)"
    assert len(listener.received) == 1


@pytest.mark.parametrize(
    ("status", "is_refused"), [(307, True), (400, True), (404, True), (408, False), (429, False),
                               (500, False)],
)  # fmt: skip
def test_only_a_refusal_that_another_attempt_cannot_change_is_one(
    listener: Listener, status: int, *, is_refused: bool
) -> None:
    listener.answers = [(status, "", {})]
    url = Secret(listener.url + SECRET_PATH)
    assert http_post.send("POST", url, b"{}", {}, Limits(1, 5.0)).is_refused is is_refused


def test_a_redirect_is_not_followed(listener: Listener) -> None:
    with listening() as elsewhere:
        listener.answers = [(307, "", {"Location": elsewhere.url})]
        assert post(listener).startswith("HTTP 307: a redirect is not followed")
        assert elsewhere.received == []


def test_a_slow_answer_is_cut_off_and_the_post_not_repeated(
    listener: Listener,
) -> None:
    listener.seconds = 0.2  # a byte: the status alone would take 3 s, and counts once it is there
    began = time.monotonic()
    assert post(listener, Limits(4, 0.5)).endswith("it may have arrived")
    assert time.monotonic() - began < 5  # 70 bytes at 0.2 s each would reset every read's timeout
    assert len(listener.received) == 1


def test_no_connection_is_repeated_and_no_message_holds_the_address(waits: list[float]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    reason = http_post.send(
        "POST", Secret(f"http://127.0.0.1:{port}{SECRET_PATH}"), b"", {}, Limits(3, 10.0)
    ).reason
    assert reason == "no connection: nothing listens at its port"
    assert "canary" not in reason
    assert len(waits) == 2


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://hooks.example.com/canary", "plain http"),
        ("ftp://127.0.0.1/canary", "no address"),
        ("canary", "no address"),
        ("https://user:canary@example.com/", "user name or password"),
        ("https://example.com/canary\r\nX: y", "no address"),
    ],
)
def test_an_unprotected_address_is_refused_and_not_quoted(url: str, why: str) -> None:
    with pytest.raises(SettingsError, match=why) as error:
        http_post.send("POST", Secret(url), b"", {}, LIMITS)
    assert "canary" not in str(error.value)


def test_no_log_line_of_any_library_holds_the_address(
    listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    listener.answers = [(500, "", {})]
    post(listener)
    assert "attempt 1 of 4 failed: HTTP 500" in caplog.text
    assert "canary" not in caplog.text


def test_only_the_proxy_of_the_settings_is_used_and_none_of_the_environment(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "HTTP_PROXY"):
        monkeypatch.setenv(name, listener.url)
    asked: list[tuple[str, int]] = []

    def noted(address: tuple[str, int], *_args: object, **_options: object) -> socket.socket:
        asked.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr("urllib3.util.connection.create_connection", noted)
    url = Secret(f"https://hooks.example.com{SECRET_PATH}")
    assert http_post.send("POST", url, b"", {}, Limits(1, 5.0)).reason.startswith("no connection")
    proxied = Limits(1, 5.0, "http://proxy.example.com:3128")
    assert http_post.send("POST", url, b"", {}, proxied).reason.startswith("no connection")
    assert asked == [("hooks.example.com", 443), ("proxy.example.com", 3128)]
    assert listener.received == []


def test_netrc_is_not_read(
    listener: Listener, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = f"{tmp_path}/netrc"
    with open(netrc, "w", encoding="utf-8") as file:  # noqa: PTH123
        file.write("machine 127.0.0.1 login u password canary\n")
    monkeypatch.setenv("NETRC", netrc)
    post(listener)
    assert "Authorization" not in listener.received[0].headers
