"""Nights under a clock that is not the API's, and the way back from a snapshot of another year."""

from __future__ import annotations

import email
import email.policy
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from pipeline.simulator.app import make_app
from pipeline.simulator.clock import Clock
from pipeline.simulator.fleet import Fleet
from pipeline.simulator.server import serve
from tests.cli.conftest import KEY, ROOT, SIMULATED, START, Ran
from tests.deliver.conftest import Inbox, OnAFreePort
from tests.skewed import skewed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

RIGHT = timedelta(0)
FAR = timedelta(days=40)


@dataclass
class World:
    """The API, the mail server, and the machine that runs the program."""

    home: Path
    url: str
    clock: Clock
    inbox: Inbox
    mail: str
    wrong: dict[int, timedelta] = field(default_factory=dict)
    """How far the Date of the n-th answer since the last command is off; 0: of every answer."""
    answers: int = 0

    def off_by(self) -> timedelta:
        self.answers += 1
        return self.wrong.get(self.answers, self.wrong.get(0, RIGHT))

    def run(
        self, at: datetime, *args: str, data: str = "data", settings: str = "", **wrong: timedelta
    ) -> Ran:
        """The program at ``at``, by the API's clock and the machine's."""
        self.clock.set(at)
        self.answers, self.wrong = 0, {int(name[1:]): by for name, by in wrong.items()}
        config = self.home / "settings.toml"
        budget = "[budgets.fleet]\namount = 1500\n"  # crossed on one of the nights
        config.write_text(self.mail + budget + (settings or "[extract]\n") + "page_size = 10\n")
        done = subprocess.run(  # noqa: S603 - our own program
            [
                sys.executable, "-m", "benchmarks.under_clock", at.isoformat(), *args,
                "--data-dir", str(self.home / data), "--config", str(config),
                "--api-url", self.url,
            ],
            env={"PATH": os.environ["PATH"], "TENSORONE_API_KEY": KEY},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stderr
        return Ran(done.returncode, done.stdout, done.stderr)

    def mailed_days(self) -> list[str]:
        """The day in the subject of each mail so far."""
        policy = email.policy.default
        messages = [email.message_from_bytes(body, policy=policy) for body in self.inbox.bodies]
        return [str(message["Subject"])[-11:-1] for message in messages]

    def days(self, what: str, data: str = "data") -> set[str]:
        """The days that have ledger, findings or reports."""
        paths = (self.home / data).glob(f"{what}/**/*")
        names = {part.removeprefix("date=") for path in paths for part in path.parts}
        return {name for name in names if name[:4].isdigit() and len(name) == 10}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    clock, fleet = Clock(START), Fleet(3, 25, START, 10)
    inbox = Inbox()
    server = OnAFreePort(inbox, hostname="127.0.0.1", port=0)
    server.start()
    mail = (
        '[mail]\nto = ["finops@example.org"]\nsecurity = "none"\nhost = "127.0.0.1"\n'
        f"port = {server.port}\n"
    )
    made: list[World] = []
    app = skewed(make_app(fleet, clock, keys=(KEY,)), lambda _: made[0].off_by())
    try:
        with serve(app) as url:
            made.append(World(tmp_path, url, clock, inbox, mail))
            yield made[0]
    finally:
        server.stop()


def night(number: int) -> datetime:
    return START + timedelta(days=number, hours=2, minutes=20)


def test_a_wrong_date_on_the_second_of_three_nights_moves_no_report(world: World) -> None:
    assert world.run(START + timedelta(hours=20), "extract").code == 0
    codes = [
        world.run(night(1), "nightly").code,
        world.run(night(2), "nightly", n1=FAR).code,
        world.run(night(3), "nightly").code,
    ]
    assert codes == [0, 3, 0]
    assert world.days("reports") == {"2026-03-02", "2026-03-03", "2026-03-04"}
    assert world.days("snapshots") == world.days("ledger")
    assert world.mailed_days() == ["2026-03-02", "2026-03-03", "2026-03-04"]
    assert (world.home / "data/reports/latest").readlink().name == "2026-03-04"


def test_the_night_of_a_wrong_date_says_host_skew_and_remedy(world: World) -> None:
    ran = world.run(night(1), "nightly", n1=FAR)
    assert ran.code == 3
    lines = [line for line in ran.err.splitlines() if "Date" in line]
    assert len(lines) == 1
    for part in (world.url, "40 days ahead of this machine's clock", "date -u"):
        assert part in lines[0]


@pytest.fixture
def misdated(world: World) -> World:
    """An old store: on its second night every Date was believed, though it was 9 days ahead."""
    assert world.run(START + timedelta(hours=20), "extract").code == 0
    assert world.run(night(1), "nightly").code == 0
    shutil.copytree(world.home / "data", world.home / "clean", symlinks=True)
    assert world.run(night(2), "nightly", settings=SIMULATED, n0=timedelta(days=9)).code in {0, 3}
    assert "2026-03-12" in world.days("reports")
    return world


def test_a_misdated_store_reports_the_right_day_and_discard_heals_it(misdated: World) -> None:
    world = misdated
    snapshot = next((world.home / "data/snapshots").rglob("20260313*.parquet"))
    third = world.run(night(3), "nightly")
    assert third.code == 3
    [line] = [text for text in third.err.splitlines() if "fleetledger discard" in text]
    assert snapshot.name in line
    assert "2026-03-04" in world.days("reports")
    assert world.run(night(3), "status").code == 3

    done = world.run(night(3), "discard", str(snapshot), "--reason", "wrong Date", "--json")
    assert done.code == 0, done.err
    result = json.loads(done.out)
    assert result["report_days"] == ["2026-03-12"]
    assert (result["ledger_days"][0], result["ledger_days"][-1]) == ("2026-03-06", "2026-03-13")
    assert not snapshot.exists()
    moved = world.home / "data/discarded/account=default/date=2026-03-13" / snapshot.name
    assert moved.is_file()
    record = json.loads(moved.with_name(moved.name + ".json").read_text())["record"]
    assert record["reason"] == "wrong Date"
    assert "@" in record["discarded_by"]
    assert (world.home / "data/discarded/reports/2026-03-12/report.html").is_file()
    assert (world.home / "data/reports/latest").readlink().name == "2026-03-04"
    assert world.days("ledger") == {f"2026-03-0{day}" for day in (2, 3, 4, 5)}
    assert max(world.days("findings")) == "2026-03-04"

    # From here on the store equals one without the bad snapshot.
    assert world.run(night(4), "nightly").code == 0
    assert world.mailed_days() == ["2026-03-02", "2026-03-12", "2026-03-04", "2026-03-05"]
    for at in (night(3), night(4)):
        assert world.run(at, "nightly", data="clean").code == 0
    assert [world.home.joinpath(name).exists() for name in ledgers(world, "clean")] == [True] * 5
    for here, there in zip(ledgers(world, "data"), ledgers(world, "clean"), strict=True):
        assert here.name == there.name
        assert here.read_bytes() == there.read_bytes()
    summaries = [
        (world.home / data / "reports/latest/summary.json").read_text()
        for data in ("data", "clean")
    ]
    assert summaries[0] == summaries[1]
    assert "ledger day" not in world.run(night(4), "check").err
    assert ", 1 discarded, " in world.run(night(4), "status").out


def ledgers(world: World, data: str) -> list[Path]:
    return sorted((world.home / data / "ledger").rglob("*.parquet"))


def test_discard_names_the_snapshot_it_cannot_find(world: World) -> None:
    assert world.run(night(1), "extract").code == 0
    ran = world.run(night(1), "discard", "20990101T000000Z-complete.parquet")
    assert ran.code == 2
    assert "20990101T000000Z-complete.parquet: no snapshot of" in ran.err
