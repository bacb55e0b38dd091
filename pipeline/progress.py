"""The interface by which a run reports its progress, and an implementation that ignores it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class WalkProgress:
    """The progress of a walk over an account's list."""

    clusters: int
    """Clusters so far."""
    total: int | None
    """The API's count of the list; None if it gives none."""
    pages: int
    requests_left: int | None
    """Requests left in the rate limit's window; None if the API gives no number."""


OnPage = Callable[[WalkProgress], None]
"""Called after each page of a walk."""


class Progress(Protocol):
    """Shows the progress of a run."""

    def line(self, text: str) -> None:
        """Called with something to know while the run goes on."""

    def wait(self, until: datetime) -> None:
        """Called before the run waits."""

    def walk(self, account: str) -> OnPage:
        """Called when a walk over an account's list begins; call the result after each page."""

    def days(self, what: str, days: Sequence[date]) -> Iterable[date]:
        """The days to build; iterating over them reports them."""


class NoProgress:
    """Shows nothing."""

    def line(self, text: str) -> None:
        """Nothing."""
        del text

    def wait(self, until: datetime) -> None:
        """Nothing."""
        del until

    def walk(self, account: str) -> OnPage:
        """A function that ignores pages."""
        del account
        return ignore

    def days(self, what: str, days: Sequence[date]) -> Iterable[date]:
        """The days, unchanged."""
        del what
        return days


def ignore(_: WalkProgress) -> None:
    """Do nothing after a page."""
