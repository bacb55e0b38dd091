"""The limits of one run: its requests, its waiting time, and the API's rate limit.

Pacing: the rate-limit headers contain the number of requests left and the time of the next reset.
When only the reserve is left, which is for other users of the key, the run waits for the reset. A
wait that does not fit into the run's limit ends the run at once; the message names the time after
which it is worth trying again.
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
MAX_BACKOFF_SECONDS = 30.0

EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""A header with a time outside this range is ignored."""

MAX_WAIT_SECONDS = 366 * 86_400
"""A longer wait is ignored."""

MAX_DATE_LENGTH = 100

RESERVE_DIVISOR = 5
"""The reserve is at most a fifth of the limit."""


@dataclass(frozen=True)
class Timing:
    """The sources of time and chance."""

    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random
    """Uniform in [0, 1)."""


class BudgetError(ApiError):
    """The run has reached its limit of waiting, time or requests."""

    def __init__(self, message: str, brief: str | None = None) -> None:
        super().__init__(message)
        self.brief = brief or message
        """The message without the run's limits, where those are not of the settings."""


@dataclass
class RequestBudget:
    """The requests and waiting time of one run, and their limits."""

    settings: Extract
    timing: Timing = field(default_factory=Timing)
    requests: int = 0
    requests_before: int = 0
    """Requests of the interrupted run that this one continues."""
    waited: float = 0.0
    limit: int | None = None
    remaining: int | None = None

    def __post_init__(self) -> None:
        self._began = self.timing.monotonic()
        self._resets_at: float | None = None
        self._server_time: tuple[datetime, float] | None = None

    def before_request(self) -> None:
        """Wait for the rate limit if necessary, then count one request.

        Raises:
            BudgetError: the wait does not fit, or the run needs too much time or too many requests.
        """
        wait = self._pause_until_reset(self.timing.monotonic())
        if wait > 0:
            self.wait(wait, f"the rate limit is used up, except for a reserve of {self._reserve()}")
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
        return min(self.settings.reserve_requests, self.limit // RESERVE_DIVISOR)

    def _pause_until_reset(self, now: float) -> float:
        if self.remaining is None or self._resets_at is None or self.remaining > self._reserve():
            return 0.0
        if self._resets_at <= now:
            self.remaining = None
            return 0.0
        return self._resets_at - now

    def wait(self, seconds: float, why: str) -> None:
        """Sleep, if the limits allow it.

        Raises:
            BudgetError: they do not; the message names the time to try again.
        """
        elapsed = self.timing.monotonic() - self._began
        too_long = elapsed + seconds > self.settings.max_walk_seconds
        if self.waited + seconds > self.settings.max_wait_seconds or too_long:
            again = f"try again {self._time_after(seconds)}"
            raise BudgetError(
                f"{why}; a wait of {seconds:.0f} s does not fit into what is left of "
                f"extract.max_wait_seconds ({self.settings.max_wait_seconds:g} s) or "
                f"max_walk_seconds; {again}",
                f"{why}; {again}",
            )
        self.waited += seconds
        logger.info("waiting %.1f s: %s", seconds, why)
        self.timing.sleep(seconds)

    def _time_after(self, seconds: float) -> str:
        if self._server_time is None:
            return f"in {seconds:.0f} s"
        server, then = self._server_time
        at = server + timedelta(seconds=self.timing.monotonic() - then + seconds)
        return f"after {at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"

    def backoff(self, failures: int) -> float:
        """Seconds to wait after ``failures`` in a row: doubling, with jitter."""
        ceiling = min(MAX_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2.0 ** min(failures, 16) / 2)
        return ceiling * (0.5 + self.timing.chance() / 2)

    def observe(self, headers: Mapping[str, str], server_time: datetime | None) -> None:
        """Update the rate limit from the headers of a response.

        The reset is a Unix time of the server, so it is compared with the response's own ``Date``.
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
        window = min(whole_number(headers.get("x-ratelimit-window")) or 3600, MAX_WAIT_SECONDS)
        if reset is None or server_time is None:
            return None
        # One more second: the reset and the Date are both rounded to whole seconds.
        seconds = reset - server_time.timestamp() + 1
        return seconds if 0 <= seconds <= 2 * window + 1 else None


MAX_DIGITS = 15


def whole_number(text: str | None) -> int | None:
    """The non-negative integer in a header; None if there is none."""
    return (
        int(text)
        if text and text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS
        else None
    )


def http_date(text: str | None) -> datetime | None:
    """The UTC time in a ``Date`` or ``Retry-After`` header; None if it is not a plausible one."""
    if not text or len(text) > MAX_DATE_LENGTH:
        return None
    try:
        when = parsedate_to_datetime(text)
        when = when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return None
    return when if EARLIEST <= when < LATEST else None


def retry_after(headers: Mapping[str, str], server_time: datetime | None) -> float | None:
    """Seconds to wait after a 429 or 503, from a number or a date; None if neither is given."""
    text = headers.get("retry-after")
    seconds: float | None = whole_number(text)
    if seconds is None:
        when = http_date(text)
        if when is None or server_time is None:
            return None
        seconds = max(0.0, (when - server_time).total_seconds())
    return float(seconds) if seconds <= MAX_WAIT_SECONDS else None
