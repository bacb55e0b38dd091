"""What changed between two periods: the spend by cause, and the clusters' statuses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from pipeline.errors import Exit, SettingsError
from pipeline.jobs.coverage import coverage, warn_of_missing
from pipeline.periods import Period
from pipeline.report.text.numbers import NBSP
from pipeline.report.text.periods import listed
from pipeline.transform import changes
from pipeline.transform.observed import observed_days, observed_on
from pipeline.transform.spend_change import SpendChange, last_two_weeks, spend_change

if TYPE_CHECKING:
    from pipeline.jobs import Job
    from pipeline.jobs.coverage import Coverage
    from pipeline.periods import Days


@dataclass(frozen=True, eq=False, kw_only=True)
class PeriodChange:
    """The change from one period to another."""

    spend: SpendChange
    before_micros: int
    after_micros: int
    ledger: pd.DataFrame
    """The rows of both periods."""
    statuses: pd.DataFrame | None
    """``transform.changes.since`` the end of the first; None where a moment has no rows."""


def changes_between(
    job: Job, before: Days | None = None, after: Days | None = None
) -> PeriodChange:
    """The change from ``before`` to ``after``, by default of the last two weeks, as in the report.

    A period with days that an account lacks is compared as it is, with a warning.

    Raises:
        SettingsError: only one period, or days that are not closed.
        StorageError: no day is closed yet.
    """
    known = coverage(job)
    closed = known.last_day()
    if before is None and after is None:
        before, after = last_two_weeks(closed)
    if before is None or after is None:
        raise SettingsError("give both periods, or none for the last two weeks")
    begin = min(ref.day for ref in job.store.ledger_days())
    for first, last in (before, after):
        if not begin <= first <= last <= closed:
            raise SettingsError(
                f"{first} to {last}: the closed days of the ledger are {begin} to {closed}"
            )
    warn_of_missing(job, after[1], known.missing(after[1], tuple(job.settings.accounts)))
    _warn_of_unknown_days(job, known, before, after)
    rows = [job.store.read_ledger(*period) for period in (before, after)]
    was, now = (
        observed_on(observed_days(part, known.until), known.until, after[1]) for part in rows
    )
    ledger = _together(was, now, is_overlapping=before[1] >= after[0])
    return PeriodChange(
        spend=spend_change(ledger, before, after),
        before_micros=int(was["spend_micros"].sum()),
        after_micros=int(now["spend_micros"].sum()),
        ledger=ledger,
        statuses=changes.since(ledger, before[1], after[1]),
    )


def _together(was: pd.DataFrame, now: pd.DataFrame, *, is_overlapping: bool) -> pd.DataFrame:
    """The rows of both, each once."""
    both = pd.concat([was, now], ignore_index=True)
    return both.drop_duplicates(["account", "cluster_id", "date"]) if is_overlapping else both


def _warn_of_unknown_days(job: Job, known: Coverage, before: Days, after: Days) -> None:
    """Name the days of the periods that an account has no data of."""
    for account, until in known.until.items():
        if until < after[1]:
            continue
        for first, last in (before, after):
            days = {ref.day for ref in job.store.ledger_days(account, first, last)}
            if runs := Period("window", first, last).missing(days):
                text = f"account {account}: no data of {listed(runs)}".replace(NBSP, " ")
                job.note(Exit.WARNINGS, f"{text}; the periods are not comparable")
