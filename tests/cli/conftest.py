"""The program as a user runs it, against a simulated API over real HTTP."""

from __future__ import annotations

import io
import logging
import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import pytest

from pipeline.cli import run_command_line
from pipeline.simulator.app import make_app
from pipeline.simulator.clock import Clock
from pipeline.simulator.fleet import Fleet
from pipeline.simulator.server import serve

ROOT = Path(__file__).parent.parent.parent
START = datetime(2026, 3, 2, tzinfo=UTC)
KEY = "canary-7f3a9c51e8"
"""Searched for in everything that is printed or stored."""
SIMULATED = '[extract]\nclock = "simulated"\n'
"""The API's clock is in March, this machine's is not. Belongs to the settings of every test that
takes snapshots."""


@dataclass(frozen=True)
class Api:
    """A served fleet, and the clock that moves it."""

    url: str
    clock: Clock
    fleet: Fleet

    def go_to(self, hours: float) -> None:
        self.clock.set(START + timedelta(hours=hours))


@dataclass(frozen=True)
class Ran:
    """What a finished run left."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture(scope="session")
def served() -> Iterator[Api]:
    clock, fleet = Clock(START, step_seconds=1), Fleet(3, 25, START, 10)
    with serve(make_app(fleet, clock, keys=(KEY,))) as url:
        yield Api(url, clock, fleet)


@pytest.fixture
def api(served: Api) -> Api:
    served.go_to(0)
    return served


def make_run(home: Path, data: Path) -> Run:
    """Runs the program on ``data``; nothing it prints or stores may hold the key.

    In this process, which is faster and counts for the coverage; ``as_process`` where the process
    itself matters: what it imports, its locale, what libraries print.
    """
    config = home / "simulated.toml"
    config.write_text(SIMULATED)

    def run(
        *args: str,
        url: str | None = None,
        key: str | None = KEY,
        as_process: bool = False,
        **env: str,
    ) -> Ran:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "FLEETLEDGER_DATA_DIR": str(data),
            "FLEETLEDGER_CONFIG": str(config),
            **({"FLEETLEDGER_API_URL": url} if url else {}),
            **({"TENSORONE_API_KEY": key} if key is not None else {}),
            **env,
        }
        ran = (process if as_process else in_process)(args, environment)
        assert "Traceback" not in ran.err
        assert KEY not in ran.out + ran.err
        assert not [path for path in data.rglob("*") if path.is_file() and leaks(path)]
        return ran

    return run


def process(args: Sequence[str], environment: Mapping[str, str]) -> Ran:
    """The program as a process of its own."""
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "pipeline", *args],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def in_process(args: Sequence[str], environment: Mapping[str, str], folder: Path = ROOT) -> Ran:
    """The program in this process, with a process's arguments, environment, folder and streams."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", newline="") for _ in range(2))
    log = logging.getLogger()
    handlers, level = log.handlers[:], log.level
    try:
        with (
            patch.object(sys, "argv", ["fleetledger", *args]),
            patch.dict(os.environ, environment, clear=True),
            chdir(folder),
            redirect_stdout(out),
            redirect_stderr(err),
            warnings.catch_warnings(),
        ):
            code = run_command_line()
    finally:
        log.handlers[:] = handlers
        log.setLevel(level)
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode().replace("\r\n", "\n"))
    return Ran(int(code), *texts)


def leaks(path: Path) -> bool:
    return KEY.encode() in path.read_bytes()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def run(tmp_path: Path, data: Path) -> Run:
    return make_run(tmp_path, data)


@pytest.fixture(scope="session")
def two_days(served: Api, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two closed days of six-hourly snapshots, and their ledger."""
    home = tmp_path_factory.mktemp("history")
    run = make_run(home, home / "data")
    for hours in range(0, 54, 6):
        served.go_to(hours)
        assert run("extract", url=served.url).code == 0
    assert run("ledger").code == 0
    return home / "data"


@pytest.fixture
def history(two_days: Path, api: Api, data: Path, run: Run) -> Run:
    """The program on a copy of those two days; the API stands at their end."""
    shutil.copytree(two_days, data, symlinks=True)
    api.go_to(54)
    return run
