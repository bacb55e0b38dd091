"""Engines: the same files from one process, several, and Dask, whatever happens to a worker."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sys
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from pipeline import engine as engines
from pipeline.cli.run import open_store
from pipeline.engine import Dask, Engine, Local, Serial
from pipeline.errors import EngineError, Exit, SettingsError, StorageError
from pipeline.jobs import Job, _in_any_process, findings, judge_days, ledger_rows
from pipeline.jobs.coverage import coverage
from pipeline.jobs.ledger import update_ledger
from pipeline.jobs.report_rows import ReportDays, read_report_rows
from pipeline.keys import Secret
from pipeline.model import Certificate, Snapshot, State
from pipeline.progress import NoProgress
from pipeline.schema import SNAPSHOT
from pipeline.settings import Settings
from pipeline.simulator.fleet import Fleet
from pipeline.store import Store
from pipeline.transform.findings import judge
from tests.bucket import new_bucket, served

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import date
    from pathlib import Path

START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 8
FLEET = Fleet(5, 15, START, DAYS + 1, births_per_day=0.2, deaths_per_day=0.1)
PROCESSES = Local(workers=2, worth_seconds=0)


def workers_ended() -> bool:
    """Whether no process is left; one that the pool's thread joins is listed a moment longer."""
    deadline = time.monotonic() + 10
    while multiprocessing.active_children() and time.monotonic() < deadline:
        time.sleep(0.01)
    return not multiprocessing.active_children()


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with two snapshots a day, and nothing else."""
    folder = tmp_path_factory.mktemp("history")
    store = Store(str(folder))
    for hours in range(0, DAYS * 24 + 1, 12):
        when = START + timedelta(hours=hours)
        frame = FLEET.at(when).assign(account="a", observed_at=pd.Timestamp(when))
        missing = [name for name in SNAPSHOT.names if name not in frame.columns]
        table = SNAPSHOT.from_pandas(frame.assign(**dict.fromkeys(missing)))
        certificate = Certificate(
            account="a", state=State.COMPLETE, started_at=when, finished_at=when,
            api_version="v1", base_url="http://127.0.0.1", requests=1, pages=1,
            unique_ids=len(frame), total_count=len(frame), proof="drawn",
        )  # fmt: skip
        store.publish_snapshot(Snapshot(certificate=certificate, table=table))
    return folder


def job_of(folder: Path, engine: Engine) -> Job:
    opener = partial(Store, str(folder))
    now = START + timedelta(days=DAYS + 5)
    return Job(
        opener(), Settings(), lambda *_: Secret(""), lambda: now, engine=engine, open_store=opener
    )


def linked(history: Path, folder: Path) -> Path:
    """A store with the snapshots of ``history``."""
    folder.mkdir()
    (folder / "snapshots").symlink_to(history / "snapshots")
    return folder


def derived(job: Job) -> dict[str, bytes]:
    """Makes ledger and findings; their files."""
    assert len(update_ledger(job)) == DAYS + 1
    findings.findings_of(job, START.date() + timedelta(days=DAYS - 1))
    keys = [*job.store.files.keys("ledger"), *job.store.files.keys("findings")]
    assert len(keys) == 2 * DAYS + 1
    return {key: job.store.files.read(key) for key in keys}


@pytest.fixture(scope="module")
def alone(history: Path, tmp_path_factory: pytest.TempPathFactory) -> Job:
    """A job whose ledger and findings one process made."""
    job = job_of(linked(history, tmp_path_factory.mktemp("alone") / "data"), Serial())
    derived(job)
    return job


@pytest.fixture
def expected(alone: Job, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """The files that one process made; other engines now judge small blocks."""
    monkeypatch.setattr(judge_days, "BLOCK_DAYS", 3)
    keys = [*alone.store.files.keys("ledger"), *alone.store.files.keys("findings")]
    return {key: alone.store.files.read(key) for key in keys}


def test_processes_write_the_same_bytes_as_one(
    history: Path, tmp_path: Path, expected: dict[str, bytes]
) -> None:
    assert derived(job_of(linked(history, tmp_path / "data"), PROCESSES)) == expected
    assert workers_ended()


@pytest.mark.parametrize("engine", [Serial(), PROCESSES], ids=["one process", "processes"])
def test_a_fleet_judged_in_ranges_of_its_clusters_has_the_same_findings(
    history: Path,
    tmp_path: Path,
    expected: dict[str, bytes],
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ledger_rows, "ROWS_AT_ONCE", 40)
    job = job_of(linked(history, tmp_path / "data"), engine)
    assert derived(job) == expected
    assert len(job.store.id_ranges(job.store.ledger_days(), 40)) > 2


@pytest.mark.parametrize("rows_at_once", [40, 4_000_000])
def test_a_report_longer_than_the_history_of_findings_has_the_utilization_of_all_days(
    alone: Job, rows_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_rows, "ROWS_AT_ONCE", rows_at_once)
    monkeypatch.setattr(judge, "LOOKBACK_DAYS", 4)
    monkeypatch.setattr(judge, "TRAILING_DAYS", 3)
    last = START.date() + timedelta(days=DAYS - 1)
    report = ReportDays.of(ledger_rows.Span(START.date(), START.date(), last), DAYS, 3)
    until = coverage(alone).until
    policy = findings.read_policy(Settings(), last).applied
    [judged] = judge_days.outcomes_of_days(alone, {last: policy}, until, report)
    expected = read_report_rows(alone.store, report, until, []).utilization
    assert judged.utilization is not None
    pd.testing.assert_frame_equal(judged.utilization.window, expected.window)
    pd.testing.assert_frame_equal(judged.utilization.evidence, expected.evidence)


@pytest.mark.usefixtures("expected")
def test_processes_replay_the_same_as_one(alone: Job) -> None:
    first, last = START.date() + timedelta(days=3), START.date() + timedelta(days=DAYS - 1)
    opener = partial(Store, alone.store.files.place)
    several = replace(alone, engine=PROCESSES, open_store=opener)
    ours, ones = (findings.replay(job, first, last, Settings()) for job in (several, alone))
    pd.testing.assert_frame_equal(ours.flags, ones.flags)
    pd.testing.assert_frame_equal(ours.precision, ones.precision)


class KillsAWorker(NoProgress):
    """Kills a worker process before the fourth result of the ledger is used."""

    killed = 0

    def days(self, what: str, days: Sequence[date]) -> Iterator[date]:
        for number, day in enumerate(days):
            if (what, number) == ("ledger", 3):
                multiprocessing.active_children()[0].kill()
                self.killed += 1
            yield day


@pytest.mark.slow
def test_a_worker_of_dask_that_is_killed_changes_no_byte(
    history: Path, tmp_path: Path, expected: dict[str, bytes]
) -> None:
    progress, lines = KillsAWorker(), list[str]()
    progress.line = lines.append  # type: ignore[method-assign]
    job = job_of(linked(history, tmp_path / "data"), Dask(workers=2))
    assert derived(replace(job, progress=progress)) == expected
    assert progress.killed == 1
    assert lines[0].startswith("Dask dashboard: http://127.0.0.1:")


@pytest.mark.parametrize("engine", [Serial(), PROCESSES])
def test_a_damaged_snapshot_is_left_out_and_named_once(
    history: Path, tmp_path: Path, engine: Engine
) -> None:
    shutil.copytree(history, tmp_path / "data")
    job = job_of(tmp_path / "data", engine)
    ref = job.store.snapshots("a")[7]
    path = tmp_path / "data" / ref.key
    path.write_bytes(b"bad")
    assert len(update_ledger(job)) == DAYS + 1
    [message] = [message for message in job.messages if "damaged" in message]
    assert message.startswith(f"{job.store.url(ref.key)}: damaged, left out of the ledger; see")
    path.unlink()  # the days are those of a history without it
    assert update_ledger(job_of(tmp_path / "data", Serial())) == []


def where(task: int) -> tuple[int, int]:
    return task, os.getpid()


def results(engine: Engine, function: Callable[[int], object], tasks: int) -> list[object]:
    with closing(engine.map(function, range(tasks), lambda _: None)) as each:
        return list(each)


def test_results_are_in_the_order_of_the_tasks_and_the_first_task_runs_here() -> None:
    done = results(PROCESSES, where, 7)
    assert [task for task, _ in done] == list(range(7))  # type: ignore[misc]
    here = [pid == os.getpid() for _, pid in done]  # type: ignore[misc]
    assert here == [True] + [False] * 6
    assert workers_ended()


@pytest.mark.parametrize(
    ("engine", "tasks"),
    [(Serial(), 3), (Local(), 3), (Local(1, 0), 3), (PROCESSES, 2), (Dask(), 0)],
)
def test_little_work_starts_no_process(engine: Engine, tasks: int) -> None:
    done = results(engine, where, tasks)
    assert done == [(task, os.getpid()) for task in range(tasks)]


def test_no_more_processes_start_than_fit_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    assert engines.available_bytes() > 0
    monkeypatch.setattr(engines, "available_bytes", lambda: 1)
    assert {pid for _, pid in results(PROCESSES, where, 5)} == {os.getpid()}  # type: ignore[misc]


def test_few_tasks_are_in_flight_and_one_follows_each_result() -> None:
    begun: list[int] = []

    class Done:
        def __init__(self, task: int) -> None:
            begun.append(task)
            self.task = task

        def result(self) -> int:
            return self.task

    limits = iter([4, 4, 1])  # two of three workers are lost
    each = engines._in_order(Done, range(9), lambda: next(limits, 1))
    assert next(each) == 0
    assert begun == [0, 1, 2, 3, 4]
    assert list(each) == list(range(1, 9))


def fails(task: int) -> int:
    if task == 3:
        raise StorageError("reading a/b: gone")
    return task


def test_an_error_of_a_task_arrives_as_it_was_raised_and_ends_the_workers() -> None:
    with pytest.raises(StorageError, match=r"^reading a/b: gone$"):
        results(PROCESSES, fails, 9)
    assert workers_ended()


def dies(task: int) -> int:
    if task:
        os._exit(9)
    return task


def test_a_process_that_is_ended_is_an_error_with_a_remedy() -> None:
    with pytest.raises(EngineError, match="run again, with --workers 1") as raised:
        results(PROCESSES, dies, 4)
    assert raised.value.exit_code is Exit.WORKERS


def test_the_processes_end_when_the_caller_stops_early() -> None:
    each = PROCESSES.map(where, range(9), lambda _: None)
    next(each)
    next(each)
    assert multiprocessing.active_children()
    each.close()
    assert workers_ended()


def test_dask_that_is_not_installed_is_an_error_with_a_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(SettingsError, match=r"pip install 'fleetledger\[dask\]'"):
        results(Dask(), where, 1)


def test_a_scheduler_that_does_not_answer_is_an_error_with_a_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engines, "CONNECT_SECONDS", 0.2)
    with pytest.raises(EngineError, match=r"--scheduler tcp://127\.0\.0\.1:9: no Dask scheduler"):
        results(Dask("tcp://127.0.0.1:9"), where, 1)


def test_a_worker_with_other_versions_is_refused() -> None:
    versions = engines._versions()
    assert engines._on_worker(versions, where, 1) == (1, os.getpid())
    with pytest.raises(EngineError, match=r"a Dask worker has pandas .* instead of 0\.1"):
        engines._on_worker(versions | {"pandas": "0.1"}, where, 1)


def test_a_worker_that_does_not_reach_the_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"a worker finds nothing in .*; give a --data"):
        _in_any_process(lambda _store, _task: 1, partial(Store, str(tmp_path)), 0)


@pytest.mark.slow
def test_processes_read_a_bucket_with_the_variables_of_their_environment(
    history: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served() as variables:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        opener = partial(open_store, new_bucket(variables), 300)
        store = opener()
        local = job_of(history, Serial())
        for ref in local.store.snapshots("a")[:9]:
            store.files.put_new(ref.key, local.store.files.read(ref.key))
        built = []
        for engine in (Serial(), PROCESSES):
            update_ledger(
                replace(local, store=store, engine=engine, open_store=opener), rebuild=True
            )
            built.append({key: store.files.read(key) for key in store.files.keys("ledger")})
        assert len(built[0]) == 5
        assert built[0] == built[1]
