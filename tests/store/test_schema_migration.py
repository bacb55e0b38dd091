"""Files of other versions: columns missing, added, retyped."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from pipeline.errors import DamageError
from pipeline.schema import LEDGER, SNAPSHOT, TEXT
from pipeline.store import tables
from pipeline.store.schema_migration import conform

if TYPE_CHECKING:
    from collections.abc import Callable

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
"""Changes of the schema over a year; the last ones change only how values are stored."""


def test_files_of_changed_schemas_are_read_as_one_frame(
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


def test_values_that_cannot_be_cast_are_null_and_named_in_bad_fields() -> None:
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


def test_a_missing_required_column_gets_the_value_that_claims_least() -> None:
    stored = pa.table({"cluster_id": ["a"]})
    row = conform(stored, LEDGER, LEDGER.stored.names, "x").to_pylist()[0]
    assert row["cluster_id"] == "a"
    assert row["spend_micros"] is None
    assert row["metered_micros"] == 0
    assert row["has_moved"] is False
    assert row["flags"] == ""


def test_a_file_without_its_key_column_is_damaged() -> None:
    with pytest.raises(DamageError, match="x: it has no column cluster_id"):
        conform(pa.table({"name": ["a"]}), SNAPSHOT, SNAPSHOT.stored.names, "x")
    with pytest.raises(DamageError, match="cluster_id has values that are not"):
        conform(pa.table({"cluster_id": pa.nulls(1)}), SNAPSHOT, ["cluster_id"], "x")
