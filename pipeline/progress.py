"""How far a run has come, for whoever shows it; a null object where nobody watches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date


@dataclass(frozen=True, slots=True)
class WalkProgress:
    """Where a walk over an account's list stands."""

    clusters: int
    """Clusters found so far."""
    total: int | None
    """What the API said the list holds; None where it does not say."""
    pages: int
    requests_left: int | None
    """Requests left in the rate limit's window; None where the API does not say."""


OnPage = Callable[[WalkProgress], None]
"""Called after each page of a walk."""


class Progress(Protocol):
    """Shows how a run is doing."""

    def walk(self, account: str) -> OnPage:
        """The walk over an account's list begins."""

    def days(self, what: str, days: Sequence[date]) -> Iterable[date]:
        """The days to build, shown as they pass."""


class NoProgress:
    """Shows nothing."""

    def walk(self, account: str) -> OnPage:
        """Ignore the walk."""
        del account
        return ignore

    def days(self, what: str, days: Sequence[date]) -> Iterable[date]:
        """The days, unchanged."""
        del what
        return days


def ignore(_: WalkProgress) -> None:
    """Do nothing after a page."""
