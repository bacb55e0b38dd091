"""Spend of clusters in no snapshot, from the ages at which others are first seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from pipeline.transform.unobserved_spend import estimate

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., Any]

HOUR = 3600
SNAPSHOT = pd.Timestamp("2026-03-02 10:00", tz="UTC")
PRICE = 10_000
"""Micros a second."""


def seen_once(row: Make, *ages: int, **values: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    """Clusters in one snapshot, ``ages`` seconds after their creation."""
    common = {
        "flags": "vanished,created",
        "looks": 1,
        "first_observed_at": SNAPSHOT,
        "last_observed_at": SNAPSHOT,
    }
    return [
        row(
            "2026-03-02",
            cluster_id=f"c{n}",
            created_at=SNAPSHOT - pd.Timedelta(seconds=age),
            metered_micros=PRICE * age,
            **(common | values),
        )
        for n, age in enumerate(ages)
    ]


def test_each_stands_for_the_time_that_unseen_ones_lived(row: Make, ledger: Make) -> None:
    rows = seen_once(row, 600, 600, 600, 300, 300)
    unseen = 3 * (HOUR - 1200) + 2 * (HOUR - 600)
    assert estimate(ledger(*rows), HOUR) == unseen * PRICE


def test_too_few_short_lives_say_nothing(row: Make, ledger: Make) -> None:
    assert estimate(ledger(*seen_once(row, 600, 600, 600, 600)), HOUR) is None
    assert estimate(ledger(*seen_once(row, *[600] * 9, flags="created")), HOUR) is None
    assert estimate(ledger(*seen_once(row, *[600] * 9, flags="carried,vanished")), HOUR) is None
    assert estimate(ledger(), HOUR) is None


def test_without_counter_or_rate_nothing_is_known_of_the_price(row: Make, ledger: Make) -> None:
    rows = [r | {"metered_micros": 0} for r in seen_once(row, *[600] * 9)]
    by_rate = 9 * (HOUR - 1200) * 10_000_000 / HOUR
    assert estimate(ledger(*rows), HOUR) == pytest.approx(by_rate, abs=1)
    no_rate = [r | {"hourly_rate_micros": None} for r in rows]
    assert estimate(ledger(*no_rate), HOUR) is None


@pytest.mark.parametrize("mean_minutes", [4, 20, 90])
def test_whatever_the_lifetimes_the_estimate_is_near_the_truth(
    row: Make, ledger: Make, mean_minutes: int
) -> None:
    rng = np.random.default_rng(11)
    born, lives = rng.uniform(0, HOUR, 3000), rng.exponential(60.0 * mean_minutes, 3000)
    unseen = lives[born + lives < HOUR].sum()
    is_seen = born + lives >= HOUR
    looks = ((born + lives) // HOUR)[is_seen]
    rows = [
        r | {"looks": int(n), "cluster_id": f"c{k}"}
        for k, (n, r) in enumerate(
            zip(looks, seen_once(row, *(HOUR - born[is_seen]).astype(int)), strict=True)
        )
    ]
    got = estimate(ledger(*rows), HOUR)
    assert got is not None
    # Three standard errors of 3,000 births.
    assert abs(got / PRICE - unseen) < 3 * HOUR * np.sqrt(3000 / 3)
