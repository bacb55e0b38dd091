"""Requests and waiting are the currency: one purse per run, shared by all workers.

Pacing: the rate-limit headers say how many requests are left until when. Below the reserve, which
belongs to other users of the key, the run waits for the reset. A wait that does not fit into the
run's wait budget ends the run at once, with the time after which it is worth trying again.
"""

from __future__ import annotations

import logging
import random
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from pipeline.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pipeline.settings import Extract

logger = logging.getLogger(__name__)

FIRST_BACKOFF_SECONDS = 0.5
LONGEST_BACKOFF_SECONDS = 30.0


LONGEST_WAIT_SECONDS = 366 * 86_400
"""A header that asks to wait longer says nothing."""

LONGEST_DATE = 100
"""Characters."""

RESERVE_SHARE = 5
"""The reserve takes at most this fraction (one fifth) of a small limit."""


@dataclass(frozen=True)
class Timing:
    """Time and chance, as arguments."""

    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random
    """Uniform in [0, 1)."""


class BudgetError(ApiError):
    """The run's budget of waiting, time or pages is spent."""


@dataclass
class Budget:
    """What the run has spent, and may still spend."""

    settings: Extract
    timing: Timing = field(default_factory=Timing)
    requests: int = 0
    requests_before: int = 0
    """Of the interrupted run this one goes on from."""
    waited: float = 0.0
    limit: int | None = None
    remaining: int | None = None

    def __post_init__(self) -> None:
        self._began = self.timing.monotonic()
        self._resets_at: float | None = None
        self._server_time: tuple[datetime, float] | None = None

    def before_request(self) -> None:
        """Wait for the rate limit if need be, then count one request.

        Raises:
            BudgetError: the wait does not fit, or the run has taken too long or too many pages.
        """
        wait = self._pause_until_reset(self.timing.monotonic())
        if wait > 0:
            self.wait(wait, f"the rate limit is used up but for a reserve of {self._reserve()}")
        if self.timing.monotonic() - self._began > self.settings.max_walk_seconds:
            raise BudgetError(
                f"the walk took longer than extract.max_walk_seconds "
                f"({self.settings.max_walk_seconds:g} s)"
            )
        if self.requests >= self.settings.max_pages:
            raise BudgetError(
                f"the walk needs more than extract.max_pages ({self.settings.max_pages})"
            )
        self.requests += 1
        if self.remaining is not None:
            self.remaining -= 1

    def _reserve(self) -> int:
        if self.limit is None:
            return self.settings.reserve_requests
        return min(self.settings.reserve_requests, self.limit // RESERVE_SHARE)

    def _pause_until_reset(self, now: float) -> float:
        if self.remaining is None or self._resets_at is None or self.remaining > self._reserve():
            return 0.0
        if self._resets_at <= now:
            self.remaining = None
            return 0.0
        return self._resets_at - now

    def wait(self, seconds: float, why: str) -> None:
        """Sleep, if the wait budget allows.

        Raises:
            BudgetError: it does not; says when to try again.
        """
        elapsed = self.timing.monotonic() - self._began
        too_long = elapsed + seconds > self.settings.max_walk_seconds
        if self.waited + seconds > self.settings.max_wait_seconds or too_long:
            raise BudgetError(
                f"{why}; waiting {seconds:.0f} s does not fit into what is left of "
                f"extract.max_wait_seconds ({self.settings.max_wait_seconds:g} s) or "
                f"max_walk_seconds; try again {self._when(seconds)}"
            )
        self.waited += seconds
        logger.info("waiting %.1f s: %s", seconds, why)
        self.timing.sleep(seconds)

    def _when(self, seconds: float) -> str:
        if self._server_time is None:
            return f"in {seconds:.0f} s"
        server, then = self._server_time
        at = server + timedelta(seconds=self.timing.monotonic() - then + seconds)
        return f"after {at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"

    def backoff(self, failures: int) -> float:
        """Seconds before the next try after ``failures`` in a row: doubling, jittered."""
        longest = min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2.0 ** min(failures, 16) / 2)
        return longest * (0.5 + self.timing.chance() / 2)

    def observe(self, headers: Mapping[str, str], server_time: datetime | None) -> None:
        """Take over what an answer says about the rate limit.

        The reset is a Unix time of the server, so it is measured against the answer's own Date.
        """
        now = self.timing.monotonic()
        if server_time is not None:
            self._server_time = (server_time, now)
        limit, remaining = (
            whole_number(headers.get(f"x-ratelimit-{name}")) for name in ("limit", "remaining")
        )
        if remaining is None:
            return
        self.limit, self.remaining = limit, remaining
        seconds = self._seconds_to_reset(headers, server_time)
        self._resets_at = None if seconds is None else now + seconds

    def _seconds_to_reset(
        self, headers: Mapping[str, str], server_time: datetime | None
    ) -> float | None:
        reset = whole_number(headers.get("x-ratelimit-reset"))
        window = min(whole_number(headers.get("x-ratelimit-window")) or 3600, LONGEST_WAIT_SECONDS)
        if reset is None or server_time is None:
            return None
        # A second more: the header is whole seconds, and so is the Date it is measured against.
        seconds = reset - server_time.timestamp() + 1
        return seconds if 0 <= seconds <= 2 * window + 1 else None


def whole_number(text: str | None) -> int | None:
    """The non-negative integer a header holds, or None."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= 15 else None  # noqa: PLR2004


def http_date(text: str | None) -> datetime | None:
    """The UTC time of a ``Date`` or ``Retry-After`` header; None if it is not one."""
    if not text or len(text) > LONGEST_DATE:
        return None
    try:
        when = parsedate_to_datetime(text)
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return None


def retry_after(headers: Mapping[str, str], server_time: datetime | None) -> float | None:
    """Seconds a 429 or 503 asks to wait, from a number or a date; None if it does not say."""
    text = headers.get("retry-after")
    seconds: float | None = whole_number(text)
    if seconds is None:
        when = http_date(text)
        if when is None or server_time is None:
            return None
        seconds = max(0.0, (when - server_time).total_seconds())
    return float(seconds) if seconds <= LONGEST_WAIT_SECONDS else None
