"""Accounts that are not observed on the report's day, named wherever a number lacks them.

Their spend after the last day that is known is in no number; a number without them is never said
to be the whole. An account that was taken out of the settings is told among what the report rests
on, and is no news.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.report.model import Fact
from pipeline.report.text import names
from pipeline.report.text.numbers import count, count_of, day_long

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from pipeline.model import NotObserved
    from pipeline.report.model import Totals

_NAMED = 3


def missing(facts: Totals) -> tuple[NotObserved, ...]:
    """Those that should be observed."""
    return tuple(one for one in facts.not_observed if one.in_settings)


def last_days(not_observed: Sequence[NotObserved]) -> Mapping[str, date]:
    """The last day that is known of each of them, where any is."""
    return {one.account: one.until for one in not_observed if one.until is not None}


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


def sentence(facts: Totals) -> tuple[str, ...]:
    """What their absence does to the report, as its first sentence; nothing for none."""
    told = phrase(missing(facts))
    if not told:
        return ()
    said = (
        f"{told[:1].upper()}{told[1:]}. Spend there after that is in no number, clusters there are "
        "neither judged nor called gone, and comparisons and forecasts are made without."
    )
    return (said,)


def note(facts: Totals) -> tuple[str, ...]:
    """That a section's numbers lack them, and since when; nothing for none."""
    accounts = facts.not_observed
    if len(accounts) == 1:
        return (f"Without {short(accounts)}, not observed {_since(accounts[0])}.",)
    return (
        (f"Without the accounts that are not observed: {_listed(accounts)}.",) if accounts else ()
    )


def trust(facts: Totals) -> list[Fact]:
    """What is known of each of them, and how they come back."""
    accounts = facts.not_observed
    if not accounts:
        return []
    told = [
        f"{names.shown(one.account)} ({_since(one)}"
        f"{'' if one.in_settings else '; no longer in the settings'})"
        for one in accounts
    ]
    return [
        Fact(
            term="Accounts not observed",
            value=", ".join(told),
            meaning="Each is known up to the last day that a complete snapshot closed, and counted "
            "up to that day. Of later days nothing is known: not what its clusters cost, nor "
            "whether they are still there. `fleetledger extract --account NAME` says what is "
            "wrong; once it is observed again, the days in between are made up for.",
            tone="bad" if missing(facts) else "warn",
        )
    ]


def _listed(accounts: Sequence[NotObserved]) -> str:
    told = [f"{names.shown(one.account)} ({_since(one)})" for one in accounts[:_NAMED]]
    more = len(accounts) - _NAMED
    return ", ".join(told) + (f" and {count(more)} more" if more > 0 else "")


def _since(one: NotObserved) -> str:
    return "on any day" if one.until is None else f"since {day_long(one.until)}"
