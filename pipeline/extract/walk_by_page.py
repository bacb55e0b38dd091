"""The walk by page numbers, for a list that cannot be walked by creation time.

A deletion shifts later pages up and hides one cluster from a walk in progress. So the list is
walked newest first and oldest first in turn, until two walks in a row read the same ids. If the
deletion of a cluster hid another one from the first of the two, the deleted one would be absent
from the second. So two equal walks miss no cluster that existed throughout both, as long as the
order is a fixed one. The number of ids must also be the API's own count.

An API without counts can still prove that it supports pages: by full pages that differ, and an
empty one after the last. A page that repeats the previous one proves nothing: such a server may
ignore all parameters and always list the same few clusters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.extract.api_types import Page
    from pipeline.extract.walk import Query, Walk

MAX_WALKS = 6
MAX_PAGE_ATTEMPTS = 3
MAX_IDLE_PAGES = 3
"""New clusters may shift known ones onto a page or two. More pages without a new cluster mean that
the walk makes no progress."""


@dataclass(frozen=True)
class PageWalk:
    """One walk over all pages."""

    ids: frozenset[str]
    """Of the clusters that existed when the run began."""
    is_counted: bool
    """Whether as many different ids were read as the API counts (an unstable order repeats some and
    skips others). Without a count: whether all pages but the last were full, and the next empty."""


def disagreement(walk: Walk) -> str | None:
    """Walk in both directions until two walks agree; None if they do, else why they do not."""
    if not _is_stable(walk):
        return "responses to the same request share no cluster"
    previous: PageWalk | None = None
    for number in range(MAX_WALKS):
        current = _walk_pages(walk, "asc" if number % 2 else "desc")
        if walk.is_endless:
            return f"the pages have no end, against any count: {len(walk.record_set)} clusters"
        if previous is not None and current.ids == previous.ids:
            if current.is_counted and previous.is_counted:
                return None
            return "two page walks agree, but not with the count of the API or of their pages"
        previous = current
    return f"{MAX_WALKS} page walks in both directions never agreed"


def _query(walk: Walk, number: int, order: str) -> Query:
    return {
        "page": number,
        "limit": walk.settings.page_size,
        "sort_by": "created_at",
        "sort_order": order,
    }


def _is_stable(walk: Walk) -> bool:
    """Whether the oldest page shows a cluster twice; a server that invents clusters does not."""
    shown: frozenset[str] = frozenset()
    for _ in range(MAX_PAGE_ATTEMPTS):
        page, at = walk.fetch(_query(walk, 1, "asc"))
        walk.add(page, at)
        ids = frozenset(record.id for record in page.records)
        if not ids or not ids.isdisjoint(shown):
            return True
        shown |= ids
    return False


def _walk_pages(walk: Walk, order: str) -> PageWalk:
    ids: set[str] = set()
    older: set[str] = set()
    records, without_id, number, short_pages, idle = 0, 0, 1, 0, 0
    last: tuple[str, ...] = ()
    while True:
        page = _fetch_page(walk, _query(walk, number, order), records, last)
        total = page.total_count
        walk.total_count = total if walk.total_count is None else walk.total_count
        page_ids = tuple(record.id for record in page.records)
        idle = idle + 1 if ids.issuperset(page_ids) else 0
        is_repeated = page_ids == last and bool(page_ids)
        if not page.size or is_repeated or idle == MAX_IDLE_PAGES or walk.is_endless:
            break
        last = page_ids
        records += page.size
        short_pages += page.size < walk.settings.page_size
        without_id += page.size - len(page.records)
        ids.update(page_ids)
        older.update(
            record.id for record in page.records if walk.is_older_than_run(record.created_at)
        )
        if total is not None and records >= total and page.size < walk.settings.page_size:
            break
        number += 1
    has_end = not page.size and short_pages <= 1
    is_counted = len(ids) + without_id == total if total is not None else has_end
    return PageWalk(frozenset(older), is_counted=is_counted)


def _fetch_page(walk: Walk, query: Query, records: int, last: tuple[str, ...]) -> Page:
    """A page, requested again while it is empty, short or repeated against the API's own count.

    Without a count, any page that is not full is requested again: it need not be the last.
    """
    for _ in range(MAX_PAGE_ATTEMPTS):
        page, at = walk.fetch(query)
        walk.add(page, at)
        wanted = page.per_page or walk.settings.page_size
        if page.total_count is not None:
            wanted = min(wanted, page.total_count - records)
        is_repeated = bool(last) and tuple(record.id for record in page.records) == last
        if not is_repeated and page.size >= wanted:
            break
    return page
