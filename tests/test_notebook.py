"""The notebook interface: its frames and its errors."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

import pipeline as fl
from pipeline.errors import SettingsError, StorageError
from pipeline.jobs import Job
from pipeline.jobs.extract import extract
from pipeline.jobs.ledger import update_ledger
from pipeline.jobs.report import make_report
from pipeline.keys import Secret
from pipeline.settings import Api, Rules, Settings
from pipeline.simulator.app import make_app
from pipeline.simulator.clock import Clock
from pipeline.simulator.fleet import Fleet
from pipeline.simulator.server import serve
from pipeline.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipeline.notebook import OpenStore

START = datetime(2026, 3, 2, tzinfo=UTC)
KEY = Secret("a-key")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seventeen days of six-hourly snapshots, with a ledger and a report."""
    folder = tmp_path_factory.mktemp("notebook") / "data"
    store, clock = Store(str(folder)), Clock(START, step_seconds=1)
    with serve(make_app(Fleet(3, 40, START, 18), clock, keys=(KEY.reveal(),))) as url:
        job = Job(store, Settings(api=Api(url=url)), lambda _name, _account: KEY, clock.now)
        for number in range(17 * 4 + 1):
            clock.set(START + timedelta(hours=6 * number))
            extract(job, "default")
    update_ledger(job)
    make_report(job)
    return folder


@pytest.fixture
def store(data: Path) -> OpenStore:
    return fl.open_store(str(data))


def test_it_says_what_is_in_it(store: OpenStore, data: Path) -> None:
    assert repr(store) == (
        f"<{data}: accounts default; 69 snapshots; 18 ledger days, 2026-03-02 to 2026-03-19>"
    )


def test_a_place_without_data_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=str(tmp_path / "nowhere")):
        fl.open_store(str(tmp_path / "nowhere"))
    assert not (tmp_path / "nowhere").exists()


def test_idle_has_the_clusters_of_the_report(store: OpenStore, data: Path) -> None:
    with (data / "reports/latest/idle.csv").open(newline="") as text:
        reported = {row["cluster_id"] for row in csv.DictReader(text)}
    assert set(store.idle()["cluster_id"]) == reported
    assert reported
    # Other rules, another window.
    assert store.idle()["running_seconds"].max() > 7 * 86_400
    week = store.idle(rules=Rules(idle_window_days=7))
    assert week["running_seconds"].max() <= 7 * 86_400


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        (lambda s: s.ledger(columns=["spend_micro"]), "did you mean 'spend_micros'"),
        (lambda s: s.snapshots(columns=["nme"]), "did you mean 'name'"),
        (lambda s: s.ledger("yesterday"), "first 'yesterday': not a day"),
        (lambda s: s.snapshots(since="soon"), "since 'soon': not a day"),
        (lambda s: s.idle(last="soon"), "last 'soon': not a day"),
        (lambda s: s.spend(first="2026-03-04", last="2026-03-03"), "2026-03-04 is after last"),
    ],
)
def test_an_invalid_argument_is_one_line(
    store: OpenStore, ask: Callable[[OpenStore], object], expected: str
) -> None:
    with pytest.raises(SettingsError, match=expected):
        ask(store)


def test_a_moment_stands_for_its_day(store: OpenStore) -> None:
    day = store.ledger(START, START)
    assert set(day["date"].dt.day) == {2}
