"""The walk by creation time: newest first, each page bounded by the oldest time read so far.

Page numbers over a changing list skip and repeat clusters. Here the page is always 1, and every
request is for the newest clusters created before a bound: new clusters are above the bound, and
deletions cannot shift it.

Each response has the count of all clusters that match, so it can be checked on its own (full,
sorted, inside its bound) and against the previous one: after a page of n out of T, T - n clusters
must match the next bound. If fewer match, either clusters were deleted, or others share the oldest
creation time: then the range of the page is read again, from its old end. If counts do not follow
the bound, pages overlap by a second instead, and the ids alone must prove the walk.

Learned from the responses, never assumed: whether ``created_before`` includes its bound, whether it
has an effect at all, whether counts follow the filters, whether the server caps the page size.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from pipeline.extract.same_second import split_window
from pipeline.extract.walk import SECOND, Position, Query, Walk, created_times, iso, whole_second

if TYPE_CHECKING:
    from datetime import datetime

    from pipeline.extract.api_types import Page

MAX_FLAW_ATTEMPTS = 3
"""Requests for a page that contradicts itself before it is accepted with its flaw."""

NEWEST_FIRST: Query = {"page": 1, "sort_by": "created_at", "sort_order": "desc"}

MAX_IDLE_PAGES = 10
"""Pages may overlap. After this many without a new cluster the walk makes no progress."""

NOT_SORTED, OUT_OF_BOUNDS, SHORT = "not sorted", "outside its bounds", "short"
MORE_THAN_LEFT, WITHOUT_ID = "more than were left", "records without an id"
"""The flaws that a page may have."""


class NotWalkableByTimeError(Exception):
    """The server does not support the walk by creation time; the message is the reason."""


class TimeWalk:
    """The walk from the newest cluster to the oldest."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self._traits = walk.traits

    def run(self, position: Position) -> None:
        """Walk from ``position`` to the oldest cluster; ``position`` is updated after each page.

        Raises:
            NotWalkableByTimeError: the server ignores bounds or the order.
        """
        previous: frozenset[str] | None = None
        idle = 0
        while True:
            page, at = self._fetch_valid(position)
            times = created_times(page)
            added = self._walk.add(page, at)
            idle = 0 if added.new else idle + 1
            if position.bound is not None and position.bound in times:
                self._traits.bound_is_inclusive = True
            self._check_count(position, page, added.repeated, previous)
            previous = frozenset(record.id for record in page.records)
            counted = self._traits.counts_follow and page.total_count is not None
            remaining = max(0, (page.total_count or 0) - page.size) if counted else None
            # A full page is never taken for the last one: the count may be too low.
            if (remaining == 0 and not self._is_full(page)) or (not counted and not added.new):
                return
            if not times:
                raise NotWalkableByTimeError("a page without a single creation time")
            if self._walk.is_endless or idle == MAX_IDLE_PAGES:
                raise NotWalkableByTimeError(f"no end after {len(self._walk.record_set)} clusters")
            self._step(position, page, remaining)

    def _step(self, position: Position, page: Page, remaining: int | None) -> None:
        """Move the bound down to the oldest time of the page."""
        times = created_times(page)
        oldest = min(times)
        second = whole_second(oldest)
        ties = sum(time < second + SECOND for time in times)
        # Several clusters of one second at the end of a page: a batch was cut off, and the rest of
        # it comes next. Reading a few twice is cheaper than searching for missing ones afterwards.
        is_cut = 1 < ties <= len(times) // 2
        above, position.previous_bound = position.bound, position.bound
        position.oldest = oldest
        # If the bound is inclusive, this repeats a record or two. A lower bound would save them,
        # but a single stale response can make an exclusive bound seem inclusive.
        # A full page with no clusters left, by a count that may be too low, is followed by one more
        # with an overlap: clusters missing in the count may share the oldest second.
        bound = second + SECOND if not remaining or is_cut else oldest
        if above is not None and bound >= above:
            # The page lies within one second: read all of that second, then go below it.
            known = len(self._walk.record_set)
            self._read_second(oldest, page)
            if remaining is not None:
                remaining = max(0, remaining - (len(self._walk.record_set) - known))
            bound = second - SECOND if self._traits.bound_is_inclusive else second
        position.bound, position.remaining = bound, remaining

    def _fetch_valid(self, position: Position) -> tuple[Page, datetime]:
        """A valid page, or the last of several responses that all have a flaw."""
        query: Query = {**NEWEST_FIRST, "limit": self._walk.settings.page_size}
        if position.bound is not None:
            query["created_before"] = iso(position.bound)
        attempt = 0
        while True:
            attempt += 1
            page, at = self._walk.fetch(query)
            if len(query) == len(NEWEST_FIRST) + 1 and self._walk.total_count is None:
                self._walk.total_count = page.total_count
            flaw = self._flaw(page, position)
            if flaw is None:
                return page, at
            # A record may lack its id in one response only: worth one more request, not two.
            if attempt == MAX_FLAW_ATTEMPTS or (attempt > 1 and flaw == WITHOUT_ID):
                self._accept(flaw, page)
                return page, at

    def _flaw(self, page: Page, position: Position) -> str | None:
        """The contradiction of a page to its query, its count or the page before; None if none."""
        times = created_times(page)
        if any(earlier < later for earlier, later in pairwise(times)):
            return NOT_SORTED
        if position.bound is not None and times and times[0] > position.bound:
            return OUT_OF_BOUNDS
        if self._is_short(page):
            return SHORT
        total = page.total_count if self._traits.counts_follow else None
        if total is not None and position.remaining is not None:
            repeated = sum(record.id in self._walk.record_set for record in page.records)
            if total > position.remaining + repeated + len(page.quarantined):
                return MORE_THAN_LEFT
        return WITHOUT_ID if page.quarantined else None

    def _is_full(self, page: Page) -> bool:
        wanted = self._walk.settings.page_size
        return page.size > 0 and page.size >= min(wanted, page.per_page or wanted)

    def _is_page_of(self, page: Page, second: datetime) -> bool:
        """Whether it is a full page of clusters that were all created in ``second``."""
        times = created_times(page)
        is_known = self._is_full(page) and len(times) == page.size
        return is_known and all(whole_second(time) == second for time in times)

    def _is_short(self, page: Page) -> bool:
        wanted = self._walk.settings.page_size
        if not self._traits.counts_follow or page.total_count is None:
            return page.size < wanted
        return page.size < min(wanted, page.per_page or wanted, page.total_count)

    def _accept(self, flaw: str, page: Page) -> None:
        """Note what a lasting flaw means for the proof.

        Raises:
            NotWalkableByTimeError: the walk cannot continue with it.
        """
        doubts = self._walk.doubts
        if flaw in {NOT_SORTED, OUT_OF_BOUNDS}:
            raise NotWalkableByTimeError(f"a page that is {flaw}")
        if flaw == MORE_THAN_LEFT:
            if page.total_count == self._walk.total_count:
                self._traits.counts_follow = False
            else:
                doubts.append("clusters appeared among those created earlier")
        if flaw == SHORT and self._traits.counts_follow and page.total_count is not None:
            if not page.size:
                raise NotWalkableByTimeError("an empty page where the API counts clusters")
            doubts.append("a page was shorter than its count in every response")

    def _check_count(
        self, position: Position, page: Page, repeated: int, previous: frozenset[str] | None
    ) -> None:
        """Compare the page's count with what the previous page left, and read what is missing."""
        if position.remaining is None or position.oldest is None:
            return
        if not self._traits.counts_follow:
            # The last step assumed that counts follow the bound: it may have skipped ties.
            self._read_second(position.oldest)
        elif position.remaining + repeated > (page.total_count or 0):
            self._reread_range(position.oldest, position.previous_bound, previous)

    def _reread_range(
        self, oldest: datetime, bound: datetime | None, previous: frozenset[str] | None
    ) -> None:
        """Read the range of the page that ended at ``oldest`` again, from its old end."""
        second = whole_second(oldest)
        query: Query = {
            **NEWEST_FIRST,
            "limit": self._walk.settings.page_size,
            "sort_order": "asc",
            "created_after": iso(second - SECOND),
        }
        if bound is not None:
            query["created_before"] = iso(whole_second(bound) + SECOND)
        for _ in range(MAX_FLAW_ATTEMPTS):
            page, at = self._walk.fetch_full(query)
            times = created_times(page)
            flaw = None
            if any(time < second - SECOND for time in times):
                flaw = "a page that is outside its bounds"
            elif self._is_page_of(page, second):
                break  # those that were just read from the second may be on its other pages
            elif previous and previous.isdisjoint(record.id for record in page.records):
                flaw = "a range without the clusters that were just read from it"
            if flaw is None:
                break
        else:
            raise NotWalkableByTimeError(flaw)
        self._walk.add(page, at)
        is_ascending = all(earlier <= later for earlier, later in pairwise(times))
        is_all = page.total_count is not None and page.size >= page.total_count
        if not is_all and not (is_ascending and times and times[-1] >= second + SECOND):
            self._read_second(oldest, page, "asc")

    def _read_second(
        self, when: datetime, page: Page | None = None, sort_order: str = "desc"
    ) -> None:
        """Read all clusters of a second; ``page``: the page in that order that led there."""
        second = whole_second(when)
        first = page if page is not None and self._is_page_of(page, second) else None
        if not split_window(self._walk, second - SECOND, second + SECOND, first, sort_order):
            self._walk.doubts.append(f"the clusters created at {iso(second)} do not add up")
