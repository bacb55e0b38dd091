"""What every way of walking the list shares: asking, remembering, and what was seen on the way."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from pipeline.extract.decode import decode_page

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.extract.budget import Budget
    from pipeline.extract.client import Client
    from pipeline.extract.roster import Added, Roster
    from pipeline.extract.shapes import Page
    from pipeline.settings import Extract

Query = dict[str, str | int]

SECOND = timedelta(seconds=1)

MOST_REQUEST_IDS = 20
"""Request ids kept for the certificate: the first and latest ones, for a support ticket."""


class Progress(Protocol):
    """Something that shows how the walk is doing."""

    def update(
        self,
        *,
        clusters: int,
        total: int | None,
        pages: int,
        requests_left: int | None,
        eta_seconds: float | None,
    ) -> None:
        """After each page."""


class Silent:
    """Shows nothing."""

    def update(
        self,
        *,
        clusters: int,
        total: int | None,
        pages: int,
        requests_left: int | None,
        eta_seconds: float | None,
    ) -> None:
        """Do nothing."""


@dataclass
class Walk:
    """One run over one list."""

    client: Client
    budget: Budget
    roster: Roster
    settings: Extract
    version: str
    progress: Progress
    local_now: Callable[[], datetime]
    pages: int = 0
    """Usable answers."""
    total_count: int | None = None
    """What the first answer about the whole list said it holds."""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    skew: float = 0.0
    request_ids: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._began = self.budget.timing.monotonic()

    def ask(self, query: Query, client: Client | None = None) -> tuple[Page, datetime]:
        """One answer, and when it was given by the clock the settings choose."""
        fetched = (client or self.client).get(query, lambda body: decode_page(body, self.version))
        with self._lock:
            local = self.local_now()
            at = fetched.server_time or local
            if fetched.server_time is not None:
                self.skew = (local - fetched.server_time).total_seconds()
            if self.settings.clock == "local":
                at = local
            at = at.astimezone(UTC)
            self.started_at = at if self.started_at is None else min(self.started_at, at)
            self.finished_at = at if self.finished_at is None else max(self.finished_at, at)
            self.pages += 1
            if fetched.page.request_id:
                self.request_ids.append(fetched.page.request_id)
                del self.request_ids[MOST_REQUEST_IDS // 2 : -MOST_REQUEST_IDS // 2]
        return fetched.page, at

    def take(self, page: Page, at: datetime) -> Added:
        """Remember the records of a page that passed its checks."""
        added = self.roster.add(page, at)
        seen, total = len(self.roster), self.total_count
        spent = self.budget.timing.monotonic() - self._began
        eta = spent / seen * (total - seen) if total and 0 < seen <= total else None
        self.progress.update(
            clusters=seen,
            total=total,
            pages=self.pages,
            requests_left=self.budget.remaining,
            eta_seconds=eta,
        )
        return added


def created_times(page: Page) -> list[datetime]:
    """The known creation times on a page, in its order."""
    return [record.created_at for record in page.records if record.created_at is not None]


def iso(when: datetime) -> str:
    """``when`` as the API writes times: UTC, with a fraction only if there is one."""
    text = when.astimezone(UTC).isoformat(timespec="microseconds" if when.microsecond else "auto")
    return text.replace("+00:00", "Z")


def whole_second(when: datetime) -> datetime:
    """The second ``when`` lies in."""
    return when.replace(microsecond=0)
