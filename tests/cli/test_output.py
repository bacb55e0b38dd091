"""What reaches a terminal, a pipe and a program that reads JSON."""

from __future__ import annotations

import csv
import email
import email.policy
import json
import os
import pty
import re
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from rich.console import Console
from rich.progress import Progress, TextColumn

from pipeline.cli import output
from pipeline.progress import WalkProgress
from pipeline.terminal import bars, drawing, tables
from tests.cli.conftest import KEY, ROOT
from tests.cli.test_canary import echoing, page, reply

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def on_a_terminal(data: Path, *args: str, columns: int = 100, **env: str) -> str:
    """What the program writes to a terminal, every byte of it."""
    ours, its = pty.openpty()
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "pipeline", "--data-dir", str(data), *args],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "TERM": "xterm", "COLUMNS": str(columns), **env},
        stdout=its,
        stderr=its,
    ):
        os.close(its)
        seen = b""
        while True:
            try:
                seen += (more := os.read(ours, 65536))
            except OSError:  # Linux: the other side is closed
                break
            if not more:
                break
    os.close(ours)
    return seen.decode()


def test_results_appear_after_the_last_progress_bar(history: Run, two_days: Path) -> None:
    del history
    seen = on_a_terminal(two_days, "ledger", "--rebuild")
    assert "3/3" in seen  # there was a bar
    assert "days built" in seen
    after = seen[seen.index("days built") :]
    # Nothing moves the cursor or erases a line once the results stand.
    assert not CONTROL.search(after), repr(after)


def test_a_month_of_walks_takes_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    with Progress(TextColumn("{task.description}"), console=Console(stderr=True)) as bar:
        shown = bars.Bars(bar)
        for _ in range(3):
            shown.walk("default")(WalkProgress(clusters=1, total=2, pages=1, requests_left=None))
        assert len(bar.tasks) == 1
    assert capfd.readouterr().err.count("list default") == 1


def test_a_wait_is_shown_with_its_end(capfd: pytest.CaptureFixture[str]) -> None:
    with Progress(TextColumn("{task.description}"), console=Console(stderr=True)) as bar:
        bars.Bars(bar).wait(datetime(2026, 3, 2, 14, 37, 12, 5, UTC))
    assert "waiting until 2026-03-02 14:37:12 UTC" in capfd.readouterr().err


@pytest.mark.parametrize("columns", [24, 40, 60, 80, 100, 132, 300])
def test_no_terminal_is_so_narrow_that_a_number_is_cut(
    columns: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", str(columns))
    frame = pd.DataFrame(
        {
            "name": ["a-very-long-name-of-a-cluster-" * 2, "b"],
            "provable_waste_micros": pd.array([123_456_789_123_456, None], "Int64"),
            "gpu_count": [8, 16],
            "reason": ["words " * 12, "ΔΔΔ 漢字漢字漢字漢字漢字漢字漢字"],
            "gpu_utilization_pct": [33.25, float("nan")],
            "created_at": pd.to_datetime(["2026-03-02T01:02:03Z", None]),
        },
    )
    shown = CONTROL.sub("", tables.table(frame, "title"))
    assert "…" not in shown
    for header, number in {
        "waste": "123,456,789.12",
        "count": "16",
        "pct": "33.25",
        "created_at": "2026-03-02 01:02:03Z",
    }.items():
        missing = shown.partition("not shown:")[2]
        assert (number in shown) or (header in missing), shown
    assert all(len(line) <= columns for line in shown.splitlines())


def test_csv_has_the_whole_of_a_name_that_a_table_clips(monkeypatch: pytest.MonkeyPatch) -> None:
    printed: list[str] = []
    monkeypatch.setattr(output, "is_json", lambda: False)
    monkeypatch.setattr(output, "print_result", lambda text, **_: printed.append(text))
    frame = pd.DataFrame({"name": ["x" * 100_000, "cluster-499", None], "gpu_count": range(3)})
    output.print_rows(frame, "table", ["name", "gpu_count"], "title")
    output.print_rows(frame, "csv", ["name"], "title")
    assert len(printed[0]) < 10_000
    assert "cluster-499" in printed[0]
    assert "x" * 100_000 in printed[1]


@pytest.mark.parametrize("args", [("findings",), ("--help",), ("status", "--json", "--no-such")])
def test_a_reader_that_has_seen_enough_is_no_failure(history: Run, data: Path, args: tuple) -> None:
    del history
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "pipeline", *args],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "FLEETLEDGER_DATA_DIR": str(data)},
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writer)
    assert "Traceback" not in done.stderr
    assert done.returncode == (2 if "--no-such" in args else 0), done.stderr


