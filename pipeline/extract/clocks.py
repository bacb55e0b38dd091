"""The time of each response: its ``Date`` header, if that can be trusted.

The server's clock is preferred, so that a wrong local clock moves no money. But one wrong ``Date``
would date the snapshot in another year. So a ``Date`` counts only if it agrees, within
``extract.max_clock_skew_hours``, with the local clock and with the walk's other responses. If it
does not, the response is dated by the local clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pipeline.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.model import Certificate
    from pipeline.settings import Extract

LONGEST_WALK = timedelta(hours=12)
"""Includes interrupted and resumed walks. The ledger relies on it (ledger.inputs.MAX_WALK)."""

_MIN_HOURS, _MIN_HOURS_AS_DAYS = 2, 48


@dataclass
class Clocks:
    """The server's clock and the local clock during one walk."""

    settings: Extract
    local_now: Callable[[], datetime]
    wrong: int = 0
    """Number of responses dated by the local clock because their ``Date`` was not trusted."""
    skew: float = 0.0
    """Local minus server time in seconds: the largest difference of all responses."""

    def __post_init__(self) -> None:
        self._first_skew: float | None = None
        self._times: list[datetime] = []

    def trusts(self, server_time: datetime) -> bool:
        """Whether a ``Date`` agrees with the local clock and earlier responses."""
        return self._agrees((self.local_now() - server_time).total_seconds())

    def time_of(self, server_time: datetime | None) -> datetime:
        """The UTC time of a response with this ``Date``."""
        local = self.local_now()
        at = local
        if server_time is not None:
            skew = (local - server_time).total_seconds()
            self.skew = max(self.skew, skew, key=abs)
            if self.settings.clock != "local":
                if self._agrees(skew):
                    at = server_time
                    self._first_skew = skew if self._first_skew is None else self._first_skew
                else:
                    self.wrong += 1
        at = at.astimezone(UTC)
        self._times = [min([*self._times, at]), max([*self._times, at])]
        return at

    def check_walk(self, base_url: str, started_at: datetime) -> None:
        """Check that the walk's times can belong to one walk.

        Raises:
            ApiError: they are further apart than any walk lasts. The local clock was changed
                during the walk, so its time is unknown.
        """
        times = [*self._times, started_at]
        first, last = min(times), max(times)
        if self.settings.clock != "simulated" and last - first > LONGEST_WALK:
            raise ApiError(
                f"{base_url}: the clock jumped from {first:%Y-%m-%d %H:%M:%SZ} to "
                f"{last:%Y-%m-%d %H:%M:%SZ} during the walk; nothing was stored: check this "
                "machine's clock (`date -u`), then run again"
            )

    def _agrees(self, skew: float) -> bool:
        if self.settings.clock == "simulated":
            return True
        limit = self.settings.max_clock_skew_hours * 3600
        # With clock = "local" the server's clock may be off, but always by the same amount.
        if self.settings.clock == "server" and abs(skew) > limit:
            return False
        return self._first_skew is None or abs(skew - self._first_skew) <= limit


def clock_warning(certificate: Certificate, max_skew_hours: float) -> str | None:
    """The warning about ``Date`` headers that were not trusted; None if all were."""
    if not certificate.wrong_dates:
        return None
    skew = certificate.clock_skew_seconds
    side = "behind" if skew > 0 else "ahead of"
    return (
        f"{certificate.base_url}: the Date of {certificate.wrong_dates} of {certificate.pages} "
        f"responses is not trusted: up to {_duration(abs(skew))} {side} this machine's clock, "
        f"more than extract.max_clock_skew_hours ({max_skew_hours:g}). This machine's clock was "
        "used instead. Check it (`date -u`). If it is right, the API's clock is wrong: inform its "
        'operator, or set extract.clock = "local"'
    )


def _duration(seconds: float) -> str:
    hours = seconds / 3600
    if hours < _MIN_HOURS:
        return f"{seconds / 60:.0f} minutes"
    return f"{hours:.0f} hours" if hours < _MIN_HOURS_AS_DAYS else f"{hours / 24:.0f} days"
