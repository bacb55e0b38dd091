"""What was paid for GPU time that did no work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from pipeline import schema
from pipeline.transform import utilization
from pipeline.transform.unused_spend import unused_spend

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., Any]

UNIT = schema.MICROS_PER_UNIT


def test_unused_money_is_summed_and_what_was_not_read_is_apart(days: Make, ledger: Make) -> None:
    rows = ledger(
        *days("2026-03-01", 10, cluster_id="half", gpu=50.0),
        *days("2026-03-01", 10, cluster_id="idle", gpu=0.0),
        *days("2026-03-01", 10, cluster_id="unread", gpu=None),
        *days("2026-03-01", 10, cluster_id="other", project_id=None, gpu=90.0, gpu_count=1),
    )
    got = unused_spend(utilization.rank(rows), "project_id").set_index("clusters")
    spend = 2400 * UNIT
    p1, none = got.loc[3], got.loc[1]
    assert (p1["spend_micros"], p1["unread_micros"]) == (3 * spend, spend)
    assert p1["unused_micros"] == spend + spend // 2
    assert (p1["gpu_mean_pct"], p1["gpu_p95_pct"]) == (25.0, 50.0)
    assert pd.isna(none["project_id"])
    # Unused money is rounded down for each cluster.
    assert none["unused_micros"] == pytest.approx(spend // 10, abs=1)
    assert got["spend_micros"].sum() == 4 * spend
