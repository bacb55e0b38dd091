"""A secret leaves in one header and in no other way, however it comes back.

A real server answers with the key it was sent, written in many ways; the real program runs against
it; then everything that was printed, logged and stored is searched for ten characters in a row of
the key. The search shares nothing with the code that keeps the key in.
"""

from __future__ import annotations

import base64
import html
import http.server
import json
import os
import re
import socketserver
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote, unquote

import pyarrow.parquet as pq
import pytest

from pipeline.cli import run_command_line
from tests.cli.conftest import ROOT
from tests.deliver.listener import listening

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CANARY = "tpo_live_k9/Zq+47bX=w2mTf8-RcVd3"
PASSWORD = "Pw7/xK+q93&mZt_4vLd8"
PIECE = 10


def hexadecimal(pattern: str, key: str) -> str:
    return "".join(pattern.format(ord(letter)) for letter in key)


def in_base64(key: str, before: int) -> str:
    return base64.b64encode(b"u:;"[:before] + key.encode() + b"!").decode()


FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "upper case": str.upper,
    "escaped slash": lambda key: key.replace("/", "\\/"),
    "JSON": lambda key: hexadecimal("\\u{:04x}", key),
    "JSON in JSON": lambda key: hexadecimal("\\\\u{:04X}", key),
    "HTML": lambda key: hexadecimal("&#{};", key),
    "HTML, hexadecimal": lambda key: hexadecimal("&#x{:X};", key),
    "HTML, by name": lambda key: key.replace("/", "&sol;").replace("+", "&plus;"),
    "URL": lambda key: quote(key, safe=""),
    "URL, all of it": lambda key: hexadecimal("%{:02X}", key),
    "URL, lower case": lambda key: hexadecimal("%{:02x}", key),
    "URL in URL": lambda key: quote(quote(key, safe=""), safe=""),
    "base64": lambda key: in_base64(key, 0),
    "base64, 1 before": lambda key: in_base64(key, 1),
    "base64, 2 before": lambda key: in_base64(key, 2),
    "base64 for URLs": lambda key: base64.urlsafe_b64encode(key.encode()).decode(),
    "base64 with slashes escaped": lambda key: in_base64(key, 1).replace("/", "\\/"),
    "base64, in two lines": lambda key: f"{in_base64(key, 2)[:22]}\\r\\n {in_base64(key, 2)[22:]}",
    "in two lines": lambda key: f"{key[:16]}\\n{key[16:]}",
    "its beginning": lambda key: f"{key[:PIECE]}...",
    "its middle": lambda key: key[7 : 7 + PIECE],
    "its end": lambda key: f"****{key[-PIECE:]}",
    "all but its end": lambda key: f"{key[:-4]}****",
}


def leaks(text: str, secret: str = CANARY) -> list[str]:
    """What ``text`` gives away of ``secret``, read in every way there is."""
    views = [text]
    for _ in range(3):
        unescaped = re.sub(r"\\+u00(..)", lambda m: chr(int(m[1], 16)), views[-1])
        views.append(unquote(html.unescape(unescaped)).replace("\\", ""))
    folded = "\n".join(views).lower()
    pieces = {secret[at : at + PIECE].lower() for at in range(len(secret) - PIECE + 1)}
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + secret.encode()).decode()[before + 1 : -4]
        for form in (coded, coded.replace("+", "-").replace("/", "_")):
            pieces |= {form[at : at + 13].lower() for at in range(len(form) - 12)}
    return sorted(piece for piece in pieces if piece in folded)


def test_the_search_finds_every_form() -> None:
    missed = [name for name, form in FORMS.items() if not leaks(f'{{"x": "{form(CANARY)}"}}')]
    assert not missed


def stored_text(data: Path) -> Iterator[tuple[Path, str]]:
    """Everything below ``data``: names, bytes, and what Parquet files hold uncompressed."""
    for path in sorted(data.rglob("*")):
        if path.is_dir():
            continue
        text = str(path) + path.read_bytes().decode("latin-1")
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            text += repr(table.schema.metadata) + json.dumps(table.to_pylist(), default=str)
        yield path, text


# --- answers -----------------------------------------------------------------------------------


