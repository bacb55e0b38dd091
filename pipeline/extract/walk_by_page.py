"""The walk by page numbers, for a list that cannot be walked by creation time.

A deletion shifts later pages up and hides one cluster from a walk in progress. So the list is
walked newest first and oldest first in turn, until two walks in a row show the same ids. A cluster
hidden from the first of the two by the deletion of another would make that other one absent from
the second; so two equal walks hide nothing that existed throughout both, as long as the order is
a fixed one. Their number must also be the API's own count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.extract.api_types import Page
    from pipeline.extract.walk import Query, Walk

MOST_WALKS = 6
LOOKS_AT_A_HOLE = 3


@dataclass(frozen=True)
class Pass:
    """One walk over all pages."""

    ids: frozenset[str]
    """Of clusters that existed when the run began."""
    is_counted: bool
    """Whether the API's count is what was seen, each id once (an unstable order repeats some and
    skips others); without a count, whether all pages but the last were full."""


def agree(walk: Walk) -> str | None:
    """Walk in both directions until two walks agree; None if they do, else why not."""
    previous: Pass | None = None
    for number in range(MOST_WALKS):
        this = _one_pass(walk, "asc" if number % 2 else "desc")
        if previous is not None and this.ids == previous.ids:
            if this.is_counted and previous.is_counted:
                return None
            return "two page walks agree, but the count of the API or of their pages does not"
        previous = this
    return f"{MOST_WALKS} page walks in both directions never agreed"


def _one_pass(walk: Walk, order: str) -> Pass:
    ids: set[str] = set()
    older: set[str] = set()
    records, nameless, number, short_pages = 0, 0, 1, 0
    last: tuple[str, ...] = ()
    while True:
        query: Query = {
            "page": number,
            "limit": walk.settings.page_size,
            "sort_by": "created_at",
            "sort_order": order,
        }
        page = _page(walk, query, records, last)
        total = page.total_count
        walk.total_count = total if walk.total_count is None else walk.total_count
        identities = tuple(record.id for record in page.records)
        if not page.size or (identities == last and identities):
            break
        last = identities
        records += page.size
        short_pages += page.size < walk.settings.page_size
        nameless += page.size - len(page.records)
        ids.update(identities)
        older.update(
            record.id for record in page.records if walk.is_older_than_run(record.created_at)
        )
        if total is not None and records >= total and page.size < walk.settings.page_size:
            break
        number += 1
    is_counted = len(ids) + nameless == total if total is not None else short_pages <= 1
    return Pass(frozenset(older), is_counted=is_counted)


def _page(walk: Walk, query: Query, records: int, last: tuple[str, ...]) -> Page:
    """A page, asked again while it is empty, short or repeated against the API's own count.

    Without a count, any page that is not full is asked again: it may be the last, or may not.
    """
    for _ in range(LOOKS_AT_A_HOLE):
        page, at = walk.ask(query)
        walk.take(page, at)
        wanted = page.per_page or walk.settings.page_size
        if page.total_count is not None:
            wanted = min(wanted, page.total_count - records)
        is_repeated = bool(last) and tuple(record.id for record in page.records) == last
        if not is_repeated and page.size >= wanted:
            break
    return page
