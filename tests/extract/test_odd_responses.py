"""Malformed responses: each is one lost response, is requested again, and never a crash."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline.errors import ApiError, SettingsError
from pipeline.extract.api_errors import RefusedError
from pipeline.extract.budget import RequestBudget, Timing
from pipeline.extract.client import ApiTarget, Client
from pipeline.extract.decode import decode_page
from pipeline.keys import Secret
from pipeline.settings import Extract
from tests.extract.rawserver import http, raw_server

if TYPE_CHECKING:
    from pipeline.extract.client import Fetched

GOOD = json.dumps(
    {"success": True, "data": {"clusters": [{"id": "a"}], "pagination": {"total_count": 1}}}
).encode()
DATE = "Date: Mon, 01 Jan 2024 00:00:00 GMT"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
NEVER = "999999999999999"
LIMITS = [f"X-RateLimit-{name}: {NEVER}" for name in ("Limit", "Reset", "Window")]

UNUSABLE = {
    "a negative chunk": CHUNKED + b"-5\r\nx",
    "a chunk of -1": CHUNKED + b"-1\r\n{}\r\n0\r\n\r\n",
    "a chunk's size is no number": CHUNKED + b"\xd9\xa1\xff\r\n{}\r\n0\r\n\r\n",
    "a chunk's size is huge": CHUNKED + b"f" * 5000 + b"\r\n{}\r\n0\r\n\r\n",
    "an endless chunk line": CHUNKED + b"2;" + b"a" * 200_000,
    "a negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "a length of 5000 digits": b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n{}",
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "nothing": b"",
    "status 0": http(GOOD, status="000 OK"),
    "status -200": http(GOOD, status="-200 OK"),
    "status 1000": http(GOOD, status="1000 OK"),
    "a long header": http(GOOD, "X: " + "a" * 100_000),
    "200 headers": http(GOOD, *["X: y"] * 200),
    "a wait until the year 9999": http(
        b"{}", DATE, "Retry-After: Fri, 31 Dec 9999 23:59:59 -2359", status="503 X"
    ),
    "a wait of 30 million years": http(b"{}", DATE, f"Retry-After: {NEVER}", status="429 X"),
    "nested without end": http(b'{"error": ' + b"[" * 5000 + b"]" * 5000 + b"}", status="500 X"),
}
USABLE = {
    "a date with an absurd zone": http(GOOD, DATE.replace("GMT", "-9999999999999999")),
    "a date in the year 9999": http(GOOD, "Date: Fri, 31 Dec 9999 23:59:59 -2359"),
    "a date of commas": http(GOOD, "Date: ,,,,"),
    "a date of brackets": http(GOOD, "Date: " + "(" * 40_000),
    "a rate limit that ends never": http(GOOD, DATE, "X-RateLimit-Remaining: 9", *LIMITS),
    "a header without a colon": http(GOOD, "broken"),
}


def ask(url: str, *, times: int = 1, **settings: object) -> Fetched:
    settings = Extract(page_deadline_seconds=2.0, **settings)
    slept: list[float] = []
    budget = RequestBudget(settings, Timing(lambda: sum(slept), slept.append, lambda: 0.5))
    client = Client(ApiTarget(url, "v1", "bearer", Secret("tpo_live_key")), settings, budget)
    with closing(client):
        for _ in range(times - 1):
            client.get({}, lambda body: decode_page(body, "v1"))
        return client.get({"page": 1}, lambda body: decode_page(body, "v1"))


@pytest.mark.parametrize("name", UNUSABLE)
def test_an_odd_response_is_requested_again(name: str) -> None:
    responses = iter([UNUSABLE[name], http(GOOD)])
    with raw_server(lambda _: next(responses)) as url:
        assert ask(url).page.records[0].id == "a"
    with raw_server(lambda _: UNUSABLE[name]) as url, pytest.raises(ApiError, match="2 tries"):
        ask(url, attempts=2)


@pytest.mark.parametrize("name", USABLE)
def test_an_odd_header_does_not_make_a_response_unusable(name: str) -> None:
    with raw_server(lambda _: USABLE[name]) as url:
        response = ask(url, times=2, attempts=1)
    assert response.page.records[0].id == "a"
    if "a date" in name:
        assert response.server_time is None


PASSING = [101, 204, 206, 408, 425, 429, 501, 507, 520, 521, 522, 523, 524, 530, 599, 700, 999]


@pytest.mark.parametrize("status", PASSING)
def test_a_temporary_status_is_retried_and_reported(status: int) -> None:
    responses = iter([http(b"", status=f"{status} X"), http(GOOD)])
    with raw_server(lambda _: next(responses)) as url:
        assert ask(url).page.size == 1
    with raw_server(lambda _: http(b"", status=f"{status} X")) as url:
        with pytest.raises(ApiError) as caught:
            ask(url, attempts=2)
        assert f"{url}: HTTP {status} (2 tries)" in str(caught.value)


def test_a_permanent_refusal_is_reported_with_host_and_status() -> None:
    body = b'{"error": "GONE", "message": "no more"}'
    with raw_server(lambda _: http(body, status="410 Gone")) as url:
        with pytest.raises(RefusedError) as caught:
            ask(url)
        assert str(caught.value) == f"{url}: HTTP 410: the API answered GONE"


@pytest.mark.parametrize("content", [None, "no certificate\n", b"\xff\xfe"])
def test_a_ca_file_without_certificates_is_a_settings_error(
    tmp_path: Path, content: str | bytes | None
) -> None:
    ca = tmp_path / "ca.pem"
    if content is not None:
        ca.write_bytes(content if isinstance(content, bytes) else content.encode())
    target = ApiTarget("https://127.0.0.1:1", "v1", "bearer", Secret("k"), str(ca))
    with pytest.raises(SettingsError, match=r"api\.ca_file '.*ca\.pem'"):
        Client(target, Extract(), RequestBudget(Extract()))


EATER = r"""
    import re, sys, time
    from pathlib import Path
    from tests.extract.test_odd_responses import ask
    from pipeline.errors import ApiError

    def peak():
        # Not getrusage: its maximum is handed down from the process that started this one.
        status = Path("/proc/self/status").read_text()
        return 1024 * int(re.search(r"VmHWM:\s+(\d+)", status)[1])

    ask(sys.argv[1])
    before, began = peak(), time.process_time()
    outcome = "usable"
    try:
        ask(sys.argv[2], attempts=4)
    except ApiError as error:
        outcome = error
    print(peak() - before, time.process_time() - began, outcome)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux reports peak memory")
