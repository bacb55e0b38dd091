"""The walk by creation time: newest first, each page asked by the oldest time seen so far.

Page numbers over a living list skip and repeat. Here page is always 1, and every request asks for
the newest clusters created before a bound: creations lie above it, deletions cannot shift it.

Each answer carries the count of what it matched, so each can be checked by itself (full, sorted,
inside its bound) and against the one before: after a page of n out of T, the next bound must match
T - n. If it matches fewer, either clusters were deleted, or others share the oldest creation
time: the range of the page is then looked at once more, from its old end. If the count does not
follow the bound, the walk overlaps its pages by a second instead and is proven by ids alone.

Found out on the way, never assumed: whether ``created_before`` includes its bound, whether it is
honoured at all, whether counts follow the filters, whether the server caps the page size.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from pipeline.extract.seconds import split_window
from pipeline.extract.walk import SECOND, Query, Walk, created_times, iso, whole_second

if TYPE_CHECKING:
    from pipeline.extract.client import Client
    from pipeline.extract.shapes import Page

LOOKS_AT_A_FLAW = 3
"""How often a page that contradicts itself is asked for before its flaw is taken as given."""

NEWEST_FIRST: Query = {"page": 1, "sort_by": "created_at", "sort_order": "desc"}


class NoKeysetError(Exception):
    """The server does not do what the walk rests on; says what."""


@dataclass
class Keyset:
    """The walk over one range of creation times."""

    walk: Walk
    gone: int = 0
    """Clusters that a count promised and that were not there when their turn came."""
    doubts: list[str] = field(default_factory=list)
    """Why the pages alone prove nothing, if so."""
    bound_is_inclusive: bool = False
    counts_follow: bool = True
    """Whether ``total_count`` counts what the filters match."""
    newest: datetime | None = None
    client: Client | None = None

    def run(self, bound: datetime | None = None, remaining: int | None = None) -> None:
        """Walk down from ``bound`` (None: from the newest) to the end.

        Raises:
            NoKeysetError: bounds or the order are not honoured.
        """
        above: datetime | None = None
        while True:
            page, at = self._sound_page(bound, remaining)
            times = created_times(page)
            added = self.walk.take(page, at)
            if bound is not None and bound in times:
                self.bound_is_inclusive = True
            self._account(page, added.repeated, remaining, bound, above)
            if self.newest is None and times:
                self.newest = max(times)
            counted = self.counts_follow and page.total_count is not None
            remaining = max(0, (page.total_count or 0) - page.size) if counted else None
            if remaining == 0 or (not counted and added.fresh == 0):
                return
            if not times:
                raise NoKeysetError("a page without a single creation time")
            above, bound = bound, self._next_bound(min(times), bound, counted=counted)

    def _next_bound(self, oldest: datetime, bound: datetime | None, *, counted: bool) -> datetime:
        if not counted:
            below = whole_second(oldest) + SECOND
            if bound is None or below < bound:
                return below
            # A page that lies within one second: its second is taken apart, then left behind.
            self._take_second(oldest)
            return whole_second(oldest)
        if not self.bound_is_inclusive:
            return oldest
        return oldest - (timedelta(microseconds=1) if oldest.microsecond else SECOND)

    def _sound_page(self, bound: datetime | None, remaining: int | None) -> tuple[Page, datetime]:
        """A page without a flaw, or the last of several that agree on having one."""
        query: Query = {**NEWEST_FIRST, "limit": self.walk.settings.page_size}
        if bound is not None:
            query["created_before"] = iso(bound)
        for look in range(1, LOOKS_AT_A_FLAW + 1):
            page, at = self.walk.ask(query, self.client)
            if bound is None and self.walk.total_count is None:
                self.walk.total_count = page.total_count
            flaw = self._flaw(page, bound, remaining)
            if flaw is None:
                return page, at
            # A record that lost its id only for once is worth one more request, not two.
            if look == LOOKS_AT_A_FLAW or (look > 1 and flaw == "records without identity"):
                self._take_as_given(flaw, page)
                break
        return page, at

    def _flaw(self, page: Page, bound: datetime | None, remaining: int | None) -> str | None:
        """How a page contradicts its query, its own count or the page before; None if it is fine."""
        times = created_times(page)
        if any(earlier < later for earlier, later in pairwise(times)):
            return "not sorted"
        if bound is not None and times and times[0] > bound:
            return "outside its bound"
        if self._is_short(page):
            return "short"
        repeated = sum(record.id in self.walk.roster for record in page.records)
        total = page.total_count if self.counts_follow else None
        if total is not None and remaining is not None and total > remaining + repeated:
            return "more than there were"
        return "records without identity" if page.quarantined else None

    def _is_short(self, page: Page) -> bool:
        if not self.counts_follow or page.total_count is None:
            return page.size < self.walk.settings.page_size
        full = min(self.walk.settings.page_size, page.per_page or page.size)
        return page.size < min(full, page.total_count)

    def _take_as_given(self, flaw: str, page: Page) -> None:
        if flaw in {"not sorted", "outside its bound"}:
            raise NoKeysetError(f"a page that is {flaw}")
        if flaw == "more than there were":
            if page.total_count == self.walk.total_count:
                self.counts_follow = False
            else:
                self.doubts.append("clusters appeared among those created earlier")
        if flaw == "short" and self.counts_follow and page.total_count is not None:
            if not page.records:
                raise NoKeysetError("an empty page where the API counts clusters")
            self.doubts.append("a page stayed shorter than it should be")

    def _account(
        self,
        page: Page,
        repeated: int,
        remaining: int | None,
        bound: datetime | None,
        above: datetime | None,
    ) -> None:
        """Compare a page's count with what the page before left, and look for what is missing."""
        if remaining is None or bound is None:
            return
        if not self.counts_follow:
            # The step here was made in the belief that counts follow: it may have skipped ties.
            self._take_second(bound)
            return
        missing = remaining + repeated - (page.total_count or 0)
        if missing > 0:
            missing -= self._look_again(bound, above)
        self.gone += max(0, missing)

    def _look_again(self, oldest: datetime, above: datetime | None) -> int:
        """Fresh clusters in the range of the page that ended at ``oldest``, from its old end."""
        second = whole_second(oldest)
        query: Query = {
            **NEWEST_FIRST,
            "limit": self.walk.settings.page_size,
            "sort_order": "asc",
            "created_after": iso(second - SECOND),
        }
        if above is not None:
            query["created_before"] = iso(whole_second(above) + SECOND)
        page, at = self.walk.ask(query, self.client)
        times = created_times(page)
        if any(time < second - SECOND for time in times):
            raise NoKeysetError("a page that is outside its bound")
        before = len(self.walk.roster)
        self.walk.take(page, at)
        is_ascending = all(earlier <= later for earlier, later in pairwise(times))
        is_all = page.total_count is not None and page.size >= page.total_count
        if not is_all and not (is_ascending and times and times[-1] >= second + SECOND):
            self._take_second(oldest)
        return len(self.walk.roster) - before

    def _take_second(self, when: datetime) -> None:
        second = whole_second(when)
        if not split_window(self.walk, second - SECOND, second + SECOND, self.client):
            self.doubts.append(f"the clusters created at {iso(second)} do not add up")
