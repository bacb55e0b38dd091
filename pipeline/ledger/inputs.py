"""Which snapshots a ledger day reads, derived from their names alone.

A day reads every snapshot that touches it, then outward on each side through the second complete
snapshot that lies wholly outside: one complete list may have missed a cluster that the next one
shows to have lived (``links``). So a day is a pure function of a few files: its digest covers their
names, and a day whose file has another digest is stale. One listing decides all of this. A day is
closed by the first complete snapshot after it; the second one makes it stale once more.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from pipeline.schema_versions import SCHEMA_VERSION

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from pipeline.model import SnapshotRef

MAX_WALK = timedelta(hours=12)
"""The longest time a walk can take, interruptions included (extract.resume). A name gives only the
start of a walk; this limit gives the latest time at which it ended."""

ONE_DAY = timedelta(days=1)

_COMPLETE_OUTSIDE = 2

LONGEST_GAP_DAYS = 400
"""Within a longer time without snapshots no days are built and no interval is made: the history
starts again after it. So a snapshot with a wrong date causes a bounded number of days."""


def midnight(day: date) -> datetime:
    """The instant a UTC day begins."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def days_between(refs: Sequence[SnapshotRef]) -> list[date]:
    """Every UTC day from the first snapshot's to the last snapshot's, without the days inside gaps
    that are too long.
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
    return [
        (earlier, later) for earlier, later in pairwise(refs) if _is_too_far(earlier.day, later.day)
    ]


def inputs_of(refs: Sequence[SnapshotRef], day: date) -> list[SnapshotRef]:
    """The snapshots a day reads, in time order. ``refs``: one account's, sorted by time."""
    starts = [ref.started_at for ref in refs]
    return _inputs(refs, starts, day)


def near_of(inputs: Sequence[SnapshotRef], day: date) -> range:
    """The places in the day's inputs of those up to the nearest complete one on each side."""
    starts = [ref.started_at for ref in inputs]
    near = _inputs(inputs, starts, day, complete_outside=1)
    first = inputs.index(near[0]) if near else 0
    return range(first, first + len(near))


def inputs_by_day(refs: Sequence[SnapshotRef]) -> dict[date, list[SnapshotRef]]:
    """The snapshots that each day reads. ``refs``: one account's, sorted by time."""
    starts = [ref.started_at for ref in refs]
    return {day: _inputs(refs, starts, day) for day in days_between(refs)}


def digests(refs: Sequence[SnapshotRef], rate_card: Mapping[str, int]) -> dict[date, str]:
    """The digest that each day's file should have: a day without such a file is stale."""
    return {day: digest_of(inputs, rate_card) for day, inputs in inputs_by_day(refs).items()}


def digest_of(inputs: Sequence[SnapshotRef], rate_card: Mapping[str, int]) -> str:
    """The digest of all that a day depends on: its inputs' names, the schema version, the rate
    card.
    """
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
    """The newest closed day since the last gap that is too long; None if there is none."""
    complete = [ref.day for ref in refs if ref.is_complete]
    if not complete or complete[-1] == _history_start(refs, complete[-1]):
        return None
    return complete[-1] - ONE_DAY


def observed_until(
    refs: Sequence[SnapshotRef], built: Iterable[date], final: Collection[date] = ()
) -> date | None:
    """The last day on which an account is observed; None if there is none.

    That is the newest day that is in the ledger and is closed: a complete snapshot lies wholly at
    or after its end, or the day is final. Later days are unknown, even if snapshots show part of
    them.

    Args:
        refs: the account's snapshots, sorted by time.
        built: the account's days in the ledger.
        final: its final days; ``prune`` may have removed their snapshots.
    """
    closed = last_closed_day(refs)
    days = (day for day in built if day in final or (closed is not None and day <= closed))
    return max(days, default=None)


def _history_start(refs: Sequence[SnapshotRef], day: date) -> date:
    """The first day of the history that ``day`` belongs to."""
    return unbroken_since(sorted({ref.day for ref in refs if ref.day <= day}))


def usual_spacing(refs: Sequence[SnapshotRef]) -> float | None:
    """The median of the seconds between two snapshots of an account; None for fewer than two."""
    pairs = pairwise(refs)
    spacings = [
        (b.started_at - a.started_at).total_seconds() for a, b in pairs if a.account == b.account
    ]
    return median(spacings) if spacings else None


def gaps(refs: Sequence[SnapshotRef]) -> list[tuple[datetime, datetime]]:
    """Times without a snapshot, each longer than an hour and 2.5 times the usual spacing."""
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
    refs: Sequence[SnapshotRef],
    starts: Sequence[datetime],
    day: date,
    complete_outside: int = _COMPLETE_OUTSIDE,
) -> list[SnapshotRef]:
    begin, end = midnight(day), midnight(day + ONE_DAY)
    # From the day's first snapshot back to two complete ones that had ended by midnight.
    first, wanted = bisect_left(starts, begin), complete_outside
    while wanted and first > 0 and not _follows_long_gap(refs, first):
        first -= 1
        wanted -= refs[first].is_complete and _ended_by(starts, first, begin)
    # And from its last snapshot on to two complete ones; ``last`` is one past the end.
    last, wanted = bisect_left(starts, end), complete_outside
    while wanted and last < len(refs) and not _follows_long_gap(refs, last):
        last += 1
        wanted -= refs[last - 1].is_complete
    return list(refs[first:last])


def _follows_long_gap(refs: Sequence[SnapshotRef], position: int) -> bool:
    """Whether the gap before the snapshot at ``position`` is too long."""
    return 0 < position < len(refs) and _is_too_far(refs[position - 1].day, refs[position].day)


def _is_too_far(day: date, following: date) -> bool:
    return (following - day).days > LONGEST_GAP_DAYS


def _ended_by(starts: Sequence[datetime], position: int, instant: datetime) -> bool:
    """Whether the walk at ``position`` had ended by ``instant``: walks of an account hold a lock,
    so a walk has ended when the next one starts.
    """
    following = starts[position + 1] if position + 1 < len(starts) else None
    return starts[position] + MAX_WALK <= instant or (
        following is not None and following <= instant
    )
