"""The state of an unfinished walk, from which the next run continues.

It is one value that msgspec can write and read: the rows so far, the position of the walk, and
what was learned about the server. The next run continues as if it had only waited: the closing
checks compare with the beginning of the first run, so their proof covers the whole time.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from pipeline.errors import ApiError
from pipeline.extract import decode
from pipeline.extract.clocks import LONGEST_WALK
from pipeline.extract.walk import Position, ServerTraits, Walk  # noqa: TC001 - field types
from pipeline.model import Quarantined  # noqa: TC001 - a field type, read at run time


class ResumePoint(msgspec.Struct, frozen=True, kw_only=True):
    """An unfinished walk."""

    account: str
    base_url: str
    started_at: datetime
    finished_at: datetime
    total_count: int | None
    pages: int
    requests: int
    request_ids: tuple[str, ...]
    warnings: tuple[str, ...]
    doubts: tuple[str, ...]
    traits: ServerTraits
    position: Position | None
    quarantine: tuple[Quarantined, ...]
    bad_fields: int
    rows: bytes
    """The table so far, as an Arrow stream."""
    clock_skew_seconds: float = 0.0
    wrong_dates: int = 0

    @property
    def clusters(self) -> int:
        """The number of clusters read so far."""
        return decode.count_rows(self.rows)


class WalkInterruptedError(ApiError):
    """The walk stopped before its end; ``resume`` is where the next run can continue."""

    def __init__(self, reason: str, resume: ResumePoint) -> None:
        self.resume = resume
        of = f" of {resume.total_count}" if resume.total_count is not None else ""
        super().__init__(f"{reason}; {resume.clusters}{of} clusters are kept for the next run")


def make_resume_point(walk: Walk, account: str, base_url: str) -> ResumePoint | None:
    """The state of ``walk``, whose rows it takes; None if the walk has not begun."""
    if walk.started_at is None or walk.finished_at is None or not len(walk.record_set):
        return None
    rows = decode.to_stream(walk.record_set.table())
    return ResumePoint(
        account=account,
        base_url=base_url,
        started_at=walk.started_at,
        finished_at=walk.finished_at,
        total_count=walk.total_count,
        pages=walk.pages,
        requests=walk.budget.requests,
        request_ids=tuple(walk.request_ids),
        warnings=tuple(walk.warnings),
        doubts=tuple(walk.doubts),
        traits=walk.traits,
        position=walk.position,
        quarantine=tuple(walk.record_set.quarantine.values()),
        bad_fields=walk.record_set.bad_fields,
        rows=rows,
        clock_skew_seconds=walk.clocks.skew,
        wrong_dates=walk.clocks.wrong,
    )


def apply_resume_point(walk: Walk, point: ResumePoint, account: str, base_url: str) -> bool:
    """Set ``walk`` to the state of ``point``; False, and no change, if that is not possible.

    It is not if the point is of another list, too old for the walk to end within
    ``LONGEST_WALK``, or in the future (a clock was wrong, then or now).
    """
    age = walk.local_now() - point.started_at
    skew = timedelta(hours=walk.settings.max_clock_skew_hours)
    max_age = LONGEST_WALK - timedelta(seconds=walk.settings.max_walk_seconds)
    if (point.account, point.base_url) != (account, base_url) or not -skew <= age < max_age:
        return False
    walk.record_set.restore(decode.from_stream(point.rows))
    walk.record_set.quarantine.update({record.raw: record for record in point.quarantine})
    walk.record_set.bad_fields = point.bad_fields
    walk.started_at, walk.finished_at = point.started_at, point.finished_at
    walk.total_count, walk.pages = point.total_count, point.pages
    walk.clocks.skew, walk.clocks.wrong = point.clock_skew_seconds, point.wrong_dates
    walk.budget.requests_before = point.requests
    walk.request_ids = list(point.request_ids)
    walk.warnings = [*point.warnings, f"a walk begun at {point.started_at:%H:%M:%SZ} was resumed"]
    walk.doubts = list(point.doubts)
    walk.traits = point.traits
    walk.position = point.position
    return True
