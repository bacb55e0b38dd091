"""The store as commands and notebooks use it."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

import pipeline
from pipeline.errors import StorageError
from pipeline.model import State

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pandas as pd

    from pipeline.store import Store
    from tests.store.conftest import MakeSnapshot

NOON = datetime(2026, 10, 20, 12, tzinfo=UTC)
DAY = date(2026, 10, 20)


def test_importing_the_package_loads_no_table_library() -> None:
    code = "import sys, pipeline; sys.exit('pandas' in sys.modules or 'pyarrow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603


def test_a_notebook_gets_plain_frames(
    store: Store,
    snapshot: MakeSnapshot,
    ledger_day: Callable[..., pd.DataFrame],
    tmp_path: Path,
) -> None:
    store.publish_snapshot(snapshot(rows=3))
    store.publish_snapshot(snapshot(NOON + timedelta(days=1), rows=2, state=State.DRIFTED))
    store.publish_ledger_day("default", DAY, "abcd", ledger_day(rows=4))
    notebook = pipeline.open_store(str(tmp_path / "data"))
    assert len(notebook.snapshots()) == 5
    late = notebook.snapshots(since="2026-10-21", columns=["account", "cluster_id"])
    assert late["snapshot_state"].tolist() == ["drifted"] * 2
    assert len(notebook.ledger()) == len(notebook.ledger("2026-10-20", DAY)) == 4
    assert notebook.ledger(first=DAY + timedelta(days=1)).empty
    with pytest.raises(StorageError, match="no day is closed yet"):
        notebook.spend("project_id")  # a drifted list closes no day
    store.publish_snapshot(snapshot(NOON + timedelta(days=1, hours=1), rows=2))
    assert notebook.spend("project_id")["spend_micros"].sum() == sum(range(4)) * 1_000_001
    assert len(notebook.utilization()) == 4
    assert notebook.idle().columns[0] == "account"
