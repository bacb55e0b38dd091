"""What ``status`` names as the next step when every run succeeded."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from pipeline.jobs import Job
from pipeline.jobs.status import failed_channels, next_step
from pipeline.keys import Secret
from pipeline.model import RunRecord
from pipeline.settings import parse_settings
from tests.store.conftest import NOON

if TYPE_CHECKING:
    from pipeline.store import Store
    from tests.store.conftest import MakeSnapshot

CHANNELS = b'[webhooks.ops]\nkind = "slack"\nurl_env = "A"\n[ping]\nurl_env = "B"\n'
REFUSED = "webhooks.ops: HTTP 404; check the address in webhooks.ops.url_file"


@pytest.fixture
def job(store: Store, snapshot: MakeSnapshot) -> Job:
    """A job on a store with a snapshot and a report of today."""
    store.publish_snapshot(snapshot(NOON))
    store.publish_report(NOON.date(), {"report.html": b"<p>report</p>"})
    settings = parse_settings(CHANNELS, "settings.toml")
    return Job(store, settings, lambda *_: Secret(""), lambda: NOON + timedelta(hours=1))


def ran(job: Job, hours: float, command: str, *messages: str) -> None:
    at = NOON + timedelta(hours=hours)
    job.store.record_run(
        RunRecord(command=command, started_at=at, finished_at=at, exit_code=0, messages=messages)
    )


def step(job: Job, *alerts: str) -> str:
    return next_step(job, job.store.runs(10), failed_channels(job), alerts)


def test_with_nothing_wrong_there_is_nothing_to_do(job: Job) -> None:
    ran(job, 0, "nightly")
    assert step(job) == "nothing to do"


def test_channels_that_were_not_reached_come_first_until_a_run_reaches_them(job: Job) -> None:
    ran(job, 0, "nightly", REFUSED, "ping (success): HTTP 404")
    for hours in range(1, 25):
        ran(job, hours / 60, "extract")
    assert failed_channels(job) == {"webhooks.ops": REFUSED, "ping": "ping (success): HTTP 404"}
    expected = "make webhooks.ops, ping reachable (reasons above), then: fleetledger send"
    assert step(job, "Budget 120 % spent") == expected
    ran(job, 0.9, "send")
    assert step(job) == "nothing to do"


def test_a_ping_alone_is_not_sent_again(job: Job) -> None:
    ran(job, 0, "nightly", "ping (success): HTTP 404")
    assert step(job) == "make ping reachable (reasons above)"


def test_an_alert_is_a_reason_to_read_the_report(job: Job) -> None:
    path = job.store.url("reports/2026-10-20/report.html")
    assert step(job, "Budget 120 % spent") == f"read the alerts in the report: {path}"
