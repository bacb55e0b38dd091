"""Until when each account is observed, from the names of its snapshots and ledger days.

Nothing here reads the clock. Whether an account is missing on a day follows from what is stored, so
a report of a past day uses the data of an account that has caught up since.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from pipeline.errors import Exit, SettingsError, StorageError
from pipeline.ledger.inputs import observed_until
from pipeline.model import NotObserved

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import date

    from pipeline.jobs import Job


@dataclass(frozen=True)
class Coverage:
    """The accounts that have a history."""

    since: Mapping[str, date]
    """The day of each one's first snapshot or ledger day."""
    until: Mapping[str, date]
    """The last day on which it is observed; an account without one is not in it."""

    def last_day(self) -> date:
        """The last day on which any account is observed.

        Raises:
            StorageError: no day is closed yet.
        """
        if not self.until:
            raise StorageError(
                "no day is closed yet: a day closes with the first complete snapshot after its end "
                "(UTC)"
            )
        return max(self.until.values())

    def has(self, account: str, day: date) -> bool:
        """Whether the account is observed on ``day``: it is closed, and in the ledger."""
        return account in self.until and day <= self.until[account]

    def missing(self, day: date, accounts: Collection[str]) -> tuple[NotObserved, ...]:
        """The accounts that are not observed on ``day``.

        ``accounts`` are those the settings name; none means all there are. An account whose history
        begins later is not missing: nothing is known of any account before its first snapshot.
        """
        return tuple(
            NotObserved(
                account=name,
                until=self.until.get(name),
                in_settings=not accounts or name in accounts,
            )
            for name in sorted({*self.since, *accounts})
            if not self.has(name, day) and self.since.get(name, day) <= day
        )


def closed_days(
    job: Job,
    known: Coverage,
    first: date | None,
    last: date | None,
    days: int,
    named_by: tuple[str, str] = ("--from", "--to"),
) -> tuple[date, date]:
    """The days from ``first`` to ``last`` (by default the last closed day).

    Args:
        job: the inputs of the run.
        known: what is observed.
        first: the first day.
        last: the last one.
        days: how many up to ``last`` if ``first`` is not given; fewer where the ledger begins
            later.
        named_by: the options or arguments that hold the days, for errors.

    Raises:
        SettingsError: the dates are not within the closed days.
        StorageError: no day is closed yet.
    """
    closed = known.last_day()
    begin = min(ref.day for ref in job.store.ledger_days())
    until = last or closed
    since = first or max(begin, until - timedelta(days=days - 1))
    if not begin <= since <= until <= closed:
        options = " ".join(
            f"{name} {day}" for name, day in zip(named_by, (first, last), strict=True) if day
        )
        raise SettingsError(f"{options}: the closed days of the ledger are {begin} to {closed}")
    return since, until


def warn_of_missing(job: Job, day: date, accounts: Iterable[NotObserved]) -> None:
    """Name each account that should be observed on ``day`` and is not, and the remedy."""
    for missing in accounts:
        if not missing.in_settings:
            continue
        since = "on any day" if missing.until is None else f"since {missing.until}"
        remedy = (
            f"`fleetledger extract --account {missing.account}` shows what is wrong, and "
            "`fleetledger nightly` catches up"
            if missing.account in job.settings.all_accounts
            else "give the --config that names it"
        )
        job.note(
            Exit.WARNINGS,
            f"account {missing.account}: not observed {since}, so its later costs and its findings "
            f"are not in the results of {day}; {remedy}",
        )


def coverage(job: Job) -> Coverage:
    """The coverage of every account in the store."""
    store = job.store
    built: dict[str, list[date]] = defaultdict(list)
    for ref in store.ledger_days():
        built[ref.account].append(ref.day)
    final: dict[str, set[date]] = defaultdict(set)
    for account, day in store.final_days():
        final[account].add(day)
    since, until = {}, {}
    for account in store.accounts():
        refs = job.snapshots(account)
        days = [*built[account], *(ref.day for ref in refs[:1])]
        last = observed_until(refs, built[account], final[account])
        if days:
            since[account] = min(days)
        if last is not None:
            until[account] = last
    return Coverage(since, until)
