"""Every command with arguments of someone who means harm, or mistypes: exit 2 and one line that
names the argument, where it came from and what would be right. Never a traceback."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pipeline.errors import Exit
from tests.cli.conftest import KEY, SIMULATED, Ran, in_process

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Api

    Ask = Callable[..., Ran]

KNOWN = "99999h"
"""An age at which the stored snapshot answers, and no API is asked."""
NO_TEXT = os.fsdecode(b"\xff")


@pytest.fixture
def ask(history: object, data: Path) -> Ask:
    """The program inside this process: hundreds of questions in the time of a few processes."""
    del history
    variables = {"FLEETLEDGER_DATA_DIR": str(data), "TENSORONE_API_KEY": KEY}

    def run(*args: str, **env: str) -> Ran:
        return in_process(args, variables | env)

    return run


REFUSED = [
    # windows, dates, ages
    *((("report", "--window", window), "--window") for window in
      ("", "0d", "-1d", "99999999999d", "30", "30D", "30d\n", "٣d", "1e3d")),
    *(((command, "--date", day), "--date") for command in ("report", "send", "findings")
      for day in ("", "yesterday", "2026-13-01", "-1", "2026-03-03T00:00")),
    *((("report", "--date", day), day) for day in ("0001-01-01", "9999-12-31")),
    (("findings", "--date", "0001-01-01"), "the ledger, which begins on 2026-03-02"),
    (("findings", "--date", "9999-12-31"), "the last closed day"),
    (("replay", "--from", "x", "--to", "2026-03-03"), "--from"),
    (("replay", "--from", "2026-03-02", "--to", ""), "--to"),
    (("replay", "--from", "2026-03-02"), "--to"),
    *((("status", "--max-age", age), "--max-age") for age in
      ("", "-1m", "1s", "1.5h", "inf", "99999999999d", "٣m")),
    (("ledger", "--engine", "spark"), "--engine"),
    (("ledger", "--scheduler", "tcp://127.0.0.1:9"), "--scheduler needs --engine dask"),
    (("ledger", "--engine", "dask", "--scheduler", ""), "--scheduler is empty"),
    (("replay", "--from", "2026-03-02", "--to", "2026-03-03", "--engine", "dask", "--scheduler",
      "tcp://127.0.0.1:9", "--workers", "2"), "give --scheduler or --workers"),
    *((("findings", "--workers", number), "--workers") for number in ("0", "-1", "x", "")),
    # numbers
    *((("clusters", "--max-age", KNOWN, option, value), option)
      for option in ("--page", "--limit", "--min-gpu-count", "--max-gpu-count")
      for value in ("-1", "x", "", "1e3", "nan")),
    (("clusters", "--max-age", KNOWN, "--limit", "101"), "--limit"),
    *((("candidates", "--max-age", KNOWN, option, value), option)
      for option in ("--min-hourly-rate", "--below-utilization")
      for value in ("nan", "inf", "-inf", "-1", "1e300", "x", "")),
    *((("prune", option, value), option) for option in ("--thin-after", "--drop-after")
      for value in ("0", "-1", "1000000000", "99999999999999999999", "3.5", "")),
    *((("what-if", "--gpus", value), "--gpus") for value in ("0", "-1", "9" * 30, "x")),
    *((("what-if", "--hours-a-week", value), "--hours-a-week") for value in
      ("nan", "inf", "-1", "0", "1e-300", "169")),
    *((("simulate", "--port", value), "--port") for value in ("0", "-1", "65536", "x", "")),
    # texts
    (("clusters", "--sort-by", "x"), "--sort-by"),
    (("clusters", "--format", "xml"), "--format"),
    *((("clusters", option, value), option) for option in ("--created-after", "--created-before")
      for value in ("", "soon", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00")),
    (("extract", "--account", ""), "--account"),
    *((("extract", "--spread", length), "--spread") for length in
      ("", "0s", "0m", "-1m", "60", "25h", "1441m", "86401s", "1d", "1.5h", "60M", "inf")),
    (("extract", "--account", "../x"), "--account ../x"),
    (("what-if",), "give one of"),
    (("what-if", "--match", "x"), "give one of"),
    *(((command, option, NO_TEXT), "is not UTF-8 text") for command, option in (
        ("clusters", "--search"), ("clusters", "--status"), ("dev-clusters", "--word"),
        ("findings", "--owner"), ("what-if", "--stop"), ("extract", "--account"),
        ("status", "--data-dir"), ("status", "--config"), ("report", "--date"))),
    # global options, before and after the command
    *(((option, "", "status"), f"{option} is empty") for option in
      ("--config", "--data-dir", "--api-url", "--api-key-file")),
    *((("status", "--api-url", url), "--api-url (api.url)") for url in
      ("http://127.0.0.1:99999", "http://[::1", "ftp://a", "https://a b", "http://example.org")),
    *((("status", "--data-dir", uri), "--data-dir") for uri in
      ("s3://", "s3:///x", "s3://a b/", "gs://bucket", "https://x")),
    (("status", "--api-version", "v9"), "--api-version"),
    (("status", "--config", "/nowhere.toml"), "--config /nowhere.toml"),
    (("replay", "--from", "2026-03-02", "--to", "2026-03-03", "--settings", "/nowhere.toml"),
     "--settings /nowhere.toml"),
    (("what-if", "--rate-card", "/"), "--rate-card /: not a regular file"),
    (("what-if", "--rate-card", ""), "--rate-card"),
    (("status", "more"), "more"),
    (("status", "--json=1"), "--json"),
    (("--data-dir",), "--data-dir"),
    (("nope",), "nope"),
    (("--json",), "Missing command"),
]  # fmt: skip


def test_every_odd_argument_is_one_line_and_exit_2(ask: Ask) -> None:
    wrong = []
    for args, expected in REFUSED:
        ran = ask(*args)
        lines = ran.err.rstrip("\n").split("\n")
        if ran.code != Exit.USAGE or len(lines) != 1 or expected not in ran.err:
            wrong.append((args, ran.code, ran.err[:300]))
    assert not wrong


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("API_URL", "http://[::1"), ("API_VERSION", "v9"), ("CONFIG", "/nowhere.toml"),
        ("DATA_DIR", "s3://"), ("JSON", "perhaps"), ("VERBOSE", "perhaps"), ("DATA_DIR", NO_TEXT),
    ],
)  # fmt: skip
def test_a_variable_that_is_wrong_is_named_as_the_variable(ask: Ask, name: str, value: str) -> None:
    ran = ask("status", **{f"FLEETLEDGER_{name}": value})
    assert ran.code == 2
    assert f"FLEETLEDGER_{name}" in ran.err
    assert ran.err.count("\n") == 1


def test_an_option_that_wins_over_a_wrong_variable_hides_it(ask: Ask) -> None:
    ran = ask("status", "--api-url", "https://api.example.org", FLEETLEDGER_API_URL="http://[::1")
    assert (ran.code, ran.err) == (0, "")


def test_a_place_without_data_says_what_named_the_place(ask: Ask, tmp_path: Path) -> None:
    config = tmp_path / "settings.toml"
    config.write_text(f'data_dir = "{tmp_path}/b"\n')
    there = str(tmp_path / "a")
    assert f"{there} (--data-dir)" in ask("status", "--data-dir", there).err
    ran = ask("status", FLEETLEDGER_DATA_DIR=there)
    assert ran.code == 12
    assert f"{there} (FLEETLEDGER_DATA_DIR)" in ran.err
    ran = ask("status", "--config", str(config), FLEETLEDGER_DATA_DIR="")
    assert f"{tmp_path}/b (data_dir)" in ran.err


@pytest.mark.parametrize("setting", ["exclusions_file", "owners_file"])
def test_an_invalid_file_that_the_settings_name_is_named(
    ask: Ask, tmp_path: Path, setting: str
) -> None:
    entry = setting.partition("s_")[0].removesuffix("ion").replace("exclus", "exclude")
    file, config = tmp_path / "file.toml", tmp_path / "settings.toml"
    config.write_text(f'{setting} = "{file}"\n')

    def refusal() -> str:
        ran = ask("report", "--config", str(config))
        assert (ran.code, ran.err.count("\n")) == (2, 1)
        return ran.err

    assert f"{setting} {file}: No such file" in refusal()
    for data in (
        f"{entry} = 1",
        f"[{entry}]",
        f"[[{entry}]]\nmatch = 1",
        "[[[",
        "a = " + "[" * 9999,
    ):
        file.write_text(data)
        assert str(file) in refusal()
    file.write_bytes("# ".encode("utf-16"))
    assert "save it as UTF-8" in refusal()
    file.unlink()
    os.mkfifo(file)
    assert "not a regular file" in refusal()


def test_a_report_without_a_ledger_says_how_to_get_one(ask: Ask, data: Path) -> None:
    for path in (data / "ledger").rglob("*.parquet"):
        path.unlink()
    ran = ask("report")
    assert ran.code == 12
    assert "run `fleetledger ledger` first" in ran.err
    assert "--date" not in ran.err


class PanicError(BaseException):
    """Like the panic of a library written in Rust: no Exception."""


@pytest.mark.parametrize("kind", [RuntimeError, RecursionError, MemoryError, PanicError])
def test_an_unexpected_error_is_one_line_and_kept_for_status(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, kind: type[BaseException]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise kind("two\nlines")

    monkeypatch.setattr("pipeline.jobs.ledger.update_ledger", fail)
    ran = ask("ledger")
    assert ran.code == 1
    expected = f"unexpected: {kind.__name__}: two lines; run again with -v for details"
    assert ran.err == f"fleetledger: {expected}\n"
    shown = ask("status", "--json").out
    assert '"exit_code":1' in shown
    assert expected in shown


def test_the_longest_account_name_goes_through_a_whole_night(
    ask: Ask, api: Api, tmp_path: Path
) -> None:
    config, name = tmp_path / "settings.toml", "a" * 56
    own = f'data_dir = "{tmp_path}/own"\n[accounts.{name}]\nkey_env = "OWN_KEY"\n'
    config.write_text(own + SIMULATED)

    def done(*args: str) -> None:
        ran = ask(*args, "--config", str(config), FLEETLEDGER_DATA_DIR="", OWN_KEY=KEY)
        assert ran.code in {Exit.DONE, Exit.WARNINGS}, ran.err

    for hours in (0, 24, 48):
        api.go_to(hours)
        done("nightly", "--api-url", api.url)
    for command in ("status", "check", "prune", "findings"):
        done(command)
    for folder in ("snapshots", "ledger"):
        assert [path.name for path in (tmp_path / "own" / folder).iterdir()] == [f"account={name}"]
