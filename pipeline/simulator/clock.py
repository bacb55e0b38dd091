"""The simulated clock: it stands still, runs at a speed, or moves a step with every request."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta


class Clock:
    """Simulated time, shared by the server's thread and whoever steers it.

    Args:
        start: the time it shows at first; it has a timezone.
        speed: simulated seconds per real second; 0 stands still unless it is advanced.
        step_seconds: what each served request adds, so that a walk over pages sees time pass.
    """

    def __init__(self, start: datetime, *, speed: float = 0.0, step_seconds: float = 0.0) -> None:
        self._lock = threading.Lock()
        self._speed = speed
        self._step = timedelta(seconds=step_seconds)
        self._shown = start.astimezone(UTC)
        self._since = time.monotonic()

    def now(self) -> datetime:
        """The simulated time, in UTC."""
        with self._lock:
            return self._settle()

    def advance(self, seconds: float) -> None:
        """Jump by ``seconds``."""
        with self._lock:
            self._shown = self._settle() + timedelta(seconds=seconds)

    def set(self, t: datetime) -> None:
        """Jump to ``t``."""
        with self._lock:
            self._settle()
            self._shown = t.astimezone(UTC)

    def tick(self) -> datetime:
        """The time at which a request is served; the step comes after it."""
        with self._lock:
            served = self._settle()
            self._shown = served + self._step
            return served

    def _settle(self) -> datetime:
        """Fold the real time that went by into the time shown."""
        real = time.monotonic()
        self._shown += timedelta(seconds=(real - self._since) * self._speed)
        self._since = real
        return self._shown
