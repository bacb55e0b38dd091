"""v2: one flat array, no count, no documented paging.

Two reads that show the same ids are taken as the whole list. An array of exactly 20 or 100 (the
sizes of a default and of a full page elsewhere in the API) may be one silent page of more, so
paging is tried; if the server ignores it, nothing proves the list and the verdict says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.extract.verdict import Verdict
from pipeline.model import State

if TYPE_CHECKING:
    from pipeline.extract.api_types import Page
    from pipeline.extract.walk import Query, Walk

MOST_READS = 5
PAGE_LIKE_SIZES = frozenset({20, 100})
MOST_PER_PAGE = 100
UNKNOWN_IN_V2 = "v2 says nothing about cost, use, project or region"


def walk_flat(walk: Walk) -> Verdict:
    """Read until two reads in a row agree; page on if the array looks like a page."""
    walk.warnings.append(UNKNOWN_IN_V2)
    previous: frozenset[str] | None = None
    for _ in range(MOST_READS):
        ids, size = _read(walk, {})
        if size in PAGE_LIKE_SIZES:
            return _probe(walk, ids, size)
        if ids == previous:
            return Verdict(
                State.COMPLETE, f"two reads in a row showed the same {len(ids)} clusters"
            )
        previous = ids
    return Verdict(State.DRIFTED, f"{MOST_READS} reads in a row never showed the same clusters")


def _read(walk: Walk, query: Query) -> tuple[frozenset[str], int]:
    page, at = walk.ask(query)
    walk.take(page, at)
    return _existing(walk, page), page.size


def _existing(walk: Walk, page: Page) -> frozenset[str]:
    """The ids of clusters that were there when the run began."""
    return frozenset(
        record.id for record in page.records if walk.is_older_than_run(record.created_at)
    )


def _probe(walk: Walk, first: frozenset[str], size: int) -> Verdict:
    """Whether an array the size of a page is one."""
    second, _ = _read(walk, {"page": 2, "limit": MOST_PER_PAGE})
    whole, whole_size = _read(walk, {"page": 1, "limit": MOST_PER_PAGE})
    if not (second - first) and second and whole_size == size:
        return Verdict(
            State.UNPROVEN,
            f"exactly {size} clusters, the size of a page, and the server ignores paging: "
            "there may be more",
        )
    if not second and whole_size == size and whole == first:
        return Verdict(
            State.COMPLETE,
            f"two reads showed the same {len(first)} clusters, and there is no second page",
        )
    return _paged(walk)


def _paged(walk: Walk) -> Verdict:
    """Paging works: walk all pages until two walks in a row agree."""
    previous: frozenset[str] | None = None
    for _ in range(MOST_READS):
        ids: frozenset[str] = frozenset()
        number = 1
        while True:
            more, size = _read(walk, {"page": number, "limit": MOST_PER_PAGE})
            if not size or (more and more <= ids):
                break
            ids |= more
            number += 1
        if ids == previous:
            return Verdict(
                State.COMPLETE, f"two walks over all pages showed the same {len(ids)} clusters"
            )
        previous = ids
    return Verdict(State.DRIFTED, f"{MOST_READS} walks over all pages never agreed")
