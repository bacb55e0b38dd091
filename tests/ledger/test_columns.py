"""Columns as arrays and arrays as columns: exact values, in any pieces."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ledger.columns import NULL, Rows, codes, floats, ints, seconds, texts
from pipeline.schema import AT, CODE, FLAG, INT, REAL, TEXT

BIG = 2**63 - 1
NUMBERS = st.lists(st.none() | st.integers(-BIG, BIG), max_size=30)
SCHEMA = pa.schema(
    [
        pa.field("id", TEXT, nullable=False),
        pa.field("kind", CODE),
        pa.field("count", INT, nullable=False),
        pa.field("money", INT),
        pa.field("share", REAL),
        pa.field("flag", FLAG, nullable=False),
        pa.field("seen_at", AT),
    ]
)
ROWS = st.fixed_dictionaries(
    {
        "id": st.text("ab\u00e9", max_size=3),
        "kind": st.sampled_from(["", "a", "b,c"]),
        "count": st.sampled_from([0, 0, 1, BIG]),
        "money": st.none() | st.sampled_from([0, -1, BIG]),
        "share": st.none() | st.floats(0, 1),
        "flag": st.booleans(),
        "seen_at": st.none() | st.integers(0, 2**40),
    }
)


@given(st.lists(NUMBERS, max_size=4))
def test_integers_are_read_exactly_from_any_pieces(pieces: list[list[int | None]]) -> None:
    column = pa.chunked_array([pa.array([7, *piece], INT).slice(1) for piece in pieces], INT)
    expected = [-1 if value is None else value for piece in pieces for value in piece]
    assert ints(column).tolist() == expected


def test_times_are_whole_seconds_rounded_down_and_null_is_unknown() -> None:
    assert seconds(pa.chunked_array([[None, 1_999_999, 2_000_000]], AT)).tolist() == [-1, 1, 2]


def test_a_reading_that_is_null_is_nan() -> None:
    assert np.isnan(floats(pa.chunked_array([[None, 0.5]], REAL))).tolist() == [True, False]


def test_codes_of_pieces_with_other_dictionaries_are_of_one_list() -> None:
    pieces = [pa.array(names, TEXT).dictionary_encode() for names in (["b", None], ["a", "b"])]
    positions, names = codes(pa.chunked_array(pieces))
    assert [None if n < 0 else names[n] for n in positions.tolist()] == ["b", None, "a", "b"]


@given(st.lists(st.lists(ROWS, max_size=5), max_size=5), st.integers(0, 12))
def test_rows_are_what_was_added_in_blocks(
    blocks: list[list[dict[str, object]]], size: int
) -> None:
    names = ["", "a", "b,c"]
    rows = Rows(SCHEMA, size)
    for block in blocks:

        def numbers(
            name: str, null: float = NULL, block: list[dict[str, object]] = block
        ) -> list[object]:
            return [null if row[name] is None else row[name] for row in block]

        rows.add(
            {
                "id": pa.chunked_array([pa.array([row["id"] for row in block], TEXT)]),
                "kind": texts(
                    np.array([names.index(str(row["kind"])) for row in block], np.int64), names
                ),
                "share": np.array(numbers("share", np.nan), np.float64),
                "flag": np.array(numbers("flag"), np.bool_),
                **{n: np.array(numbers(n), np.int64) for n in ("count", "money", "seen_at")},
            },
            len(block),
        )
    table = rows.table()
    assert table.schema == SCHEMA
    assert all(column.num_chunks <= 1 for column in table.columns)
    moments = table.set_column(6, "seen_at", table.column("seen_at").cast(INT))
    assert moments.to_pylist() == [row for block in blocks for row in block]


def test_a_negative_zero_keeps_its_sign_beside_zeros_alone() -> None:
    rows = Rows(pa.schema([pa.field("share", REAL)]), 2)
    rows.add({"share": np.array([0.0, -0.0])}, 2)
    assert np.signbit(rows.table().column("share").to_pylist()).tolist() == [False, True]
