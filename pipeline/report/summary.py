"""The numbers of ``summary.json`` besides the totals: every key once, with its type.

Keys of parts that a report does not have are left out.
"""

from __future__ import annotations

from datetime import date  # noqa: TC003  # msgspec reads the annotations
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from pipeline.report.text.numbers import known

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T", bound=msgspec.Struct)


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """What a report was made from: shows later whether it is still current."""

    findings: str
    """The digest of the day's findings."""
    findings_version: int
    incomplete: tuple[str, ...] = ()
    """What was damaged, missing or incomplete, each with what is wrong with it."""


class EstimateNumbers(msgspec.Struct, frozen=True, kw_only=True):
    """One method's forecast."""

    method: str
    total_micros: int
    error_share: float | None
    low_micros: int | None
    high_micros: int | None
    origins: int


class ForecastNumbers(msgspec.Struct, frozen=True, kw_only=True):
    """The forecast of the month."""

    first: date
    until: date
    spent_micros: int
    days_left: int
    history_days: int
    refused: str | None
    best: str | None
    """The method that is quoted."""
    estimates: tuple[EstimateNumbers, ...]


class BudgetNumbers(msgspec.Struct, frozen=True, kw_only=True):
    """One group of a budget."""

    budget: str
    group: str
    amount_micros: int
    spent_micros: int
    forecast_micros: int | None
    reached_on: date | None
    """The day on which spend or its forecast reaches the amount; None if on none of the month."""


class BudgetAlert(msgspec.Struct, frozen=True, kw_only=True):
    """A line that was crossed for the first time."""

    budget: str
    group: str
    alert: str


class BridgeNumbers(msgspec.Struct, frozen=True, kw_only=True):
    """Why spend changed."""

    before: tuple[date, date]
    after: tuple[date, date]
    causes: dict[str, int]
    """Micros by cause; they add up to the difference."""
    difference_micros: int


class UnusualDay(msgspec.Struct, frozen=True, kw_only=True):
    """A day with unusual spend."""

    date: date
    cut: str
    group: str | None
    spend_micros: int
    usual_micros: int
    deviation_micros: int
    score: float


class LifeNumbers(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the findings since the last report."""

    new: int
    reopened: int
    gone: dict[str, int]
    """How many, by reason."""
    unjudged: int
    waiting_cost_micros: int
    promised_micros: int
    realised_micros: int
    realised_unpromised_micros: int = 0
    """Always 0: a saving that no finding promised is not credited."""


class MissingDays(msgspec.Struct, frozen=True, kw_only=True):
    """Consecutive days without data."""

    account: str | None
    """Whose; null for all accounts of the report."""
    first: date
    last: date


class PeriodNumbers(msgspec.Struct, frozen=True, kw_only=True):
    """The period a report is about."""

    name: str
    """As the report names it."""
    first: date
    last: date
    days: int
    days_known: int
    missing: tuple[MissingDays, ...]
    before: tuple[date, date]
    """What it is compared with."""
    before_micros: int | None
    """What that cost; null where the two cannot be compared."""
    not_compared: tuple[MissingDays, ...]
    """The days without data for which they cannot."""
    realised_micros: int | None
    """What acting on findings saved on its days; null where it is unknown."""


class OwnerNumbers(msgspec.Struct, frozen=True, kw_only=True):
    """What one owner has; ``owner`` is null for clusters without one."""

    owner: str | None
    clusters: int
    spend_micros: int
    findings: int
    waste_micros: int
    saving_micros: int


class ExclusionNumbers(msgspec.Struct, frozen=True, kw_only=True):
    """One exclusion and what it costs."""

    match: str
    rule: str
    owner: str
    expires: str
    is_expired: bool
    findings: int
    cost_micros: int


class Numbers(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The keys of ``summary.json`` after the totals, in their order."""

    outcomes: dict[str, dict[str, int]]
    """Per rule, how many clusters got each outcome."""
    forecast: ForecastNumbers | None = None
    budgets: tuple[BudgetNumbers, ...] | None = None
    budget_alerts: tuple[BudgetAlert, ...] | None = None
    bridge: BridgeNumbers | None = None
    anomalies: tuple[UnusualDay, ...] | None = None
    life: LifeNumbers | None = None
    status_changes: dict[str, int] | None = None
    """How many clusters of each change."""
    owners: tuple[OwnerNumbers, ...] | None = None
    exclusions: tuple[ExclusionNumbers, ...] | None = None
    unobservable_micros: int | None = None
    inputs: Provenance | None = None
    account: str | None = None
    """The account that the report is about; without it, all."""
    period: PeriodNumbers | None = None

    def as_json(self) -> dict[str, object]:
        """The numbers that the report has, as JSON values by key."""
        return msgspec.json.decode(msgspec.json.encode(self), type=dict[str, object])


def rows_as(kind: type[T], frame: pd.DataFrame) -> tuple[T, ...]:
    """Each row of ``frame`` as a ``kind``, whose fields are columns; null is None."""
    names = kind.__struct_fields__
    cells: Any = frame[list(names)].astype("object").itertuples(index=False)
    return tuple(
        kind(**{name: known(value) for name, value in zip(names, row, strict=True)})
        for row in cells
    )
