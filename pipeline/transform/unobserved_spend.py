"""Unobserved spend: clusters that were created and deleted between two snapshots.

Method: it follows from the ages at which clusters are first seen. Snapshots are C apart. A cluster
that lives L < C is seen with probability L / C, and then at an age that is uniform between 0 and L;
one that lives longer is first seen at an age that is uniform between 0 and C. So, whatever the
distribution of L, the sum of C - 2 x (age when first seen) over all clusters created in the window
has the expectation of the time that the unseen ones lived: for L < C each birth contributes
(1/C) x integral of (C - 2a) da from 0 to L = (1 - L/C) x L, and for L >= C it contributes 0. Each
term is priced at what that cluster cost per second, by its counter or else its rate. Clusters
observed more than 24 times add nothing but noise, and are left out.

Assumptions: births are uniformly distributed between snapshots; a cluster that is never seen costs
per second what those of its age do. It is an estimate for the window, with an error of about
C x sqrt(births / 3) lives, and never added to any spend. A negative sum is 0. With fewer than five
clusters that were seen once and are gone there is no estimate (None).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipeline.transform.fold import Fold

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.arrays import Bools, Floats


LEAST_CLUSTERS = 5
MOST_OBSERVATIONS = 24
_HOUR_SECONDS = 3600.0


def estimate(ledger: pd.DataFrame, spacing_seconds: float) -> int | None:
    """Micros probably spent in the window by clusters in no snapshot; None: too little is known.

    Args:
        ledger: the window's rows.
        spacing_seconds: the usual time between two snapshots.
    """
    fold = Fold.of(ledger)
    born, gone = (_ever(fold, flag) for flag in ("created", "vanished"))
    observations = fold.add(fold["looks"].to_numpy(np.int64))
    if (born & gone & (observations == 1)).sum() < LEAST_CLUSTERS:
        return None
    chosen = born & (observations >= 1) & (observations <= MOST_OBSERVATIONS)
    seen = fold.of_clusters(chosen)
    age = _ages(seen)
    price = _micros_per_second(seen)
    if not (price > 0).any():
        return None
    known = np.isfinite(age) & (age >= 0) & np.isfinite(price)
    unseen = (spacing_seconds - 2.0 * np.minimum(age, spacing_seconds)) * price
    return max(round(float(unseen[known].sum())), 0)


def _ages(fold: Fold) -> Floats:
    """Seconds from each cluster's creation to its first observation."""
    first = fold.lowest(["created_at", "first_observed_at"])
    ages = (first["first_observed_at"] - first["created_at"]).dt.total_seconds()
    return np.asarray(ages.to_numpy(np.float64))


def _micros_per_second(fold: Fold) -> Floats:
    """Metered money per second from creation to the last observation, else the rate."""
    times = fold.highest(["created_at", "last_observed_at"])
    lived = (times["last_observed_at"] - times["created_at"]).dt.total_seconds()
    money = fold.add(fold["metered_micros"].to_numpy(np.int64))
    with np.errstate(divide="ignore", invalid="ignore"):
        metered = money / lived.to_numpy(np.float64)
    rate = fold.latest_known("hourly_rate_micros").to_numpy(np.float64, na_value=np.nan)
    is_metered = (money > 0) & np.isfinite(metered)
    return np.where(is_metered, metered, rate / _HOUR_SECONDS)


def _ever(fold: Fold, flag: str) -> Bools:
    """Whether each cluster has the flag on any day."""
    flags = fold["flags"]
    having = [words for words in flags.cat.categories if flag in words.split(",")]
    return fold.any_of(flags.isin(having).to_numpy(bool))
