"""Who got which mail: kept by date and kind, so that nobody gets the same news twice.

The notice that no day is closed yet is one mail, the report of the same date another. A report made
again is not mailed again, be its content equal or not: a repeated night, a page rendered a minute
later or data that came late would each be a second mail of the same news.
"""

from __future__ import annotations

import re
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
class Sent:
    """Who got one mail of a date, and who was refused it for good, as the store keeps it."""

    store: Store
    day: date
    mail: str
    """Part of the report, and kind; empty for the whole report."""

    @classmethod
    def of(cls, store: Store, day: date, file: str, *, is_notice: bool) -> Sent:
        """By the mail's ``file`` in the report's folder."""
        part = file.removeprefix("mail").removesuffix(".eml")
        return cls(store, day, part + _NOTICE * is_notice)

    def served(self) -> set[str]:
        """Who got it. Earlier versions kept a notice under the report's name: it counts here."""
        old = "" if self.mail == _NOTICE else self.mail
        return {*self._served(self.mail), *self._served(old)}

    def refused(self) -> dict[str, str]:
        """Who was refused it for good, and the codes it was refused with."""
        return self._refusals().get(self.mail, {})

    def add(self, results: Mapping[str, str]) -> None:
        """Keep what became of it: each recipient's result, empty if accepted."""
        accepted = {one for one, refusal in results.items() if not refusal}
        served = sorted(accepted.union(self._served(self.mail)))
        self.store.put_state(f"sent-{self.day}{self.mail}", msgspec.json.encode(served))
        before, all_mails = self.refused(), self._refusals()
        kept = {one: said for one, said in before.items() if one not in results}
        # Codes only: the words are the server's, and it may quote what it was sent.
        kept |= {one: _codes(said) for one, said in results.items() if is_permanent(said)}
        if kept != before:
            refusals = msgspec.json.encode(all_mails | {self.mail: kept})
            self.store.put_state(f"refused-{self.day}", refusals)

    def _served(self, mail: str) -> list[str]:
        kept = self.store.get_state(f"sent-{self.day}{mail}")
        return msgspec.json.decode(kept or b"[]", type=list[str])

    def _refusals(self) -> dict[str, dict[str, str]]:
        """Of all mails of the date: one file, since the longest owner's name leaves no room."""
        kept = self.store.get_state(f"refused-{self.day}")
        return msgspec.json.decode(kept or b"{}", type=dict[str, dict[str, str]])


def _codes(reply: str) -> str:
    """The reply code and the enhanced status code of a refusal, such as ``550 5.1.1``."""
    found = re.match(r"\d{3}(?:[ -]\d\.\d{1,3}\.\d{1,3})?", reply)
    return found[0] if found else ""
