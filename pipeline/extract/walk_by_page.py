"""The walk by page numbers, for a list that cannot be walked by creation time.

A deletion shifts later pages up and hides one cluster from a walk in progress. So the list is
walked newest first and oldest first in turn, until two walks in a row show the same ids. A cluster
hidden from the first of the two by the deletion of another would make that other one absent from
the second; so two equal walks hide nothing that existed throughout both, as long as the order is
a fixed one. Their number must also be the API's own count.

An API that gives no count can still prove that it knows pages: by full ones that differ, and an
empty one behind the last. A page that repeats the one before proves nothing: such a server may
ignore all parameters and always list the same few.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.extract.api_types import Page
    from pipeline.extract.walk import Query, Walk

MOST_WALKS = 6
LOOKS_AT_A_HOLE = 3
MOST_IDLE_PAGES = 3
"""Births may shift known clusters onto a page or two; then a walk without news goes nowhere."""


@dataclass(frozen=True)
class Pass:
    """One walk over all pages."""

    ids: frozenset[str]
    """Of clusters that existed when the run began."""
    is_counted: bool
    """Whether the API's count is what was seen, each id once (an unstable order repeats some and
    skips others); without a count, whether all pages but the last were full, and the one behind
    it empty."""


def agree(walk: Walk) -> str | None:
    """Walk in both directions until two walks agree; None if they do, else why not."""
    if not _holds_still(walk):
        return "answers to the same question share no cluster"
    previous: Pass | None = None
    for number in range(MOST_WALKS):
        this = _one_pass(walk, "asc" if number % 2 else "desc")
        if walk.is_endless:
            return f"there is no end of pages, against any count: {len(walk.record_set)} clusters"
        if previous is not None and this.ids == previous.ids:
            if this.is_counted and previous.is_counted:
                return None
            return "two page walks agree, but the count of the API or of their pages does not"
        previous = this
    return f"{MOST_WALKS} page walks in both directions never agreed"


def _query(walk: Walk, number: int, order: str) -> Query:
    return {
        "page": number,
        "limit": walk.settings.page_size,
        "sort_by": "created_at",
        "sort_order": order,
    }


def _holds_still(walk: Walk) -> bool:
    """Whether the oldest page shows something twice; a server that makes clusters up does not."""
    shown: frozenset[str] = frozenset()
    for _ in range(LOOKS_AT_A_HOLE):
        page, at = walk.ask(_query(walk, 1, "asc"))
        walk.take(page, at)
        ids = frozenset(record.id for record in page.records)
        if not ids or not ids.isdisjoint(shown):
            return True
        shown |= ids
    return False


def _one_pass(walk: Walk, order: str) -> Pass:
    ids: set[str] = set()
    older: set[str] = set()
    records, nameless, number, short_pages, idle = 0, 0, 1, 0, 0
    last: tuple[str, ...] = ()
    while True:
        page = _page(walk, _query(walk, number, order), records, last)
        total = page.total_count
        walk.total_count = total if walk.total_count is None else walk.total_count
        identities = tuple(record.id for record in page.records)
        idle = idle + 1 if ids.issuperset(identities) else 0
        is_repeated = identities == last and bool(identities)
        if not page.size or is_repeated or idle == MOST_IDLE_PAGES or walk.is_endless:
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
    has_end = not page.size and short_pages <= 1
    is_counted = len(ids) + nameless == total if total is not None else has_end
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
