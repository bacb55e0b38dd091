"""The state that all walks over the list share, and the requests they make."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from pipeline.extract.clocks import Clocks
from pipeline.extract.decode import decode_page
from pipeline.progress import WalkProgress

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.extract.api_types import Page
    from pipeline.extract.budget import RequestBudget
    from pipeline.extract.client import Client, Fetched
    from pipeline.extract.record_set import Added, RecordSet
    from pipeline.progress import OnPage
    from pipeline.settings import Extract

Query = dict[str, str | int]

SECOND = timedelta(seconds=1)

MAX_STALE_ATTEMPTS = MAX_SHORT_ATTEMPTS = 3

STALE_AFTER = timedelta(seconds=30)
"""Servers behind one address may differ a little; an even older ``Date`` is from a cache."""

ENDLESS_FACTOR, MAX_UNCOUNTED = 10, 250_000
"""A list with more clusters than this many times the highest count (or than ``MAX_UNCOUNTED``
without a count) is endless: the server invents clusters for each request."""

MAX_REQUEST_IDS = 20
"""Request ids kept for the certificate: the first and the last ones, for a support ticket."""


class Position(msgspec.Struct):
    """How far a walk by creation time has come, from the newest cluster down."""

    bound: datetime | None = None
    """Everything created after it has been read; None at the beginning."""
    remaining: int | None = None
    """Number of clusters below the latest page, if the API counts them."""
    previous_bound: datetime | None = None
    oldest: datetime | None = None
    """The oldest creation time read. Clusters cut off at the end of a page share its second."""


class ServerTraits(msgspec.Struct):
    """What the responses showed about the server."""

    bound_is_inclusive: bool = False
    counts_follow: bool = True
    """Whether ``total_count`` counts what the filters match."""
    counts_too_low: bool = False
    """Whether a response counted fewer clusters than it contains: then no count is evidence."""


@dataclass
class Walk:
    """One walk over one list, and its results."""

    client: Client
    budget: RequestBudget
    record_set: RecordSet
    settings: Extract
    version: str
    on_page: OnPage
    local_now: Callable[[], datetime]
    pages: int = 0
    """Number of usable responses."""
    total_count: int | None = None
    """The count in the first response about the whole list."""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    request_ids: list[str] = field(default_factory=list)
    traits: ServerTraits = field(default_factory=ServerTraits)
    position: Position | None = field(default_factory=Position)
    """Where a later run can continue the walk by creation time; None once that is finished."""
    doubts: list[str] = field(default_factory=list)
    """Reasons why the pages alone are no proof."""
    warnings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ids_seen: dict[str, frozenset[tuple[str, str | int]]] = {}
        self._latest: datetime | None = None
        self.clocks = Clocks(self.settings, self.local_now)
        self._highest_count = 0

    @property
    def is_endless(self) -> bool:
        """Whether far more clusters were read than the API ever counted."""
        limit = ENDLESS_FACTOR * self._highest_count + MAX_UNCOUNTED // ENDLESS_FACTOR
        limit = limit if self._highest_count else MAX_UNCOUNTED
        return len(self.record_set) + len(self.record_set.quarantine) > limit

    def fetch(self, query: Query) -> tuple[Page, datetime]:
        """The response to ``query``, requested again if it is stale, and its time."""
        for _ in range(MAX_STALE_ATTEMPTS):
            fetched = self.client.get(query, lambda body: decode_page(body, self.version))
            self.traits.counts_too_low |= fetched.page.counts_too_low
            self._highest_count = max(self._highest_count, fetched.page.total_count or 0)
            if not self._is_stale(fetched, query):
                break
        else:
            self.doubts.append("the API repeated earlier responses")
        at = self.clocks.time_of(fetched.server_time)
        self.started_at = self.started_at or at
        self.finished_at = at if self.finished_at is None else max(self.finished_at, at)
        self.pages += 1
        if fetched.page.request_id:
            self._ids_seen.setdefault(fetched.page.request_id, frozenset(query.items()))
            self.request_ids.append(fetched.page.request_id)
        del self.request_ids[MAX_REQUEST_IDS // 2 : -MAX_REQUEST_IDS // 2]
        return fetched.page, at

    def _is_stale(self, fetched: Fetched[Page], query: Query) -> bool:
        """Whether a response comes from a cache: it has an old Date, or another request's id.

        A server that gives all its responses the same id proves nothing by repeating it.
        """
        first_query = self._ids_seen.get(fetched.page.request_id or "")
        repeats = first_query not in {None, frozenset(query.items())} and len(self._ids_seen) > 1
        at, latest = fetched.server_time, self._latest
        # A wrong Date in the future must not make all later responses seem old.
        if at is not None and (latest is None or at > latest) and self.clocks.trusts(at):
            self._latest = at
        return repeats or bool(at and latest and at < latest - STALE_AFTER)

    def is_older_than_run(self, created_at: datetime | None) -> bool:
        """Whether a cluster existed before the first response; true if its age is unknown."""
        return created_at is None or self.started_at is None or created_at < self.started_at

    def fetch_full(self, query: Query) -> tuple[Page, datetime]:
        """As :meth:`fetch`, but requested again while the page is shorter than its own count."""
        for _ in range(MAX_SHORT_ATTEMPTS):
            page, at = self.fetch(query)
            wanted = min(self.settings.page_size, page.per_page or self.settings.page_size)
            if page.total_count is None or page.size >= min(wanted, page.total_count):
                break
        return page, at

    def add(self, page: Page, at: datetime) -> Added:
        """Add the records of a page, and report the progress."""
        added = self.record_set.add(page, at)
        self.on_page(
            WalkProgress(
                clusters=len(self.record_set),
                total=self.total_count,
                pages=self.pages,
                requests_left=self.budget.remaining,
            )
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
