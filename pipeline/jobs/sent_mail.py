"""Who got which mail: kept by date and kind, so that a report is mailed to a recipient once.

The notice that no day is closed yet is one mail, the report of the same date another. A report that
is made again is not mailed again, even if its content differs: a repeated night, a page rendered
a minute later or data that came late would each cause a second mail with the same news.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from pipeline.deliver.mail import is_permanent

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from pipeline.store import Store

_NOTICE = "-notice"


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
        refused |= {address: reason for address, reason in results.items() if is_permanent(reason)}
        if refused != before:
            refusals = msgspec.json.encode(all_mails | {self.mail: refused})
            self.store.put_state(f"refused-{self.day}", refusals)

    def _recipients(self, mail: str) -> list[str]:
        data = self.store.get_state(f"sent-{self.day}{mail}")
        return msgspec.json.decode(data or b"[]", type=list[str])

    def _refusals(self) -> dict[str, dict[str, str]]:
        """The refusals of all mails of the date."""
        # One file: a name with the date and the longest owner's name would be too long.
        data = self.store.get_state(f"refused-{self.day}")
        return msgspec.json.decode(data or b"{}", type=dict[str, dict[str, str]])
