"""What every way of walking the list shares: asking, remembering, and what was seen on the way."""

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
    from pipeline.extract.budget import Budget
    from pipeline.extract.client import Client, Fetched
    from pipeline.extract.record_set import Added, RecordSet
    from pipeline.progress import OnPage
    from pipeline.settings import Extract

Query = dict[str, str | int]

SECOND = timedelta(seconds=1)

LOOKS_AT_A_STALE_ANSWER = LOOKS_AT_A_SHORT_ANSWER = 3

STALE_AFTER = timedelta(seconds=30)
"""Servers behind one address may differ by a little; a Date further back is a cached answer."""

COUNTED_WRONG, MOST_UNCOUNTED = 10, 250_000
"""More clusters than this many times the highest count (or than this many, without any) are not a
list with a wrong count, but a server that makes them up as it is asked."""

MOST_REQUEST_IDS = 20
"""Request ids kept for the certificate: the first and latest ones, for a support ticket."""


class Position(msgspec.Struct):
    """How far a walk by creation time has come, from the newest cluster down."""

    bound: datetime | None = None
    """Everything created after it has been read; None at the beginning."""
    remaining: int | None = None
    """How many clusters the last answer left, if it can be known."""
    above: datetime | None = None
    """The bound before this one."""
    oldest: datetime | None = None
    """The oldest time seen: what was cut at a page's end shares its second."""


class Traits(msgspec.Struct):
    """What was found out about the server on the way."""

    bound_is_inclusive: bool = False
    counts_follow: bool = True
    """Whether ``total_count`` counts what the filters match."""
    counts_too_low: bool = False
    """Whether an answer counted fewer clusters than it held: no count is evidence then."""


@dataclass
class Walk:
    """One run over one list."""

    client: Client
    budget: Budget
    record_set: RecordSet
    settings: Extract
    version: str
    on_page: OnPage
    local_now: Callable[[], datetime]
    pages: int = 0
    """Usable answers."""
    total_count: int | None = None
    """What the first answer about the whole list said it holds."""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    request_ids: list[str] = field(default_factory=list)
    traits: Traits = field(default_factory=Traits)
    position: Position | None = field(default_factory=Position)
    """Where a later run can continue the walk by creation time; None once that is finished."""
    doubts: list[str] = field(default_factory=list)
    """Why the pages alone prove nothing, if so."""
    warnings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ids_seen: dict[str, frozenset[tuple[str, str | int]]] = {}
        self._latest: datetime | None = None
        self.clocks = Clocks(self.settings, self.local_now)
        self._highest_count = 0

    @property
    def is_endless(self) -> bool:
        """Whether far more has come than a list can hold, by the API's own count."""
        most = COUNTED_WRONG * self._highest_count + MOST_UNCOUNTED // COUNTED_WRONG
        most = most if self._highest_count else MOST_UNCOUNTED
        return len(self.record_set) + len(self.record_set.quarantine) > most

    def ask(self, query: Query) -> tuple[Page, datetime]:
        """One fresh answer, and when it was given by the clock the settings choose."""
        for _ in range(LOOKS_AT_A_STALE_ANSWER):
            fetched = self.client.get(query, lambda body: decode_page(body, self.version))
            self.traits.counts_too_low |= fetched.page.counts_too_low
            self._highest_count = max(self._highest_count, fetched.page.total_count or 0)
            if not self._is_stale(fetched, query):
                break
        else:
            self.doubts.append("the API repeated answers it had given before")
        at = self.clocks.time_of(fetched.server_time)
        self.started_at = self.started_at or at
        self.finished_at = at if self.finished_at is None else max(self.finished_at, at)
        self.pages += 1
        if fetched.page.request_id:
            self._ids_seen.setdefault(fetched.page.request_id, frozenset(query.items()))
            self.request_ids.append(fetched.page.request_id)
        del self.request_ids[MOST_REQUEST_IDS // 2 : -MOST_REQUEST_IDS // 2]
        return fetched.page, at

    def _is_stale(self, fetched: Fetched, query: Query) -> bool:
        """Whether an answer is one from a cache: an old Date, or the id of another request.

        A server that gives every answer the same request id says nothing by repeating it.
        """
        first_asked = self._ids_seen.get(fetched.page.request_id or "")
        repeats = first_asked not in {None, frozenset(query.items())} and len(self._ids_seen) > 1
        at, latest = fetched.server_time, self._latest
        # A wrong Date ahead of the others must not make all that follow look old.
        if at is not None and (latest is None or at > latest) and self.clocks.believes(at):
            self._latest = at
        return repeats or bool(at and latest and at < latest - STALE_AFTER)

    def is_older_than_run(self, created_at: datetime | None) -> bool:
        """Whether a cluster existed before the first answer; an unknown age counts as yes."""
        return created_at is None or self.started_at is None or created_at < self.started_at

    def ask_whole(self, query: Query) -> tuple[Page, datetime]:
        """An answer that is not shorter than its own count says, if there is one to be had."""
        for _ in range(LOOKS_AT_A_SHORT_ANSWER):
            page, at = self.ask(query)
            wanted = min(self.settings.page_size, page.per_page or self.settings.page_size)
            if page.total_count is None or page.size >= min(wanted, page.total_count):
                break
        return page, at

    def take(self, page: Page, at: datetime) -> Added:
        """Remember the records of a page that passed its checks."""
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
