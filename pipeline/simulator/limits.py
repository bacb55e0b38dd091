"""The rate limit: a number of requests per fixed window of simulated or real time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import datetime

UNMETERED = 1_000_000
"""The limit in the headers if none is set; requests are not counted then."""


@dataclass(frozen=True)
class Allowance:
    """The state of the rate limit as one request sees it."""

    limit: int
    remaining: int
    reset: int
    """Unix seconds by the simulated clock."""
    retry_after: int
    """Seconds to the next window, at least 1."""
    window: int
    is_exceeded: bool

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """The headers of every response."""
        named = {
            b"x-ratelimit-limit": self.limit,
            b"x-ratelimit-remaining": self.remaining,
            b"x-ratelimit-reset": self.reset,
            b"x-ratelimit-window": self.window,
        }
        return [(name, b"%d" % value) for name, value in named.items()]


class RateLimit:
    """Counts requests, but not those above the limit.

    Args:
        limit: Requests per window; None for no limit.
        window_seconds: The length of the window.
        clock: The clock of the window. Windows of simulated time begin at multiples of their
            length; one of real time begins with its first request.
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
        """The current state, without counting a request."""
        return self._allowance(now, is_exceeded=False)

    def use(self, now: datetime) -> Allowance:
        """Count one request, if the limit allows it."""
        self._start_window(now)
        is_exceeded = self._limit is not None and self._used >= self._limit
        if self._limit is not None and not is_exceeded:
            self._used += 1
        return self._allowance(now, is_exceeded=is_exceeded)

    def _time(self, now: datetime) -> float:
        return now.timestamp() if self._clock == "simulated" else time.monotonic()

    def _start_window(self, now: datetime) -> None:
        t = self._time(now)
        if not self._begun <= t < self._begun + self._window:
            self._begun = t // self._window * self._window if self._clock == "simulated" else t
            self._used = 0

    def _allowance(self, now: datetime, *, is_exceeded: bool) -> Allowance:
        self._start_window(now)
        left = self._begun + self._window - self._time(now)
        limit = UNMETERED if self._limit is None else self._limit
        wait = max(1, int(-(-left // 1)))
        return Allowance(
            limit=limit,
            remaining=limit - self._used,
            reset=int(now.timestamp()) + wait,
            retry_after=wait,
            window=self._window,
            is_exceeded=is_exceeded,
        )
