"""What accounts were billed: kept by account and day, and compared with the ledger again each time.

A bill is a fact and its comparison is not: the ledger's days can be built again. So only the billed
amounts are stored, as ``state/billed-ACCOUNT``; a later bill of a day replaces the earlier one.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from pipeline.errors import DamageError, Exit, SettingsError, StorageError
from pipeline.extract.billing import fetch_bill, parse_bill
from pipeline.jobs.coverage import coverage
from pipeline.jobs.extract import api_target
from pipeline.model import Bill
from pipeline.schema import LEDGER, MICROS_PER_UNIT
from pipeline.transform.observed import observed_days
from pipeline.transform.reconcile import reconcile

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from datetime import date

    import pandas as pd

    from pipeline.jobs import Job
    from pipeline.jobs.coverage import Coverage
    from pipeline.store import Store


@dataclass(frozen=True)
class BilledDays:
    """What accounts were billed, and which days of each were observed in full."""

    bills: Mapping[str, Mapping[date, int]]
    observed: Mapping[str, Collection[date]]

    def rows(self, ledger: pd.DataFrame, first: date, last: date) -> pd.DataFrame:
        """``transform.reconcile`` of the days ``first`` to ``last``; ``ledger`` has their rows."""
        bills = {
            account: {day: micros for day, micros in days.items() if first <= day <= last}
            for account, days in self.bills.items()
        }
        return reconcile(bills, ledger, self.observed)


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
    billed_closed = _within(bill.days, closed)
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


_MOST_NAMED = 8
_READ = [name for name in LEDGER.names if name.endswith("_micros") or name in {
    "account", "date", "cluster_id", "project_id", "region", "gpu_type", "gpu_count", "template_id",
    "running_seconds", "unpriced_seconds",
}]  # fmt: skip


def keep(store: Store, account: str, bill: Bill) -> None:
    """Store the billed days, in place of earlier amounts of the same days."""
    name = _state(account)
    before = store.read_state(name, Bill)
    days = {} if before is None or before.currency != bill.currency else before.days
    kept = Bill(days={**days, **bill.days}, currency=bill.currency)
    store.put_state(name, msgspec.json.encode(kept))


def billed_days(
    store: Store,
    currency: str,
    known: Coverage,
    has: Callable[[str], bool],
    damaged: list[str],
) -> BilledDays | None:
    """The stored bills in ``currency`` of the accounts that ``has`` accepts; None without any.

    The names of unreadable ones are added to ``damaged``.
    """
    bills = {}
    for account in known.until:
        try:
            bill = store.read_state(_state(account), Bill) if has(account) else None
        except DamageError:
            damaged.append(f"state/{_state(account)}")
            continue
        if bill is not None and bill.currency == currency:
            bills[account] = _within(bill.days, closed_days_of(store, account, known))
    if not bills:
        return None
    return BilledDays(bills, {name: observed_in_full(store, name, known) for name in bills})


def closed_days_of(store: Store, account: str, known: Coverage) -> list[date]:
    """The closed days of an account's ledger."""
    until = known.until.get(account)
    return [ref.day for ref in store.ledger_days(account) if until and ref.day <= until]


def _within(billed: Mapping[date, int], closed: list[date]) -> dict[date, int]:
    """The billed days from the first closed day to the last; there is no history of others."""
    return {
        day: micros for day, micros in billed.items() if closed and closed[0] <= day <= closed[-1]
    }


def observed_in_full(store: Store, account: str, known: Coverage) -> set[date]:
    """The days of an account from whose first second to whose last it was observed."""
    days = closed_days_of(store, account, known)
    snapshots = store.snapshots(account)
    if not days:
        return set()
    begins = snapshots[0].started_at if snapshots else None
    # Of a first day whose snapshots were thinned it is not known when they began.
    is_whole = begins is not None and begins.timetuple()[:6] == (*days[0].timetuple()[:3], 0, 0, 0)
    return set(days if is_whole else days[1:])


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


def _state(account: str) -> str:
    return f"billed-{account}"


def _between(first: date | None, last: date | None) -> str:
    return (f" from {first}" if first else "") + (f" to {last}" if last else "")


def _span(days: list[date]) -> str:
    return f"{min(days)} to {max(days)}" if days else "none"
