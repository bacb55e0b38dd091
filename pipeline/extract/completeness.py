"""From a walk to a claim: is this provably every cluster that was alive all the time?

After the walk, the newest page is asked for once more. Whatever it shows that is older than the
run must have been seen, and the API's count must not exceed what is known. If clusters were
promised by a count and then not found, the oldest page is looked at too: clusters without a
creation time hide at either end. Where any of this fails, page walks in both directions decide.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from pipeline.errors import ApiError
from pipeline.extract import walk_by_page
from pipeline.extract.budget import BudgetError
from pipeline.extract.verdict import Verdict
from pipeline.extract.walk import created_times, iso, whole_second
from pipeline.extract.walk_by_time import NEWEST_FIRST
from pipeline.model import State

if TYPE_CHECKING:
    from datetime import datetime

    from pipeline.extract.api_types import Cluster, Page
    from pipeline.extract.walk import Query, Walk

CLOSING_LOOKS = 3
"""A count may be wrong for once; one that is too high this often is taken at its word."""


def prove(walk: Walk) -> Verdict:
    """What a finished walk by creation time proved, after the closing looks.

    Raises:
        BudgetError: they do not fit into this run; the next one can take them.
    """
    gone = (walk.total_count or 0) - _older(walk)
    try:
        problem = _problem(walk, gone)
    except BudgetError:
        raise
    except ApiError as error:
        return Verdict(State.UNPROVEN, f"no closing look was possible: {error}")
    if problem is not None:
        return by_numbers(walk, problem)
    seen = f"walked by creation time: {len(walk.record_set)} ids"
    if gone:
        return Verdict(
            State.COMPLETE,
            f"{seen}; the API counted {walk.total_count} at first, {gone} of them were gone "
            "before their page; every page was full, sorted and inside its bounds, and the "
            "closing looks showed nothing that was missed",
        )
    return Verdict(
        State.COMPLETE,
        f"{seen}, as many older than the run as the API counted, and the closing look showed "
        "nothing missed",
    )


def _older(walk: Walk) -> int:
    """Records seen that the first count must have held: those older than the run.

    Newer ones are left out, or they would hide as many missing ones.
    """
    if walk.started_at is None:
        return 0
    return walk.record_set.count_older(walk.started_at) + len(walk.record_set.quarantine)


def _problem(walk: Walk, gone: int) -> str | None:
    """Why the walk is no proof, or None if it is one.

    Args:
        walk: A finished one.
        gone: How many more clusters the API counted at first than the walk has seen of them.
    """
    missed = _missed(walk)
    if missed is None and (gone or walk.doubts):
        missed = _missed_at_old_end(walk)
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


def _missed(walk: Walk) -> str | None:
    """What the newest page of the unfiltered list shows that the walk should have seen."""
    # Another order of the parameters: a cache that knows the first page's address misses.
    query: Query = {"limit": walk.settings.page_size, **NEWEST_FIRST}
    for look in range(1, CLOSING_LOOKS + 1):
        page, at = walk.ask_whole(query)
        fresh = _fresh(walk, page)
        missed = _take_closing(walk, page, at)
        if missed is not None:
            return missed
        if fresh and len(fresh) == len(page.records) and walk.started_at is not None:
            # More new clusters than fit on the page: count the old ones alone.
            start = iso(whole_second(walk.started_at))
            page, at = walk.ask_whole({**query, "created_before": start})
            if len(walk.record_set) and len(_fresh(walk, page)) == len(page.records):
                return "a closing look showed none of the clusters that the walk had seen"
            walk.take(page, at)
        hidden = (page.total_count or 0) - len(walk.record_set) - len(walk.record_set.quarantine)
        # Nothing on an empty list can contradict it: only looking again can.
        if hidden <= 0 and (len(walk.record_set) or look > 1):
            return None
    return f"the API counts {hidden} clusters more than it lists by creation time"


def _missed_at_old_end(walk: Walk) -> str | None:
    """What the oldest page shows that the walk should have seen: clusters without a time."""
    query: Query = {"limit": walk.settings.page_size, **NEWEST_FIRST, "sort_order": "asc"}
    for _ in range(CLOSING_LOOKS):
        page, at = walk.ask_whole(query)
        missed = _take_closing(walk, page, at)
        if missed is not None:
            return missed
        times = created_times(page)
        if times and all(earlier <= later for earlier, later in pairwise(times)):
            return None
        if not page.size and not page.total_count:
            return None
    return "the API does not show the old end of the list"


def _take_closing(walk: Walk, page: Page, at: datetime) -> str | None:
    old = sum(walk.is_older_than_run(record.created_at) for record in _fresh(walk, page))
    walk.take(page, at)
    return f"a closing look showed {old} clusters that the walk had missed" if old else None


def _fresh(walk: Walk, page: Page) -> list[Cluster]:
    return [record for record in page.records if record.id not in walk.record_set]


def by_numbers(walk: Walk, because: str) -> Verdict:
    """What page walks can prove after the walk by creation time could not."""
    try:
        disagreement = walk_by_page.agree(walk)
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
