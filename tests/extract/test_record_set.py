from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pipeline.extract import record_set as module
from pipeline.extract.api_types import Cluster, Page
from pipeline.extract.record_set import RecordSet

T = datetime(2026, 1, 1, tzinfo=UTC)


def cluster(name: str, created: int = 1, updated: int | None = 1, identity: str = "a") -> Cluster:
    when = None if updated is None else T.replace(hour=updated)
    return Cluster(identity, name=name, created_at=T.replace(day=created), updated_at=when)


def rows(*pages: tuple[Cluster, ...]) -> tuple[RecordSet, list[tuple[str, str | None]]]:
    record_set = RecordSet(keep_connection=False)
    for records in pages:
        record_set.add(Page(records=records, notes={}, size=len(records)), T)
    table = record_set.table().to_pylist()
    return record_set, [(row["name"], row["bad_fields"]) for row in table]


@pytest.fixture(params=[2_000, 1], ids=["in memory", "already in columns"])
def _both_kinds(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROWS_PER_BATCH", request.param)


pytestmark = pytest.mark.usefixtures("_both_kinds")


def test_the_same_record_twice_is_one() -> None:
    record_set, listed = rows((cluster("x"), cluster("x")), (cluster("x"),))
    assert listed == [("x", None)]
    assert (len(record_set), record_set.quarantine) == (1, {})


def test_of_two_records_of_a_cluster_the_newer_update_is_kept() -> None:
    assert rows((cluster("old"),), (cluster("new", updated=2),))[1] == [("new", None)]
    assert rows((cluster("new", updated=2),), (cluster("old"),))[1] == [("new", None)]
    assert rows((cluster("first"),), (cluster("second"),))[1] == [("first", None)]
    assert rows((cluster("dated"),), (cluster("undated", updated=None),))[1] == [("dated", None)]


def test_of_two_records_with_one_id_in_a_response_one_is_quarantined() -> None:
    record_set, listed = rows((cluster("x"), cluster("y", updated=2)))
    assert listed == [("y", "cluster_id")]
    (aside,) = record_set.quarantine.values()
    assert aside.reason == "another record has the id a"
    assert '"name":"x"' in aside.raw


def test_two_creation_times_with_one_id_are_two_clusters() -> None:
    record_set, listed = rows((cluster("x"),), (cluster("y", created=2, updated=2),))
    assert listed == [("y", "cluster_id")]
    assert len(record_set.quarantine) == 1
    record_set, listed = rows((cluster("x", updated=2),), (cluster("y", created=2),))
    assert [name for name, _ in listed] == ["x"]
    assert len(record_set.quarantine) == 1


def test_rows_are_sorted_by_id_in_any_order_of_pages() -> None:
    records = [cluster(name, identity=name) for name in "cabd"]
    listed = rows(tuple(records))[1]
    assert listed == rows(*[(record,) for record in reversed(records)])[1]
    assert [name for name, _ in listed] == ["a", "b", "c", "d"]
