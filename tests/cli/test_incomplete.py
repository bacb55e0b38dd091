"""What was concluded from incomplete inputs says so, and is concluded again from whole ones."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest

from pipeline.errors import Exit
from pipeline.jobs import Job
from pipeline.jobs.check import check
from pipeline.jobs.findings import findings_of
from pipeline.jobs.ledger import update_ledger
from pipeline.jobs.report import make_report
from pipeline.keys import Secret
from pipeline.settings import Settings
from pipeline.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FIRST, LAST = date(2026, 3, 2), date(2026, 3, 3)
NOW = datetime(2026, 3, 4, 6, tzinfo=UTC)


def new_job(data: Path) -> Job:
    return Job(Store(str(data)), Settings(), lambda *_: Secret(""), lambda: NOW)


@pytest.fixture(scope="module")
def reported(two_days: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two closed days with their findings and reports."""
    data = tmp_path_factory.mktemp("reported") / "data"
    shutil.copytree(two_days, data, symlinks=True)
    for day in (FIRST, LAST):
        make_report(new_job(data), day)
    assert problems(new_job(data)) == []
    return data


@pytest.fixture
def job(reported: Path, data: Path) -> Callable[[], Job]:
    """Makes runs on a copy of them."""
    shutil.copytree(reported, data, symlinks=True)
    return lambda: new_job(data)


def problems(job: Job) -> list[str]:
    return [problem.message for problem in check(job).problems]


def findings(data: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (data / "findings").rglob("*.parquet")}


def incomplete(data: Path) -> list[str]:
    """What the last day's report says it lacked."""
    lacking: list[str] = json.loads((data / f"reports/{LAST}/summary.json").read_bytes())["inputs"][
        "incomplete"
    ]
    return lacking


def only(data: Path, kind: str, day: date) -> Path:
    [path] = (data / kind).rglob(f"date={day}/*.parquet")
    return path


def flip(path: Path) -> bytes:
    """Damage a file; what it was."""
    content = path.read_bytes()
    path.write_bytes(content[:200] + bytes([content[200] ^ 255]) + content[201:])
    return content


def test_findings_made_without_a_damaged_ledger_day_are_made_again_when_it_is_whole(
    job: Callable[[], Job], data: Path
) -> None:
    healthy = findings(data)
    shutil.rmtree(data / "findings")
    victim = only(data, "ledger", FIRST)
    content = flip(victim)
    for expected_days in (2, 0):  # the second run finds nothing new, and still says it
        run = job()
        make_report(run, LAST)
        assert run.exit_code == Exit.WARNINGS
        assert any(victim.name in message for message in run.messages)
        assert run.counts["findings_days"] == expected_days
    assert not findings(data).keys() & healthy.keys()
    assert incomplete(data) == [f"{victim.relative_to(data)}: damaged"]
    assert "Incomplete inputs" in (data / f"reports/{LAST}/report.html").read_text()

    victim.write_bytes(content)
    [stale, reports] = problems(job())
    assert f"2 findings days from {FIRST} on" in stale
    assert f"run: fleetledger report --date {LAST}" in stale
    assert f"2 reports ({FIRST}, {LAST})" in reports
    run = job()
    make_report(run, LAST)
    assert (run.exit_code, findings(data)) == (Exit.DONE, healthy)
    assert incomplete(data) == []
    assert problems(job()) == []


def test_findings_outlive_damage_to_the_ledger_days_they_were_made_from(
    job: Callable[[], Job], data: Path
) -> None:
    healthy = findings(data)
    only(data, "findings", LAST).unlink()
    flip(only(data, "ledger", FIRST))
    findings_of(job(), LAST)
    kept = findings(data)
    assert len(kept) == 2
    assert len(kept.keys() & healthy.keys()) == 1  # the first day, made from a whole ledger


@pytest.mark.parametrize("day", [FIRST, LAST])
def test_damaged_findings_are_reported_and_made_again_to_the_byte(
    job: Callable[[], Job], data: Path, day: date
) -> None:
    healthy = findings(data)
    victim = only(data, "findings", day)
    flip(victim)
    if day == FIRST:
        only(data, "findings", LAST).unlink()
    run = job()
    findings_of(run, LAST)
    assert findings(data) == healthy
    assert run.exit_code == Exit.WARNINGS
    assert any(victim.name in message for message in run.messages)


def test_a_missing_ledger_day_is_reported_and_findings_are_made_again(
    job: Callable[[], Job], data: Path
) -> None:
    healthy = findings(data)
    only(data, "ledger", FIRST).unlink()
    run = job()
    make_report(run, LAST)
    assert run.exit_code == Exit.WARNINGS
    assert any(f"{FIRST}" in message and "ledger" in message for message in run.messages)
    assert incomplete(data) == [f"ledger/account=default/date={FIRST}: missing"]
    update_ledger(job())
    run = job()
    make_report(run, LAST)
    assert (run.exit_code, findings(data)) == (Exit.DONE, healthy)


def test_a_damaged_snapshot_makes_findings_incomplete_until_it_is_whole(
    job: Callable[[], Job], data: Path
) -> None:
    healthy = findings(data)
    victim = sorted((data / "snapshots").rglob("*.parquet"))[5]  # 6:00 of the last day
    content = flip(victim)
    night = job()
    update_ledger(night, rebuild=True)
    make_report(night, LAST)
    assert night.exit_code == Exit.WARNINGS
    assert findings(data).keys() != healthy.keys()
    # The day before reads it too, for clusters that one list may have missed.
    assert incomplete(data) == [
        f"ledger/account=default/date={day}: made without some of its snapshots"
        for day in (FIRST, LAST)
    ]
    victim.write_bytes(content)
    night = job()
    update_ledger(night)
    make_report(night, LAST)
    assert (night.exit_code, findings(data)) == (Exit.DONE, healthy)
    assert problems(job()) == []
