"""More clusters in one second of creation than fit on a page.

A page walk inside the second is the cheap way, and a proof if every page repeats the same count
and as many different ids were seen. If that does not add up (ties in an unstable order), the second
is split by GPU type, region and status until every part fits on a page. The filters know only
certain values while clusters may have others, so a split counts only if its parts add up to the
whole; if they do not, the next filter is tried.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.extract.api_errors import RefusedError
from pipeline.extract.walk import Query, Walk, iso

if TYPE_CHECKING:
    from datetime import datetime

PASSES = 2
"""A single deletion spoils one pass; an unstable order spoils them all."""

DOCUMENTED = {
    "gpu_type": ("A100", "H100", "RTX4090", "V100", "T4"),
    "region": ("us-east-1", "us-west-2", "eu-west-1", "ap-southeast-1"),
    "status": ("running", "stopped", "starting", "stopping", "error", "pending"),
}
"""What the API documents its filters to accept; values seen on the way are tried as well."""


def split_window(walk: Walk, after: datetime, before: datetime) -> bool:
    """Take in everything created between two times; whether it provably is everything.

    Nothing proves nothing: the window is one in which clusters were just seen.
    """
    query: Query = {
        "sort_by": "created_at",
        "sort_order": "desc",
        "limit": walk.settings.page_size,
        "created_after": iso(after),
        "created_before": iso(before),
    }
    for _ in range(PASSES):
        if _by_pages(walk, query):
            return True
    return _by_filters(walk, query, list(DOCUMENTED))


def _by_pages(walk: Walk, query: Query) -> bool:
    """One pass over the pages of ``query``: True if its ids are as many as every page counted."""
    seen: set[str] = set()
    total: int | None = None
    size, number = 0, 1
    while True:
        page, at = walk.ask({**query, "page": number})
        walk.take(page, at)
        if page.total_count is None or total not in {None, page.total_count}:
            return False
        total = page.total_count
        known = len(seen)
        seen.update(record.id for record in page.records)
        size += page.size
        # A full page is never the end, whatever the count says: what if it is too low?
        if page.size < min(walk.settings.page_size, page.per_page or walk.settings.page_size):
            return 0 < len(seen) == size == total
        # The same page again and again, or a count that is refuted.
        if size > total or len(seen) == known:
            return False
        number += 1


def _by_filters(walk: Walk, query: Query, filters: list[str]) -> bool:
    """Split ``query`` by the first of ``filters`` whose parts add up to its count."""
    page, at = walk.ask_whole({**query, "page": 1})
    walk.take(page, at)
    whole = page.total_count
    if whole is None:
        return False
    if page.size >= whole:
        return page.size > 0
    for index, name in enumerate(filters):
        parts: list[Query] = []
        counted = 0
        for value in _values(walk, name):
            try:
                part, at = walk.ask_whole({**query, "page": 1, name: value})
            except RefusedError:
                continue  # a value seen in data that the filter does not accept
            walk.take(part, at)
            counted += part.total_count or 0
            if (part.total_count or 0) > part.size:
                parts.append({**query, name: value})
        rest = filters[index + 1 :]
        if counted == whole and all(_by_filters(walk, part, rest) for part in parts):
            return True
    return False


def _values(walk: Walk, name: str) -> list[str]:
    return sorted({*DOCUMENTED[name], *walk.record_set.seen_values(name)})