HOSTILE = "x\x1b[31m\x1b]0;t\x07\x7f\x9b2J\u202e\u2066\u200fy"
"""What sets colours and titles, clears the screen and turns text around."""


def hostile_page(_key: str) -> bytes:
    return reply(200, page(name=json.dumps(HOSTILE), description=json.dumps(HOSTILE)))


@pytest.mark.parametrize("args", [("--format", "csv"), ("--format", "json"), ("--json",), ()])
def test_nothing_a_terminal_would_obey_reaches_one(tmp_path: Path, args: tuple[str, ...]) -> None:
    with echoing(hostile_page) as url:
        where = ("--api-url", url, "clusters", "--max-age", "0m")
        seen = on_a_terminal(tmp_path, *where, *args, TENSORONE_API_KEY=KEY)
    after = seen[seen.index("c-1") :]
    assert not re.search(
        "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200f\u202a-\u202e\u2066-\u2069]", after
    )


def test_data_in_a_pipe_is_the_data(run: Run) -> None:
    with echoing(hostile_page) as url:
        asked = ("clusters", "--max-age", "0m", "--api-url", url)
        csv, as_json = run(*asked, "--format", "csv"), run(*asked, "--json")
    assert HOSTILE in csv.out
    assert json.loads(as_json.out)["clusters"][0]["name"] == HOSTILE
    assert "\x9b" not in as_json.out


def test_a_message_is_one_printable_line_whatever_it_quotes(run: Run) -> None:
    ran = run("extract", "--account", f"a\nb{HOSTILE}")
    assert ran.code == 2
    assert ran.err.count("\n") == 1
    assert ran.err.strip().isprintable()


def test_a_name_of_any_length_makes_no_table_of_any_length() -> None:
    frame = pd.DataFrame({"name": ["n" * 100_000, "b"] * 10, "gpu_count": [1, 2] * 10})
    shown = tables.table(frame, "title")
    assert len(shown) < 10_000
    assert "n" * (drawing.LONGEST_CELL - 1) + "…" in shown


def test_every_time_in_json_and_csv_is_utc_and_ends_in_z(history: Run, data: Path) -> None:
    assert history("report").code == 0
    kinds = (("status",), ("findings",), ("spend",), ("check",), ("why", "c"), ("report",))
    texts = [history(*arguments, "--json").out for arguments in kinds]
    texts += [path.read_text() for kind in ("json", "csv") for path in data.rglob(f"*.{kind}")]
    pattern = r"\d{4}-\d\d-\d\d[T ]\d\d:[^\",\s]*"
    times = [time for text in texts for time in re.findall(pattern, text)]
    assert len(times) > 50
    assert [time for time in times if not time.endswith("Z")] == []


@pytest.mark.parametrize(
    "args",
    [("clusters", "--limit", "500"), ("reprt",), ("report", "--window", "soon"), ("status", "-x")],
)
def test_json_is_one_object_for_invalid_arguments_too(
    run: Run,
    args: tuple[str, ...],
) -> None:
    for ran in (run("--json", *args), run(*args, FLEETLEDGER_JSON="1")):
        result = json.loads(ran.out)
        assert (ran.code, result["exit_code"]) == (2, 2)
        assert result["messages"]


@pytest.mark.parametrize(("currency", "decimals"), [("UGX", 0), ("KWD", 3), ("EUR", 2)])
def test_page_mail_and_csv_write_a_currency_with_its_own_decimals(
    history: Run, data: Path, tmp_path: Path, currency: str, decimals: int
) -> None:
    config = tmp_path / "settings.toml"
    config.write_text(f'currency = "{currency}"\n[budgets.fleet]\namount = 1000\n')
    assert history("report", "--config", str(config)).code == 0
    folder = data / "reports/2026-03-03"
    page = re.sub(r"<svg.*?</svg>", "", (folder / "report.html").read_text(), flags=re.DOTALL)
    mail = email.message_from_bytes((folder / "mail.eml").read_bytes(), policy=email.policy.SMTP)
    for text, least in ((page, 21), (mail.get_body(("plain",)).get_content(), 8)):
        written = re.findall(rf"(?:{currency}\xa0|€)[\d,]+(?:\.(\d+))?", text)
        # Rounded money has no decimals; what has some has those of the currency.
        assert {len(part) for part in written if part} == ({decimals} if decimals else set())
        assert len(written) >= least
    with (folder / "spend.csv").open() as file:  # for machines: exact, whatever the currency
        amounts = [row["spend"] for row in csv.DictReader(file)]
    assert all(re.fullmatch(r"\d+\.\d{6}", amount) for amount in amounts)
