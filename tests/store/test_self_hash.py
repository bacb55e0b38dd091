"""Seals: any change of a sealed text is detected."""

from __future__ import annotations

from datetime import UTC, date, datetime

from hypothesis import given
from hypothesis import strategies as st

from pipeline.store import self_hash

NOON = datetime(2026, 10, 20, 12, tzinfo=UTC)
DAY = date(2026, 10, 20)


"""What happened to the schema over a year; the last ones only change how values are kept."""


@given(st.binary(max_size=300), st.integers(min_value=0), st.integers(0, 7))
def test_any_bit_flipped_in_a_sealed_text_is_detected(content: bytes, place: int, bit: int) -> None:
    sealed = self_hash.sealed_text(content)
    assert self_hash.unsealed_text(sealed) == content
    flipped = bytearray(sealed)
    flipped[place % len(sealed)] ^= 1 << bit
    assert self_hash.unsealed_text(bytes(flipped)) is None


@given(st.binary(max_size=300), st.integers(min_value=1))
def test_a_sealed_text_cut_short_or_lengthened_is_detected(content: bytes, cut: int) -> None:
    sealed = self_hash.sealed_text(content)
    assert self_hash.unsealed_text(sealed[: -(cut % len(sealed)) or None][:-1]) is None
    assert self_hash.unsealed_text(sealed + b"\n") is None
