"""Discard: a bad snapshot is moved away with what only it caused, and nothing else."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from pipeline.errors import Exit, SettingsError
from pipeline.jobs import Job
from pipeline.jobs.discard import discard
from pipeline.jobs.ledger import update_ledger
from pipeline.jobs.report import last_closed
from pipeline.keys import Secret
from pipeline.settings import Extract, Settings
from pipeline.store import Store
from tests.store.test_objects import options, uri

if TYPE_CHECKING:
    from tests.store.conftest import MakeSnapshot

NOW = datetime(2026, 10, 23, 12, tzinfo=UTC)
HOUR, FAR = timedelta(hours=1), timedelta(days=40)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
GOOD = [NOW - timedelta(days=back) for back in (3, 2, 1)]

__all__ = ["options", "uri"]  # fixtures


@pytest.fixture(params=["folder", "bucket"])
def bare(request: pytest.FixtureRequest) -> Job:
    if request.param == "folder":
        store = Store(str(request.getfixturevalue("tmp_path") / "data"))
    else:
        store = Store(request.getfixturevalue("uri"), request.getfixturevalue("options"))
    return job_on(store)


def job_on(store: Store, **extract: object) -> Job:
    settings = Settings(data_dir=store.files.place, extract=Extract(**extract))
    return Job(store, settings, lambda _name, _account: Secret("k"), lambda: NOW)


def contents(store: Store, folder: str) -> dict[str, bytes]:
    return {key: store.files.read(key) for key in store.files.keys(folder)}


@pytest.mark.parametrize(
    "when", [datetime(2099, 1, 1, tzinfo=UTC), NOW + FAR, EPOCH, NOW - FAR, GOOD[1] + HOUR]
)
def test_a_discard_leaves_the_ledger_as_if_the_snapshot_had_never_existed(
    bare: Job, snapshot: MakeSnapshot, when: datetime
) -> None:
    store = bare.store
    for time in GOOD:
        store.publish_snapshot(snapshot(time))
    update_ledger(bare)
    before = contents(store, "ledger")
    bad = store.publish_snapshot(snapshot(when))
    stored = store.files.read(bad.key)
    update_ledger(job_on(store, clock="simulated"))  # a clock that allows it
    assert contents(store, "ledger") != before or when < NOW

    done = discard(bare, bad.key.rpartition("/")[2], "ana@desk", "wrong Date")
    assert store.url(f"discarded/{bad.key.removeprefix('snapshots/')}") == done.moved_to
    assert stored in contents(store, "discarded").values()
    assert bad not in store.snapshots()
    update_ledger(bare)
    assert contents(store, "ledger") == before


def test_reports_made_from_the_discarded_snapshot_alone_are_moved(
    bare: Job, snapshot: MakeSnapshot
) -> None:
    store = bare.store
    for time in GOOD:
        store.publish_snapshot(snapshot(time))
    bad = store.publish_snapshot(snapshot(NOW + FAR))
    real, never = date(2026, 10, 21), (NOW + FAR).date() - timedelta(days=1)
    for day in (real, never):
        store.publish_report(day, {"report.html": b"x"})
        store.put_state(f"sent-{day}", b'["ana@example.org"]')
    removed = discard(bare, bad.key, "ana@desk", "").removed
    assert removed.report_days == (never,)
    assert store.report_days() == [real]
    assert store.files.read_pointer("reports/latest") == str(real)
    assert store.get_state(f"sent-{never}") is None
    assert store.get_state(f"sent-{real}") is not None
    assert store.files.read(f"discarded/reports/{never}/report.html") == b"x"


def test_a_run_that_died_in_the_middle_is_finished_by_the_same_command(
    store: Store, snapshot: MakeSnapshot
) -> None:
    bad = store.publish_snapshot(snapshot(NOW + FAR))
    data = store.files.read(bad.key)
    discard(job_on(store), bad.key, "ana@desk", "")
    store.files.put_new(bad.key, data)  # as left by a run that died before its last step
    discard(job_on(store), bad.key, "ana@desk", "")
    assert store.snapshots() == []


def test_an_ambiguous_name_is_refused_and_a_path_of_another_store_is_unknown(
    store: Store, snapshot: MakeSnapshot
) -> None:
    refs = [store.publish_snapshot(snapshot(account=name)) for name in ("a", "b")]
    with pytest.raises(SettingsError, match=r"names 2 snapshots, give one of: .*account=a/.*=b/"):
        discard(job_on(store), refs[0].key.rpartition("/")[2], "ana@desk", "")
    with pytest.raises(SettingsError, match=r"no snapshot of .* has this path"):
        discard(job_on(store), f"/elsewhere/{refs[0].key}", "ana@desk", "")
    assert len(store.snapshots()) == 2


@pytest.mark.parametrize("when", [datetime(2099, 1, 1, tzinfo=UTC), EPOCH])
def test_a_snapshot_of_another_century_builds_few_days_and_is_named(
    store: Store, snapshot: MakeSnapshot, when: datetime
) -> None:
    for time in [*GOOD, when]:
        bad = store.publish_snapshot(snapshot(time))
    job = job_on(store)
    built = update_ledger(job)
    assert len(built) <= 4
    assert {time.date() for time in GOOD} <= set(built)
    assert last_closed(job) == date(2026, 10, 21)
    assert job.exit_code is Exit.WARNINGS
    assert [text for text in job.messages if f"fleetledger discard {bad.key}" in text]


def test_every_day_of_a_pause_of_three_months_is_built(
    store: Store, snapshot: MakeSnapshot
) -> None:
    for when in (NOW - timedelta(days=95), NOW - timedelta(days=94), *GOOD):
        store.publish_snapshot(snapshot(when))
    built = update_ledger(job_on(store))
    assert built == [(NOW - timedelta(days=back)).date() for back in range(95, 0, -1)]
