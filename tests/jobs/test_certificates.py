"""Certificates are read from each snapshot once, and from the snapshots again without the state."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pipeline.jobs import certificates
from pipeline.store import Store
from tests.store.conftest import NOON

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from pipeline.model import Certificate, SnapshotRef
    from tests.store.conftest import MakeSnapshot


def read(store: Store, *, is_kept: bool = True) -> tuple[tuple[Certificate, ...], list[str]]:
    damaged: list[str] = []
    return certificates.read(store, store.snapshots(), damaged, is_kept=is_kept), damaged


def watched(monkeypatch: pytest.MonkeyPatch) -> list[SnapshotRef]:
    """The snapshots whose files are opened from now on."""
    opened: list[SnapshotRef] = []
    real = Store.certificate

    def certificate(store: Store, ref: SnapshotRef) -> Certificate:
        opened.append(ref)
        return real(store, ref)

    monkeypatch.setattr(Store, "certificate", certificate)
    return opened


def test_only_new_snapshots_are_opened(
    store: Store, snapshot: MakeSnapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.publish_snapshot(first := snapshot())
    assert read(store) == ((first.certificate,), [])
    opened = watched(monkeypatch)
    new = store.publish_snapshot(second := snapshot(NOON + timedelta(hours=1)))
    assert read(store) == ((first.certificate, second.certificate), [])
    assert opened == [new]


def test_a_lost_or_damaged_state_changes_nothing(
    store: Store, snapshot: MakeSnapshot, tmp_path: Path
) -> None:
    store.publish_snapshot(snapshot())
    expected = read(store)
    (state,) = tmp_path.rglob("certificates*")
    state.write_bytes(b"{}")
    assert read(store, is_kept=False) == expected
    state.unlink()
    assert read(store) == expected


def test_a_snapshot_that_was_never_readable_is_damaged_each_time(
    store: Store, snapshot: MakeSnapshot, tmp_path: Path
) -> None:
    ref = store.publish_snapshot(snapshot())
    next(tmp_path.rglob("*.parquet")).write_bytes(b"nothing")
    assert read(store) == read(store) == ((), [ref.key])
