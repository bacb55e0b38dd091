"""Accounts without data on the report's day, named wherever a number lacks them.

Their spend after their last known day is in no number, and a number without them is never presented
as complete. An account that was taken out of the settings is named among the data quality only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.report.model import Fact
from pipeline.report.text import names
from pipeline.report.text.numbers import count, count_of, day_long

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.model import NotObserved
    from pipeline.transform.totals import Totals

_NAMED = 3
"""Accounts named in a sentence; more are counted."""


def missing(totals: Totals) -> tuple[NotObserved, ...]:
    """The accounts that should be observed."""
    return tuple(account for account in totals.not_observed if account.in_settings)


def phrase(accounts: Sequence[NotObserved]) -> str:
    """``account lab not observed since 22 November 2026``; empty for none."""
    if len(accounts) == 1:
        return f"{short(accounts)} not observed {_since(accounts[0])}"
    return f"accounts not observed: {_listed(accounts)}" if accounts else ""


def short(accounts: Sequence[NotObserved]) -> str:
    """``account lab``, ``2 accounts``; empty for none."""
    if len(accounts) == 1:
        return f"account {names.shown(accounts[0].account)}"
    return count_of(len(accounts), "account") if accounts else ""


def sentence(totals: Totals) -> tuple[str, ...]:
    """What their absence does to the report, as its first sentence; nothing for none."""
    accounts = missing(totals)
    if not accounts:
        return ()
    text = phrase(accounts)
    its, it = ("Its", "it") if len(accounts) == 1 else ("Their", "them")
    return (
        (
            f"{text[:1].upper()}{text[1:]}. {its} later spend is not included in any figure, "
            f"{its.lower()} clusters are neither judged nor reported as gone, and comparisons and "
            f"forecasts exclude {it}."
        ),
    )


def note(totals: Totals) -> tuple[str, ...]:
    """That a section's numbers lack them, and since when; nothing for none."""
    accounts = totals.not_observed
    if len(accounts) == 1:
        return (f"Data is missing for {short(accounts)}, not observed {_since(accounts[0])}.",)
    return (
        (f"Data is missing for accounts that are not observed: {_listed(accounts)}.",)
        if accounts
        else ()
    )


def facts(totals: Totals) -> list[Fact]:
    """What is known of each of them, and how to get their data again."""
    accounts = totals.not_observed
    if not accounts:
        return []
    listed = [
        f"{names.shown(account.account)} ({_since(account)}"
        f"{'' if account.in_settings else '; no longer in the settings'})"
        for account in accounts
    ]
    return [
        Fact(
            term="Accounts not observed",
            value=", ".join(listed),
            meaning="Each account is included up to the last day that a complete snapshot closed. "
            "Nothing is known about later days: neither what its clusters cost nor whether they "
            "still exist. Run `fleetledger extract --account NAME` to see what is wrong; once the "
            "account is observed again, the missing days are filled in.",
            tone="bad" if missing(totals) else "warn",
        )
    ]


def _listed(accounts: Sequence[NotObserved]) -> str:
    listed = [
        f"{names.shown(account.account)} ({_since(account)})" for account in accounts[:_NAMED]
    ]
    more = len(accounts) - _NAMED
    return ", ".join(listed) + (f" and {count(more)} more" if more > 0 else "")


def _since(account: NotObserved) -> str:
    return "on any day" if account.until is None else f"since {day_long(account.until)}"
