"""What if: the price of the next 30 days under a change.

Method: each cluster's spend of the next 30 days at its run rate (``savings.run_rate``: its own
spend in the rules' window per day it was listed, to its expiry), and the same after the change:

- stop: nothing but what stays charged while it is stopped, as in ``savings``;
- gpus: running spend in proportion to the number of GPUs;
- schedule: running spend in proportion to the hours a week it may run, if it runs more now;
- rate card: running hours x GPUs x price per GPU-hour, for the GPU types on the card.

``run_rate_saving_micros`` is the difference; ``saving_micros`` is what a finding would count: the
same where the spend of the next 30 days is taken to be at most that of the last 30. Both are priced
beside the whole fleet, as the findings are, so a cluster's amounts are the same under every pattern
and those of a finding with the action stop. Two kinds of findings save other amounts than a stop:
to terminate also ends what stays charged while stopped, and a rule with a basis of its own counts
that.

Assumption: the same work is done after the change. Where a change cannot be priced (GPUs unknown,
a type that is not on the card), nothing changes and ``is_priced`` is false.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from pipeline.errors import SettingsError
from pipeline.schema import CLUSTER_KEY, MICROS_PER_UNIT
from pipeline.transform.findings import savings
from pipeline.transform.findings.measures import gather
from pipeline.transform.findings.patterns import matches
from pipeline.transform.fold import ratio

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from pipeline import settings
    from pipeline.arrays import Floats, Ints


_WEEK_HOURS = 168.0
_AMOUNTS = (
    "before_micros", "after_micros", "difference_micros", "saving_micros",
    "run_rate_saving_micros",
)  # fmt: skip


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


def what_if(
    ledger: pd.DataFrame, as_of: date, change: Change, rules: settings.Rules
) -> pd.DataFrame:
    """Per listed cluster that fits: spend of 30 days before and after, most saved first.

    Columns: account, cluster_id, name, project_id, ``before_micros``, ``after_micros``,
    ``difference_micros``, ``saving_micros``, ``run_rate_saving_micros``, ``is_priced``.
    """
    change.check()
    frame = gather(ledger, rules, as_of)
    if frame.empty:
        return pd.DataFrame(columns=[*CLUSTER_KEY, "name", "project_id", *_AMOUNTS, "is_priced"])
    before = savings.run_rate(frame)
    capped = savings.capped(before, frame)
    amounts = [_saved(change, frame, expected) for expected in (before, capped)]
    priced = ~np.isnan(amounts[0]) & frame["spend_micros"].notna().to_numpy(bool)
    saved, counted = (
        np.where(priced, np.rint(np.nan_to_num(micros)), 0).astype(np.int64) for micros in amounts
    )
    out = frame[[*CLUSTER_KEY, "name", "project_id"]].assign(
        before_micros=before,
        after_micros=before - saved,
        difference_micros=-saved,
        saving_micros=counted,
        run_rate_saving_micros=saved,
        is_priced=priced,
    )
    # Only now: the price of storage is taken from all clusters, the gone ones included.
    out = out[frame["is_present"].to_numpy(bool) & matches(change.match, frame)]
    return out.sort_values(["difference_micros", *CLUSTER_KEY], kind="stable").reset_index(
        drop=True
    )


def totals(rows: pd.DataFrame) -> dict[str, int]:
    """The sums of the amounts of :func:`what_if`, over the clusters that have a price."""
    priced = rows[rows["is_priced"].astype(bool)]
    return {name: int(priced[name].sum()) for name in _AMOUNTS}


def _saved(change: Change, frame: pd.DataFrame, expected: Ints) -> Floats:
    """What the change saves of the ``expected`` spend of 30 days; NaN where it has no price."""
    if change.kind == "stop":
        return savings.of_action("stop", frame, expected).net.astype(np.float64)
    spend = frame["spend_micros"].to_numpy(np.float64, na_value=0.0)
    storage = ratio(frame["stopped_spend_micros"].to_numpy(np.float64), spend, 0.0)
    running = expected * (1.0 - storage)
    return np.asarray(running * (1.0 - _kept(change, frame, spend * (1.0 - storage))))


def _kept(change: Change, frame: pd.DataFrame, running: Floats) -> Floats:
    """The part of the ``running`` spend of the window that remains; NaN where it has no price."""
    gpus = frame["gpu_count"].to_numpy(np.float64, na_value=np.nan)
    gpus = np.where(gpus > 0, gpus, np.nan)
    hours = frame["running_hours"].to_numpy(np.float64)
    if change.kind == "gpus":
        return np.asarray(change.value / gpus)
    if change.kind == "schedule":
        weeks = np.maximum(frame["observed_days"].to_numpy(np.float64), 1.0) / 7.0
        return np.minimum(ratio(change.value * weeks, hours, 1.0), 1.0)
    price = frame["gpu_type"].astype("object").map(dict(change.rate_card)).astype("float64")
    cost = hours * gpus * price.to_numpy(np.float64) * MICROS_PER_UNIT
    return ratio(np.asarray(cost, np.float64), running)
