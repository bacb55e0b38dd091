"""The demo: a month of hourly snapshots of a simulated fleet, taken over real HTTP, and a report.

As with ``extract --spread 60m``, each clock hour has one snapshot, at a random instant. Seed, fleet
and simulated clock are fixed, so every run makes the same report.
"""

from __future__ import annotations

import dataclasses
import random
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from pipeline.errors import SettingsError, StorageError
from pipeline.jobs.extract import extract
from pipeline.jobs.spread import RandomInstant
from pipeline.keys import Secret
from pipeline.model import Spread
from pipeline.nightly import nightly
from pipeline.settings import Api, Budget, Settings
from pipeline.store import Store
from pipeline.store.atomic_write import make_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pipeline.jobs import Job
    from pipeline.jobs.report import StoredReport

Made = TypeVar("Made")

SEED = 4
CLUSTERS = 120
DAYS = 30
START = datetime(2026, 5, 17, tzinfo=UTC)
SNAPSHOT_INTERVAL = timedelta(hours=1)
KEY = "demo-key"
BUDGET = 370_000
"""A month's; about 4 % less than the fleet costs."""
MARKER_FILE = ".fleetledger-demo"
"""In a folder that the demo made and may therefore empty."""


@dataclass(frozen=True, kw_only=True)
class History:
    """A simulated fleet, and when its snapshots are taken."""

    seed: int
    clusters: int
    start: datetime
    days: int
    interval: timedelta

    def random_instants(self) -> list[RandomInstant]:
        """One in each interval, in order; the last interval is after the last day and closes it."""
        dice = random.Random(self.seed)  # noqa: S311 - repeatable
        seconds = int(self.interval.total_seconds())
        drawn = []
        for n in range(timedelta(days=self.days) // self.interval + 1):
            begin = self.start + n * self.interval
            # Whole seconds, as in the API's Date.
            at = begin + timedelta(seconds=dice.randrange(seconds))
            drawn.append(RandomInstant(Spread(start=begin, seconds=seconds), at))
        return drawn


DEMO = History(seed=SEED, clusters=CLUSTERS, start=START, days=DAYS, interval=SNAPSHOT_INTERVAL)


def clean_folder(uri: str) -> str:
    """Make ``uri`` an empty folder, and return it.

    Raises:
        SettingsError: it is not a local folder, or it has files that are not the demo's.
    """
    if "://" in uri:
        raise SettingsError(f"--data-dir {uri}: the demo writes to a local folder only")
    folder = Path(uri)
    try:
        if folder.exists() and any(folder.iterdir()):
            if not (folder / MARKER_FILE).is_file():
                raise SettingsError(
                    f"--data-dir {uri}: not empty, and not made by the demo; give another folder"
                )
            shutil.rmtree(folder)
        make_folder(folder.absolute(), folder.absolute(), set())
        (folder / MARKER_FILE).touch(0o600)
    except OSError as error:
        raise StorageError(f"{uri}: {error.strerror}; give another --data-dir") from error
    return uri


def demo(
    job: Job,
    uri: str,
    with_progress: Callable[[Sequence[RandomInstant]], Iterable[RandomInstant]],
) -> StoredReport | None:
    """Serve the simulated API, take the snapshots, and report on them.

    Args:
        job: Settings and progress; the demo replaces its store, clock and key.
        uri: The data folder, which is emptied first.
        with_progress: Iterates over the instants of the snapshots and shows the progress.
    """
    # No accounts and no mail of the user's settings.
    settings = Settings(
        stated_currency=job.settings.stated_currency,
        budgets={"all clusters": Budget(amount=BUDGET)},
    )
    demo_job = dataclasses.replace(job, store=Store(clean_folder(uri)), settings=settings)
    return take_snapshots(demo_job, DEMO, with_progress, then=nightly)


def take_snapshots(
    job: Job,
    history: History,
    with_progress: Callable[[Sequence[RandomInstant]], Iterable[RandomInstant]],
    then: Callable[[Job], Made],
) -> Made:
    """Serve ``history``, store its snapshots in the job's store, and do ``then`` at its end.

    Returns:
        What ``then`` returns. It gets the job with the simulated clock.
    """
    from pipeline.simulator.app import make_app  # noqa: PLC0415 - an extra
    from pipeline.simulator.clock import Clock  # noqa: PLC0415 - an extra
    from pipeline.simulator.fleet import Fleet  # noqa: PLC0415 - an extra
    from pipeline.simulator.server import serve  # noqa: PLC0415 - an extra

    # Each response takes a second of simulated time, so that a walk has a duration.
    clock = Clock(history.start, step_seconds=1)
    fleet = Fleet(history.seed, history.clusters, history.start, history.days)
    with serve(make_app(fleet, clock, keys=(KEY,))) as url:
        simulated = dataclasses.replace(
            job,
            settings=msgspec.structs.replace(job.settings, api=Api(url=url)),
            find_key=lambda _name, _account: Secret(KEY),
            now=clock.now,
        )
        # The first one is at the fleet's beginning, so that the first spend is known too.
        extract(simulated, "default")
        for drawn in with_progress(history.random_instants()):
            # Later, if the walk before has not ended: time does not go back.
            clock.set(max(drawn.at, clock.now()))
            extract(simulated, "default", drawn)
        return then(simulated)
