"""Clusters are numbered in order, and their values folded as pandas groups them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from pipeline.transform.fold import Fold, dense, number

TEXTS = st.none() | st.text("aé\U0001f600z", max_size=2)


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=12))
def test_rows_are_numbered_by_their_keys_in_order(
    rows: list[tuple[str | None, str | None]],
) -> None:
    frame = pd.DataFrame(rows, columns=["a", "b"], dtype="str")
    code, size = number(frame, ["a", "b"])
    # Unknown comes first, texts in the order of their code points.
    keys = sorted({tuple((text is not None, text or "") for text in row) for row in rows})
    expected = [keys.index(tuple((text is not None, text or "") for text in row)) for row in rows]
    assert (code.tolist(), size) == (expected, len(keys))


@given(st.lists(st.integers(0, 30), max_size=8), st.sampled_from([31, 10_000]))
def test_numbers_are_dense_and_in_order_however_wide_they_are(codes: list[int], width: int) -> None:
    numbered, count = dense(np.array(codes, dtype=np.int64), width)
    distinct = sorted({*codes})
    assert (numbered.tolist(), count) == ([distinct.index(code) for code in codes], len(distinct))


def test_extremes_leave_out_what_is_unknown() -> None:
    times = (
        pd.to_datetime(["2026-01-02", "NaT", "2026-01-01", "NaT"]).as_unit("us").tz_localize("UTC")
    )
    ledger = pd.DataFrame(
        {"share": [2.0, np.nan, 1.0, np.nan], "seen_at": times, "n": [-3, 5, -2, 4]}
    )
    fold = Fold(ledger, np.array([0, 0, 0, 1]), 2)
    columns = ["share", "seen_at", "n"]
    groups = ledger.groupby(fold.code)
    pd.testing.assert_frame_equal(fold.highest(columns), groups[columns].max())
    pd.testing.assert_frame_equal(fold.lowest(columns), groups[columns].min())
