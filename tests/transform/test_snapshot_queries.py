"""The API documentation's examples over a whole snapshot."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

from pipeline import schema
from pipeline.errors import SettingsError
from pipeline.transform import snapshot_queries

UNIT = schema.MICROS_PER_UNIT


def snapshot(*rows: dict[str, Any]) -> pd.DataFrame:
    empty: dict[str, Any] = {c.name: None for c in schema.SNAPSHOT.columns}
    empty |= {"account": "default", "observed_at": pd.Timestamp("2026-03-01T00:00Z")}
    full = [empty | {"cluster_id": f"c{i}"} | row for i, row in enumerate(rows)]
    if not full:
        return schema.SNAPSHOT.empty()
    return schema.SNAPSHOT.enforce(pd.DataFrame(full))


def running(rate: float | None, use: float | None, **more: object) -> dict[str, Any]:
    micros = None if rate is None else round(rate * UNIT)
    return {
        "status": "running", "hourly_rate_micros": micros, "gpu_utilization_pct": use, **more,
    }  # fmt: skip


def test_the_overview_averages_over_clusters_with_a_reading_and_counts_the_others() -> None:
    got = snapshot_queries.overview(
        snapshot(
            running(12.5, 80.0),
            running(2.5, 20.0),
            running(None, None),
            {"status": "stopped", "hourly_rate_micros": UNIT, "gpu_utilization_pct": 0.0},
            {"status": None},
        )
    )
    assert got == snapshot_queries.Overview(3, 15 * UNIT, 50.0, 1, 1, without_gpu_count=3)


def test_gpus_are_counted_and_weigh_the_mean() -> None:
    got = snapshot_queries.overview(
        snapshot(
            running(8.0, 100.0, gpu_count=6),
            running(2.0, 20.0, gpu_count=2),
            running(2.0, None, gpu_count=1),
            running(2.0, 0.0, gpu_count=None),
        )
    )
    assert (got.total_gpus, got.without_gpu_count) == (9, 1)
    assert got.average_gpu_utilization_pct == 40.0
    assert got.weighted_gpu_utilization_pct == 80.0


def test_an_overview_is_cut_by_a_column_most_expensive_first() -> None:
    fleet = snapshot(
        running(1.0, 50.0, gpu_count=1, region="a"),
        running(5.0, 10.0, gpu_count=4, region="b"),
        running(None, None, gpu_count=None, region=None),
        {"status": "stopped", "hourly_rate_micros": 2 * UNIT, "region": "a", "gpu_count": 2},
    )
    by_region = snapshot_queries.overview_by(fleet, "region")
    assert by_region["region"].fillna("unknown").tolist() == ["b", "a", "unknown"]
    assert by_region["gpus"].tolist() == [4, 1, 0]
    assert by_region["hourly_rate_micros"].tolist() == [5 * UNIT, UNIT, 0]
    assert by_region["without_utilization"].tolist() == [0, 0, 1]
    by_status = snapshot_queries.overview_by(fleet, "status")
    assert by_status[["status", "clusters"]].to_numpy().tolist() == [["running", 3], ["stopped", 1]]
    assert snapshot_queries.overview_by(snapshot(), "region").empty


def test_an_empty_fleet_has_no_average() -> None:
    assert snapshot_queries.overview(snapshot()) == snapshot_queries.Overview(0, 0, None, 0, 0)
    assert snapshot_queries.dev_clusters(snapshot()).empty
    assert snapshot_queries.candidates(snapshot()).rows.empty


def test_candidates_are_expensive_and_little_used_with_strict_comparisons() -> None:
    got = snapshot_queries.candidates(
        snapshot(
            running(10.0, 5.0),
            running(10.01, 29.9),
            running(99.0, 30.0),
            running(50.0, 0.0),
            running(50.0, None),
            running(None, 0.0),
            running(None, 95.0),
            {"status": "stopped", "hourly_rate_micros": 99 * UNIT, "gpu_utilization_pct": 0.0},
        )
    )
    assert got.rows["cluster_id"].tolist() == ["c3", "c1"]
    assert sorted(got.unjudged["cluster_id"]) == ["c4", "c5"]


def test_dev_clusters_are_found_by_name_newest_first() -> None:
    box = {"status": "stopped", "gpu_type": "RTX4090", "project_id": "p"}
    frame = snapshot(
        box | {"name": "a-dev", "created_at": pd.Timestamp("2026-01-01T00:00Z")},
        box | {"name": "sandbox", "created_at": pd.Timestamp("2026-02-01T00:00Z")},
        box | {"name": "prod"},
        box | {"name": "dev", "status": "running"},
        box | {"name": "dev", "gpu_type": "H100"},
        box | {"name": "dev", "project_id": "q"},
        box | {"name": None},
    )
    rows = snapshot_queries.dev_clusters(frame, project_id="p")
    assert rows["cluster_id"].tolist() == ["c1", "c0"]


def test_a_word_is_searched_in_name_description_and_project_in_any_case() -> None:
    box = {"status": "stopped", "gpu_type": "RTX4090"}
    fleet = snapshot(
        box | {"name": "A-DEV"},
        box | {"name": "x", "description": "the Sandbox of ana"},
        box | {"name": "x", "project_id": "dev-tools"},
        box | {"name": "x", "description": "prod"},
    )
    assert sorted(snapshot_queries.dev_clusters(fleet)["cluster_id"]) == ["c0", "c1", "c2"]
    only = snapshot_queries.dev_clusters(fleet, words=("sand",), within=("description",))
    assert only["cluster_id"].tolist() == ["c1"]


def test_every_filter_of_the_list_applies() -> None:
    frame = snapshot(
        {
            "name": "Train-A", "status": "running", "gpu_type": "A100", "region": "us",
            "project_id": "p", "template_id": "t", "gpu_count": 8,
            "created_at": pd.Timestamp("2026-01-10T00:00Z"),
        },
        {
            "name": "b", "description": "nightly TRAINing", "status": "error", "gpu_type": "H100",
            "region": "eu", "project_id": "q", "template_id": "u", "gpu_count": 1,
            "created_at": pd.Timestamp("2026-01-20T00:00Z"),
        },
        {"name": None},
    )  # fmt: skip

    def ids(**query: Any) -> list[str]:  # noqa: ANN401
        return snapshot_queries.select(frame, **query)["cluster_id"].tolist()

    assert ids() == ["c1", "c0", "c2"]
    for query in (
        {"status": "running"}, {"gpu_type": "A100"}, {"region": "us"}, {"project_id": "p"},
        {"template_id": "t"}, {"min_gpu_count": 2},
        {"created_before": datetime(2026, 1, 15, tzinfo=UTC)},
    ):  # fmt: skip
        assert ids(**query) == ["c0"], query
    assert ids(max_gpu_count=1) == ["c1"]
    assert ids(created_after=datetime(2026, 1, 15, tzinfo=UTC)) == ["c1"]
    assert ids(search="train") == ["c1", "c0"]
    assert ids(search="train-a") == ["c0"]
    assert ids(search=".") == []
    assert ids(sort_by="gpu_count", sort_order="asc") == ["c1", "c0", "c2"]
    assert ids(sort_by="status", sort_order="desc") == ["c0", "c1", "c2"]


def test_pages_partition_the_list() -> None:
    frame = snapshot(*(running(1.0, 1.0) for _ in range(45)))
    pages = [
        snapshot_queries.select(frame, page=p, sort_by="cost")["cluster_id"].tolist()
        for p in (1, 2, 3)
    ]
    assert [len(page) for page in pages] == [20, 20, 5]
    assert sorted(c for page in pages for c in page) == sorted(frame["cluster_id"])
    assert snapshot_queries.select(frame, page=4).empty


@pytest.mark.parametrize(
    "bad", [{"page": 0}, {"limit": 0}, {"limit": 101}, {"sort_by": "colour"}, {"sort_order": "up"}]
)
def test_what_the_api_would_refuse_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=next(iter(bad))):
        snapshot_queries.select(snapshot(), **bad)
