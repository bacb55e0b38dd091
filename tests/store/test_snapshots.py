"""Snapshots: stored once, with their certificate, and read as they were."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from pipeline.errors import (
    AlreadyStoredError,
    Exit,
)
from pipeline.model import Quarantined, State
from pipeline.schema import LEDGER, SNAPSHOT
from pipeline.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

    from tests.store.conftest import MakeSnapshot

NOON = datetime(2026, 10, 20, 12, tzinfo=UTC)
DAY = date(2026, 10, 20)


def test_a_snapshot_is_read_as_it_was_published(store: Store, snapshot: MakeSnapshot) -> None:
    taken = snapshot(rows=7, quarantine=(Quarantined(reason="no id", raw='{"name": "x"}'),))
    ref = store.publish_snapshot(taken)
    read = store.read_snapshot(ref)
    assert read.certificate == taken.certificate == store.certificate(ref)
    assert read.quarantine == taken.quarantine
    assert read.table.to_pylist() == taken.table.to_pylist()
    assert read.table.schema == SNAPSHOT.stored


def test_rows_in_any_order_are_stored_as_the_same_bytes(
    snapshot: MakeSnapshot, tmp_path: Path
) -> None:
    taken = snapshot(rows=9)
    shuffled = taken.table.take(pa.array([3, 4, 8, 0, 2, 6, 1, 7, 5]))
    first, second = Store(str(tmp_path / "a")), Store(str(tmp_path / "b"))
    ref = first.publish_snapshot(taken)
    second.publish_snapshot(
        type(taken)(certificate=taken.certificate, table=shuffled, quarantine=())
    )
    assert first.files.read(ref.key) == second.files.read(ref.key)


def test_the_second_writer_of_a_name_gets_an_error_and_changes_nothing(
    store: Store, snapshot: MakeSnapshot
) -> None:
    ref = store.publish_snapshot(snapshot(rows=3))
    before = store.files.read(ref.key)
    with pytest.raises(AlreadyStoredError, match="another run has stored it first") as caught:
        store.publish_snapshot(snapshot(rows=4))
    assert caught.value.exit_code == Exit.STORAGE
    assert store.files.read(ref.key) == before


def test_two_snapshots_of_the_same_second_are_both_kept(
    store: Store, snapshot: MakeSnapshot
) -> None:
    store.publish_snapshot(snapshot(state=State.COMPLETE))
    store.publish_snapshot(snapshot(state=State.UNPROVEN))
    assert len(store.snapshots()) == 2


def test_only_the_requested_columns_are_read(store: Store, snapshot: MakeSnapshot) -> None:
    ref = store.publish_snapshot(snapshot())
    read = store.read_snapshot(ref, ["status", "cluster_id"])
    assert read.table.column_names == ["status", "cluster_id"]


def test_a_null_in_a_required_column_is_never_stored(store: Store, snapshot: MakeSnapshot) -> None:
    with pytest.raises(ValueError, match="'cluster_id' with null"):
        store.publish_snapshot(snapshot(rows=2, cluster_id=["a", None]))
    assert store.snapshots() == []


def test_a_long_quarantine_is_cut_but_counted(store: Store, snapshot: MakeSnapshot) -> None:
    records = tuple(Quarantined(reason="r", raw="x" * 10_000) for _ in range(500))
    ref = store.publish_snapshot(snapshot(quarantine=records))
    read = store.read_snapshot(ref)
    assert read.certificate.quarantined == 500
    assert 0 < len(read.quarantine) < 100
    assert {len(record.raw) for record in read.quarantine} == {4096}


def test_a_quarantined_record_cannot_forge_the_seal(store: Store, snapshot: MakeSnapshot) -> None:
    mark = "fleetledger-seal:sha256:"
    forged = tuple(Quarantined(reason="r", raw=mark + digit * 64) for digit in "0a")
    taken = snapshot(rows=2, quarantine=forged, cluster_id=[mark + "0" * 64, mark + "f" * 64])
    assert store.read_snapshot(store.publish_snapshot(taken)).quarantine == forged


def test_an_empty_fleet_is_stored_and_read(
    store: Store, snapshot: MakeSnapshot, ledger_day: Callable[..., pd.DataFrame]
) -> None:
    ref = store.publish_snapshot(snapshot(rows=0))
    assert store.read_snapshot(ref).table.num_rows == 0
    store.publish_ledger_day("default", DAY, "abcd", ledger_day(rows=0))
    assert store.read_ledger(DAY, DAY).dtypes.astype(str).equals(LEDGER.empty().dtypes.astype(str))
