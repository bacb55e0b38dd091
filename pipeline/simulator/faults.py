"""Faults that the simulated API injects: by script, by chance, or in every response.

A fault changes the page before it is written (``bad_responses``) or the reply after that
(``failed_responses``). ``Faults`` decides which request gets which fault, and keeps a log of them.
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
    """One kind of fault."""

    name: str
    on_page: Callable[[Page], None] | None = None
    on_reply: Callable[[Reply, datetime], Reply] | None = None
    stale_seconds: int = 0
    """The page shows the fleet as it was this long ago."""


class Faults:
    """The faults of each request. Requests are counted from 1, without refused ones.

    Args:
        script: Faults by request number.
        always: Faults of every request.
        chance: The probability that a request gets one of ``choices``.
        choices: The faults to choose from at random.
        max_in_a_row: The most random faults in a row.
        quirks: How filters and order deviate, in all requests.
        unstable_ties: Clusters that sort alike have a new order in every request.
        churn: Clusters that are created and deleted between requests.
        seed: The same seed and requests give the same faults.
    """

    def __init__(
        self,
        *,
        script: Mapping[int, Fault] | None = None,
        always: Sequence[Fault] = (),
        chance: float = 0.0,
        choices: Sequence[Fault] = (),
        max_in_a_row: int = 3,
        quirks: Quirks | None = None,
        unstable_ties: bool = False,
        churn: Churn | None = None,
        seed: int = 0,
    ) -> None:
        self.churn = churn
        self.log: list[tuple[int, str]] = []
        """(request number, fault) of all faults injected by script or by chance."""
        self.requests = 0
        self._script = dict(script or {})
        self._always = tuple(always)
        self._chance, self._choices, self._max_in_a_row = chance, tuple(choices), max_in_a_row
        self._in_a_row = 0
        self._quirks = quirks or Quirks()
        self._unstable_ties = unstable_ties
        self._random = random.Random(seed)  # noqa: S311 (a game of chance, not a secret)

    def next(self, now: datetime) -> tuple[Fault, ...]:
        """The faults of the request that is served at ``now``; the fleet changes before it."""
        self.requests += 1
        if self.churn:
            self.churn.step(now)
        faults: tuple[Fault, ...] = ()
        if self.requests in self._script:
            faults = (self._script[self.requests],)
        elif (
            self._choices
            and self._random.random() < self._chance
            and self._in_a_row < self._max_in_a_row
        ):
            faults = (self._random.choice(self._choices),)
        self._in_a_row = self._in_a_row + 1 if faults else 0
        self.log += [(self.requests, fault.name) for fault in faults]
        return (*self._always, *faults)

    @property
    def quirks(self) -> Quirks:
        """The deviations of the current request's filters and order."""
        if self._unstable_ties:
            return replace(self._quirks, unstable_ties=self.requests)
        return self._quirks
