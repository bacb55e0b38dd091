"""Ledger: the days that are built, and what is logged of them."""

from __future__ import annotations

import logging
import subprocess
import sys
import textwrap
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from pipeline.errors import StorageError
from pipeline.jobs import Job
from pipeline.jobs.downgrade import Versions, refuse_downgrade
from pipeline.jobs.ledger import update_ledger
from pipeline.keys import Secret
from pipeline.settings import Settings
from tests.store.conftest import NOON

if TYPE_CHECKING:
    from pipeline.store import Store
    from tests.store.conftest import MakeSnapshot


BUILD = """
    import sys
    from datetime import UTC, datetime
    from pipeline.jobs import Job
    from pipeline.jobs.ledger import update_ledger
    from pipeline.settings import Settings
    from pipeline.store import Store

    job = Job(Store(sys.argv[1]), Settings(), None, lambda: datetime(2027, 1, 1, tzinfo=UTC))
    built = update_ledger(job)
    print("pandas" in sys.modules, len(built))
"""


def job_of(store: Store) -> Job:
    return Job(store, Settings(), lambda *_: Secret("k"), lambda: NOON + timedelta(days=3))


def test_each_day_that_is_built_is_logged_with_its_inputs_and_rows(
    store: Store, snapshot: MakeSnapshot, caplog: pytest.LogCaptureFixture
) -> None:
    for days in (0, 1):
        store.publish_snapshot(snapshot(NOON + timedelta(days=days), rows=4))
    with caplog.at_level(logging.INFO, "pipeline"):
        update_ledger(job_of(store))
    [first, second] = [line for line in caplog.messages if line.startswith("built")]
    assert first.startswith("built ledger day 2026-10-20 of account default: 2 snapshots, 4 rows")
    assert second.startswith("built ledger day 2026-10-21 of account default: 2 snapshots")


def test_reads_and_writes_are_logged_with_key_and_size(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "pipeline"):
        store.put_state("resume-default", b"secret content")
        store.get_state("resume-default")
        with store.lock("derive"):
            pass
    size = len(store.files.read("state/resume-default"))
    assert caplog.messages == [
        f"wrote state/resume-default: {size} bytes",
        f"read state/resume-default: {size} bytes",
        "locked locks/derive.lock",
        "released locks/derive.lock",
    ]


def test_a_gap_is_reported_once(store: Store, snapshot: MakeSnapshot) -> None:
    for hours in (0, 1, 2, 8, 9):
        store.publish_snapshot(snapshot(NOON + timedelta(hours=hours)))
    first, again = job_of(store), job_of(store)
    update_ledger(first)
    update_ledger(again)
    assert first.messages == [
        "default: no snapshot between 2026-10-20 14:00:00Z and 2026-10-20 20:00:00Z"
    ]
    assert again.messages == []


def test_nothing_is_derived_from_a_store_that_a_newer_version_has_used(
    store: Store, snapshot: MakeSnapshot
) -> None:
    store.publish_snapshot(snapshot(NOON, rows=4))
    refuse_downgrade(store, Versions("99.0", ledger=99))
    with pytest.raises(StorageError, match=r"install 99\.0 or newer"):
        update_ledger(job_of(store))
    assert not store.ledger_days("default")


def test_a_snapshot_that_two_days_in_a_row_need_is_read_once(
    store: Store, snapshot: MakeSnapshot, caplog: pytest.LogCaptureFixture
) -> None:
    refs = [store.publish_snapshot(snapshot(NOON + timedelta(days=days))) for days in range(4)]
    with caplog.at_level(logging.DEBUG, "pipeline"):
        update_ledger(job_of(store))
    # The last two are first read for their ids alone, as the second ones after earlier days.
    reads = [sum(line.startswith(f"read {ref.key}") for line in caplog.messages) for ref in refs]
    assert reads == [1, 1, 2, 2]


def test_building_days_needs_no_pandas(store: Store, snapshot: MakeSnapshot) -> None:
    for days in (0, 1):
        store.publish_snapshot(snapshot(NOON + timedelta(days=days)))
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", textwrap.dedent(BUILD), store.url("")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("False 2\n", "")
