"""Bounds against values written out, and against the binomial sum itself."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.transform.findings.confidence import at_most, busy_share_bound


@pytest.mark.parametrize(
    ("busy", "samples", "bound"),
    [
        (0, 1, 0.95),
        (0, 7, 0.34816),
        (0, 14, 0.19264),
        (0, 30, 0.09503),
        (0, 59, 0.04951),
        (0, 336, 0.00888),
        (1, 20, 0.21611),
        (5, 100, 0.10225),
        (3, 10, 0.60662),
        (9, 10, 0.99488),
        (10, 10, 1.0),
    ],
)
def test_the_bound_is_the_published_clopper_pearson_value(
    busy: int, samples: int, bound: float
) -> None:
    assert busy_share_bound(np.array([busy]), np.array([samples]))[0] == pytest.approx(
        bound, abs=6e-6
    )


def test_no_samples_prove_nothing() -> None:
    assert np.isnan(busy_share_bound(np.array([0]), np.array([0]))[0])
    assert busy_share_bound(np.array([], int), np.array([], int)).size == 0


@given(n=st.integers(2, 400), share=st.floats(0, 1), p=st.floats(0.01, 0.99))
def test_the_tail_is_the_sum_of_its_terms(n: int, share: float, p: float) -> None:
    k = min(n - 1, int(share * n))
    exact = sum(comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k + 1))
    assert at_most(np.array([k]), np.array([n]), np.array([p]))[0] == pytest.approx(exact, abs=1e-9)


@given(n=st.integers(2, 700), k=st.integers(0, 699))
def test_one_more_busy_sample_never_proves_more(n: int, k: int) -> None:
    k = min(k, n - 1)
    fewer, more = busy_share_bound(np.array([k, k + 1]), np.array([n, n]))
    assert k / n < fewer < more <= 1.0


@given(n=st.integers(2, 2200), share=st.floats(0, 1))
def test_at_the_bound_the_chance_is_five_percent(n: int, share: float) -> None:
    k, samples = np.array([min(n - 1, int(share * n))]), np.array([n])
    chance = at_most(k, samples, busy_share_bound(k, samples))
    assert chance[0] == pytest.approx(0.05, abs=1e-11)


def test_a_bound_does_not_depend_on_the_other_clusters() -> None:
    samples = np.repeat(np.arange(1, 60), 60)
    busy = np.minimum(np.tile(np.arange(60), 59), samples)
    together = busy_share_bound(busy, samples)
    alone = [busy_share_bound(busy[n : n + 1], samples[n : n + 1])[0] for n in range(len(busy))]
    assert together.tolist() == alone
