"""Random raw responses over a real socket: every run must end in a snapshot or in one typed error,
and no library may print or log anything.

``THOROUGH=1`` tries many more of them.
"""

from __future__ import annotations

import gzip
import json
import logging
import os
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from pipeline.errors import Exit, FleetLedgerError
from pipeline.extract import ApiTarget, Timing, take_snapshot
from pipeline.keys import Secret
from pipeline.settings import Extract
from tests.extract.rawserver import http, raw_server

if TYPE_CHECKING:
    from collections.abc import Iterator

IS_THOROUGH = os.environ.get("THOROUGH") == "1"
CASES = 5_000 if IS_THOROUGH else 120
KEY = "tpo_live_fuzzCANARY"
NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
DOCUMENTED = {Exit.USAGE, Exit.KEY_REFUSED, Exit.API_UNAVAILABLE}
IMPATIENT = Extract(
    attempts=2,
    page_deadline_seconds=0.3,
    connect_timeout_seconds=0.3,
    max_pages=60,
    max_page_bytes=2**20,
)

numbers = st.one_of(
    st.integers(-3, 200),
    st.sampled_from([2**31, 2**63, 2**64, 10**15 - 1, 10**40, -(2**63)]),
    st.floats(),
)
digits = st.one_of(
    numbers.map(str),
    st.sampled_from(["", " ", "+5", "0x5", "5_0", "5, 5", "\u0665", "9" * 5000, "nan", "1e999"]),
    st.text(max_size=8),
)
zones = st.sampled_from(["GMT", "", "+0000", "-2359", "+9999", "-99999999999999", "EST", "?"])
dates = st.one_of(
    st.builds(
        "{}, {:02} {} {:04} {:02}:{:02}:{:02} {}".format,
        st.sampled_from(["Mon", "Fri", "", "(((("]),
        st.integers(-1, 32),
        st.sampled_from(["Jan", "May", "Dec", "Foo"]),
        st.sampled_from([0, 1, 69, 1601, 1970, 2026, 2262, 9999, 10000]),
        st.integers(0, 25),
        st.integers(0, 61),
        st.integers(0, 61),
        zones,
    ),
    digits,
)
header_names = {
    "Date": dates,
    "Retry-After": st.one_of(dates, digits),
    "X-RateLimit-Limit": digits,
    "X-RateLimit-Remaining": digits,
    "X-RateLimit-Reset": digits,
    "X-RateLimit-Window": digits,
    "Content-Length": digits,
    "Transfer-Encoding": st.sampled_from(["chunked", "Chunked", "gzip, chunked", "identity", "x"]),
    "Content-Encoding": st.sampled_from(
        ["gzip", "GZIP", "deflate", "br", "identity", "", "x" * 99]
    ),
    "Connection": st.sampled_from(["close", "keep-alive", "upgrade", ""]),
    "Location": st.sampled_from(["/", "http://127.0.0.1:1/", "//[", "\x00"]),
    "Content-Type": st.sampled_from(["application/json; charset=utf-16", "text/html", ";;;"]),
}
header_lines = st.one_of(
    st.sampled_from(sorted(header_names)).flatmap(
        lambda name: header_names[name].map(lambda value: f"{name}: {value}".encode())
    ),
    st.sampled_from([b"broken", b": x", b" folded", b"X\x00: y", b"X: " + b"y" * 70_000, b"\xff:"]),
    st.binary(max_size=20),
)
status_lines = st.one_of(
    st.builds(
        "HTTP/1.1 {} {}".format,
        st.one_of(
            st.sampled_from([200] * 6 + [429, 503]),
            st.integers(100, 999),
            st.sampled_from(["000", "-200", "1000", "", "2 00", "\u0662\u0660\u0660"]),
        ),
        st.sampled_from(["OK", "", "\x00", "x" * 99]),
    ).map(str.encode),
    st.sampled_from(
        [b"HTTP/1.0 200 OK", b"HTTP/9.9 200 OK", b"HTTP/1.1", b"SSH-2.0", b"", b"\xff"]
    ),
)

