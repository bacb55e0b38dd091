"""Small snapshots and small ledger days, and a store to put them in."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Protocol

import pandas as pd
import pyarrow as pa
import pytest

from pipeline.model import Certificate, Quarantined, Snapshot, State
from pipeline.schema import AT, CODE, FLAG, INT, LEDGER, REAL, SNAPSHOT, TEXT
from pipeline.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOON = datetime(2026, 10, 20, 12, tzinfo=UTC)


class MakeSnapshot(Protocol):
    def __call__(
        self,
        started_at: datetime = NOON,
        *,
        rows: int = 3,
        state: State = State.COMPLETE,
        account: str = "default",
        quarantine: tuple[Quarantined, ...] = (),
        **columns: object,
    ) -> Snapshot: ...


def _value(field: pa.Field, row: int, moment: datetime) -> object:
    if field.nullable and row % 5 == 4:
        return None
    return {
        TEXT: f"{field.name}-{row:03}",
        CODE: f"{field.name}-{row % 2}",
        INT: row * 1_000_001,
        REAL: row / 2,
        FLAG: row % 2 == 0,
        AT: moment,
    }[field.type]


def _table(schema: pa.Schema, rows: int, moment: datetime, columns: dict[str, object]) -> pa.Table:
    arrays = [
        pa.array(columns.get(f.name, [_value(f, row, moment) for row in range(rows)]), f.type)
        if f.type != CODE
        else pa.array(
            columns.get(f.name, [_value(f, row, moment) for row in range(rows)]), TEXT
        ).dictionary_encode()
        for f in schema
    ]
    return pa.table(arrays, schema=schema)


@pytest.fixture(scope="session")
def snapshot() -> MakeSnapshot:
    def make(
        started_at: datetime = NOON,
        *,
        rows: int = 3,
        state: State = State.COMPLETE,
        account: str = "default",
        quarantine: tuple[Quarantined, ...] = (),
        **columns: object,
    ) -> Snapshot:
        certificate = Certificate(
            account=account,
            state=state,
            started_at=started_at,
            finished_at=started_at,
            api_version="v1",
            base_url="https://api.example",
            requests=1,
            pages=1,
            unique_ids=rows,
            total_count=rows,
            proof="two walks agree",
            quarantined=len(quarantine),
        )
        table = _table(SNAPSHOT.stored, rows, started_at, columns)
        return Snapshot(certificate=certificate, table=table, quarantine=quarantine)

    return make


@pytest.fixture(scope="session")
def ledger_day() -> Callable[..., pd.DataFrame]:
    def make(rows: int = 3, **columns: object) -> pd.DataFrame:
        stored = _table(LEDGER.stored, rows, NOON, columns)
        frame = LEDGER.to_pandas(stored)
        return frame.assign(account="anything", date=pd.Timestamp(0))

    return make


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "data"))


@pytest.fixture(scope="session")
def day() -> date:
    return NOON.date()
