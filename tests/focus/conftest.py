"""A simulated history across two months, and the FOCUS files of it."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from pipeline.jobs import Job
from pipeline.jobs.extract import extract
from pipeline.jobs.focus import export
from pipeline.jobs.ledger import update_ledger
from pipeline.keys import Secret
from pipeline.settings import Account, Api, Settings
from pipeline.simulator.app import make_app
from pipeline.simulator.clock import Clock
from pipeline.simulator.fleet import Fleet
from pipeline.simulator.server import serve
from pipeline.store import Store

if TYPE_CHECKING:
    from typing import Literal

    from pipeline.focus.columns import Version

START = datetime(2026, 2, 25, tzinfo=UTC)
DAYS = 8


@pytest.fixture(scope="session")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """25 clusters, some charged while stopped; a snapshot every six hours over HTTP."""
    clock = Clock(START, step_seconds=1)
    fleet = Fleet(3, 25, START, DAYS + 2, storage_charged_share=0.6, storage_rate_share=0.05)
    with serve(make_app(fleet, clock, keys=("k",))) as url:
        settings = Settings(
            stated_currency="EUR",
            api=Api(url=url),
            accounts={"default": Account(billing_account_id="acct-7")},
        )
        folder = tmp_path_factory.mktemp("focus") / "data"
        made = Job(Store(str(folder)), settings, lambda _name, _account: Secret("k"), clock.now)
        for number in range(DAYS * 4 + 1):
            clock.set(START + timedelta(hours=6 * number))
            extract(made, "default")
    update_ledger(made)
    return made


def exported(job: Job, kind: Literal["parquet", "csv"], version: Version = "1.2") -> bytes:
    """The file of all closed days."""
    file = io.BytesIO()
    export(job, version, START.date(), None).write(file, kind)
    return file.getvalue()
