"""Many files become one frame with the dtypes and values of one table."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.schema import AT, CODE, FLAG, INT, REAL, TEXT, Column, Table
from pipeline.store.frames import frame_of

KIND = Table(
    "things",
    "one thing",
    (
        Column("id", TEXT, "Its id."),
        Column("kind", CODE, "Its kind.", nullable=True),
        Column("n", INT, "A number."),
        Column("maybe", INT, "A number, or unknown.", nullable=True),
        Column("flag", FLAG, "A flag."),
        Column("maybe_flag", FLAG, "A flag, or unknown.", nullable=True),
        Column("share", REAL, "A share, or unknown.", nullable=True),
        Column("seen_at", AT, "A time, or unknown.", nullable=True),
    ),
    ("id",),
)
BIG = 2**63 - 1
ROWS = st.fixed_dictionaries(
    {
        "id": st.text("abc", max_size=3),
        "kind": st.none() | st.sampled_from(["a", "b"]),
        "n": st.integers(-BIG, BIG),
        "maybe": st.none() | st.integers(-BIG, BIG),
        "flag": st.booleans(),
        "maybe_flag": st.none() | st.booleans(),
        "share": st.none() | st.floats(0, 1),
        "seen_at": st.none() | st.integers(0, 2**40),
    }
)


@given(st.lists(st.lists(ROWS, max_size=6), min_size=1, max_size=4))
def test_many_files_are_the_frame_of_one_table(files: list[list[dict[str, object]]]) -> None:
    parts = [pa.Table.from_pylist(rows, schema=KIND.arrow) for rows in files]
    expected = KIND.to_pandas(pa.concat_tables(parts))
    frame = frame_of(KIND, iter(parts), len(parts))
    assert frame is not None
    pd.testing.assert_frame_equal(frame, expected)


def test_a_column_that_only_some_files_have_is_null_in_the_others() -> None:
    row = {"id": "x", "n": 1, "flag": True}
    plain = pa.Table.from_pylist([row], schema=KIND.arrow)
    added = plain.append_column("extra", pa.array(["more"]))
    frame = frame_of(KIND, iter([plain, added]), 2)
    assert frame is not None
    assert frame["extra"].isna().tolist() == [True, False]


def test_no_file_is_no_frame() -> None:
    assert frame_of(KIND, iter([]), 0) is None