def reply(status: int, body: str, *headers: str) -> bytes:
    """A whole answer, exactly these bytes."""
    head = [f"HTTP/1.1 {status} Text", *headers, f"Content-Length: {len(body.encode())}"]
    return ("\r\n".join([*head, "Connection: close", "", ""]) + body).encode()


def page(*, request: str = "req-1", **cluster: str) -> str:
    """A page of one good cluster; ``cluster`` adds raw JSON texts."""
    fields = "".join(f', "{name}": {raw}' for name, raw in cluster.items())
    return (
        '{"success": true, "data": {"clusters": [{"id": "c-1", "status": "running"'
        f'{fields}}}], "pagination": {{"total_count": 1, "per_page": 100}}}}, '
        f'"meta": {{"request_id": "{request}"}}}}'
    )


def nested(text: str) -> str:
    return f'{{"success": false, "error": {{"code": "BAD_REQUEST", "message": "{text}"}}}}'


FAILURES: dict[str, Callable[[str], bytes]] = {
    "401": lambda key: reply(401, nested(f"bad key {key}")),
    "403, flat": lambda key: reply(
        403, f'{{"error": "FORBIDDEN", "message": "{key}", "request_id": "{key}"}}'
    ),
    "400": lambda key: reply(400, nested(f"who is {key}?")),
    "400, as the code": lambda key: reply(400, f'{{"error": "{key}"}}'),
    "400, as the nested code": lambda key: reply(
        400, f'{{"success": false, "error": {{"code": "{key}"}}}}'
    ),
    "404, in the details": lambda key: reply(
        404, f'{{"error": "X", "details": {{"{key}": "{key}"}}, "request_id": "r-{key}"}}'
    ),
    "422, HTML": lambda key: reply(422, f"<p>{key}</p>"),
    "429": lambda key: reply(429, nested(key), f"Retry-After: {key}"),
    "500": lambda key: reply(500, nested(key)),
    "503, not JSON": lambda key: reply(503, key),
    "200 that refuses": lambda key: reply(200, nested(key)),
    "200 that refuses the key": lambda key: reply(
        200, nested(key).replace("BAD_REQUEST", "FORBIDDEN")
    ),
    "not JSON": lambda key: reply(200, key),
    "HTML": lambda key: reply(200, f"<p>bad key: {key}</p>"),
    "HTML, later": lambda key: reply(200, f"<html><p>your bad key is: {key}</p>"),
    "another shape": lambda key: reply(200, f'{{"{key}": "{key}"}}'),
    "truncated": lambda key: reply(200, page(name=f'"{key}"')[:-20]),
    "Location": lambda key: reply(302, "", f"Location: https://example.com/{key}"),
    "Content-Encoding": lambda key: reply(200, "{}", f"Content-Encoding: {key}"),
    "rate limits and dates": lambda key: reply(
        429, "{}", *(f"X-RateLimit-{n}: {key}" for n in ("Limit", "Remaining", "Reset")),
        f"Date: {key}", f"X-Request-Id: {key}",
    ),
    "the reason": lambda key: reply(400, "{}").replace(b"Text", key.encode()),
    "a broken header": lambda key: reply(500, "{}", f"{key} and no colon"),
    "a broken status": lambda key: f"HTTP/1.1 {key}\r\n\r\n".encode(),
    "no HTTP at all": lambda key: f"{key}\r\n".encode(),
}  # fmt: skip


def facts(key: str) -> bytes:
    """A good answer that holds the key wherever one can."""
    first = page(
        request=key,
        name=f'"a {key}"',
        description=f'"{key}"',
        gpu_count=f'"{key}"',
        env=f'{{"{key}": ["{key}"]}}',
    )
    nameless = f'{{"id": "", "name": "{key}"}}, {{"id": "c-'
    return reply(200, first.replace('{"id": "c-', nameless, 1))