@pytest.mark.parametrize("record", ["{},", '{"":0},', '{"id":"1"},'])
def test_too_many_records_are_rejected_before_they_need_memory(record: str) -> None:
    most = Extract().max_page_bytes
    records = record * ((most - 1_000) // len(record))
    body = b'{"data":{"clusters":[' + records.encode().rstrip(b",") + b"]}}"
    taken, seconds, error = eaten(http(gzip.compress(body, 1), "Content-Encoding: gzip"))
    assert "values" in error
    assert taken < 2 * most
    assert seconds < 10


def eaten(bomb: bytes) -> tuple[int, float, str]:
    """The memory and processor time that a response takes in a process of its own; its error."""
    with raw_server(lambda _: http(GOOD)) as good, raw_server(lambda _: bomb) as bad:
        done = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-c", textwrap.dedent(EATER), good, bad],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    taken, seconds, error = done.stdout.split(maxsplit=2)
    return int(taken), float(seconds), error


MB = 1_000_000
MOST = Extract().max_page_bytes
BOMBS = {
    "200 MB": lambda: http(b" " * 200 * MB),
    "200 MB behind a small length": lambda: http(b"").replace(b"h: 0", b"h: 9") + b" " * 200 * MB,
    "200 MB packed": lambda: packed(b" " * 200 * MB),
    "200 MB packed twice": lambda: packed(gzip.compress(b" " * 200 * MB, 1)),
    "deep": lambda: packed(b"[" * (MOST - 1000)),
    "deep and closed": lambda: packed(b"[" * (MOST // 2 - 1000) + b"]" * (MOST // 2 - 1000)),
    "deep objects": lambda: packed(b'{"a":' * ((MOST - 1000) // 5)),
}
WELL_FORMED = {
    "one long text": b'{"data":{"clusters":[{"id":"a","name":"' + b"a" * (MOST - 1000) + b'"}]}}',
    "one long number": b'{"data":{"clusters":[' + b"9" * (MOST - 1000) + b"]}}",
    "long texts": b'{"data":{"clusters":[%s]}}'
    % b",".join([b'{"id":"%d","name":"%s"}' % (n, b"a" * 600_000) for n in range(100)]),
}
"""A reader needs the page, its text and its values at once."""


def packed(body: bytes) -> bytes:
    return http(gzip.compress(body, 1), "Content-Encoding: gzip")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux reports peak memory")
@pytest.mark.parametrize("name", BOMBS)
def test_no_page_takes_more_than_twice_the_memory_of_the_largest_allowed(name: str) -> None:
    taken, seconds, error = eaten(BOMBS[name]())
    assert error != "usable\n"
    assert taken < 2 * MOST
    assert seconds < 15


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux reports peak memory")
@pytest.mark.parametrize("name", WELL_FORMED)
def test_no_large_page_that_can_be_read_takes_more_than_thrice_its_memory(name: str) -> None:
    taken, seconds, _ = eaten(packed(WELL_FORMED[name]))
    assert taken < 3.1 * MOST
    assert seconds < 15