scalars = st.one_of(
    st.none(),
    st.booleans(),
    numbers,
    st.text(max_size=6),
    st.sampled_from(
        ["2026-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31", "\ud800", KEY]
    ),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
FIELDS = [
    *("created_at", "createdAt", "updated_at", "expires_at", "name", "status", "gpu_count"),
    *("gpuType", "volumeSize", "metrics", "cost", "ssh_connection", "port_mappings"),
]
records = st.one_of(
    st.fixed_dictionaries(
        {"id": st.sampled_from("abcdef"), "created_at": st.just("2026-01-01T00:00:00Z")},
        optional=dict.fromkeys(FIELDS[1:], values),
    ),
    st.dictionaries(st.sampled_from(["id", *FIELDS]), values, max_size=4),
    values,
)
counts = st.one_of(st.integers(0, 8), values)
envelopes = st.fixed_dictionaries(
    {
        "success": st.sampled_from([True] * 9 + [False]),
        "data": st.fixed_dictionaries(
            {"clusters": st.lists(records, max_size=5)},
            optional={
                "pagination": st.one_of(
                    st.fixed_dictionaries({"total_count": counts, "per_page": counts}), values
                )
            },
        ),
    },
    optional={"meta": values, "details": values, "request_id": values},
)
lists = st.one_of(
    envelopes,
    st.lists(records, max_size=5),
    st.fixed_dictionaries(
        {"error": st.one_of(values, st.sampled_from(["FORBIDDEN", "VALIDATION_ERROR", "X"]))},
        optional={"message": values, "code": values, "details": values, "request_id": values},
    ),
    values,
)
nested = st.integers(0, 3000).map(lambda depth: b"[" * depth + b"]" * depth)
texts = st.one_of(
    lists.map(lambda value: json.dumps(value).encode()), nested, st.binary(max_size=40)
)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """JSON, sometimes with missing or changed bytes."""
    text = draw(texts)
    if text and draw(st.integers(0, 4)) == 0:
        at = draw(st.integers(0, len(text) - 1))
        return text[:at] + draw(st.sampled_from([b"", b"\x00", b"\xff\xfe", b'"', b"{", b"1e999"]))
    return text


@st.composite
def chunked(draw: st.DrawFn, body: bytes) -> bytes:
    """``body`` in chunks, whose sizes may be wrong."""
    size = draw(st.one_of(st.just(f"{len(body):x}"), digits))
    end = draw(st.sampled_from([b"\r\n0\r\n\r\n", b"\r\n0\r\nX: y\r\n\r\n", b"", b"\r\n-1\r\n"]))
    return size.encode("utf-8", "replace") + b"\r\n" + body + end


@st.composite
def wild_responses(draw: st.DrawFn) -> bytes:
    """A complete response, with errors anywhere in it."""
    status = draw(status_lines)
    headers = draw(st.lists(header_lines, max_size=5))
    body = draw(bodies())
    if any(line.lower() == b"content-encoding: gzip" for line in headers) and draw(st.booleans()):
        packed = gzip.compress(body, mtime=0)
        body = packed[: len(packed) - draw(st.sampled_from([0, 0, 0, 3, 12]))]
    if any(b"chunked" in line.lower() for line in headers):
        body = draw(chunked(body))
    elif draw(st.integers(0, 3)):
        headers.append(f"Content-Length: {len(body)}".encode())
    return b"\r\n".join([status, *headers]) + b"\r\n\r\n" + body


@st.composite
def mild_responses(draw: st.DrawFn) -> bytes:
    """A list in valid HTTP, except for a header or a value. These get further into a walk."""
    name = draw(st.sampled_from(["Date", *(name for name in header_names if name[0] in "DRX")]))
    head = f"{name}: {draw(header_names[name])}".encode("utf-8", "replace")
    body = json.dumps(draw(st.one_of(envelopes, st.lists(records, max_size=5)))).encode()
    length = f"Content-Length: {len(body)}".encode()
    return b"\r\n".join([b"HTTP/1.1 200 OK", head, length, b"", body])


responses = st.one_of(wild_responses(), mild_responses())


class Heard(logging.Handler):
    """The messages of libraries that a user would see."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.name}: {record.getMessage()}")


@contextmanager
def no_output() -> Iterator[None]:
    """Check that nothing inside prints or logs."""
    heard, printed = Heard(), StringIO()
    logging.getLogger().addHandler(heard)
    try:
        with redirect_stderr(printed), redirect_stdout(printed):
            yield
    finally:
        logging.getLogger().removeHandler(heard)
    assert heard.lines == []
    assert printed.getvalue() == ""


VALID = {
    "v1": {
        "success": True,
        "data": {
            "clusters": [{"id": "a", "created_at": "2026-01-01T00:00:00Z"}],
            "pagination": {"total_count": 1},
        },
    },
    "v2": [{"id": "a", "createdAt": "2026-01-01T00:00:00Z"}],
}
SERVED: dict[str, Any] = {"responses": [b""], "asked": 0}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    def response(_: bytes) -> bytes:
        """Each scripted response in turn, then the last one again and again."""
        scripted = SERVED["responses"]
        SERVED["asked"] += 1
        return scripted[min(SERVED["asked"], len(scripted)) - 1]

    with raw_server(response) as address:
        yield address


@pytest.mark.slow
@settings(max_examples=CASES, derandomize=not IS_THOROUGH, suppress_health_check=list(HealthCheck))
@given(
    script=st.lists(responses, min_size=1, max_size=4),
    version=st.sampled_from(["v1", "v1", "v2"]),
    recovers=st.booleans(),
)
def test_any_bytes_of_a_server_end_in_a_snapshot_or_a_typed_error(
    url: str, script: list[bytes], version: str, *, recovers: bool
) -> None:
    valid = http(json.dumps(VALID[version]).encode())
    SERVED.update(responses=[*script, valid] if recovers else script, asked=0)
    waited: list[float] = []
    timing = Timing(sleep=waited.append, chance=lambda: 0.5)
    api = ApiTarget(url, version, "bearer", Secret(KEY))
    error = snapshot = None
    with no_output():
        try:
            snapshot = take_snapshot("a", api, IMPATIENT, local_now=lambda: NOW, timing=timing)
        except FleetLedgerError as caught:
            error = caught
    event(type(error).__name__ if error else f"stored: {snapshot.certificate.state}")
    if error is not None:
        assert error.exit_code in DOCUMENTED
        assert "\n" not in str(error)
        assert KEY not in str(error)
    if snapshot is not None:
        assert snapshot.table.num_rows == snapshot.certificate.unique_ids
