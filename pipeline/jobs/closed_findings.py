"""The findings of a closed day, for all that show them: commands, notebook and assistants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.errors import ReadOnlyError, SettingsError, StorageError
from pipeline.jobs.coverage import warn_of_missing
from pipeline.jobs.findings import findings_of, keep_open
from pipeline.jobs.report import last_closed

if TYPE_CHECKING:
    from datetime import date

    from pipeline.jobs import Job
    from pipeline.jobs.findings import DayFindings


def closed_findings(
    job: Job, day: date | None, *, rebuild: bool = False, named_by: str = "--date"
) -> DayFindings:
    """The findings of ``day``, by default of the last closed one, which are kept for later.

    ``named_by``: the option or argument that holds ``day``, for errors. Nothing is stored where the
    store is read-only.

    Raises:
        StorageError: no day is closed yet.
        SettingsError: ``day`` is not closed.
    """
    wanted = _checked(job, day, named_by)
    try:
        with job.store.lock("derive"):
            judged = findings_of(job, wanted, rebuild=rebuild)
            if day is None:
                keep_open(job, judged)
    except ReadOnlyError:
        if rebuild:
            raise
        judged = findings_of(job, wanted, is_stored=False)
    warn_of_missing(job, judged.day, judged.missing)
    return judged


def read_closed_findings(
    job: Job, day: date | None, *, applies_settings: bool = True, named_by: str = "day"
) -> DayFindings:
    """The same, without writing anything: stale findings are made in memory only.

    ``applies_settings``: whether the job's settings judge the day; else those of the last run do.

    Raises:
        StorageError: no day is closed yet.
        SettingsError: ``day`` is not closed.
    """
    wanted = _checked(job, day, named_by)
    judged = findings_of(job, wanted, is_stored=False, applies_settings=applies_settings)
    warn_of_missing(job, judged.day, judged.missing)
    return judged


def _checked(job: Job, day: date | None, named_by: str) -> date:
    closed = last_closed(job)
    if closed is None:
        raise StorageError(
            "no day is closed yet, so there are no findings: a day closes with the first "
            "complete snapshot after its end (UTC)"
        )
    if day is not None and day > closed:
        raise SettingsError(f"{named_by} {day}: the last closed day is {closed}")
    return day or closed
