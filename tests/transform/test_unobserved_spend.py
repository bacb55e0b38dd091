from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from pipeline.transform.unobserved_spend import estimate, unseen_seconds

if TYPE_CHECKING:
    from collections.abc import Callable

HOUR = 3600
MINUTE = 60


def short_lived(
    row: Callable[..., dict[str, Any]], count: int, observations: int
) -> list[dict[str, Any]]:
    """Born half an hour before its first snapshot; 0.01 of money for each second until the last."""
    seen = pd.Timestamp("2026-03-02 10:00", tz="UTC") + pd.Timedelta(hours=observations - 1)
    born = pd.Timestamp("2026-03-02 09:30", tz="UTC")
    seconds = int((seen - born).total_seconds())
    return [
        row(
            "2026-03-02",
            cluster_id=f"{observations}-{n}",
            flags="vanished,created",
            looks=observations,
            created_at=born,
            last_observed_at=seen,
            metered_micros=10_000 * seconds,
        )
        for n in range(count)
    ]


def test_too_few_short_lives_say_nothing(
    row: Callable[..., dict[str, Any]], ledger: Callable[..., pd.DataFrame]
) -> None:
    assert estimate(ledger(*short_lived(row, 4, 1)), HOUR) is None
    assert estimate(ledger(), HOUR) is None


def test_without_counters_nothing_is_known_of_what_a_second_costs(
    row: Callable[..., dict[str, Any]], ledger: Callable[..., pd.DataFrame]
) -> None:
    rows = [ledger_row | {"metered_micros": 0} for ledger_row in short_lived(row, 9, 1)]
    assert estimate(ledger(*rows), HOUR) is None


def test_the_estimate_is_unseen_life_times_what_a_second_of_life_cost(
    row: Callable[..., dict[str, Any]], ledger: Callable[..., pd.DataFrame]
) -> None:
    rows = ledger(*short_lived(row, 20, 1), *short_lived(row, 10, 2))
    assert estimate(rows, HOUR) == round(unseen_seconds(20, 10, HOUR) * 10_000)


def test_the_formula_written_out() -> None:
    # s = 10.5 / 21 = 1/2, x = ln 2, P = 1 / (2 ln 2), births = 20 / (1/2) / P = 55.45.
    x = math.log(2)
    expected = 80 * x * (HOUR / x) * (1 - 2 / x + (1 + 2 / x) / 2)
    assert unseen_seconds(20, 10, HOUR) == pytest.approx(expected)


def test_clusters_that_still_live_or_came_before_the_window_are_no_short_lives(
    row: Callable[..., dict[str, Any]], ledger: Callable[..., pd.DataFrame]
) -> None:
    rows = [ledger_row | {"flags": "created"} for ledger_row in short_lived(row, 9, 1)]
    rows += [
        ledger_row | {"flags": "carried,vanished", "account": "b"}
        for ledger_row in short_lived(row, 9, 1)
    ]
    assert estimate(ledger(*rows), HOUR) is None


def test_as_many_seen_twice_as_once_means_no_cluster_is_missed() -> None:
    assert unseen_seconds(10, 11, HOUR) == 0.0


@pytest.mark.parametrize("life", [20 * MINUTE, HOUR, 4 * HOUR])
def test_it_finds_the_unseen_life_of_a_random_fleet(life: float) -> None:
    dice = np.random.default_rng(5)
    born = dice.uniform(0, HOUR, 40_000)
    lived = dice.exponential(life, 40_000)
    # Snapshots at every full hour after the birth, until the end.
    observations = np.floor((born + lived) / HOUR)
    truth = lived[observations == 0].sum()
    estimated = unseen_seconds(int((observations == 1).sum()), int((observations == 2).sum()), HOUR)
    assert estimated == pytest.approx(truth, rel=0.1)
