"""Whose time counts: each answer's ``Date`` header, as far as it can be believed.

The server's clock is preferred, so that a wrong clock of this machine moves no money. But a single
wrong ``Date`` would date the snapshot in another year. So a ``Date`` counts only if it agrees,
within ``extract.max_clock_skew_hours``, with this machine's clock and with the other answers of the
walk; else the answer is dated by this machine.
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
"""Interrupted and resumed walks included; the ledger relies on it (ledger.inputs.MAX_WALK)."""

_HOURS_SHOWN_IN_MINUTES, _HOURS_SHOWN_IN_DAYS = 2, 48


@dataclass
class Clocks:
    """The server's clock and this machine's, over one walk."""

    settings: Extract
    local_now: Callable[[], datetime]
    wrong: int = 0
    """Answers that were dated by this machine because their ``Date`` was not believed."""
    skew: float = 0.0
    """Local minus server time in seconds: the largest difference of any answer."""

    def __post_init__(self) -> None:
        self._usual_skew: float | None = None
        self._times: list[datetime] = []

    def believes(self, server_time: datetime) -> bool:
        """Whether a ``Date`` agrees with what is known of the time."""
        return self._agrees((self.local_now() - server_time).total_seconds())

    def time_of(self, server_time: datetime | None) -> datetime:
        """When an answer with this ``Date`` was given, in UTC."""
        local = self.local_now()
        at = local
        if server_time is not None:
            skew = (local - server_time).total_seconds()
            self.skew = max(self.skew, skew, key=abs)
            if self.settings.clock != "local":
                if self._agrees(skew):
                    at = server_time
                    self._usual_skew = skew if self._usual_skew is None else self._usual_skew
                else:
                    self.wrong += 1
        at = at.astimezone(UTC)
        self._times = [min([*self._times, at]), max([*self._times, at])]
        return at

    def check_walk(self, base_url: str, started_at: datetime) -> None:
        """That the walk's times can be those of one walk.

        Raises:
            ApiError: they are further apart than any walk lasts: this machine's clock was set
                meanwhile, and nothing says when the walk took place.
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
        # With clock = "local" the server's clock may be off, but only by the same all the time.
        if self.settings.clock == "server" and abs(skew) > limit:
            return False
        return self._usual_skew is None or abs(skew - self._usual_skew) <= limit


def clock_warning(certificate: Certificate, max_skew_hours: float) -> str | None:
    """What a user must hear of Dates that were not believed; None if all were."""
    if not certificate.wrong_dates:
        return None
    skew = certificate.clock_skew_seconds
    side = "behind" if skew > 0 else "ahead of"
    return (
        f"{certificate.base_url}: the Date of {certificate.wrong_dates} of {certificate.pages} "
        f"answers is not believed: up to {_length(abs(skew))} {side} this machine's clock, more "
        f"than extract.max_clock_skew_hours ({max_skew_hours:g}); this machine's clock counts "
        "instead. Check it (`date -u`); if it is right, the API's is wrong: tell its operator, or "
        'set extract.clock = "local"'
    )


def _length(seconds: float) -> str:
    hours = seconds / 3600
    if hours < _HOURS_SHOWN_IN_MINUTES:
        return f"{seconds / 60:.0f} minutes"
    return f"{hours:.0f} hours" if hours < _HOURS_SHOWN_IN_DAYS else f"{hours / 24:.0f} days"
