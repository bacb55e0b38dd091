"""The walk by creation time: newest first, each page asked by the oldest time seen so far.

Page numbers over a living list skip and repeat. Here page is always 1, and every request asks for
the newest clusters created before a bound: creations lie above it, deletions cannot shift it.

Each answer carries the count of what it matched, so each can be checked by itself (full, sorted,
inside its bound) and against the one before: after a page of n out of T, the next bound must match
T - n. If it matches fewer, either clusters were deleted, or others share the oldest creation
time: the range of the page is then looked at once more, from its old end. If the counts do not
follow the bound, pages overlap by a second instead, and ids alone must prove the walk.

Found out on the way, never assumed: whether ``created_before`` includes its bound, whether it is
honoured at all, whether counts follow the filters, whether the server caps the page size.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from pipeline.extract.same_second import split_window
from pipeline.extract.walk import SECOND, Position, Query, Walk, created_times, iso, whole_second

if TYPE_CHECKING:
    from datetime import datetime

    from pipeline.extract.api_types import Page

LOOKS_AT_A_FLAW = 3
"""How often a page that contradicts itself is asked for before its flaw is taken as given."""

NEWEST_FIRST: Query = {"page": 1, "sort_by": "created_at", "sort_order": "desc"}

MOST_IDLE_PAGES = 10
"""Pages may overlap; after this many without a new cluster a walk goes nowhere."""

NAMELESS = "records without identity"


class NotWalkableByTimeError(Exception):
    """The server does not do what the walk rests on; says what."""


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
        before: frozenset[str] | None = None
        idle = 0
        while True:
            page, at = self._sound_page(position)
            times = created_times(page)
            added = self._walk.take(page, at)
            idle = 0 if added.fresh else idle + 1
            if position.bound is not None and position.bound in times:
                self._traits.bound_is_inclusive = True
            self._account(position, page, added.repeated, before)
            before = frozenset(record.id for record in page.records)
            counted = self._traits.counts_follow and page.total_count is not None
            remaining = max(0, (page.total_count or 0) - page.size) if counted else None
            # A full page is never the end, whatever the count says: what if it is too low?
            if (remaining == 0 and not self._is_full(page)) or (not counted and not added.fresh):
                return
            if not times:
                raise NotWalkableByTimeError("a page without a single creation time")
            if self._walk.is_endless or idle == MOST_IDLE_PAGES:
                raise NotWalkableByTimeError(f"no end after {len(self._walk.record_set)} clusters")
            self._step(position, times, remaining)

    def _step(self, position: Position, times: list[datetime], remaining: int | None) -> None:
        """Move the slice's bound down to the oldest time seen."""
        oldest = min(times)
        second = whole_second(oldest)
        ties = sum(time < second + SECOND for time in times)
        # Several clusters of one second at the end of a page: a batch was cut, and its other half
        # comes next. Reading a few twice is cheaper than finding out afterwards that some lack.
        is_cut = 1 < ties <= len(times) // 2
        above, position.above = position.bound, position.bound
        position.oldest = oldest
        # If the bound is inclusive, this repeats a record or two. Going below it to save them would
        # rest on a belief that a single stale answer can plant.
        # A full page with nothing left, by a count that may be too low, is looked behind with an
        # overlap as well: what it hides may share the oldest second.
        bound = second + SECOND if not remaining or is_cut else oldest
        if above is not None and bound >= above:
            # A page that lies within one second: take the second apart, then leave it behind.
            known = len(self._walk.record_set)
            self._take_second(oldest)
            if remaining is not None:
                remaining = max(0, remaining - (len(self._walk.record_set) - known))
            bound = second - SECOND if self._traits.bound_is_inclusive else second
        position.bound, position.remaining = bound, remaining

    def _sound_page(self, position: Position) -> tuple[Page, datetime]:
        """A page without a flaw, or the last of several that agree on having one."""
        query: Query = {**NEWEST_FIRST, "limit": self._walk.settings.page_size}
        if position.bound is not None:
            query["created_before"] = iso(position.bound)
        look = 0
        while True:
            look += 1
            page, at = self._walk.ask(query)
            if len(query) == len(NEWEST_FIRST) + 1 and self._walk.total_count is None:
                self._walk.total_count = page.total_count
            flaw = self._flaw(page, position)
            if flaw is None:
                return page, at
            # A record that lost its id only for once is worth one more request, not two.
            if look == LOOKS_AT_A_FLAW or (look > 1 and flaw == NAMELESS):
                self._take_as_given(flaw, page)
                return page, at

    def _flaw(self, page: Page, position: Position) -> str | None:
        """How a page contradicts its query, its own count or the page before, if it does."""
        times = created_times(page)
        if any(earlier < later for earlier, later in pairwise(times)):
            return "not sorted"
        if position.bound is not None and times and times[0] > position.bound:
            return "outside its bounds"
        if self._is_short(page):
            return "short"
        total = page.total_count if self._traits.counts_follow else None
        if total is not None and position.remaining is not None:
            repeated = sum(record.id in self._walk.record_set for record in page.records)
            if total > position.remaining + repeated + len(page.quarantined):
                return "more than there were"
        return NAMELESS if page.quarantined else None

    def _is_full(self, page: Page) -> bool:
        wanted = self._walk.settings.page_size
        return page.size > 0 and page.size >= min(wanted, page.per_page or wanted)

    def _is_short(self, page: Page) -> bool:
        wanted = self._walk.settings.page_size
        if not self._traits.counts_follow or page.total_count is None:
            return page.size < wanted
        return page.size < min(wanted, page.per_page or wanted, page.total_count)

    def _take_as_given(self, flaw: str, page: Page) -> None:
        doubts = self._walk.doubts
        if flaw in {"not sorted", "outside its bounds"}:
            raise NotWalkableByTimeError(f"a page that is {flaw}")
        if flaw == "more than there were":
            if page.total_count == self._walk.total_count:
                self._traits.counts_follow = False
            else:
                doubts.append("clusters appeared among those created earlier")
        if flaw == "short" and self._traits.counts_follow and page.total_count is not None:
            if not page.size:
                raise NotWalkableByTimeError("an empty page where the API counts clusters")
            doubts.append("a page stayed shorter than it should be")

    def _account(
        self, position: Position, page: Page, repeated: int, before: frozenset[str] | None
    ) -> None:
        """Compare a page's count with what the page before left, and look for what is missing."""
        if position.remaining is None or position.oldest is None:
            return
        if not self._traits.counts_follow:
            # The step here was made in the belief that counts follow: it may have skipped ties.
            self._take_second(position.oldest)
        elif position.remaining + repeated > (page.total_count or 0):
            self._look_again(position.oldest, position.above, before)

    def _look_again(
        self, oldest: datetime, above: datetime | None, before: frozenset[str] | None
    ) -> None:
        """Look at the range of the page that ended at ``oldest`` once more, from its old end."""
        second = whole_second(oldest)
        query: Query = {
            **NEWEST_FIRST,
            "limit": self._walk.settings.page_size,
            "sort_order": "asc",
            "created_after": iso(second - SECOND),
        }
        if above is not None:
            query["created_before"] = iso(whole_second(above) + SECOND)
        for _ in range(LOOKS_AT_A_FLAW):
            page, at = self._walk.ask_whole(query)
            times = created_times(page)
            flaw = None
            if any(time < second - SECOND for time in times):
                flaw = "a page that is outside its bounds"
            elif before and before.isdisjoint(record.id for record in page.records):
                flaw = "a range that does not show what was just seen in it"
            if flaw is None:
                break
        else:
            raise NotWalkableByTimeError(flaw)
        self._walk.take(page, at)
        is_ascending = all(earlier <= later for earlier, later in pairwise(times))
        is_all = page.total_count is not None and page.size >= page.total_count
        if not is_all and not (is_ascending and times and times[-1] >= second + SECOND):
            self._take_second(oldest)

    def _take_second(self, when: datetime) -> None:
        second = whole_second(when)
        if not split_window(self._walk, second - SECOND, second + SECOND):
            self._walk.doubts.append(f"the clusters created at {iso(second)} do not add up")
