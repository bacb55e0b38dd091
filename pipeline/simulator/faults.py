"""What an API does to its clients on purpose: by script, by chance, or all the time.

A fault changes the page before it is written (lies.py), or the reply after (failures.py).
``Faults`` decides which request meets which; it keeps a log of what was injected, so that a test
can say what it survived.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pipeline.simulator.query_results import Quirks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from pipeline.simulator.churn import Churn
    from pipeline.simulator.page import Page
    from pipeline.simulator.response import Reply


@dataclass(frozen=True)
class Fault:
    """One way to go wrong."""

    name: str
    on_page: Callable[[Page], None] | None = None
    on_reply: Callable[[Reply, datetime], Reply] | None = None
    stale_seconds: int = 0
    """The page shows the fleet of so long ago."""


class Faults:
    """Which request meets which fault. Requests are counted from 1, those refused excluded.

    Args:
        script: faults by request number.
        always: faults of every request.
        chance: the probability that a request meets one of ``menu``.
        menu: what chance picks from.
        at_most: chance stops after so many faults in a row.
        quirks: how filters and order deviate, on all requests.
        unstable_ties: clusters that sort alike come in a new order on every request.
        churn: clusters come and go between requests.
        seed: the same seed and requests meet the same faults.
    """

    def __init__(
        self,
        *,
        script: Mapping[int, Fault] | None = None,
        always: Sequence[Fault] = (),
        chance: float = 0.0,
        menu: Sequence[Fault] = (),
        at_most: int = 3,
        quirks: Quirks | None = None,
        unstable_ties: bool = False,
        churn: Churn | None = None,
        seed: int = 0,
    ) -> None:
        self.churn = churn
        self.log: list[tuple[int, str]] = []
        """(request number, fault) of everything injected by script or chance."""
        self.requests = 0
        self._script = dict(script or {})
        self._always = tuple(always)
        self._chance, self._menu, self._at_most = chance, tuple(menu), at_most
        self._in_a_row = 0
        self._quirks = quirks or Quirks()
        self._unstable_ties = unstable_ties
        self._random = random.Random(seed)  # noqa: S311 (a game of chance, not a secret)

    def next(self, now: datetime) -> tuple[Fault, ...]:
        """The faults of the request that is served now; the fleet changes before it."""
        self.requests += 1
        if self.churn:
            self.churn.step(now)
        met: tuple[Fault, ...] = ()
        if self.requests in self._script:
            met = (self._script[self.requests],)
        elif self._menu and self._random.random() < self._chance and self._in_a_row < self._at_most:
            met = (self._random.choice(self._menu),)
        self._in_a_row = self._in_a_row + 1 if met else 0
        self.log += [(self.requests, fault.name) for fault in met]
        return (*self._always, *met)

    @property
    def quirks(self) -> Quirks:
        """How this request's filters and order deviate."""
        if self._unstable_ties:
            return replace(self._quirks, unstable_ties=self.requests)
        return self._quirks
