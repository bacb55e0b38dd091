"""Unobserved spend: clusters that were created and deleted between two snapshots.

Method: it follows from clusters whose creation and end were both observed. Of the short-lived ones,
some are in one snapshot only, fewer in two. If their lives last L on average (exponentially
distributed) and snapshots are C apart, a cluster survives to each further snapshot with probability
s = exp(-C / L), so s = (seen twice) / (seen once); half a cluster is added to "twice" and one to
"once", so that small counts stay finite. With x = C / L = -ln s:

- a birth is seen at all with probability P = (1 - exp(-x)) / x;
- the short-lived kind seen numbers (seen once) / (1 - s), so births of it number that / P;
- the time lived by clusters in no snapshot is L (1 - 2 / x + exp(-x) (1 + 2 / x)) per birth, on
  average;
- each second of it costs what a second of life cost the clusters seen once, by their counters.

The estimate is the product. Assumptions: births are uniformly distributed between snapshots, which
are evenly spaced; unseen clusters cost per second what the seen ones did.

Known limits: it covers only the kind of cluster that is sometimes seen. Lives much shorter than the
spacing leave almost no trace, and long-lived clusters that happen to end soon lengthen L: both make
the estimate too small. It is never added to any spend. With fewer than five clusters seen once
there is no estimate (None).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from pipeline.transform.fold import Fold, has_flag

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.arrays import Bools


LEAST_CLUSTERS = 5
SHORTEST = 1e-6
"""Below this many spacings per life, next to nothing is missed (and the formula loses digits)."""


def estimate(ledger: pd.DataFrame, spacing_seconds: float) -> int | None:
    """Micros probably spent in the window by clusters in no snapshot; None: too little is known.

    Args:
        ledger: the window's rows.
        spacing_seconds: the usual time between two snapshots.
    """
    fold = Fold.of(ledger)
    flags = fold["flags"]
    born, gone = (fold.any_of(has_flag(flags, flag)) for flag in ("created", "vanished"))
    observations = fold.add(fold["looks"].to_numpy(np.int64))
    once = born & gone & (observations == 1)
    twice = born & gone & (observations == 2)  # noqa: PLR2004 - its name says it
    if once.sum() < LEAST_CLUSTERS:
        return None
    speed = _micros_per_second(fold, once)
    if speed is None:
        return None
    lives = unseen_seconds(int(once.sum()), int(twice.sum()), spacing_seconds)
    return round(lives * speed)


def unseen_seconds(once: int, twice: int, spacing: float) -> float:
    """Seconds lived by short-lived clusters that are in no snapshot."""
    survives = (twice + 0.5) / (once + 1)
    if survives >= 1 - SHORTEST:
        return 0.0
    x = -math.log(survives)
    seen_share = -math.expm1(-x) / x
    births = once / (1 - survives) / seen_share
    unseen_share = 1 - 2 / x + survives * (1 + 2 / x)
    return births * (spacing / x) * max(unseen_share, 0.0)


def _micros_per_second(fold: Fold, once: Bools) -> float | None:
    """Metered money of the clusters seen once, per second from creation to that snapshot."""
    seen = fold.of_clusters(once)
    times = seen.highest(["created_at", "last_observed_at"])
    age = (times["last_observed_at"] - times["created_at"]).dt.total_seconds().sum()
    money = int(seen["metered_micros"].sum())
    return money / age if money > 0 and age > 0 else None
