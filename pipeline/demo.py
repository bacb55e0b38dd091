"""The main job on an embedded default: a month of a simulated fleet, looked at over real HTTP.

Everything is fixed (seed, fleet, simulated clock), so every run makes the same report.
"""

from __future__ import annotations

import dataclasses
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import SettingsError, StorageError
from pipeline.jobs.extract import extract
from pipeline.keys import Secret
from pipeline.nightly import nightly
from pipeline.settings import Api, Settings
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
LOOK_EVERY = timedelta(hours=1)
KEY = "demo-key"
MARK = ".fleetledger-demo"
"""Marks a folder that the demo made and may therefore empty."""


def looks() -> list[datetime]:
    """The simulated times of all looks, both ends included."""
    return [START + n * LOOK_EVERY for n in range(DAYS * 24 + 1)]


def clean_folder(uri: str) -> str:
    """``uri`` as an empty folder of the demo's own.

    Raises:
        SettingsError: it is no local folder, or holds something the demo did not put there.
    """
    if "://" in uri:
        raise SettingsError(f"--data-dir {uri}: the demo writes to a local folder only")
    folder = Path(uri)
    try:
        if folder.exists() and any(folder.iterdir()):
            if not (folder / MARK).is_file():
                raise SettingsError(
                    f"--data-dir {uri}: not empty and not the demo's; give it a folder of its own"
                )
            shutil.rmtree(folder)
        make_folder(folder.absolute(), folder.absolute(), set())
        (folder / MARK).touch(0o600)
    except OSError as error:
        raise StorageError(f"{uri}: {error.strerror}; give another --data-dir") from error
    return uri


def demo(
    job: Job,
    uri: str,
    each: Callable[[Sequence[datetime]], Iterable[datetime]],
) -> StoredReport | None:
    """Serve, look, report.

    Args:
        job: settings and progress; its store, clock and key are replaced by the demo's own.
        uri: the folder, emptied first.
        each: passes the looks on, showing how far they are.
    """
    from pipeline.simulator.app import make_app  # noqa: PLC0415 - an extra
    from pipeline.simulator.clock import Clock  # noqa: PLC0415
    from pipeline.simulator.fleet import Fleet  # noqa: PLC0415
    from pipeline.simulator.server import serve  # noqa: PLC0415

    # Every answer takes a second of simulated time, so that a walk is not one instant.
    clock = Clock(START, step_seconds=1)
    fleet = Fleet(SEED, CLUSTERS, START, DAYS)
    with serve(make_app(fleet, clock, keys=(KEY,))) as url:
        api = Api(url=url)
        mine = dataclasses.replace(
            job,
            store=Store(clean_folder(uri)),
            # The demo's own world: nobody's accounts, and no mail to anyone.
            settings=Settings(api=api, currency=job.settings.currency),
            find_key=lambda _name, _account: Secret(KEY),
            now=clock.now,
        )
        for when in each(looks()):
            clock.set(when)
            extract(mine, "default")
        return nightly(mine)
