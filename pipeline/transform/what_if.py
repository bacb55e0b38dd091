"""What if: the price of the next 30 days under a change.

Method: each cluster's expected spend of 30 days (its own spend of the last 30 days per day it was
listed; unlike a saving, not capped by what it has cost so far), and the same after the change:

- stop: nothing but what its stopped hours were charged; 0 if it never was stopped;
- gpus: running spend in proportion to the number of GPUs;
- schedule: running spend in proportion to the hours a week it may run, if it runs more now;
- rate card: running hours x GPUs x price per GPU-hour, for the GPU types on the card.

Assumption: the same work is done after the change. Where a change cannot be priced (GPUs unknown,
a type that is not on the card), nothing changes and ``is_priced`` is false.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

import numpy as np

from pipeline.errors import SettingsError
from pipeline.schema import CLUSTER_KEY, MICROS_PER_UNIT
from pipeline.transform.findings.patterns import matches
from pipeline.transform.findings.savings import DAYS_AHEAD
from pipeline.transform.fold import Fold
from pipeline.transform.utilization import facts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    import pandas as pd

    from pipeline.arrays import Floats


_WEEK_HOURS = 168.0


@dataclass(frozen=True)
class Change:
    """A change to the clusters whose id, name, project or template matches ``match``."""

    kind: Literal["stop", "gpus", "schedule", "rate_card"]
    match: str = "*"
    value: float = 0.0
    """GPUs per cluster, or hours a week."""
    rate_card: Mapping[str, float] = field(default_factory=dict)
    """Price per GPU-hour by GPU type, in the account's currency."""

    def check(self) -> None:
        """Refuse invalid values.

        Raises:
            SettingsError: fewer than 1 GPU, hours outside a week, an empty card.
        """
        if self.kind == "gpus" and self.value < 1:
            raise SettingsError(f"what-if gpus {self.value:g}: give at least 1; to end it, stop it")
        if self.kind == "schedule" and not 0 < self.value <= _WEEK_HOURS:
            raise SettingsError(f"what-if schedule {self.value:g}: hours a week, 1 to 168")
        if self.kind == "rate_card" and not self.rate_card:
            raise SettingsError("what-if rate card: it names no GPU type")


def what_if(ledger: pd.DataFrame, as_of: date, change: Change) -> pd.DataFrame:
    """Per listed cluster that fits: spend of 30 days before and after, most saved first.

    Columns: account, cluster_id, name, project_id, ``before_micros``, ``after_micros``,
    ``difference_micros``, ``is_priced``.
    """
    change.check()
    first = as_of - timedelta(days=DAYS_AHEAD - 1)
    frame = facts(Fold.within(ledger, first, as_of), last_day=as_of)
    frame = frame[frame["is_present"].astype(bool).to_numpy() & matches(change.match, frame)]
    frame = frame.reset_index(drop=True)
    listed = (frame["observed_seconds"] + frame["gap_seconds"]).to_numpy(np.float64) / 86_400.0
    per_month = DAYS_AHEAD / np.maximum(listed, 1.0)
    spend = frame["spend_micros"].to_numpy(np.float64, na_value=0.0) * per_month
    stopped = frame["stopped_spend_micros"].to_numpy(np.float64) * per_month
    hours = frame["running_seconds"].to_numpy(np.float64) / 3600.0 * per_month
    after = _after(change, frame, spend - stopped, hours) + stopped
    if change.kind == "stop":
        after = _storage(frame)
    before = np.floor(spend).astype(np.int64)
    priced = ~np.isnan(after) & frame["spend_micros"].notna().to_numpy(bool)
    out = frame[[*CLUSTER_KEY, "name", "project_id"]].assign(
        before_micros=before,
        after_micros=np.where(priced, np.floor(np.nan_to_num(after)).astype(np.int64), before),
        is_priced=priced,
    )
    out["difference_micros"] = out["after_micros"] - out["before_micros"]
    return out.sort_values(["difference_micros", *CLUSTER_KEY], kind="stable").reset_index(
        drop=True
    )


def _after(change: Change, frame: pd.DataFrame, running: Floats, hours: Floats) -> Floats:
    """Running spend of 30 days after the change; NaN where it cannot be priced."""
    gpus = frame["gpu_count"].to_numpy(np.float64, na_value=np.nan)
    gpus = np.where(gpus > 0, gpus, np.nan)
    if change.kind == "gpus":
        return np.asarray(running * change.value / gpus)
    if change.kind == "schedule":
        allowed = change.value / _WEEK_HOURS * DAYS_AHEAD * 24.0
        share = np.minimum(1.0, allowed / np.where(hours > 0, hours, np.inf))
        return np.asarray(running * np.where(hours > allowed, share, 1.0))
    if change.kind == "rate_card":
        price = frame["gpu_type"].astype("object").map(dict(change.rate_card)).astype("float64")
        return np.asarray(hours * gpus * price.to_numpy(np.float64) * MICROS_PER_UNIT)
    return np.zeros(len(running))


def _storage(frame: pd.DataFrame) -> Floats:
    """30 stopped days at what the cluster's own stopped hours were charged."""
    charged = frame["stopped_spend_micros"].to_numpy(np.float64)
    hours = frame["stopped_seconds"].to_numpy(np.float64) / 3600.0
    per_hour = np.divide(charged, hours, out=np.zeros(len(hours)), where=hours > 0)
    return np.asarray(per_hour * DAYS_AHEAD * 24.0)
