"""Nights that overlap on one bucket: two processes, a real S3 wire, a real API and mail server."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from pipeline.simulator.app import make_app
from pipeline.simulator.clock import Clock
from pipeline.simulator.fleet import Fleet
from pipeline.simulator.server import serve
from pipeline.store import Store
from tests import bucket
from tests.cli.conftest import KEY, ROOT, SIMULATED, START

pytest.importorskip("obstore")

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.deliver.conftest import Server

LEASE_SECONDS = 4


@dataclass(frozen=True)
class Nights:
    """Starts nights on one bucket."""

    environment: dict[str, str]
    uri: str

    def start(self, **values: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "pipeline", "nightly"],
            env=self.environment | values,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, **values: str) -> tuple[int, str]:
        with self.start(**values) as night:
            _, errors = night.communicate(timeout=120)
            return night.returncode, errors

    def await_lock(self) -> None:
        """Until the night that was started holds its lock."""
        store = Store(self.uri, self.environment)
        for _ in range(600):
            if store.files.keys("locks"):
                return
            time.sleep(0.1)
        raise TimeoutError


@pytest.fixture
def nights(tmp_path: Path, plain_server: Server) -> Iterator[Nights]:
    config = tmp_path / "settings.toml"
    config.write_text(
        f'lease_seconds = {LEASE_SECONDS}\n[mail]\nto = ["a@example.com"]\n'
        f'host = "127.0.0.1"\nport = {plain_server.port}\nsecurity = "none"\n' + SIMULATED
    )
    app = make_app(
        Fleet(3, 25, START, 10), Clock(START, step_seconds=1), keys=(KEY,), latency_ms=1500
    )
    with serve(app) as url, bucket.served() as options:
        uri = bucket.new_bucket(options)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "FLEETLEDGER_CONFIG": str(config),
            "FLEETLEDGER_DATA_DIR": uri,
            "FLEETLEDGER_API_URL": url,
            "TENSORONE_API_KEY": KEY,
            **options,
        }
        yield Nights(environment, uri)


def test_of_two_nights_at_once_one_mails_and_the_other_leaves_the_api_alone(
    nights: Nights, plain_server: Server
) -> None:
    plain_server.inbox.seconds = 5
    with ThreadPoolExecutor(2) as pool:
        ended = sorted(pool.map(lambda _: nights.run(), range(2)))
    assert len(plain_server.inbox.bodies) == 1
    assert [code for code, _ in ended] == [0, 75], ended


def test_a_night_that_was_killed_is_named_until_its_lock_expires(
    nights: Nights, plain_server: Server
) -> None:
    with nights.start() as killed:
        nights.await_lock()
        killed.send_signal(signal.SIGKILL)
    # With a key that the API refuses: it is not asked.
    code, errors = nights.run(TENSORONE_API_KEY="refused")
    assert code == 75, errors
    assert f"process {killed.pid} on {socket.gethostname()} since 20" in errors
    assert re.search(r"expires at 20\S+Z", errors)
    assert len(errors.splitlines()) == 1

    time.sleep(LEASE_SECONDS + 1)
    assert nights.run() == (0, "")
    assert len(plain_server.inbox.bodies) == 1
