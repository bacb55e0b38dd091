"""The demo: a month of hourly snapshots of a simulated fleet, taken over real HTTP, and a report.

As with ``extract --spread 60m``, each clock hour has one snapshot, at a random instant. Seed, fleet
and simulated clock are fixed, so every run makes the same report.
"""

from __future__ import annotations

import dataclasses
import random
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

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


def random_instants() -> list[RandomInstant]:
    """One in each hour, in order. The last hour is the one after the last day, which it closes."""
    dice = random.Random(SEED)  # noqa: S311 - repeatable
    seconds = int(SNAPSHOT_INTERVAL.total_seconds())
    drawn = []
    for n in range(DAYS * 24 + 1):
        hour = START + n * SNAPSHOT_INTERVAL
        # Whole seconds, as in the API's Date.
        at = hour + timedelta(seconds=dice.randrange(seconds))
        drawn.append(RandomInstant(Spread(start=hour, seconds=seconds), at))
    return drawn


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
    from pipeline.simulator.app import make_app  # noqa: PLC0415 - an extra
    from pipeline.simulator.clock import Clock  # noqa: PLC0415 - an extra
    from pipeline.simulator.fleet import Fleet  # noqa: PLC0415 - an extra
    from pipeline.simulator.server import serve  # noqa: PLC0415 - an extra

    # Each response takes a second of simulated time, so that a walk has a duration.
    clock = Clock(START, step_seconds=1)
    fleet = Fleet(SEED, CLUSTERS, START, DAYS)
    with serve(make_app(fleet, clock, keys=(KEY,))) as url:
        api = Api(url=url)
        demo_job = dataclasses.replace(
            job,
            store=Store(clean_folder(uri)),
            # No accounts and no mail of the user's settings.
            settings=Settings(
                api=api,
                stated_currency=job.settings.stated_currency,
                budgets={"all clusters": Budget(amount=BUDGET)},
            ),
            find_key=lambda _name, _account: Secret(KEY),
            now=clock.now,
        )
        # The first one is at the fleet's beginning, so that the first hour's spend is known too.
        extract(demo_job, "default")
        for drawn in with_progress(random_instants()):
            # Later, if the walk before has not ended: time does not go back.
            clock.set(max(drawn.at, clock.now()))
            extract(demo_job, "default", drawn)
        return nightly(demo_job)
