"""The simulated clock: it stands still, runs at a given speed, or advances with each request."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta


class Clock:
    """Simulated time, shared by the server's thread and the code that sets it.

    Args:
        start: The initial time, with a timezone.
        speed: Simulated seconds per real second; with 0 it moves only when it is advanced.
        step_seconds: Added after each request, so that time passes during a walk.
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
        """The time at which a request is served; then the clock advances by its step."""
        with self._lock:
            served = self._settle()
            self._shown = served + self._step
            return served

    def _settle(self) -> datetime:
        """Add the real time that has passed since the last call, and return the simulated time."""
        real = time.monotonic()
        self._shown += timedelta(seconds=(real - self._since) * self._speed)
        self._since = real
        return self._shown
