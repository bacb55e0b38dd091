"""The clock, and a server that ends with its block."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import requests

from pipeline.simulator.app import make_app
from pipeline.simulator.clock import Clock
from pipeline.simulator.server import serve

if TYPE_CHECKING:
    from pipeline.simulator.fleet import Fleet
    from tests.simulator.conftest import Api

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
KEY = {"Authorization": "demo-key"}


def test_a_clock_stands_still_until_it_is_moved() -> None:
    clock = Clock(NOON)
    assert clock.now() == clock.now() == NOON
    clock.advance(90)
    assert clock.now() == NOON + timedelta(seconds=90)
    clock.set(NOON)
    assert clock.now() == NOON


def test_a_clock_with_a_speed_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    real = iter([100.0, 100.5, 102.0])
    monkeypatch.setattr("time.monotonic", lambda: next(real))
    clock = Clock(NOON, speed=3600)
    assert clock.now() == NOON + timedelta(minutes=30)
    assert clock.now() == NOON + timedelta(hours=2)


def test_the_clock_advances_by_its_step_after_each_request() -> None:
    clock = Clock(NOON, step_seconds=2)
    assert [clock.tick(), clock.tick()] == [NOON, NOON + timedelta(seconds=2)]
    assert clock.now() == clock.now() == NOON + timedelta(seconds=4)


def test_money_moves_with_the_step_between_two_pages(fleet: Fleet, start: datetime) -> None:
    with serve(make_app(fleet, Clock(start, step_seconds=3600))) as url:
        first, second = (
            {
                cluster["id"]: cluster["cost"]["total_cost"]
                for cluster in requests.get(
                    f"{url}/v1/clusters", params={"limit": 100}, headers=KEY, timeout=10
                ).json()["data"]["clusters"]
            }
            for _ in range(2)
        )
    assert any(second.get(cluster_id, cost) > cost for cluster_id, cost in first.items())


def is_open(url: str) -> bool:
    parts = urlsplit(url)
    with socket.socket() as probe:
        return probe.connect_ex((str(parts.hostname), int(parts.port or 0))) == 0


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_the_server_ends_with_its_block_also_after_an_exception(
    fleet: Fleet, start: datetime, error: type[BaseException]
) -> None:
    threads = threading.active_count()
    with pytest.raises(error), serve(make_app(fleet, Clock(start))) as url:  # noqa: PT012
        assert requests.get(f"{url}/v1/clusters", headers=KEY, timeout=10).ok
        raise error
    assert not is_open(url)
    assert threading.active_count() == threads


def test_an_idle_connection_does_not_hold_the_server(fleet: Fleet, start: datetime) -> None:
    with requests.Session() as session:
        with serve(make_app(fleet, Clock(start))) as url:
            assert session.get(f"{url}/v1/clusters", headers=KEY, timeout=10).ok
        assert not is_open(url)


SERVE = """
from datetime import UTC, datetime
from pipeline.simulator import app, clock, fleet, server
now = datetime(2026, 3, 2, tzinfo=UTC)
api = app.make_app(fleet.Fleet(1, 10, now, 1), clock.Clock(now))
server.run_forever(api, port=0, ready=lambda url: print(url, flush=True))
print("over")
"""


def test_a_server_in_the_foreground_ends_with_ctrl_c() -> None:
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", SERVE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        url = process.stdout.readline().strip()
        assert requests.get(f"{url}/v1/clusters", headers=KEY, timeout=10).ok
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (0, "over\n", "")
    assert not is_open(url)


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_it_listens_on_ipv6_and_gives_a_url_that_works(fleet: Fleet, start: datetime) -> None:
    with serve(make_app(fleet, Clock(start)), "::1") as url:
        assert url.startswith("http://[::1]:")
        assert requests.get(f"{url}/v1/clusters", headers=KEY, timeout=10).ok


def test_two_servers_run_side_by_side(api: Api, fleet: Fleet, start: datetime) -> None:
    with serve(make_app(fleet, Clock(start))) as url:
        assert url != api.url
        assert is_open(url)
        assert is_open(api.url)


def test_a_port_in_use_is_an_error_at_once(fleet: Fleet, start: datetime) -> None:
    with serve(make_app(fleet, Clock(start))) as url:
        port = urlsplit(url).port
        assert port
        with pytest.raises(OSError), serve(make_app(fleet, Clock(start)), port=port):  # noqa: PT011
            pass