class Echo(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        key = self.headers["Authorization"].removeprefix("Bearer ")
        answer = self.server.answer(key)
        self.wfile.write(answer if isinstance(answer, bytes) else answer.encode())
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


class Quiet(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that hangs up (TLS to plain HTTP) is what some tests are about."""


@contextmanager
def echoing(answer: Callable[[str], bytes], handler: type[Echo] = Echo) -> Iterator[str]:
    with Quiet(("127.0.0.1", 0), handler) as server:
        server.answer = answer
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class Here:
    """The program in this process, on a data folder of its own, with one try per page."""

    def __init__(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        self.data = folder / "data"
        self.config = folder / "settings.toml"
        self.configure("")
        self._patch, self._captured = monkeypatch, capfd
        monkeypatch.setenv("FLEETLEDGER_DATA_DIR", str(self.data))
        monkeypatch.setenv("FLEETLEDGER_CONFIG", str(self.config))
        monkeypatch.setenv("TENSORONE_API_KEY", CANARY)

    def configure(self, text: str) -> None:
        self.config.write_text(f"[extract]\nattempts = 1\nmax_wait_seconds = 0\n{text}")

    def __call__(self, *args: str, secret: str = CANARY) -> tuple[int, str]:
        """The exit code and all that was printed, which may not hold the key."""
        self._patch.setattr(sys, "argv", ["fleetledger", *args])
        code = run_command_line()
        out, err = self._captured.readouterr()
        assert "Traceback" not in err
        assert not leaks(out + err, secret), out + err
        return code, out + err

    def check_stored(self) -> None:
        for path, text in stored_text(self.data):
            assert not leaks(text) + leaks(text, PASSWORD), path


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Here]:
    """The program; what it has stored by the end of the test is searched, every byte of it."""
    program = Here(tmp_path, monkeypatch, capfd)
    yield program
    program.check_stored()


@pytest.mark.parametrize("way", FAILURES)
def test_no_failure_quotes_the_key(here: Here, way: str) -> None:
    for name, form in FORMS.items():
        with echoing(lambda key, form=form: FAILURES[way](form(key))) as url:
            code, output = here("extract", "--api-url", url, "--json")
        assert code in {10, 11}, (name, output)
        assert url in output or "the API answered" in output, (name, output)
    assert list((here.data / "runs").rglob("*.json"))


def test_no_fact_that_is_stored_or_shown_holds_the_key(here: Here) -> None:
    for name, form in FORMS.items():
        with echoing(lambda key, form=form: facts(form(key))) as url:
            code, output = here("extract", "--api-url", url, "--json")
            assert code == 3, (name, output)
            for shape in ("table", "csv", "json"):
                here("clusters", "--api-url", url, "--max-age", "0m", "--format", shape)
    stored = list((here.data / "snapshots").rglob("*.parquet"))
    assert stored
    # A text of several written forms of the key has several runs of stars.
    for path in stored:
        assert all("***" in name for name in pq.read_table(path)["name"].to_pylist())


def test_no_interrupted_walk_keeps_the_key(here: Here) -> None:
    here.configure("page_size = 1\n")
    for form in FORMS.values():
        pages = iter(range(2))

        def answer(key: str, form: Callable = form, pages: Iterator = pages) -> bytes:
            if next(pages, None) is None:
                return reply(429, nested(form(key)), "Retry-After: 3000")
            body = page(name=f'"{form(key)}"', created_at='"2026-01-01T00:00:00Z"')
            return reply(200, body.replace('"total_count": 1', '"total_count": 9'))

        with echoing(answer) as url:
            code, output = here("extract", "--api-url", url)
        assert code == 11
        assert "kept for the next run" in output
        assert [path for path in (here.data / "state").iterdir() if "resume" in path.name]


def test_no_night_that_reports_and_mails_holds_the_key(here: Here) -> None:
    here.configure('fresh_minutes = 0\n[mail]\nto = ["a@example.com"]\n')
    with echoing(facts) as url:
        assert here("extract", "--api-url", url)[0] == 3
    with echoing(FAILURES["500"]) as url:
        assert here("nightly", "--api-url", url)[0] == 11
    assert list((here.data / "reports").rglob("mail.eml"))


def test_nothing_a_user_mistypes_is_quoted_with_the_key_in_it(
    here: Here, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    urls = [
        f"https://user:{CANARY}@127.0.0.1", f"ftp://user:{CANARY}@127.0.0.1", f"http://{CANARY}",
        f"https://127.0.0.1/?key={quote(CANARY)}", f"https://127.0.0.1:1/{CANARY}", CANARY,
    ]  # fmt: skip
    for url in urls:
        assert here("extract", "--api-url", url)[0] == 2
    assert here("extract", CANARY)[0] == 2
    assert here("extract", "--account", CANARY)[0] == 2
    assert here("extract", "--api-key-file", str(tmp_path / CANARY))[0] == 10
    # Where the name of a file or a variable belongs, and nowhere else.
    monkeypatch.delenv("TENSORONE_API_KEY")
    assert here("extract", "--api-key-file", CANARY)[0] == 10
    here.configure(f'[accounts.a]\nkey_env = "{CANARY}"\n')
    assert here("extract")[0] == 10


def test_connections_that_fail_say_nothing_of_the_key(here: Here) -> None:
    with echoing(FAILURES["400"]) as url:
        assert here("extract", "--api-url", url.replace("http", "https"))[0] == 11
    assert here("extract", "--api-url", url)[0] == 11


def test_the_verbose_log_says_nothing_of_the_key(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("[extract]\nattempts = 1\n")
    environment = {
        "PATH": os.environ["PATH"],
        "FLEETLEDGER_CONFIG": str(tmp_path / "settings.toml"),
        "FLEETLEDGER_DATA_DIR": str(tmp_path),
        "TENSORONE_API_KEY": CANARY,
    }
    output = ""
    processes: set[bytes] = set()

    def answer(way: str, name: str, key: str) -> bytes:
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                processes.add(process.read_bytes())
        return FAILURES[way](FORMS[name](key))

    for way in ("a broken header", "the reason"):
        for name in ("plain", "JSON"):
            with echoing(partial(answer, way, name)) as url:
                done = subprocess.run(  # noqa: S603 - our own program
                    [sys.executable, "-m", "pipeline", "extract", "-v", "--api-url", url],
                    env=environment, cwd=ROOT, capture_output=True, text=True, check=False,
                )  # fmt: skip
            output += done.stderr
    assert "DEBUG" in output
    assert "urllib3.connectionpool" in output  # libraries log, too
    assert not leaks(output)
    assert any(b"extract\0-v" in each for each in processes)  # the process list had the program
    assert not [each for each in processes if leaks(each.decode("latin-1"))]


HOOK = "T0xG4/B9mQ7+w2RsK=8vLd5-hYn3Zc"
"""What makes the address of a webhook or ping a secret."""
SIGNING = "sk/9Yw2+Lq8Zt5mXr4Vb-N7cJd1"


def echo_path(_form: Callable[[str], str]) -> Callable[[str], bytes]:
    """The answers of a channel that quotes its own address."""
    return lambda path: reply(400, f"no such hook: {_form(unquote(path))}", f"Location: {path}")


class EchoPath(Echo):
    """A channel that answers with the secret of its address."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.wfile.write(self.server.answer(self.path.rpartition("/hook/")[2]))
        self.close_connection = True

    do_GET = do_POST  # noqa: N815  # the name that http.server calls


CHANNELS = """
[webhooks.ops]
kind = "slack"
url_env = "HOOK_OPS"
attempts = 1

[webhooks.program]
kind = "json"
url_env = "HOOK_OPS"
signing_key_env = "SIGNING_KEY"
attempts = 1

[ping]
url_env = "HOOK_PING"

[metrics]
textfile = "{folder}/fleetledger.prom"
"""


@pytest.mark.parametrize("name", ["plain", "URL", "base64, 1 before"])
def test_no_channel_that_fails_gets_its_address_printed_or_stored(
    here: Here, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    """Refused, redirected, without a listener, and TLS to plain HTTP; by each command that asks."""
    here.configure("fresh_minutes = 0\n" + CHANNELS.format(folder=tmp_path))
    monkeypatch.setenv("SIGNING_KEY", SIGNING)
    with (
        echoing(lambda _key: reply(200, page())) as api,
        echoing(echo_path(FORMS[name]), EchoPath) as quoted,
    ):
        for way, url in {
            "refused": quoted,
            "no TLS": quoted.replace("http", "https"),
            "nothing listens": "http://127.0.0.1:9",
        }.items():
            monkeypatch.setenv("HOOK_OPS", f"{url}/hook/{quote(HOOK, safe='')}")
            monkeypatch.setenv("HOOK_PING", f"{url}/hook/{quote(HOOK, safe='')}")
            for command in (
                ("nightly", "-v", "--api-url", api),
                ("send", "--json"),
                ("doctor", "--json", "--api-url", api),
                ("config", "show"),
                ("config", "show", "--json"),
                ("status", "--json"),
            ):
                code, output = here(*command)
                assert not leaks(output, HOOK), (way, command, output)
                assert not leaks(output, SIGNING), (way, command, output)
                if command[0] == "nightly":
                    assert code in {0, 3}, output
                    assert "webhooks.ops: " in output, (way, output)
                    assert "ping (start): " in output
    texts = [text for _, text in stored_text(here.data)]
    texts.append((tmp_path / "fleetledger.prom").read_text())
    assert "webhooks_failed" in texts[-1]
    for text in texts:
        assert not leaks(text) + leaks(text, HOOK) + leaks(text, SIGNING)


def test_no_failed_night_posts_pings_or_measures_the_key(
    here: Here, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An API that echoes it: what channels, ping and metrics get of such a night."""
    here.configure("fresh_minutes = 0\n" + CHANNELS.format(folder=tmp_path))
    with listening() as listener:
        monkeypatch.setenv("SIGNING_KEY", SIGNING)
        monkeypatch.setenv("HOOK_OPS", f"{listener.url}/ops")
        monkeypatch.setenv("HOOK_PING", f"{listener.url}/ping")
        with echoing(facts) as url:
            assert here("nightly", "-v", "--api-url", url)[0] == 3
        for way in ("401", "500", "the reason"):
            with echoing(FAILURES[way]) as url:
                assert here("nightly", "-v", "--api-url", url)[0] in {10, 11}
                here("doctor", "--json", "--api-url", url)
        assert {each.path for each in listener.received} >= {"/ops", "/ping/start", "/ping/fail"}
        for each in listener.received:
            sent = f"{each.path}{each.headers}{each.body.decode()}"
            assert not leaks(sent) + leaks(sent, SIGNING)
    assert not leaks((tmp_path / "fleetledger.prom").read_text())


def test_a_key_in_the_wrong_place_of_the_settings_is_not_shown(here: Here) -> None:
    for text in (
        f'[accounts.a]\nkey_env = "{CANARY}"\n',
        f'[accounts.a]\nkey_file = "{CANARY}"\n',
        f'[webhooks.ops]\nkind = "slack"\nurl_env = "{CANARY}"\n',
        f'[ping]\nurl_file = "/{CANARY}"\n',
        f'[mail]\nusername = "{CANARY}"\npassword_file = "{CANARY}"\n',
    ):
        here.configure(text)
        for command in (
            ("config", "show"),
            ("config", "show", "--json"),
            ("doctor", "--json", "--api-url", "http://127.0.0.1:9"),
            ("status",),
        ):
            here(*command)


# --- mail --------------------------------------------------------------------------------------


class Smtp(socketserver.StreamRequestHandler):
    """Agrees with everything, but for what the test wants."""

    USUAL: ClassVar = {
        "EHLO": "250-here\r\n250 AUTH PLAIN",
        "AUTH": "235 in",
        "DATA": "354 go",
        "QUIT": "221 bye",
    }

    def handle(self) -> None:
        self.reply_with("220 here")
        while line := self.rfile.readline().decode():
            verb = line[:4].upper()
            self.reply_with((self.USUAL | self.server.answers).get(verb, "250 ok"))

    def reply_with(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


class SmtpServer(socketserver.ThreadingTCPServer):
    daemon_threads = True


@contextmanager
def mail_server(verb: str, answer: str) -> Iterator[int]:
    with SmtpServer(("127.0.0.1", 0), Smtp) as server:
        server.answers = {verb: answer}
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("verb", ["AUTH", "MAIL", "RCPT"])
def test_no_mail_server_gets_the_password_printed(
    here: Here, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    monkeypatch.setenv("FLEETLEDGER_MAIL_PASSWORD", PASSWORD)
    with echoing(lambda _key: reply(200, page())) as url:
        here("extract", "--api-url", url)
        here("report")
    for name, form in FORMS.items():
        with mail_server(verb, f"535 5.7.8 {form(PASSWORD)} is refused") as port:
            here.configure(
                '[mail]\nto = ["a@example.com"]\nhost = "127.0.0.1"\nsecurity = "none"\n'
                f'username = "u"\nport = {port}\n'
            )
            code, output = here("send", "--json", secret=PASSWORD)
        assert (code, "535 5.7.8" in output) == (4, True), (name, output)
