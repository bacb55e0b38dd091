"""The rate limit: a fixed window of so many requests, in simulated or in real time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import datetime

UNMETERED = 1_000_000
"""What the headers announce when no limit is set; such requests are not counted."""


@dataclass(frozen=True)
class Allowance:
    """What one request was told about its limit."""

    limit: int
    remaining: int
    reset: int
    """Unix seconds by the simulated clock."""
    retry_after: int
    """Seconds to the next window, at least 1."""
    window: int
    refused: bool

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """As they stand on every response."""
        named = {
            b"x-ratelimit-limit": self.limit,
            b"x-ratelimit-remaining": self.remaining,
            b"x-ratelimit-reset": self.reset,
            b"x-ratelimit-window": self.window,
        }
        return [(name, b"%d" % value) for name, value in named.items()]


class RateLimit:
    """Counts requests; a refused one is not counted.

    Args:
        limit: requests per window; None for no limit.
        window_seconds: its length.
        clock: what the window is measured in. Windows of simulated time begin at its whole
            multiples; one of real time begins with its first request.
    """

    def __init__(
        self,
        limit: int | None,
        window_seconds: int = 3600,
        clock: Literal["simulated", "real"] = "simulated",
    ) -> None:
        self._limit = limit
        self._window = window_seconds
        self._clock = clock
        self._begun = float("-inf")
        self._used = 0

    def peek(self, now: datetime) -> Allowance:
        """How things stand, without asking for anything."""
        return self._allowance(now, refused=False)

    def take(self, now: datetime) -> Allowance:
        """Ask for one request."""
        self._turn(now)
        refused = self._limit is not None and self._used >= self._limit
        if self._limit is not None and not refused:
            self._used += 1
        return self._allowance(now, refused=refused)

    def _time(self, now: datetime) -> float:
        return now.timestamp() if self._clock == "simulated" else time.monotonic()

    def _turn(self, now: datetime) -> None:
        t = self._time(now)
        if not self._begun <= t < self._begun + self._window:
            self._begun = t // self._window * self._window if self._clock == "simulated" else t
            self._used = 0

    def _allowance(self, now: datetime, *, refused: bool) -> Allowance:
        self._turn(now)
        left = self._begun + self._window - self._time(now)
        limit = UNMETERED if self._limit is None else self._limit
        wait = max(1, int(-(-left // 1)))
        return Allowance(
            limit=limit,
            remaining=limit - self._used,
            reset=int(now.timestamp()) + wait,
            retry_after=wait,
            window=self._window,
            refused=refused,
        )
