"""Listings: what the names of the stored files contain."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from pipeline.model import State

if TYPE_CHECKING:
    from pipeline.store import Store
    from tests.store.conftest import MakeSnapshot

NOON = datetime(2026, 10, 20, 12, tzinfo=UTC)
DAY = date(2026, 10, 20)


def test_snapshots_are_listed_by_account_and_time(store: Store, snapshot: MakeSnapshot) -> None:
    for account in ("b", "a"):
        for hours in (30, 1, 2):
            store.publish_snapshot(snapshot(NOON + timedelta(hours=hours), account=account))
    store.publish_snapshot(snapshot(NOON, account="a", state=State.SUSPECT))
    refs = store.snapshots()
    assert [(ref.account, ref.started_at) for ref in refs] == sorted(
        (ref.account, ref.started_at) for ref in refs
    )
    assert store.accounts() == ["a", "b"]
    assert len(store.snapshots("a")) == 4
    assert [ref.state for ref in store.snapshots("a", last=DAY)] == [
        State.SUSPECT,
        State.COMPLETE,
        State.COMPLETE,
    ]
    assert len(store.snapshots(first=DAY + timedelta(days=1))) == 2
    assert store.snapshots("unknown") == []
