"""What a report is given by the analyses: only the shape it reads, so that neither imports the
other.
"""

# ruff: noqa: D102  # the analyses that make these values say what each name means
from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    import pandas as pd


class Estimate(Protocol):
    """One method's answer to what a period will cost."""

    @property
    def method(self) -> str: ...
    @property
    def remaining_micros(self) -> int: ...
    @property
    def total_micros(self) -> int: ...
    @property
    def error_share(self) -> float | None: ...
    @property
    def low_micros(self) -> int | None: ...
    @property
    def high_micros(self) -> int | None: ...
    @property
    def origins(self) -> int: ...


class Forecast(Protocol):
    """A period's spend, so far and to come."""

    @property
    def first(self) -> date: ...
    @property
    def until(self) -> date: ...
    @property
    def spent_micros(self) -> int: ...
    @property
    def days_left(self) -> int: ...
    @property
    def history_days(self) -> int: ...
    @property
    def estimates(self) -> Sequence[Estimate]: ...
    @property
    def refused(self) -> str | None: ...
    @property
    def best(self) -> Estimate | None: ...


class Budgets(Protocol):
    """Where every budget stands, and the lines crossed since the last report."""

    @property
    def table(self) -> pd.DataFrame:
        """budget, group, amount_micros, spent_micros, spent_share, elapsed_share,
        forecast_micros.
        """

    @property
    def alerts(self) -> pd.DataFrame:
        """The same with ``alert``."""
