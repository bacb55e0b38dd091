"""A period in review: which days lack data, and whether it can be compared with the one before.

Two periods are compared only if every account has data of every day of both. Otherwise a difference
could be that of what was observed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from pipeline.periods import Days, Period

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import date

    import pandas as pd


class Missing(NamedTuple):
    """Days without data."""

    account: str
    """Whose; empty for all accounts of the report."""
    runs: tuple[Days, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class PeriodReview:
    """What is known about a period besides its ledger rows."""

    period: Period
    missing: tuple[Missing, ...]
    """Its days without data."""
    before: Period
    """What it is compared with."""
    incomparable: tuple[Missing, ...]
    """The days without data for which it is not compared; none: it is."""
    realised: pd.DataFrame | None = None
    """``findings.realised.realised`` of its days; None: stored findings are damaged."""

    @property
    def realised_micros(self) -> int | None:
        """What acting on findings saved on its days."""
        return None if self.realised is None else int(self.realised["realised_micros"].sum())


def review(
    period: Period,
    day: date,
    days: Mapping[str, Collection[date]],
    realised: pd.DataFrame | None = None,
) -> PeriodReview:
    """The review of ``period`` as of ``day``, the last of its days that has data.

    ``days``: of each account the days it has data of, those of the period before among them.
    """
    before = period.before(day)
    assert before is not None  # noqa: S101 - a window is not reviewed
    so_far = Period("window", period.first, day)
    return PeriodReview(
        period=period,
        missing=missing(period, days),
        before=before,
        incomparable=(*missing(before, days), *missing(so_far, days)),
        realised=realised,
    )


def missing(period: Period, days: Mapping[str, Collection[date]]) -> tuple[Missing, ...]:
    """The days of ``period`` that no account has data of, then those that single accounts lack."""
    every = {day for known in days.values() for day in known}
    nowhere = period.missing(every)
    lacking = [Missing("", nowhere)] if nowhere else []
    unknown = {*period.each_day()} - every
    for account, known in sorted(days.items()):
        own = period.missing(unknown | {*known})
        if own:
            lacking.append(Missing(account, own))
    return tuple(lacking)
