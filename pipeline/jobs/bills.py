"""What accounts were billed: kept by account and day, and compared with the ledger again each time.

A bill is a fact and its comparison is not: the ledger's days can be built again. So only the billed
amounts are stored, as ``state/billed-ACCOUNT``; a later bill of a day replaces the earlier one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from pipeline.errors import DamageError
from pipeline.model import Bill
from pipeline.transform.reconcile import reconcile

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from datetime import date

    import pandas as pd

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
            bills[account] = within(bill.days, closed_days_of(store, account, known))
    if not bills:
        return None
    return BilledDays(bills, {name: observed_in_full(store, name, known) for name in bills})


def closed_days_of(store: Store, account: str, known: Coverage) -> list[date]:
    """The closed days of an account's ledger."""
    until = known.until.get(account)
    return [ref.day for ref in store.ledger_days(account) if until and ref.day <= until]


def within(billed: Mapping[date, int], closed: list[date]) -> dict[date, int]:
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


def _state(account: str) -> str:
    return f"billed-{account}"
