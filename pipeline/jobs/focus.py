"""The spend of closed days as a FOCUS file, written piece by piece."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, BinaryIO, Literal

from pipeline.errors import Exit, SettingsError
from pipeline.focus.output import writer
from pipeline.focus.rows import NEEDED, Billing, focus_rows
from pipeline.jobs.coverage import closed_days, coverage, warn_of_missing
from pipeline.jobs.findings import read_policy
from pipeline.settings import Account
from pipeline.transform.findings.owners import owner_of
from pipeline.transform.observed import observed_days

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import date

    import pandas as pd

    from pipeline.focus.columns import Version
    from pipeline.jobs import Job
    from pipeline.settings import Settings

DAYS_AT_ONCE = 7
ROWS_AT_ONCE = 100_000
"""Ledger rows that are in memory as FOCUS rows; a row is about 1 kB."""


@dataclass
class Export:
    """The FOCUS rows of the days ``first`` to ``last``: what was written."""

    job: Job = field(repr=False)
    version: Version
    billing: Billing
    first: date
    last: date
    rows: int = 0
    billed_micros: int = 0
    unpriced_rows: int = 0

    def write(self, file: BinaryIO, kind: Literal["parquet", "csv"]) -> None:
        """Write the rows to ``file``; messages about what they lack are in the job."""
        known, policy = coverage(self.job), read_policy(self.job.settings, self.last)
        warn_of_missing(
            self.job, self.last, known.missing(self.last, tuple(self.job.settings.accounts))
        )
        with writer(file, kind, self.version) as write:
            for days in self._pieces():
                ledger = observed_days(days, known.until)
                ledger = ledger.assign(owner=owner_of(policy.owners, ledger))
                rows = focus_rows(ledger, self.billing, self.version)
                write(rows)
                self.rows += rows.num_rows
                self.billed_micros += int(ledger["spend_micros"].sum())
                self.unpriced_rows += int(ledger["spend_micros"].isna().sum())
        if self.unpriced_rows:
            self.job.note(
                Exit.WARNINGS,
                f"cluster-days without a price: {self.unpriced_rows}; their BilledCost is 0 and "
                "their x_CostBasis 'unpriced', since FOCUS allows no unknown cost; give their GPU "
                "types a price in [rate_card] of the settings",
            )

    def _pieces(self) -> Iterator[pd.DataFrame]:
        """The ledger rows, a few days at once, and not too many."""
        begin = self.first
        while begin <= self.last:
            end = min(begin + timedelta(days=DAYS_AT_ONCE - 1), self.last)
            days = self.job.store.read_ledger(begin, end, columns=NEEDED)
            for start in range(0, len(days), ROWS_AT_ONCE):
                yield days.iloc[start : start + ROWS_AT_ONCE].reset_index(drop=True)
            begin = end + timedelta(days=1)


def export(job: Job, version: Version, first: date | None, last: date | None) -> Export:
    """The export of ``first`` (by default the first of the last day's month) to ``last``.

    Raises:
        SettingsError: the dates are not within the closed days, or the settings do not say who is
            billed or in which currency.
        StorageError: no day is closed yet.
    """
    known = coverage(job)
    until = last or known.last_day()
    since, until = closed_days(job, known, first, until, until.day)
    accounts = {ref.account for ref in job.store.ledger_days(None, since, until)}
    return Export(job, version, billing_of(job.settings, accounts), since, until)


def billing_of(settings: Settings, accounts: Collection[str]) -> Billing:
    """Who is billed for ``accounts``, and in which currency.

    Raises:
        SettingsError: the settings do not say it.
    """
    known = {name: settings.accounts.get(name, Account()) for name in sorted(accounts)}
    missing = [] if settings.stated_currency else ["currency"]
    missing += [
        f"accounts.{name}.billing_account_id"
        for name, account in known.items()
        if not account.billing_account_id
    ]
    if missing:
        raise SettingsError(
            f"the settings do not have {' and '.join(missing)}, which FOCUS needs and the API does "
            "not give; set them in the file of --config"
        )
    return Billing(
        settings.currency,
        {
            name: (account.billing_account_id or "", account.billing_account_name or name)
            for name, account in known.items()
        },
    )
