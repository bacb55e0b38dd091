"""Findings: a file per day, replaced as a whole."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import (
    StorageError,
)
from pipeline.schema import FINDINGS

if TYPE_CHECKING:
    from pipeline.store import Store

NOON = datetime(2026, 10, 20, 12, tzinfo=UTC)
DAY = date(2026, 10, 20)


def test_findings_of_a_day_are_replaced_as_a_whole(store: Store) -> None:
    row = dict.fromkeys(FINDINGS.names)
    row |= {
        "account": "default",
        "cluster_id": "c1",
        "rule_id": "idle",
        "rule_version": 1,
        "outcome": "CLEAR",
        "samples": 3,
    }
    frame = FINDINGS.enforce(pd.DataFrame([row, row | {"cluster_id": "c0"}]))
    store.publish_findings(DAY, "aaaa", frame.head(1))
    store.publish_findings(DAY, "bbbb", frame)
    assert store.read_findings(DAY)["cluster_id"].tolist() == ["c0", "c1"]
    assert list(store.findings_digests()) == [DAY]
    with pytest.raises(StorageError, match="no findings of 2026-10-21"):
        store.read_findings(DAY + timedelta(days=1))


def test_days_of_findings_are_dates_in_the_file_and_days_in_frames(store: Store) -> None:
    row = dict.fromkeys(FINDINGS.names) | {
        "account": "default",
        "cluster_id": "c1",
        "rule_id": "idle",
        "rule_version": 1,
        "outcome": "FINDING",
        "samples": 3,
        "found_on": pd.Timestamp(DAY),
    }
    frame = FINDINGS.enforce(pd.DataFrame([row]))
    path = store.files.path(store.publish_findings(DAY, "aaaa", frame))
    assert path is not None
    stored = pq.read_table(path)
    assert stored.column("found_on").to_pylist() == [DAY]  # a date, not a time without a zone
    for name in ("found_on", "gone_on"):
        assert stored.schema.field(name).type == pa.date32()
        assert store.read_findings(DAY)[name].dtype == "datetime64[us]"
