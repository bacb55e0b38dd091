"""The proof that a walk read every cluster that existed throughout it.

After the walk, the newest page is requested once more (the closing check). Every cluster on it that
is older than the run must have been read, and the API must not count more clusters than were read.
If the API counted clusters that were not found, the oldest page is checked too: clusters without a
creation time may be at either end. If a check fails, page walks in both directions decide.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from pipeline.errors import ApiError
from pipeline.extract import walk_by_page
from pipeline.extract.budget import BudgetError
from pipeline.extract.walk import created_times, iso, whole_second
from pipeline.extract.walk_by_time import NEWEST_FIRST
from pipeline.model import State

if TYPE_CHECKING:
    from datetime import datetime

    from pipeline.extract.api_types import Cluster, Page
    from pipeline.extract.walk import Query, Walk

MAX_CLOSING_CHECKS = 3
"""Closing checks before a count that is too high counts as wrong: it may be so by chance."""


@dataclass(frozen=True)
class Verdict:
    """The state of a snapshot, and the sentence that justifies it."""

    state: State
    proof: str


def prove(walk: Walk) -> Verdict:
    """The verdict on a finished walk by creation time, after the closing checks.

    Raises:
        BudgetError: the checks do not fit into this run; the next one can make them.
    """
    gone = (walk.total_count or 0) - _older(walk)
    try:
        problem = _problem(walk, gone)
    except BudgetError:
        raise
    except ApiError as error:
        return Verdict(State.UNPROVEN, f"no closing check was possible: {error}")
    if problem is not None:
        return prove_by_pages(walk, problem)
    read = f"walked by creation time: {len(walk.record_set)} ids"
    if gone:
        return Verdict(
            State.COMPLETE,
            f"{read}; the API counted {walk.total_count} at first, and {gone} of them were gone "
            "before their page was read; every page was full, sorted and inside its bounds, and "
            "the closing checks found no missing cluster",
        )
    return Verdict(
        State.COMPLETE,
        f"{read}; those older than the run are as many as the API counted, and the closing check "
        "found no missing cluster",
    )


def _older(walk: Walk) -> int:
    """The number of records that the first count must include: those older than the run.

    Newer ones are not counted: they would hide as many missing ones.
    """
    if walk.started_at is None:
        return 0
    return walk.record_set.count_older(walk.started_at) + len(walk.record_set.quarantine)


def _problem(walk: Walk, gone: int) -> str | None:
    """Why the walk is no proof; None if it is one.

    Args:
        walk: A finished walk.
        gone: How many of the clusters that the API counted at first were not read.
    """
    missed = _find_missed(walk)
    if missed is None and (gone or walk.doubts):
        missed = _find_missed_at_old_end(walk)
    if missed is not None:
        return missed
    if walk.total_count is None:
        return "the API gives no count"
    if walk.traits.counts_too_low or gone < 0:
        return "the API counts fewer clusters than it lists"
    if walk.doubts and gone:
        return walk.doubts[0]
    if not walk.traits.counts_follow and gone:
        return "the API's counts do not follow its filters"
    return None


def _find_missed(walk: Walk) -> str | None:
    """Which clusters of the newest page the walk missed, as a text; None if none."""
    # With another order of parameters, a cache does not find the first page's address.
    query: Query = {"limit": walk.settings.page_size, **NEWEST_FIRST}
    for attempt in range(1, MAX_CLOSING_CHECKS + 1):
        page, at = walk.fetch_full(query)
        new = _new_records(walk, page)
        missed = _add_closing(walk, page, at)
        if missed is not None:
            return missed
        if new and len(new) == len(page.records) and walk.started_at is not None:
            # More new clusters than fit on the page: check the old ones alone.
            start = iso(whole_second(walk.started_at))
            page, at = walk.fetch_full({**query, "created_before": start})
            if len(walk.record_set) and len(_new_records(walk, page)) == len(page.records):
                return "a closing check showed none of the clusters that the walk had read"
            walk.add(page, at)
        hidden = (page.total_count or 0) - len(walk.record_set) - len(walk.record_set.quarantine)
        # No cluster can contradict an empty list; only a second check can.
        if hidden <= 0 and (len(walk.record_set) or attempt > 1):
            return None
    return f"the API counts {hidden} clusters more than it lists by creation time"


def _find_missed_at_old_end(walk: Walk) -> str | None:
    """Which clusters of the oldest page the walk missed (those without a time), as a text."""
    query: Query = {"limit": walk.settings.page_size, **NEWEST_FIRST, "sort_order": "asc"}
    for _ in range(MAX_CLOSING_CHECKS):
        page, at = walk.fetch_full(query)
        missed = _add_closing(walk, page, at)
        if missed is not None:
            return missed
        times = created_times(page)
        if times and all(earlier <= later for earlier, later in pairwise(times)):
            return None
        if not page.size and not page.total_count:
            return None
    return "the API does not list the oldest clusters"


def _add_closing(walk: Walk, page: Page, at: datetime) -> str | None:
    old = sum(walk.is_older_than_run(record.created_at) for record in _new_records(walk, page))
    walk.add(page, at)
    return f"a closing check found {old} clusters that the walk had missed" if old else None


def _new_records(walk: Walk, page: Page) -> list[Cluster]:
    return [record for record in page.records if record.id not in walk.record_set]


def prove_by_pages(walk: Walk, because: str) -> Verdict:
    """The verdict of page walks, where the walk by creation time proved nothing."""
    try:
        disagreement = walk_by_page.disagreement(walk)
    except ApiError as error:
        if not len(walk.record_set):
            raise
        return Verdict(State.UNPROVEN, f"{because}; then: {error}")
    if disagreement is None:
        return Verdict(
            State.COMPLETE, f"{because}; two page walks in opposite directions agree instead"
        )
    state = State.UNPROVEN if "count" in disagreement else State.DRIFTED
    return Verdict(state, f"{because}; {disagreement}")
