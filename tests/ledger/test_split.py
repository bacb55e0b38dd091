from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ledger.split import accrued, shared


def array(value: int) -> np.ndarray:
    return np.array([value], dtype=np.int64)


@given(
    amount=st.integers(0, 10**18),
    total=st.integers(1, 10**9),
    cuts=st.lists(st.integers(0, 10**9), max_size=5),
)
def test_the_parts_of_any_cutting_add_up_and_follow_the_formula(
    amount: int, total: int, cuts: list[int]
) -> None:
    points = sorted({0, total, *(min(cut, total) for cut in cuts)})
    values = [int(accrued(array(amount), array(x), array(total))[0]) for x in points]
    assert values == [amount * x // total for x in points]
    assert values[0] == 0
    assert values[-1] == amount


@given(data=st.data(), total=st.integers(1, 10**7))
def test_time_shared_among_parts_adds_up_and_never_decreases(
    data: st.DataObject, total: int
) -> None:
    first = data.draw(st.integers(0, total))
    second = data.draw(st.integers(0, total - first))
    cuts = sorted(data.draw(st.lists(st.integers(0, total), min_size=2, max_size=2)))
    at = [
        [int(part[0]) for part in shared(array(x), (array(first), array(second)), array(total))]
        for x in (*cuts, total)
    ]
    assert [sum(parts) for parts in at] == [*cuts, total]
    assert at[-1] == [first, second, total - first - second]
    for earlier, later in pairwise(at):
        assert all(a <= b for a, b in zip(earlier, later, strict=True))
    assert min(at[0]) >= 0
