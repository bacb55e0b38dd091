"""Walks at random instants, over real HTTP, under a simulated clock and a given chance."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from pipeline.errors import KeyRefusedError, LockedError
from pipeline.extract import Timing
from pipeline.jobs import Job
from pipeline.jobs.extract import extract, extract_spread
from pipeline.jobs.spread import draw
from pipeline.keys import Secret
from pipeline.model import Spread
from pipeline.progress import NoProgress
from pipeline.settings import Account, Api, Extract, Settings
from pipeline.simulator.app import make_app
from pipeline.simulator.clock import Clock
from pipeline.simulator.fleet import Fleet
from pipeline.simulator.server import serve
from pipeline.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipeline.model import Certificate

START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)


@dataclass
class World:
    """A machine and an API with one simulated clock, of which the machine's may be wrong."""

    url: str
    clock: Clock
    store: Store
    chance: float = 0.25
    skew: timedelta = timedelta(0)
    slept: list[float] = field(default_factory=list)
    shown: list[datetime] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.advance(seconds)

    def timing(self) -> Timing:
        return Timing(lambda: self.clock.now().timestamp(), self.sleep, lambda: self.chance)

    def job(self, settings: Settings | None = None) -> Job:
        settings = settings or Settings(api=Api(url=self.url))
        job = Job(
            self.store, settings, lambda *_: Secret("k"), lambda: self.clock.now() + self.skew
        )
        job.progress = Shown(self.shown)
        return job

    def extract(self, spread: timedelta, settings: Settings | None = None) -> list[Certificate]:
        job = self.job(settings)
        refs = extract_spread(job, list(job.settings.all_accounts), spread, self.timing())
        return [self.store.certificate(ref) for ref in refs]


class Shown(NoProgress):
    def __init__(self, until: list[datetime]) -> None:
        self.until = until

    def wait(self, until: datetime) -> None:
        self.until.append(until)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    clock, fleet = Clock(START), Fleet(3, 25, START, 10)
    with serve(make_app(fleet, clock, keys=("k",))) as url:
        yield World(url, clock, Store(str(tmp_path / "data")))


@pytest.mark.parametrize("chance", [0.0, 0.25, 0.5, 0.9999])
def test_the_walk_begins_when_the_drawn_instant_has_come(world: World, chance: float) -> None:
    world.chance = chance
    [certificate] = world.extract(HOUR)
    assert certificate.spread == Spread(start=START, seconds=3600)
    assert certificate.started_at == (START + chance * HOUR).replace(microsecond=0)
    assert START <= certificate.started_at < START + HOUR
    assert world.shown == [START + chance * HOUR]


def test_instants_are_as_uniform_as_the_chance() -> None:
    shares = [step / 1000 for step in range(1000)]
    draws = [draw(START, HOUR, Timing(chance=lambda share=share: share)) for share in shares]
    assert [(drawn.at - START) / HOUR for drawn in draws] == pytest.approx(shares, abs=1e-9)
    assert Timing().chance() != Timing().chance()


def test_no_lock_is_held_during_the_wait(world: World) -> None:
    job, held = world.job(), []

    def sleep(seconds: float) -> None:
        with world.store.lock("extract-default"):  # LockedError if it is held
            held.append(seconds)

    timing = replace(world.timing(), sleep=sleep)
    list(extract_spread(job, ["default"], HOUR, timing))
    assert held == [900]


def test_a_walk_with_a_spread_waits_for_another_ones_lock(world: World) -> None:
    is_locked, may_end = threading.Event(), threading.Event()

    def other() -> None:
        with world.store.lock("extract-default"):
            is_locked.set()
            may_end.wait(60)

    thread = threading.Thread(target=other)
    thread.start()
    assert is_locked.wait(60)
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        world.clock.advance(seconds)
        if len(waits) == 4:  # the spread's own wait, then three for the lock
            may_end.set()
            thread.join(60)

    timing = replace(world.timing(), sleep=sleep)
    [ref] = extract_spread(world.job(), ["default"], HOUR, timing)
    certificate = world.store.certificate(ref)
    late = sum(waits[1:])
    assert len(waits) == 4
    assert certificate.started_at == START + HOUR / 4 + timedelta(seconds=late)
    assert certificate.spread == Spread(start=START, seconds=3600)


def test_the_wait_for_a_lock_is_bounded(world: World) -> None:
    with world.store.lock("extract-default"), pytest.raises(LockedError):
        world.extract(HOUR)
    assert 600 <= sum(world.slept[1:]) <= 660


def test_without_a_spread_a_lock_ends_the_run_at_once(world: World) -> None:
    with world.store.lock("extract-default"), pytest.raises(LockedError):
        extract(world.job(), "default", timing=world.timing())
    assert world.slept == []
    assert world.store.certificate(extract(world.job(), "default")).spread is None


@pytest.mark.parametrize(("minutes", "is_recorded"), [(5, True), (7, False)])
def test_a_walk_that_begins_too_late_records_no_spread(
    world: World,
    minutes: int,
    is_recorded: bool,  # noqa: FBT001 - a parameter
) -> None:
    timing = replace(world.timing(), sleep=lambda s: world.clock.advance(s + 60 * minutes))
    [ref] = extract_spread(world.job(), ["default"], HOUR, timing)
    spread = world.store.certificate(ref).spread
    assert (spread is not None) == is_recorded


@pytest.mark.parametrize("minutes", [-20, 20])
def test_the_interval_is_in_the_time_of_the_servers_clock(world: World, minutes: int) -> None:
    world.skew = timedelta(minutes=minutes)
    [certificate] = world.extract(HOUR)
    assert certificate.started_at == START + HOUR / 4
    assert certificate.spread == Spread(start=START, seconds=3600)


def test_the_interval_is_in_local_time_if_that_dates_the_snapshot(world: World) -> None:
    world.skew = timedelta(minutes=20)
    settings = Settings(api=Api(url=world.url), extract=Extract(clock="local"))
    [certificate] = world.extract(HOUR, settings)
    assert certificate.started_at == START + HOUR / 4 + world.skew
    assert certificate.spread == Spread(start=START + world.skew, seconds=3600)


def test_a_date_that_is_not_trusted_does_not_shift_the_interval(world: World) -> None:
    world.skew = timedelta(days=3)
    [certificate] = world.extract(HOUR)
    assert certificate.wrong_dates > 0
    assert certificate.spread == Spread(start=START + world.skew, seconds=3600)


def test_several_accounts_share_one_wait(world: World) -> None:
    accounts = {"research": Account(), "production": Account()}
    certificates = world.extract(HOUR, Settings(api=Api(url=world.url), accounts=accounts))
    assert [certificate.account for certificate in certificates] == ["research", "production"]
    assert world.slept == [900]
    assert {certificate.spread for certificate in certificates} == {
        Spread(start=START, seconds=3600)
    }


def test_a_missing_key_is_reported_before_the_wait(world: World) -> None:
    def no_key(_name: str, _account: Account) -> Secret:
        raise KeyRefusedError("no API key")

    job = replace(world.job(), find_key=no_key)
    with pytest.raises(KeyRefusedError):
        list(extract_spread(job, ["default"], HOUR, world.timing()))
    assert world.slept == []
