"""Which snapshots were taken at a random instant, and of which interval each is the sample.

A walk with ``--spread`` begins at a uniformly random instant of an interval. Each such interval is
a stratum with one random instant; what a cluster does at that instant is an unbiased sample of what
it does in the interval. An interval that overlaps an earlier one by more than a tenth adds no
stratum: the same time would count twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.arrays import Ints
    from pipeline.model import SnapshotInfo

_OVERLAP = 0.1
"""Cron does not start to the second, so neighbouring intervals overlap a little."""


def intervals_of(snapshots: Sequence[SnapshotInfo]) -> tuple[Ints, Ints]:
    """Start (Unix seconds) and length of the interval of each snapshot; length 0: no stratum.

    ``snapshots``: in time order.
    """
    starts = np.zeros(len(snapshots), dtype=np.int64)
    lengths = np.zeros(len(snapshots), dtype=np.int64)
    covered_until = None
    for place, snapshot in enumerate(snapshots):
        spread = snapshot.spread
        if spread is None:
            continue
        start = int(spread.start.timestamp())
        if covered_until is not None and covered_until - start > _OVERLAP * spread.seconds:
            continue
        starts[place], lengths[place] = start, spread.seconds
        covered_until = start + spread.seconds
    return starts, lengths
