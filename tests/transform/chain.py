"""The findings of days in a row, made from one ledger."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pipeline.transform.findings import judge

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    import pandas as pd

    from pipeline.transform.observed import Until


def judge_days(
    ledger: pd.DataFrame,
    policy: judge.Policy,
    first: date,
    last: date,
    until: Until | None = None,
) -> Iterator[tuple[date, pd.DataFrame]]:
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    outcomes = (judge.judge_outcomes(ledger, policy, day, until) for day in days)
    return judge.judge_days(outcomes, policy, until=until)
