"""v2: one flat array, no count, no documented paging.

Two reads that show the same ids are taken as the whole list, but only after page 2 was asked for,
since any array may be a silent page. What the answer proves:

* the same clusters again: the server knows no pages, and this was the second read;
* other clusters: it was a page, so all pages are walked, twice;
* nothing, or a refusal: there is no page 2. Another default size could still hide some, so the
  first 100 are asked for as well.

An array of a usual page size from a server that ignores paging may still be cut: unproven.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.extract.api_errors import RefusedError
from pipeline.extract.verdict import Verdict
from pipeline.model import State

if TYPE_CHECKING:
    from pipeline.extract.walk import Query, Walk

MOST_READS = 5
MOST_PER_PAGE = 100
USUAL_PAGE_SIZES = frozenset({20, 25, 50, 100, 200, 250, 500, 1000})
"""20 and 100 are the vendor's own, elsewhere in the API. 10 is left out: it is a fleet's size
more often than a page's."""

FIRST_PAGE: Query = {"page": 1, "limit": MOST_PER_PAGE}
SECOND_PAGE: Query = {"page": 2, "limit": MOST_PER_PAGE}
UNKNOWN_IN_V2 = "v2 says nothing about cost, use, project or region"


@dataclass(frozen=True)
class Array:
    """One answer."""

    names: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()
    """Of clusters that were there when the run began; all, if none was: a clock is wrong then."""
    size: int = 0


def walk_v2(walk: Walk) -> Verdict:
    """Read until two reads agree; walk all pages if page 2 shows that the array is one."""
    walk.warnings.append(UNKNOWN_IN_V2)
    plain = _read(walk, {})
    for _ in range(MOST_READS):
        second = _second_page(walk)
        if second and second.names and second.names.isdisjoint(plain.names):
            return _by_pages(walk, plain)
        has_end = second is not None and not second.size
        # A page 2 that overlaps is the whole array again, unless the parameters have some effect.
        again = _accepted(walk, FIRST_PAGE) if has_end else second
        again = again or _read(walk, {})
        if again.ids == plain.ids:
            return _settled(plain, has_end=has_end)
        plain = _read(walk, {})
        if again.ids == plain.ids:
            return _settled(plain, has_end=has_end)
    return _by_pages(walk, plain)


def _settled(array: Array, *, has_end: bool) -> Verdict:
    """What two equal reads prove."""
    if array.size in USUAL_PAGE_SIZES and not has_end:
        return Verdict(
            State.UNPROVEN,
            f"exactly {array.size} clusters, the size of a page, and the server ignores paging: "
            "there may be more",
        )
    end = ", and there is no second page" if has_end else ""
    return Verdict(
        State.COMPLETE, f"two reads in a row showed the same {len(array.ids)} clusters{end}"
    )


def _second_page(walk: Walk) -> Array | None:
    """What page 2 shows; nothing only if it does so twice; None if the server refuses to say."""
    second = _accepted(walk, SECOND_PAGE)
    return second if second is None or second.size else _accepted(walk, SECOND_PAGE)


def _accepted(walk: Walk, query: Query) -> Array | None:
    """The answer to ``query``; None from a server that refuses such parameters."""
    try:
        return _read(walk, query)
    except RefusedError:
        return None


def _read(walk: Walk, query: Query) -> Array:
    page, at = walk.ask(query)
    walk.take(page, at)
    names = frozenset(record.id for record in page.records)
    older = frozenset(
        record.id for record in page.records if walk.is_older_than_run(record.created_at)
    )
    return Array(names, older or names, page.size)


def _by_pages(walk: Walk, plain: Array) -> Verdict:
    """Walk all pages until two walks in a row agree."""
    if not _holds_still(walk, plain):
        return Verdict(State.DRIFTED, "answers to the same question share no cluster")
    previous: frozenset[str] | None = None
    for _ in range(MOST_READS):
        ids, has_end = _all_pages(walk)
        if walk.is_endless:
            return Verdict(
                State.UNPROVEN, f"there is no end of pages: {len(walk.record_set)} clusters"
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
    return Verdict(State.DRIFTED, f"{MOST_READS} walks over all pages never agreed")


def _holds_still(walk: Walk, plain: Array) -> bool:
    """Whether page 1 shows something twice; a server that makes clusters up does not."""
    first = _read(walk, FIRST_PAGE)
    if not (first.names and plain.names and first.names.isdisjoint(plain.names)):
        return True
    return not first.names.isdisjoint(_read(walk, FIRST_PAGE).names)


def _all_pages(walk: Walk) -> tuple[frozenset[str], bool]:
    """The clusters of one walk over all pages, and whether the last page was provably the last."""
    names: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()
    number = 1
    while not walk.is_endless:
        page = _accepted(walk, {**FIRST_PAGE, "page": number})
        if page is None or not page.size:
            return ids, True
        if page.names <= names:
            # The last page again is one with room left; any other may be the first for ever.
            has_room = page.size < MOST_PER_PAGE and page.size not in USUAL_PAGE_SIZES
            return ids, has_room and bool(page.names)
        names |= page.names
        ids |= page.ids
        number += 1
    return ids, False
