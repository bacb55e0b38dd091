"""The log: silent without ``-v``, one line per record with the run's id, no secrets."""

from __future__ import annotations

import json
import logging
import re
from typing import TYPE_CHECKING

import pytest

from pipeline.cli.streams import JsonFormatter, Streams, TextFormatter, _Handler
from pipeline.keys import Secret
from pipeline.redact import Redactor

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Api, Run

LINE = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (DEBUG|INFO) run=([0-9a-f]{12}) [\w.]+: ."
)
SECRET = "tpo_live_k9Zq47bXw2mTf8"


def test_without_verbose_a_success_writes_nothing_to_stderr(history: Run, api: Api) -> None:
    ran = history("nightly", "--log-format", "json", url=api.url)
    assert (ran.code, ran.err) == (0, "")


def test_verbose_logs_the_command_with_time_level_and_run_id(history: Run, api: Api) -> None:
    ran = history("nightly", "-v", "--json", url=api.url)
    assert ran.code == 0
    lines = ran.err.splitlines()
    matches = [LINE.match(line) for line in lines]
    assert all(matches), ran.err
    run_id = json.loads(ran.out)["run_id"]
    assert {match[2] for match in matches if match} == {run_id}
    assert any("pipeline.cli.run: nightly started: version" in line for line in lines)
    ended = re.compile(r"nightly ended: exit code 0 \(DONE\), \d+\.\d{3} s$")
    # The record of the run is stored after that, which is logged too.
    assert any(ended.search(line) for line in lines[-3:])


def test_the_run_id_is_in_the_record_of_the_run(run: Run, api: Api) -> None:
    extracted = json.loads(run("extract", "--json", url=api.url).out)
    record = json.loads(run("status", "--json").out)["runs"][0]
    assert record["run_id"] == extracted["run_id"]


def test_every_line_of_a_json_log_is_one_object(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "settings.toml"
    config.write_text("[extract]\nattempts = 2\n")
    asked = ("extract", "--config", str(config), "--json")
    ran = run(
        *asked, url="http://127.0.0.1:1", FLEETLEDGER_LOG_FORMAT="json", FLEETLEDGER_VERBOSE="1"
    )
    assert ran.code == 11
    records = [json.loads(line) for line in ran.err.splitlines()]
    keys = {"time", "level", "run_id", "logger", "message", "exception"}
    assert all(record.keys() == keys for record in records)
    assert {record["run_id"] for record in records} == {json.loads(ran.out)["run_id"]}
    messages = [record["message"] for record in records]
    assert any(message.startswith("waiting ") for message in messages)
    assert any(message.startswith("attempt 1 of 2 failed: ") for message in messages)
    assert records[-1]["level"] == "ERROR"
    assert "is the API up?" in records[-1]["message"]


@pytest.mark.parametrize("option", [("--log-format", "json"), ("--log-format=json",)])
def test_a_usage_error_is_a_json_line_too(run: Run, option: tuple[str, ...]) -> None:
    ran = run("nope", *option)
    assert ran.code == 2
    assert json.loads(ran.err)["level"] == "ERROR"


@pytest.mark.parametrize("kind", [TextFormatter, JsonFormatter])
def test_a_log_line_holds_no_secret_and_no_line_break(
    kind: type[TextFormatter | JsonFormatter],
) -> None:
    formatter = kind(Redactor.of([Secret(SECRET)]), "run")
    record = logging.LogRecord("x", logging.INFO, "", 0, "a\nb\x1b %s", (f'"{SECRET}"',), None)
    line = formatter.format(record)
    assert "\n" not in line
    assert line.isprintable()
    assert SECRET not in line
    assert "***" in line


@pytest.mark.parametrize("kind", [TextFormatter, JsonFormatter])
def test_a_traceback_is_logged_without_secrets(kind: type[TextFormatter | JsonFormatter]) -> None:
    formatter = kind(Redactor.of([Secret(SECRET)]), "run")
    with pytest.raises(ValueError, match="invalid literal") as caught:
        int(SECRET)
    info = (caught.type, caught.value, caught.tb)
    record = logging.LogRecord("x", logging.INFO, "", 0, "failed", (), info)
    text = formatter.format(record)
    assert "ValueError: " in text
    assert SECRET[:12] not in text


def test_a_second_run_in_one_process_replaces_the_handler() -> None:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    try:
        Streams().log(logging.WARNING)
        Streams().log(logging.WARNING)
        assert len([handler for handler in root.handlers if isinstance(handler, _Handler)]) == 1
    finally:
        root.handlers, root.level = before, level
