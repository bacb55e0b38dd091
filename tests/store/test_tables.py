"""Files of other versions, and files that were damaged."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import DamageError
from pipeline.model import Snapshot
from pipeline.schema import LEDGER, SNAPSHOT, TEXT
from pipeline.store import self_hash, tables
from pipeline.store.schema_migration import conform

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from pipeline.store import Store
    from tests.store.conftest import MakeSnapshot

NOON = datetime(2026, 10, 20, 12, tzinfo=UTC)
DAY = date(2026, 10, 20)


def stored_as(patch: pytest.MonkeyPatch, change: Callable[[pa.Table], pa.Table]) -> None:
    """Let files be written as another version would write them."""
    patch.setattr(tables, "_canonical", lambda table, _: change(table))
    patch.setattr(tables, "encodings", lambda _: {"compression": "snappy"})


def recast(table: pa.Table, name: str, kind: pa.DataType) -> pa.Table:
    column = table.column(name)
    if pa.types.is_dictionary(column.type):
        column = column.cast(TEXT)
    return table.set_column(table.column_names.index(name), name, column.cast(kind))


DRIFT: list[Callable[[pa.Table], pa.Table]] = [
    lambda t: t,
    lambda t: t.drop_columns(["bad_fields", "extra", "ssh_enabled", "gpu_count"]),
    lambda t: t.append_column("tenant", pa.array(["t"] * t.num_rows)),
    lambda t: recast(t, "gpu_count", pa.float64()),
    lambda t: recast(t, "gpu_count", pa.int32()),
    lambda t: recast(t, "total_cost_micros", TEXT),
    lambda t: recast(t, "gpu_utilization_pct", TEXT),
    lambda t: recast(t, "status", TEXT),
    lambda t: recast(t, "cluster_id", pa.large_string()),
    lambda t: recast(t, "created_at", pa.timestamp("ms", tz="UTC")),
    lambda t: recast(t, "updated_at", pa.timestamp("ns", tz="UTC")),
    lambda t: t.set_column(0, "cluster_id", t.column(0).dictionary_encode()),
    lambda t: t.select(sorted(t.column_names)),
]
"""What happened to the schema over a year; the last ones only change how values are kept."""


def test_a_year_of_drift_reads_as_one(
    store: Store, snapshot: MakeSnapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(365):
        stored_as(monkeypatch, DRIFT[number * len(DRIFT) // 365])
        store.publish_snapshot(snapshot(NOON + timedelta(days=number), rows=2))
    frame = store.read_snapshots(store.snapshots())
    assert len(frame) == 730
    assert list(frame.columns) == [*SNAPSHOT.names, "snapshot_state"]
    assert frame["total_cost_micros"].tolist() == [0, 1_000_001] * 365
    assert frame["status"].tolist() == ["status-0", "status-1"] * 365
    assert frame["gpu_utilization_pct"].tolist() == [0.0, 0.5] * 365
    assert frame["gpu_count"].isna().sum() == 2 * 28
    assert frame["created_at"].notna().all()
    # What a later version added stays in the files, there for whoever asks.
    tenants = store.read_snapshots(store.snapshots(), ["cluster_id", "tenant"])["tenant"]
    assert tenants.notna().sum() == 2 * 28
    years = store.snapshots()
    assert all(store.read_snapshot(ref).table.schema == SNAPSHOT.stored for ref in years[::30])


def test_values_that_do_not_survive_a_cast_are_null_and_said() -> None:
    stored = pa.table(
        {
            "cluster_id": ["a", "b", "c", "d"],
            "gpu_count": ["8", " 4.0 ", "many", None],
            "cpu_cores": [8.0, 1.5, float("nan"), None],
            "gpu_utilization_pct": ["12.5", "-1e2", "high", None],
            "created_at": [1, 2, 3, 4],
            "bad_fields": [None, "name", None, None],
        }
    )
    table = conform(stored, SNAPSHOT, stored.column_names, "x")
    assert table.column("gpu_count").to_pylist() == [8, 4, None, None]
    assert table.column("cpu_cores").to_pylist() == [8, None, None, None]
    assert table.column("gpu_utilization_pct").to_pylist() == [12.5, -100.0, None, None]
    assert table.column("bad_fields").to_pylist() == [
        None,
        "name,cpu_cores",
        "gpu_count,cpu_cores,gpu_utilization_pct",
        None,
    ]


def test_a_missing_column_claims_the_least() -> None:
    stored = pa.table({"cluster_id": ["a"]})
    row = conform(stored, LEDGER, LEDGER.stored.names, "x").to_pylist()[0]
    assert row["cluster_id"] == "a"
    assert row["spend_micros"] is None
    assert row["metered_micros"] == 0
    assert row["has_moved"] is False
    assert row["flags"] == ""


def test_a_file_without_its_key_is_damage() -> None:
    with pytest.raises(DamageError, match="x: it has no column cluster_id"):
        conform(pa.table({"name": ["a"]}), SNAPSHOT, SNAPSHOT.stored.names, "x")
    with pytest.raises(DamageError, match="cluster_id has values that are not"):
        conform(pa.table({"cluster_id": pa.nulls(1)}), SNAPSHOT, ["cluster_id"], "x")


def test_money_survives_to_the_last_digit(
    store: Store, ledger_day: Callable[..., pd.DataFrame]
) -> None:
    money = [2**63 - 1, -(2**63), 2**53 + 1, None]
    frame = ledger_day(rows=4, spend_micros=money)
    store.publish_ledger_day("default", DAY, "abcd", frame)
    read = store.read_ledger(DAY, DAY)["spend_micros"]
    assert [None if value is None else int(value) for value in read.tolist()[:3]] == money[:3]
    assert read.isna().tolist() == [False, False, False, True]


def test_pages_carry_checksums_and_the_footer_carries_totals(
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


@given(st.binary(max_size=300), st.integers(min_value=0), st.integers(0, 7))
def test_any_bit_flipped_in_a_sealed_text_is_seen(content: bytes, place: int, bit: int) -> None:
    whole = self_hash.sealed_text(content)
    assert self_hash.unsealed_text(whole) == content
    flipped = bytearray(whole)
    flipped[place % len(whole)] ^= 1 << bit
    assert self_hash.unsealed_text(bytes(flipped)) is None


@given(st.binary(max_size=300), st.integers(min_value=1))
def test_a_sealed_text_cut_short_or_lengthened_is_seen(content: bytes, cut: int) -> None:
    whole = self_hash.sealed_text(content)
    assert self_hash.unsealed_text(whole[: -(cut % len(whole)) or None][:-1]) is None
    assert self_hash.unsealed_text(whole + b"\n") is None


def test_a_truncated_snapshot_is_damage_at_every_length(
    store: Store, snapshot: MakeSnapshot
) -> None:
    ref = store.publish_snapshot(snapshot())
    path = store.files.path(ref.key)
    assert path is not None
    whole = path.read_bytes()
    for length in (0, 1, 4, *random.Random(1).sample(range(len(whole)), 40)):  # noqa: S311
        path.write_bytes(whole[:length])
        with pytest.raises(DamageError, match=ref.key):
            store.read_snapshot(ref)
        with pytest.raises(DamageError, match=ref.key):
            store.certificate(ref)


def test_a_file_put_under_another_files_name_is_damage(
    store: Store, snapshot: MakeSnapshot, ledger_day: Callable[..., pd.DataFrame]
) -> None:
    one = store.publish_snapshot(snapshot())
    other = store.publish_snapshot(snapshot(NOON + timedelta(hours=1)))
    store.files.replace(other.key, store.files.read(one.key))
    with pytest.raises(DamageError, match="another snapshot's"):
        store.read_snapshot(other)
    day = store.publish_ledger_day("default", DAY, "abcd", ledger_day())
    next_day = store.publish_ledger_day("default", DAY + timedelta(1), "abcd", ledger_day())
    store.files.replace(next_day.key, store.files.read(day.key))
    with pytest.raises(DamageError, match="another day's"):
        store.read_ledger(DAY, DAY + timedelta(1))


def test_a_snapshot_is_never_changed_by_reading_it(store: Store, snapshot: MakeSnapshot) -> None:
    taken = snapshot()
    ref = store.publish_snapshot(taken)
    before = store.files.read(ref.key)
    again = store.read_snapshot(ref)
    assert isinstance(again, Snapshot)
    assert store.files.read(ref.key) == before
