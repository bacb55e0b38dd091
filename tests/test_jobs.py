"""What a job collects: messages once each, counts, and one exit code of several."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from pipeline.errors import Exit, KeyRefusedError
from pipeline.jobs import Job
from pipeline.keys import Secret
from pipeline.settings import Extract, Settings
from pipeline.store import Store

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def new_job(folder: Path, settings: Settings | None = None) -> Job:
    store = Store(str(folder))
    return Job(store, settings or Settings(), lambda *_: Secret("k"), lambda: NOW)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return new_job(tmp_path)


def test_a_run_without_notes_is_done(job: Job) -> None:
    assert job.exit_code is Exit.DONE


def test_a_message_is_kept_once_and_its_code_always_counts(job: Job) -> None:
    job.note(Exit.WARNINGS, "a gap")
    job.note(Exit.DAMAGE, "a gap")
    assert job.messages == ["a gap"]
    assert job.codes == {Exit.WARNINGS, Exit.DAMAGE}


def test_an_error_is_noted_with_its_own_code(job: Job) -> None:
    job.note_error(KeyRefusedError("no API key"))
    assert (job.exit_code, job.messages) == (Exit.KEY_REFUSED, ["no API key"])


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ((3, 4), 4), ((4, 11), 11), ((11, 10), 10), ((10, 12), 12), ((12, 13), 13),
        ((3, 4, 10, 11, 12, 13), 13), ((2,), 2), ((2, 3), 3), ((1,), 1),
    ],
)  # fmt: skip
def test_of_several_codes_the_worst_is_the_exit_code(
    job: Job, codes: tuple[int, ...], expected: int
) -> None:
    for code in codes:
        job.note(Exit(code), f"problem {code}")
    assert job.exit_code == expected


def test_counts_add_up(job: Job) -> None:
    job.add("clusters", 2)
    job.add("clusters", 3)
    assert job.counts == {"clusters": 5}


def test_a_snapshot_may_be_ahead_by_the_allowed_skew_only(job: Job, tmp_path: Path) -> None:
    assert job.latest() == NOW + timedelta(minutes=30)
    simulated = new_job(tmp_path, Settings(extract=Extract(clock="simulated")))
    assert simulated.latest() > NOW + timedelta(days=365_000)
