"""From a walk to a claim: is this provably every cluster that was alive all the time?

After the walk, the newest page is asked for once more. Whatever it shows that is older than the
run must have been seen, and the API's count must not exceed what is known. If clusters were
promised by a count and then not found, the oldest page is looked at too: clusters without a
creation time hide at either end. Where any of this fails, page walks in both directions decide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.extract import numbered
from pipeline.extract.budget import BudgetError
from pipeline.extract.keyset import NEWEST_FIRST, Keyset, NoKeysetError
from pipeline.extract.verdict import Verdict
from pipeline.model import State

if TYPE_CHECKING:
    from pipeline.extract.walk import Query, Walk


def walk_and_prove(walk: Walk, keyset: Keyset) -> Verdict:
    """Walk the whole list of v1 and say what that proved."""
    try:
        keyset.run()
    except NoKeysetError as reason:
        return _by_numbers(walk, f"the list cannot be walked by creation time ({reason})")
    try:
        problem = _problem(walk, keyset)
    except BudgetError as error:
        return Verdict(State.UNPROVEN, f"the budget ended before the closing look: {error}")
    if problem is not None:
        return _by_numbers(walk, problem)
    return Verdict(State.COMPLETE, _sentence(walk, keyset))


def _sentence(walk: Walk, keyset: Keyset) -> str:
    seen = f"walked by creation time: {len(walk.roster)} ids"
    if keyset.gone:
        return (
            f"{seen}; the API counted {walk.total_count} at first, {keyset.gone} of them were "
            "deleted before their page; every page was full, sorted and inside its bound, and the "
            "closing looks showed nothing that was missed"
        )
    return f"{seen}, as many as the API counted, and the closing look showed nothing missed"


def _problem(walk: Walk, keyset: Keyset) -> str | None:
    """Why the walk is no proof, or None if it is one."""
    missed = _missed(walk, NEWEST_FIRST)
    if missed is None and (keyset.gone or keyset.doubts):
        missed = _missed(walk, {**NEWEST_FIRST, "sort_order": "asc"})
    if missed is not None:
        return missed
    is_counted = walk.total_count == _known(walk)
    if keyset.doubts and not is_counted:
        return keyset.doubts[0]
    if not keyset.counts_follow and not is_counted:
        return "the API's counts do not follow its filters"
    if walk.total_count is None:
        return "the API gives no count"
    return None


def _missed(walk: Walk, order: Query) -> str | None:
    """What one end of the unfiltered list shows that the walk should have seen."""
    page, at = walk.ask({**order, "limit": walk.settings.page_size})
    fresh = [record for record in page.records if record.id not in walk.roster]
    old = [
        record
        for record in fresh
        if record.created_at is None
        or walk.started_at is None
        or record.created_at < walk.started_at
    ]
    walk.take(page, at)
    if old:
        return f"the closing look showed {len(old)} clusters that the walk had missed"
    is_all_new = bool(page.records) and len(fresh) == len(page.records)
    hidden = (page.total_count or 0) - _known(walk)
    if hidden > 0 and not is_all_new:
        return f"the API counts {hidden} clusters more than it lists by creation time"
    return None


def _known(walk: Walk) -> int:
    """Records seen, each once, those without identity included."""
    return len(walk.roster) + len(walk.roster.quarantine)


def _by_numbers(walk: Walk, because: str) -> Verdict:
    try:
        disagreement = numbered.agree(walk)
    except BudgetError as error:
        return Verdict(State.UNPROVEN, f"{because}; {error}")
    if disagreement is None:
        return Verdict(
            State.COMPLETE, f"{because}; two page walks in opposite directions agree instead"
        )
    state = State.UNPROVEN if "count" in disagreement else State.DRIFTED
    return Verdict(state, f"{because}; {disagreement}")
