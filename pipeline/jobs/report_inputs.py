"""What a report is made from besides the findings, read from the store once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from pipeline.errors import DamageError
from pipeline.ledger.inputs import usual_spacing
from pipeline.report.totals import within
from pipeline.transform import anomalies
from pipeline.transform.findings import judge
from pipeline.transform.findings.owners import owner_over_time
from pipeline.transform.observed import observed_days

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

    from pipeline.jobs.findings import DayFindings
    from pipeline.model import Certificate, NotObserved, SnapshotRef
    from pipeline.settings import Settings
    from pipeline.store import Store

UNUSUAL_DAYS = 7
"""A report tells unusual days since the one before it, and of no more than a week."""
_OF_THE_PAST = (
    *("date", "account", "cluster_id", "name", "project_id", "gpu_type", "template_id"),
    *("status", "hourly_rate_micros", "expires_at", "spend_micros", "flags"),
)


@dataclass(frozen=True)
class Sources:
    """Ledger rows and what is known about how they came about."""

    ledger: pd.DataFrame
    """With the ``owner`` of each cluster."""
    past: pd.DataFrame
    """Older days too, with the few columns that forecasts and comparisons need."""
    days: tuple[date, ...]
    certificates: list[Certificate]
    damaged: list[str]
    spacing: float | None = None
    """Usual seconds between two looks."""
    until: Mapping[str, date] = field(default_factory=dict)
    """The last day on which each account is observed: no row is of a later one."""
    not_observed: tuple[NotObserved, ...] = ()
    """The accounts of which nothing is known on the report's day."""

    def of_owner(self, name: str) -> Sources:
        """Only this owner's clusters, and the accounts they are in."""
        ledger, past = (f[(f["owner"] == name).to_numpy(bool)] for f in (self.ledger, self.past))
        accounts = {str(account) for account in past["account"].unique()}
        mine = tuple(one for one in self.not_observed if one.account in accounts)
        return replace(self, ledger=ledger, past=past, not_observed=mine)

    @property
    def missing(self) -> tuple[str, ...]:
        """The accounts that should be observed and are not."""
        return tuple(one.account for one in self.not_observed if one.in_settings)

    def since(self, day: date | None, days: int) -> pd.DataFrame:
        """The ledger rows of the ``days`` days up to and with ``day``."""
        if day is None:
            return self.ledger
        return within(self.ledger, day - timedelta(days=days - 1), day)


def read(
    store: Store,
    settings: Settings,
    refs: Sequence[SnapshotRef],
    judged: DayFindings | None,
) -> Sources:
    """Ledger rows of the window, of the date's month and of the findings' look-back."""
    if judged is None:
        nothing = store.read_ledger(date.max, date.max).assign(owner=None)
        return Sources(nothing, nothing, (), _certificates(store, refs, []), [])
    day, known, policy = judged.day, judged.coverage, judged.policy
    back = max(settings.report.window_days, judge.TRAILING_DAYS)
    first = min(day - timedelta(days=back - 1), day.replace(day=1))
    damaged: list[str] = []
    ledger = observed_days(store.read_ledger(first, day, damaged=damaged), known.until)
    oldest = min(first, day - timedelta(days=anomalies.HISTORY_DAYS + UNUSUAL_DAYS - 1))
    past = store.read_ledger(oldest, day, columns=_OF_THE_PAST, damaged=damaged)
    past = observed_days(past, known.until)
    damaged = list(dict.fromkeys(damaged))
    days = [
        ref
        for ref in store.ledger_days(None, first, day)
        if ref.key not in damaged and known.has(ref.account, ref.day)
    ]
    behind = [ref for ref in refs if first <= ref.day <= day + timedelta(days=1)]
    return Sources(
        ledger=ledger.assign(owner=owner_over_time(policy.owners, ledger)),
        past=past.assign(owner=owner_over_time(policy.owners, past)),
        days=tuple(sorted({ref.day for ref in days})),
        certificates=_certificates(store, behind, damaged),
        damaged=damaged,
        spacing=usual_spacing(behind),
        until=known.until,
        # One that left the settings is told as long as the report has days of it.
        not_observed=tuple(
            one
            for one in known.missing(day, policy.accounts)
            if one.in_settings or (one.until is not None and one.until >= first)
        ),
    )


def _certificates(
    store: Store, refs: Sequence[SnapshotRef], damaged: list[str]
) -> list[Certificate]:
    good = []
    for ref in refs:
        try:
            good.append(store.certificate(ref))
        except DamageError:
            damaged.append(ref.key)
    return good
