"""v2: one flat array, no count, no documented paging.

Two reads with the same ids are taken as the complete list, but only after page 2 was requested,
since any array may be just a page. What the response to that proves:

* the same clusters again: the server has no pages, and this was the second read;
* other clusters: the array was a page, so all pages are walked, twice;
* nothing, or a refusal: there is no page 2. Another default size could still hide clusters, so the
  first 100 are requested as well.

An array of a common page size from a server that ignores paging may still be cut off: unproven.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.extract.api_errors import RefusedError
from pipeline.extract.completeness import Verdict
from pipeline.model import State

if TYPE_CHECKING:
    from pipeline.extract.walk import Query, Walk

MAX_READS = 5
MAX_PER_PAGE = 100
COMMON_PAGE_SIZES = frozenset({20, 25, 50, 100, 200, 250, 500, 1000})
"""20 and 100 are used elsewhere in this API. 10 is left out: it is more often the size of a fleet
than of a page."""

FIRST_PAGE: Query = {"page": 1, "limit": MAX_PER_PAGE}
SECOND_PAGE: Query = {"page": 2, "limit": MAX_PER_PAGE}
UNKNOWN_IN_V2 = "v2 has no cost, utilization, project or region"


@dataclass(frozen=True)
class FlatList:
    """The clusters of one response."""

    all_ids: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()
    """Of the clusters that existed when the run began; all if none did: then a clock is wrong."""
    size: int = 0


def walk_v2(walk: Walk) -> Verdict:
    """Read until two reads agree; walk all pages if page 2 shows that the array is a page."""
    walk.warnings.append(UNKNOWN_IN_V2)
    first = _read(walk, {})
    for _ in range(MAX_READS):
        second = _second_page(walk)
        if second and second.all_ids and second.all_ids.isdisjoint(first.all_ids):
            return _by_pages(walk, first)
        has_end = second is not None and not second.size
        # A page 2 that overlaps is the complete array again, unless the parameters have an effect.
        again = _read_if_accepted(walk, FIRST_PAGE) if has_end else second
        again = again or _read(walk, {})
        if again.ids == first.ids:
            return _verdict(first, has_end=has_end)
        first = _read(walk, {})
        if again.ids == first.ids:
            return _verdict(first, has_end=has_end)
    return _by_pages(walk, first)


def _verdict(array: FlatList, *, has_end: bool) -> Verdict:
    """The verdict on two equal reads."""
    if array.size in COMMON_PAGE_SIZES and not has_end:
        return Verdict(
            State.UNPROVEN,
            f"exactly {array.size} clusters, a common page size, and the server ignores paging: "
            "there may be more",
        )
    end = ", and there is no second page" if has_end else ""
    return Verdict(
        State.COMPLETE, f"two reads in a row showed the same {len(array.ids)} clusters{end}"
    )


def _second_page(walk: Walk) -> FlatList | None:
    """Page 2, read twice before it is taken for empty; None if the server refuses the request."""
    second = _read_if_accepted(walk, SECOND_PAGE)
    return second if second is None or second.size else _read_if_accepted(walk, SECOND_PAGE)


def _read_if_accepted(walk: Walk, query: Query) -> FlatList | None:
    """The response to ``query``; None if the server refuses its parameters."""
    try:
        return _read(walk, query)
    except RefusedError:
        return None


def _read(walk: Walk, query: Query) -> FlatList:
    page, at = walk.fetch(query)
    walk.add(page, at)
    all_ids = frozenset(record.id for record in page.records)
    older = frozenset(
        record.id for record in page.records if walk.is_older_than_run(record.created_at)
    )
    return FlatList(all_ids, older or all_ids, page.size)


def _by_pages(walk: Walk, first: FlatList) -> Verdict:
    """Walk all pages until two walks in a row agree."""
    if not _is_stable(walk, first):
        return Verdict(State.DRIFTED, "responses to the same request share no cluster")
    previous: frozenset[str] | None = None
    for _ in range(MAX_READS):
        ids, has_end = _all_pages(walk)
        if walk.is_endless:
            return Verdict(
                State.UNPROVEN, f"the pages have no end: {len(walk.record_set)} clusters"
            )
        if ids == previous and has_end:
            return Verdict(
                State.COMPLETE, f"two walks over all pages showed the same {len(ids)} clusters"
            )
        if ids == previous:
            return Verdict(
                State.UNPROVEN, f"pages repeat after {len(ids)} clusters: there may be more"
            )
        previous = ids
    return Verdict(State.DRIFTED, f"{MAX_READS} walks over all pages never agreed")


def _is_stable(walk: Walk, first: FlatList) -> bool:
    """Whether page 1 shows a cluster twice; a server that invents clusters does not."""
    page = _read(walk, FIRST_PAGE)
    if not (page.all_ids and first.all_ids and page.all_ids.isdisjoint(first.all_ids)):
        return True
    return not page.all_ids.isdisjoint(_read(walk, FIRST_PAGE).all_ids)


def _all_pages(walk: Walk) -> tuple[frozenset[str], bool]:
    """The clusters of one walk over all pages, and whether the last page was provably the last."""
    all_ids: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()
    number = 1
    while not walk.is_endless:
        page = _read_if_accepted(walk, {**FIRST_PAGE, "page": number})
        if page is None or not page.size:
            return ids, True
        if page.all_ids <= all_ids:
            # A repeated page that is not full is the last one; a full one may be any page.
            is_partial = page.size < MAX_PER_PAGE and page.size not in COMMON_PAGE_SIZES
            return ids, is_partial and bool(page.all_ids)
        all_ids |= page.all_ids
        ids |= page.ids
        number += 1
    return ids, False
