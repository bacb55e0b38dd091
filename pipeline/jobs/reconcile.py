"""An account's bill against its ledger: from a file, or from the API's month to date."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from pipeline.errors import Exit, SettingsError, StorageError
from pipeline.extract.billing import fetch_bill, parse_bill
from pipeline.jobs.bills import BilledDays, closed_days_of, keep, observed_in_full, within
from pipeline.jobs.coverage import coverage
from pipeline.jobs.extract import api_target
from pipeline.model import Bill
from pipeline.schema import LEDGER, MICROS_PER_UNIT
from pipeline.transform.observed import observed_days

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    import pandas as pd

    from pipeline.jobs import Job

_MOST_NAMED = 8
_READ = [name for name in LEDGER.names if name.endswith("_micros") or name in {
    "account", "date", "cluster_id", "project_id", "region", "gpu_type", "gpu_count", "template_id",
    "running_seconds", "unpriced_seconds",
}]  # fmt: skip


@dataclass(frozen=True)
class Reconciled:
    """A bill against the ledger."""

    account: str
    rows: pd.DataFrame
    """Of ``schema.RECONCILIATION``."""
    others: Mapping[str, int]
    """What the bill has for other resources, in micros."""
    left_out: Mapping[date, int]
    """The days asked for on which money was billed and that the ledger does not cover; micros."""


def reconcile_file(
    job: Job, account: str, data: bytes, source: str, first: date | None, last: date | None
) -> Reconciled:
    """Compare the bill in a file, as :func:`reconcile_bill`.

    Raises:
        SettingsError: the file is no bill, or is in another currency.
    """
    return reconcile_bill(job, account, parse_bill(data, source), source, first, last)


def reconcile_live(job: Job, account: str, first: date | None, last: date | None) -> Reconciled:
    """Compare what the API says of the month to date, as :func:`reconcile_bill`.

    Raises:
        KeyRefusedError, ApiError: there is no bill.
    """
    target = api_target(job, account)
    bill = fetch_bill(target, job.settings.extract)
    return reconcile_bill(job, account, bill, target.base_url, first, last)


def reconcile_bill(
    job: Job, account: str, bill: Bill, source: str, first: date | None, last: date | None
) -> Reconciled:
    """Compare the closed days of ``bill`` from ``first`` to ``last`` with the ledger.

    All its closed days are kept for reports; of a day that is not over it has only a part. Days
    that cannot be compared are a warning.

    Raises:
        SettingsError: the bill is in another currency.
        StorageError: no day of it is a closed day of the ledger.
    """
    ours = job.settings.currency
    if bill.currency is not None and bill.currency.upper() != ours:
        stated = "as the settings say" if job.settings.stated_currency else "assumed"
        raise SettingsError(
            f"{source}: the bill is in {bill.currency[:40]} and the ledger in {ours} ({stated}); "
            "give the bill of this account, or correct currency in the settings"
        )
    known = coverage(job)
    closed = closed_days_of(job.store, account, known)
    billed_closed = within(bill.days, closed)
    asked = [day for day in bill.days if (first or day) <= day <= (last or day)]
    wanted = [day for day in asked if day in billed_closed]
    if not wanted:
        raise StorageError(
            f"{source}: none of its days{_between(first, last)} is a closed day of account "
            f"{account}: the bill has {_span(list(bill.days))}, the ledger {_span(closed)}"
        )
    keep(job.store, account, Bill(days=billed_closed, currency=ours))
    left_out = {
        day: bill.days[day] for day in sorted(asked) if day not in billed_closed and bill.days[day]
    }
    if left_out:
        job.note(Exit.WARNINGS, f"{source}: {_not_compared(left_out, account, closed, ours)}")
    begin, end = min(wanted), max(wanted)
    rows = observed_days(job.store.read_ledger(begin, end, [account], _READ), known.until)
    billed = BilledDays(
        {account: {day: bill.days[day] for day in wanted}},
        {account: observed_in_full(job.store, account, known)},
    )
    return Reconciled(account, billed.rows(rows, begin, end), bill.others, left_out)


def _not_compared(
    left_out: Mapping[date, int], account: str, closed: list[date], currency: str
) -> str:
    days = [str(day) for day in left_out]
    shown = ", ".join(days if len(days) <= _MOST_NAMED else [*days[:_MOST_NAMED], "…"])
    units = Decimal(sum(left_out.values())) / MICROS_PER_UNIT
    remedy = (
        "give the bill again once later days are closed"
        if max(left_out) > closed[-1]
        else f"--from {closed[0]} leaves out what is before them"
    )
    return (
        f"billed and not compared: {units:,.2f} {currency} on {len(days)} "
        f"{'day' if len(days) == 1 else 'days'} ({shown}); the closed days of account {account} "
        f"are {_span(closed)}; {remedy}"
    )


def _between(first: date | None, last: date | None) -> str:
    return (f" from {first}" if first else "") + (f" to {last}" if last else "")


def _span(days: list[date]) -> str:
    return f"{min(days)} to {max(days)}" if days else "none"
