"""Which snapshots a ledger day reads, told from their names alone.

A day reads every snapshot that touches it, then outward on each side through the first complete
one that lies wholly outside. That makes a day a pure function of a few files: its digest is taken
over their names, and a day whose file carries another digest is stale. One listing decides it all.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from pipeline.schema import SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from pipeline.model import SnapshotRef

MAX_WALK = timedelta(hours=12)
"""The longest a walk can last, one that was interrupted and resumed included (extract.resume). A
name gives only a walk's start; with this it also says when the walk was over at the latest."""

ONE_DAY = timedelta(days=1)

LONGEST_GAP_DAYS = 400
"""Over a longer stretch without a snapshot no days are built and no interval is drawn: the history
begins anew after it. So one snapshot, however wrong its date, causes a bounded number of days."""


def midnight(day: date) -> datetime:
    """The instant a UTC day begins."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def days_between(refs: Sequence[SnapshotRef]) -> list[date]:
    """Every UTC day from the first snapshot's to the last one's, all gaps but too long ones
    included.
    """
    days = sorted({ref.day for ref in refs})
    between = [
        day + timedelta(days=n)
        for day, following in pairwise(days)
        for n in range(1 if _is_too_far(day, following) else (following - day).days)
    ]
    return between + days[-1:]


def unbroken_since(days: Sequence[date]) -> date:
    """The first of ``days`` (sorted) after the last gap that is too long."""
    starts = [following for day, following in pairwise(days) if _is_too_far(day, following)]
    return starts[-1] if starts else days[0]


def long_gaps(refs: Sequence[SnapshotRef]) -> list[tuple[SnapshotRef, SnapshotRef]]:
    """The snapshots on both sides of each gap whose days are not built."""
    return [(one, other) for one, other in pairwise(refs) if _is_too_far(one.day, other.day)]


def inputs_of(refs: Sequence[SnapshotRef], day: date) -> list[SnapshotRef]:
    """The snapshots a day reads, in time order. ``refs``: one account's, sorted by time."""
    starts = [ref.started_at for ref in refs]
    return _inputs(refs, starts, day)


def digests(refs: Sequence[SnapshotRef], rate_card: Mapping[str, int]) -> dict[date, str]:
    """The digest each day's file should carry: a day is stale when that file is not there."""
    starts = [ref.started_at for ref in refs]
    return {day: digest_of(_inputs(refs, starts, day), rate_card) for day in days_between(refs)}


def digest_of(inputs: Sequence[SnapshotRef], rate_card: Mapping[str, int]) -> str:
    """Over the inputs' names, the schema version and the rate card: all that a day depends on."""
    text = "\n".join(
        [
            str(SCHEMA_VERSION),
            *(f"{gpu_type}={price}" for gpu_type, price in sorted(rate_card.items())),
            *(ref.key.rsplit("/", 1)[-1] for ref in inputs),
        ]
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def is_closed(refs: Sequence[SnapshotRef], day: date) -> bool:
    """Whether a complete snapshot lies wholly at or after the day's end."""
    end = midnight(day + ONE_DAY)
    return any(ref.is_complete and ref.started_at >= end for ref in inputs_of(refs, day))


def last_closed_day(refs: Sequence[SnapshotRef]) -> date | None:
    """The newest closed day that has begun within the history, since its last gap that is too
    long; None while there is none.
    """
    complete = [ref.day for ref in refs if ref.is_complete]
    if not complete or complete[-1] == _begin(refs, complete[-1]):
        return None
    return complete[-1] - ONE_DAY


def observed_until(
    refs: Sequence[SnapshotRef], built: Iterable[date], final: Collection[date] = ()
) -> date | None:
    """The last day on which an account is observed; None while there is none.

    That is the newest day that is closed (a complete snapshot lies wholly at or after its end, or
    it was made final) and is in the ledger. Of later days nothing is known, however much the
    account's snapshots show of them.

    Args:
        refs: the account's snapshots, sorted by time.
        built: the days the ledger has of it.
        final: those of them that are final; ``prune`` may have removed their snapshots.
    """
    closed = last_closed_day(refs)
    days = (day for day in built if day in final or (closed is not None and day <= closed))
    return max(days, default=None)


def _begin(refs: Sequence[SnapshotRef], day: date) -> date:
    """The first day of the history that ``day`` belongs to."""
    return unbroken_since(sorted({ref.day for ref in refs if ref.day <= day}))


def usual_spacing(refs: Sequence[SnapshotRef]) -> float | None:
    """Seconds between two looks of an account, as a median; None for fewer than two looks."""
    pairs = pairwise(refs)
    spacings = [
        (b.started_at - a.started_at).total_seconds() for a, b in pairs if a.account == b.account
    ]
    return median(spacings) if spacings else None


def gaps(refs: Sequence[SnapshotRef]) -> list[tuple[datetime, datetime]]:
    """Stretches without a look: longer than an hour and 2.5 times the usual spacing."""
    spacing = usual_spacing(refs)
    if spacing is None:
        return []
    longest = timedelta(seconds=max(3600.0, 2.5 * spacing))
    return [
        (earlier.started_at, later.started_at)
        for earlier, later in pairwise(refs)
        if later.started_at - earlier.started_at > longest
    ]


def _inputs(
    refs: Sequence[SnapshotRef], starts: Sequence[datetime], day: date
) -> list[SnapshotRef]:
    begin, end = midnight(day), midnight(day + ONE_DAY)
    first = bisect_left(starts, begin)
    while first > 0 and not _begins_anew(refs, first):
        first -= 1
        if refs[first].is_complete and _ended_by(starts, first, begin):
            break
    last = bisect_left(starts, end)
    while last < len(refs) and not _begins_anew(refs, last):
        last += 1
        if refs[last - 1].is_complete:
            break
    return list(refs[first:last])


def _begins_anew(refs: Sequence[SnapshotRef], position: int) -> bool:
    """Whether too long a gap lies before the snapshot at ``position``."""
    return 0 < position < len(refs) and _is_too_far(refs[position - 1].day, refs[position].day)


def _is_too_far(day: date, following: date) -> bool:
    return (following - day).days > LONGEST_GAP_DAYS


def _ended_by(starts: Sequence[datetime], position: int, instant: datetime) -> bool:
    """Walks of one account never overlap (they hold a lock), so the next start ends this one."""
    following = starts[position + 1] if position + 1 < len(starts) else None
    return starts[position] + MAX_WALK <= instant or (
        following is not None and following <= instant
    )
