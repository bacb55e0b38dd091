"""Makes the sample history of data/sample again: ``python -m docs.sample [--data-dir FOLDER]``.

A simulated fleet of 40 clusters over 28 days with a snapshot in every 4 hours, its ledger and its
findings, as a nightly run leaves them. Snapshots older than three days are pruned, as on a machine
that has run for long, so that the sample is small. Fleet, clock and random instants are fixed, so
that the tables are the same every time.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.demo import History, take_snapshots
from pipeline.errors import KeyRefusedError
from pipeline.jobs import Job
from pipeline.jobs.findings import findings_of
from pipeline.jobs.ledger import update_ledger
from pipeline.jobs.prune import ages_of, prune
from pipeline.jobs.report import last_closed
from pipeline.settings import Settings
from pipeline.store import Store

if TYPE_CHECKING:
    from typing import NoReturn

FOLDER = "data/sample"
PARTS = ("snapshots", "ledger", "findings", "state")
"""The folders that ship."""
SAMPLE = History(
    seed=11,
    clusters=40,
    start=datetime(2025, 9, 18, tzinfo=UTC),
    days=28,
    interval=timedelta(hours=4),
)
_THIN_AFTER, _DROP_AFTER = 3, 3


def make(folder: Path) -> None:
    """Write the sample into ``folder``, which has none yet."""
    job = Job(Store(str(folder)), Settings(), _no_key, lambda: SAMPLE.start)
    take_snapshots(job, SAMPLE, lambda instants: instants, then=_derive)


def _derive(job: Job) -> None:
    update_ledger(job)
    day = last_closed(job)
    assert day is not None  # noqa: S101 - the last snapshot closes the last day
    findings_of(job, day)
    prune(job, ages_of(job, _THIN_AFTER, _DROP_AFTER))


def _no_key(_name: str, _account: object) -> NoReturn:
    raise KeyRefusedError("the simulated API's key is not asked for here")


def main() -> None:
    """Replace the parts of the sample that ship."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", default=FOLDER)
    target = Path(parser.parse_args().data_dir)
    with tempfile.TemporaryDirectory() as made:
        make(Path(made))
        for part in PARTS:
            shutil.rmtree(target / part, ignore_errors=True)
            shutil.copytree(Path(made) / part, target / part)


if __name__ == "__main__":
    main()
