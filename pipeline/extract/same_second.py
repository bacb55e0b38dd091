"""Reads a second in which more clusters were created than fit on a page.

The cheap way is a walk over the pages of that second. It is a proof if every page repeats the same
count and as many different ids were read. If they do not add up (ties in an unstable order), the
second is split by GPU type, region and status until every part fits on a page. The filters accept
only certain values while clusters may have others, so a split counts only if its parts add up to
the total; if they do not, the next filter is tried.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.extract.api_errors import RefusedError
from pipeline.extract.walk import Query, Walk, iso

if TYPE_CHECKING:
    from datetime import datetime

    from pipeline.extract.api_types import Page

MAX_PASSES = 2
"""One deletion makes one pass fail; an unstable order makes all of them fail."""

DOCUMENTED = {
    "gpu_type": ("A100", "H100", "RTX4090", "V100", "T4"),
    "region": ("us-east-1", "us-west-2", "eu-west-1", "ap-southeast-1"),
    "status": ("running", "stopped", "starting", "stopping", "error", "pending"),
}
"""The documented values of the filters; values seen in records are tried as well."""


def split_window(
    walk: Walk,
    after: datetime,
    before: datetime,
    first: Page | None = None,
    sort_order: str = "desc",
) -> bool:
    """Read the clusters created between two times; True if provably all of them were read.

    An empty result proves nothing: clusters were just seen in this window.

    Args:
        walk: The walk.
        after: They were created after it,
        before: and before this.
        first: A full page of such clusters that was just read, in ``sort_order``; the first pass
            goes on from it.
        sort_order: The order of the first pass.
    """
    query: Query = {
        "sort_by": "created_at",
        "sort_order": sort_order,
        "limit": walk.settings.page_size,
        "created_after": iso(after),
        "created_before": iso(before),
    }
    for _ in range(MAX_PASSES):
        if _by_pages(walk, query, first):
            return True
        first = None
    return _by_filters(walk, query, list(DOCUMENTED))


def _by_pages(walk: Walk, query: Query, first: Page | None = None) -> bool:
    """One pass over the pages of ``query``; True if it read as many ids as every page counted.

    ``first``: its first page, if that was read before.
    """
    seen = {record.id for record in first.records} if first else set[str]()
    total: int | None = None
    size, number = (first.size, 2) if first else (0, 1)
    while True:
        page, at = walk.fetch({**query, "page": number})
        walk.add(page, at)
        if page.total_count is None or total not in {None, page.total_count}:
            return False
        total = page.total_count
        known = len(seen)
        seen.update(record.id for record in page.records)
        size += page.size
        # A full page is never taken for the last one: the count may be too low.
        if page.size < min(walk.settings.page_size, page.per_page or walk.settings.page_size):
            return 0 < len(seen) == size == total
        # The same page repeats, or the count is refuted.
        if size > total or len(seen) == known:
            return False
        number += 1


def _by_filters(walk: Walk, query: Query, filters: list[str]) -> bool:
    """Split ``query`` by the first of ``filters`` whose parts add up; True if there is one."""
    page, at = walk.fetch_full({**query, "page": 1})
    walk.add(page, at)
    total = page.total_count
    if total is None:
        return False
    if page.size >= total:
        return page.size > 0
    for index, name in enumerate(filters):
        parts: list[Query] = []
        counted = 0
        for value in _values(walk, name):
            try:
                part, at = walk.fetch_full({**query, "page": 1, name: value})
            except RefusedError:
                continue  # a value of some record that the filter does not accept
            walk.add(part, at)
            counted += part.total_count or 0
            if (part.total_count or 0) > part.size:
                parts.append({**query, name: value})
        rest = filters[index + 1 :]
        if counted == total and all(_by_filters(walk, part, rest) for part in parts):
            return True
    return False


def _values(walk: Walk, name: str) -> list[str]:
    return sorted({*DOCUMENTED[name], *walk.record_set.seen_values(name)})
