"""Tables as files: exact values, checksums and totals, and damage that is found."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import DamageError
from pipeline.model import Snapshot
from pipeline.schema import CODE, SNAPSHOT, TEXT
from pipeline.store import tables

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from pipeline.store import Store
    from tests.store.conftest import MakeSnapshot

NOON = datetime(2026, 10, 20, 12, tzinfo=UTC)
DAY = date(2026, 10, 20)


def test_money_is_read_to_the_last_digit(
    store: Store, ledger_day: Callable[..., pd.DataFrame]
) -> None:
    money = [2**63 - 1, -(2**63), 2**53 + 1, None]
    frame = ledger_day(rows=4, spend_micros=money)
    store.publish_ledger_day("default", DAY, "abcd", frame)
    read = store.read_ledger(DAY, DAY)["spend_micros"]
    assert [None if value is None else int(value) for value in read.tolist()[:3]] == money[:3]
    assert read.isna().tolist() == [False, False, False, True]


def test_pages_have_checksums_and_the_footer_has_totals(
    store: Store, snapshot: MakeSnapshot
) -> None:
    ref = store.publish_snapshot(snapshot(rows=3))
    totals = tables.read_totals(store.files, ref.key)
    assert totals.rows == 3
    assert totals.sums["total_cost_micros"] == 3 * 1_000_001
    path = store.files.path(ref.key)
    assert path is not None
    data = bytearray(path.read_bytes())
    chunk = pq.read_metadata(path).row_group(0).column(0)
    data[chunk.data_page_offset + chunk.total_compressed_size - 1] ^= 1  # its last value
    path.write_bytes(data)
    with pytest.raises(OSError, match="CRC"):
        pq.ParquetFile(path, page_checksum_verification=True).read()


def test_equal_tables_have_equal_bytes_in_any_order_and_in_any_pieces(
    snapshot: MakeSnapshot,
) -> None:
    table = snapshot(rows=9).table
    pieces = pa.concat_tables([table.slice(0, 4), table.slice(4)])
    other_codes = table.cast(
        pa.schema([f.with_type(TEXT) if f.type == CODE else f for f in table.schema])
    ).take(pa.array(range(8, -1, -1)))
    files = {
        tables.encode(each, SNAPSHOT, {"a": "b"})
        for each in (table, pieces, table.take(pa.array([3, 8, 0, 1, 7, 2, 4, 6, 5])))
    }
    assert len(files) == 1
    reversed_codes = pa.table(
        [
            column.dictionary_encode() if field.type == CODE else column
            for field, column in zip(table.schema, other_codes.columns, strict=True)
        ],
        schema=table.schema,
    )
    assert tables.encode(reversed_codes, SNAPSHOT, {"a": "b"}) in files


def test_a_snapshot_truncated_at_any_length_is_damaged(
    store: Store, snapshot: MakeSnapshot
) -> None:
    ref = store.publish_snapshot(snapshot())
    path = store.files.path(ref.key)
    assert path is not None
    content = path.read_bytes()
    for length in (0, 1, 4, *random.Random(1).sample(range(len(content)), 40)):  # noqa: S311
        path.write_bytes(content[:length])
        with pytest.raises(DamageError, match=ref.key):
            store.read_snapshot(ref)
        with pytest.raises(DamageError, match=ref.key):
            store.certificate(ref)


def test_a_file_under_another_files_name_is_damaged(
    store: Store, snapshot: MakeSnapshot, ledger_day: Callable[..., pd.DataFrame]
) -> None:
    ref = store.publish_snapshot(snapshot())
    other = store.publish_snapshot(snapshot(NOON + timedelta(hours=1)))
    store.files.replace(other.key, store.files.read(ref.key))
    with pytest.raises(DamageError, match="another snapshot's"):
        store.read_snapshot(other)
    day = store.publish_ledger_day("default", DAY, "abcd", ledger_day())
    next_day = store.publish_ledger_day("default", DAY + timedelta(1), "abcd", ledger_day())
    store.files.replace(next_day.key, store.files.read(day.key))
    with pytest.raises(DamageError, match="another day's"):
        store.read_ledger(DAY, DAY + timedelta(1))


def test_reading_a_snapshot_does_not_change_it(store: Store, snapshot: MakeSnapshot) -> None:
    taken = snapshot()
    ref = store.publish_snapshot(taken)
    before = store.files.read(ref.key)
    again = store.read_snapshot(ref)
    assert isinstance(again, Snapshot)
    assert store.files.read(ref.key) == before
