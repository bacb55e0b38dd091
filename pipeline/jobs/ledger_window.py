"""Closed days of the ledger, as a command or a method asks for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.jobs.coverage import closed_days, coverage, warn_of_missing
from pipeline.jobs.ledger_rows import Span, id_ranges
from pipeline.transform import utilization
from pipeline.transform.fold import Fold, stacked
from pipeline.transform.observed import observed_days

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import date

    import pandas as pd

    from pipeline.jobs import Job
    from pipeline.jobs.coverage import Coverage

Names = tuple[str, str]
"""The options or arguments that hold the first and the last day, for errors."""
OPTIONS: Names = ("--from", "--to")


@dataclass(frozen=True)
class Window:
    """The closed days ``first`` to ``last``."""

    first: date
    last: date
    coverage: Coverage


def closed_window(
    job: Job, first: date | None, last: date | None, days: int, named_by: Names = OPTIONS
) -> Window:
    """The days ``first`` to ``last`` (by default the last closed day), with warnings.

    ``days``: how many days up to ``last`` are in it if ``first`` is not given; fewer where the
    ledger begins later.

    Raises:
        SettingsError: the dates are not within the closed days.
        StorageError: no day is closed yet.
    """
    known = coverage(job)
    since, until = closed_days(job, known, first, last, days, named_by)
    warn_of_missing(job, until, known.missing(until, tuple(job.settings.accounts)))
    return Window(since, until, known)


def read_window(job: Job, window: Window, columns: Collection[str] | None = None) -> pd.DataFrame:
    """The ledger rows of ``window``, of the days on which their account is observed."""
    rows = job.store.read_ledger(window.first, window.last, columns=columns)
    return observed_days(rows, window.coverage.until)


def utilization_of(job: Job, window: Window) -> pd.DataFrame:
    """``transform.utilization.rank`` of ``window``; a large fleet is read range by range."""
    span = Span(window.first, window.first, window.last)
    refs = span.refs(job.store)
    last = max((ref.day for ref in refs), default=window.last)
    until = window.coverage.until
    parts = []
    for ids in id_ranges(job.store, span, refs):
        rows = observed_days(job.store.read_ledger_days(refs, ids=ids), until)
        parts.append(utilization.facts(Fold.of(rows), last, until))
    return utilization.ranked(stacked(parts))
