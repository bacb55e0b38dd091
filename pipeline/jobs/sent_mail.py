"""Who got which mail: kept by date and kind, so that a report is mailed to a recipient once.

The notice that no day is closed yet is one mail, the report of the same date another. A report that
is made again is not mailed again, even if its content differs: a repeated night, a page rendered
a minute later or data that came late would each cause a second mail with the same news.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date  # noqa: TC003 - msgspec reads the annotations
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.store import Store

_NOTICE = "-notice"
_REFUSALS = "refused-recipients"
MOST_REFUSALS = 3
"""A recipient refused for good with the mails of so many dates in a row gets no more."""


@dataclass(frozen=True)
class SentMail:
    """The recipients of one mail of a date, and those who were refused it for good."""

    store: Store
    day: date
    mail: str
    """Part of the report, and kind; empty for the whole report."""

    @classmethod
    def of(cls, store: Store, day: date, file: str, *, is_notice: bool) -> SentMail:
        """The mail with the name ``file`` in the report's folder."""
        part = file.removeprefix("mail").removesuffix(".eml")
        return cls(store, day, part + _NOTICE * is_notice)

    def recipients(self) -> set[str]:
        """The addresses that have got it."""
        # Earlier versions kept the recipients of a notice under the report's name.
        old_name = "" if self.mail == _NOTICE else self.mail
        return {*self._recipients(self.mail), *self._recipients(old_name)}

    def refused(self) -> dict[str, str]:
        """The addresses that were refused for good, each with the server's reason."""
        return self._refusals().get(self.mail, {})

    def add(self, results: Mapping[str, str]) -> None:
        """Keep the result of each recipient: empty if accepted, else the server's reason."""
        accepted = {address for address, reason in results.items() if not reason}
        recipients = sorted(accepted.union(self._recipients(self.mail)))
        self.store.put_state(f"sent-{self.day}{self.mail}", msgspec.json.encode(recipients))
        before, all_mails = self.refused(), self._refusals()
        refused = {address: reason for address, reason in before.items() if address not in results}
        refused |= {address: reason for address, reason in results.items() if _is_permanent(reason)}
        if refused != before:
            refusals = msgspec.json.encode(all_mails | {self.mail: refused})
            self.store.put_state(f"refused-{self.day}", refusals)
        _count_refusals(self.store, self.day, results)

    def _recipients(self, mail: str) -> list[str]:
        data = self.store.get_state(f"sent-{self.day}{mail}")
        return msgspec.json.decode(data or b"[]", type=list[str])

    def _refusals(self) -> dict[str, dict[str, str]]:
        """The refusals of all mails of the date."""
        # One file: a name with the date and the longest owner's name would be too long.
        data = self.store.get_state(f"refused-{self.day}")
        return msgspec.json.decode(data or b"{}", type=dict[str, dict[str, str]])


class Refusals(msgspec.Struct, frozen=True):
    """The dates in a row whose mail a recipient was refused for good, and the last reason."""

    days: tuple[date, ...]
    reason: str

    @property
    def is_last(self) -> bool:
        """Whether the recipient is mailed no more, until ``send`` is accepted for it."""
        return len(self.days) >= MOST_REFUSALS


def refusals(store: Store) -> dict[str, Refusals]:
    """The recipients whose last mail was refused for good, by their addresses."""
    return store.read_state(_REFUSALS, dict[str, Refusals]) or {}


def given_up(recipient: str, days: int, reason: str) -> str:
    """The message about a recipient who gets no more mails."""
    return (
        f"mail to {recipient} was refused for good on {days} dates and is not tried any more "
        f"({reason}); correct the address, or try again with `fleetledger send`"
    )


def _count_refusals(store: Store, day: date, results: Mapping[str, str]) -> None:
    """Add the permanent refusals of ``results``; an accepted mail ends the count."""
    before = refusals(store)
    after = {address: kept for address, kept in before.items() if results.get(address, "-")}
    for address, reason in results.items():
        if _is_permanent(reason):
            days = after[address].days if address in after else ()
            after[address] = Refusals(tuple(sorted({*days, day})), reason)
    if after != before:
        store.put_state(_REFUSALS, msgspec.json.encode(after))


def _is_permanent(refusal: str) -> bool:
    """Whether the server refused a recipient for good (5xx), not for now (4xx)."""
    return refusal.startswith("5")
