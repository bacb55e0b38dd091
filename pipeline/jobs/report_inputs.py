"""What a report is made from besides the findings, read from the store once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from pipeline.errors import DamageError
from pipeline.ledger.inputs import usual_spacing
from pipeline.report.totals import within
from pipeline.transform import anomalies
from pipeline.transform.findings import judge
from pipeline.transform.findings.owners import owner_over_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from pipeline.model import Certificate, SnapshotRef
    from pipeline.settings import Settings
    from pipeline.store import Store
    from pipeline.transform.findings.owners import Owner

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

    def of_owner(self, name: str) -> Sources:
        """Only this owner's clusters."""
        ledger, past = (f[(f["owner"] == name).to_numpy(bool)] for f in (self.ledger, self.past))
        return replace(self, ledger=ledger, past=past)

    def since(self, day: date | None, days: int) -> pd.DataFrame:
        """The ledger rows of the ``days`` days up to and with ``day``."""
        if day is None:
            return self.ledger
        return within(self.ledger, day - timedelta(days=days - 1), day)


def read(
    store: Store,
    settings: Settings,
    refs: Sequence[SnapshotRef],
    day: date | None,
    owners: Sequence[Owner] = (),
) -> Sources:
    """Ledger rows of the window, of the date's month and of the findings' look-back."""
    if day is None:
        nothing = store.read_ledger(date.max, date.max).assign(owner=None)
        return Sources(nothing, nothing, (), _certificates(store, refs, []), [])
    back = max(settings.report.window_days, judge.TRAILING_DAYS)
    first = min(day - timedelta(days=back - 1), day.replace(day=1))
    damaged: list[str] = []
    ledger = store.read_ledger(first, day, damaged=damaged)
    oldest = min(first, day - timedelta(days=anomalies.HISTORY_DAYS + UNUSUAL_DAYS - 1))
    past = store.read_ledger(oldest, day, columns=_OF_THE_PAST, damaged=damaged)
    damaged = list(dict.fromkeys(damaged))
    days = [ref for ref in store.ledger_days(None, first, day) if ref.key not in damaged]
    behind = [ref for ref in refs if first <= ref.day <= day + timedelta(days=1)]
    return Sources(
        ledger=ledger.assign(owner=owner_over_time(owners, ledger)),
        past=past.assign(owner=owner_over_time(owners, past)),
        days=tuple(sorted({ref.day for ref in days})),
        certificates=_certificates(store, behind, damaged),
        damaged=damaged,
        spacing=usual_spacing(behind),
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
