from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.extract import arrow_arrays

times = st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone


@given(st.lists(st.none() | st.text()))
def test_texts_become_an_array_of_the_same_values(values: list[str | None]) -> None:
    array = arrow_arrays.texts(values)
    array.validate(full=True)
    assert array.equals(pa.array(values, pa.string()))


@given(st.lists(st.none() | st.integers(0, 2**53)), st.lists(st.none() | st.floats(0, 1e9)))
def test_numbers_become_an_array_of_the_same_values(
    integers: list[int | None], floats: list[float | None]
) -> None:
    for values, kind in ((integers, pa.int64()), (floats, pa.float64())):
        array = arrow_arrays.numbers(values, kind)
        array.validate(full=True)
        assert array.equals(pa.array(values, kind))


@given(st.lists(st.none() | st.booleans()), st.lists(st.none() | times))
def test_flags_and_times_become_arrays_of_the_same_values(
    flags: list[bool | None], instants: list[datetime | None]
) -> None:
    assert arrow_arrays.flags(flags).equals(pa.array(flags, pa.bool_()))
    stored = pa.array(instants, pa.timestamp("us", tz="UTC"))
    assert arrow_arrays.instants(instants).equals(stored)
