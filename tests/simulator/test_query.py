"""GET /v1/clusters, parameter by parameter, over real HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulator.conftest import Api

SEED_FIELDS = [
    "id",
    "name",
    "description",
    "status",
    "gpu_type",
    "gpu_count",
    "cpu_cores",
    "memory_gb",
    "storage_gb",
    "region",
    "project_id",
    "template_id",
    "ssh_enabled",
    "port_mappings",
    "proxy_url",
    "ssh_connection",
    "metrics",
    "cost",
    "created_at",
    "updated_at",
    "expires_at",
]
MIDDLE = pd.Timestamp("2026-02-20T00:00:00Z")

FILTERS: list[tuple[dict[str, object], Callable[[pd.DataFrame], pd.Series[bool]]]] = [
    ({"status": "running"}, lambda f: f.status.eq("running")),
    ({"status": "stopped"}, lambda f: f.status.eq("stopped")),
    ({"status": "pending"}, lambda f: f.status.eq("pending")),
    ({"gpu_type": "RTX4090"}, lambda f: f.gpu_type.eq("RTX4090")),
    ({"region": "eu-west-1"}, lambda f: f.region.eq("eu-west-1")),
    ({"project_id": "search-rank"}, lambda f: f.project_id.eq("search-rank")),
    ({"project_id": "nobody"}, lambda f: f.project_id.eq("nobody")),
    ({"template_id": "tmpl_vllm"}, lambda f: f.template_id.eq("tmpl_vllm")),
    ({"search": "DEV"}, lambda f: f.name.str.contains("dev") | f.description.str.contains("Dev")),
    ({"search": "nothing here is precious"}, lambda f: f.description.str.contains("precious")),
    ({"search": ""}, lambda f: f.name.notna()),
    ({"search": "НАТАША"}, lambda f: f.name.str.contains("наташа")),
    ({"min_gpu_count": 4}, lambda f: f.gpu_count.ge(4)),
    ({"max_gpu_count": 0}, lambda f: f.gpu_count.eq(0)),
    ({"min_gpu_count": 2, "max_gpu_count": 3}, lambda f: f.gpu_count.between(2, 3)),
    ({"min_gpu_count": 3, "max_gpu_count": 2}, lambda f: f.gpu_count.lt(0)),
    ({"created_after": "2026-02-20T00:00:00Z"}, lambda f: f.created_at.gt(MIDDLE)),
    ({"created_before": "2026-02-20"}, lambda f: f.created_at.lt(MIDDLE)),
    ({"created_before": "2026-02-20T01:00:00+01:00"}, lambda f: f.created_at.lt(MIDDLE)),
    ({"created_before": "2026-02-20t00:00:00z"}, lambda f: f.created_at.lt(MIDDLE)),
    ({"created_after": "0001-01-01T00:00:00+01:00"}, lambda f: f.name.notna()),
    (
        {"status": "running", "gpu_type": "A100", "region": "us-east-1"},
        lambda f: f.status.eq("running") & f.gpu_type.eq("A100") & f.region.eq("us-east-1"),
    ),
]


@pytest.mark.parametrize(("params", "expected"), FILTERS, ids=[str(case[0]) for case in FILTERS])
def test_a_filter_selects_exactly_the_matching_clusters(
    api: Api, params: dict[str, object], expected: Callable[[pd.DataFrame], pd.Series[bool]]
) -> None:
    frame = api.truth()
    wanted = set(frame.cluster_id[expected(frame).fillna(value=False).astype(bool)])
    ids = api.ids(**params)
    assert set(ids) == wanted
    assert len(ids) == len(wanted)
    applied = {name: value for name, value in params.items() if value != ""}
    assert api.list(**params)["filters_applied"] == applied


def test_all_but_two_of_these_filters_match_clusters(api: Api) -> None:
    empty = [params for params, _ in FILTERS if not api.ids(**params)]
    assert empty == [{"project_id": "nobody"}, {"min_gpu_count": 3, "max_gpu_count": 2}]


def test_created_bounds_are_exclusive(api: Api) -> None:
    newest = api.list(limit=1)["clusters"][0]
    assert newest["id"] not in api.ids(created_after=newest["created_at"])
    assert newest["id"] not in api.ids(created_before=newest["created_at"])


@pytest.mark.parametrize("sort_order", ["asc", "desc"])
@pytest.mark.parametrize("sort_by", ["created_at", "name", "status", "gpu_count", "cost"])
def test_every_sort_key_sorts_both_ways_with_ties_by_id(
    api: Api, sort_by: str, sort_order: str
) -> None:
    column = {"cost": "hourly_rate_micros"}.get(sort_by, sort_by)
    expected = (
        api.truth()
        .sort_values("cluster_id")
        .sort_values(column, kind="stable", ascending=sort_order == "asc")
    )
    assert api.ids(sort_by=sort_by, sort_order=sort_order) == expected.cluster_id.tolist()


def test_newest_first_and_twenty_are_the_defaults(api: Api) -> None:
    data = api.list()
    times = [cluster["created_at"] for cluster in data["clusters"]]
    assert times == sorted(times, reverse=True)
    assert len(times) == data["pagination"]["per_page"] == 20
    by_name = api.list(sort_by="name")["clusters"]
    assert by_name == api.list(sort_by="name", sort_order="desc")["clusters"]


@pytest.mark.parametrize("limit", [1, 7, 20, 100])
def test_pages_add_up(api: Api, limit: int) -> None:
    clusters = api.truth().cluster_id
    pages = -(-len(clusters) // limit)
    last = api.list(limit=limit, page=pages)
    assert last["pagination"] == {
        "current_page": pages,
        "total_pages": pages,
        "total_count": len(clusters),
        "per_page": limit,
        "has_next": False,
        "has_previous": True,
    }
    assert len(last["clusters"]) == len(clusters) - limit * (pages - 1)
    assert sorted(api.ids(limit=limit)) == sorted(clusters)
    beyond = api.list(limit=limit, page=pages + 1)
    assert beyond["clusters"] == []
    assert not beyond["pagination"]["has_next"]


def test_an_empty_list_has_no_pages(api: Api) -> None:
    assert api.list(project_id="nobody")["pagination"] == {
        "current_page": 1,
        "total_pages": 0,
        "total_count": 0,
        "per_page": 20,
        "has_next": False,
        "has_previous": False,
    }


def test_records_have_the_21_fields_of_the_documentation_and_the_values_of_the_fleet(
    api: Api,
) -> None:
    data = api.get(limit=100, sort_by="name").json()
    assert list(data) == ["success", "data", "meta"]
    assert set(data["meta"]) == {"request_id", "response_time_ms"}
    frame = api.truth().set_index("cluster_id")
    for cluster in data["data"]["clusters"]:
        assert list(cluster) == SEED_FIELDS
        row = frame.loc[cluster["id"]]
        for field in SEED_FIELDS[1:13]:
            assert cluster[field] == row[field] or (
                cluster[field] is None and field == "description" and pd.isna(row[field])
            )
        for field in ("hourly_rate", "current_session_cost", "total_cost"):
            assert round(cluster["cost"][field] * 1_000_000) == row[f"{field}_micros"]
        for field in ("created_at", "updated_at", "expires_at"):
            written = pd.Timestamp(cluster[field]) if cluster[field] else pd.NaT
            assert written is row[field] or written == row[field]
        shown = cluster["metrics"] or dict.fromkeys(
            ("gpu_utilization", "memory_utilization", "cpu_utilization")
        )
        for field, value in shown.items():
            assert value == row[f"{field}_pct"] or (value is None and pd.isna(row[f"{field}_pct"]))
        assert (cluster["metrics"] is not None) == (cluster["status"] == "running")


REFUSALS = [
    ("page", "0", "Must be between 1 and 1000000000"),
    ("page", "x", "Must be between 1 and 1000000000"),
    ("page", "9" * 19, "Must be between 1 and 1000000000"),
    ("limit", "0", "Must be between 1 and 100"),
    ("limit", "101", "Must be between 1 and 100"),
    ("limit", "1.5", "Must be between 1 and 100"),
    ("limit", "", "Must be between 1 and 100"),
    ("limit", "\u0667", "Must be between 1 and 100"),
    ("limit", ["7", "8"], "Must be given once"),
    ("limit", ["abc", "7"], "Must be given once"),
    ("search", ["", "dev"], "Must be given once"),
    ("status", "RUNNING", "Must be one of: running, stopped, starting, stopping, error, pending"),
    ("gpu_type", "L40S", "Must be one of: A100, H100, RTX4090, V100, T4"),
    ("region", "mars", "Must be one of: us-east-1, us-west-2, eu-west-1, ap-southeast-1"),
    ("sort_by", "id", "Must be one of: created_at, name, status, gpu_count, cost"),
    ("sort_order", "up", "Must be one of: asc, desc"),
    ("min_gpu_count", "-1", "Must be between 0 and 1000000000"),
    ("max_gpu_count", "many", "Must be between 0 and 1000000000"),
    ("created_after", "yesterday", "Must be an ISO 8601 date"),
    ("created_before", "2026-02-30", "Must be an ISO 8601 date"),
]


@pytest.mark.parametrize(("name", "value", "message"), REFUSALS)
def test_an_invalid_value_has_its_own_message(
    api: Api, name: str, value: str | list[str], message: str
) -> None:
    response = api.get(**{name: value})
    assert response.status_code == 400
    assert response.json()["error"]["details"] == {name: message}


def test_all_invalid_values_are_reported_at_once_in_the_documented_envelope(api: Api) -> None:
    response = api.get(limit=1000, gpu_type="B200", status="running")
    assert response.status_code == 400
    assert response.json() == {
        "success": False,
        "error": {
            "code": "INVALID_PARAMETERS",
            "message": "Invalid query parameters provided",
            "details": {
                "limit": "Must be between 1 and 100",
                "gpu_type": "Must be one of: A100, H100, RTX4090, V100, T4",
            },
        },
    }


def test_unknown_parameters_are_ignored(api: Api) -> None:
    assert api.list(colour="red") == api.list()


def test_undocumented_values_are_listed_but_cannot_be_filtered_by(
    api: Api,
) -> None:
    frame = api.truth()
    assert (frame.gpu_type == "L40S").any()
    assert (frame.region == "eu-central-1").any()
    assert api.get(region="eu-central-1").status_code == 400


def test_version_2_is_a_flat_array_of_all_clusters(api: Api) -> None:
    clusters = api.get("/v2/clusters").json()
    frame = api.truth().set_index("cluster_id")
    assert {cluster["id"] for cluster in clusters} == set(frame.index)
    assert len(clusters) == len(frame)
    for cluster in clusters:
        assert list(cluster) == [
            "id",
            "name",
            "status",
            "gpuType",
            "containerDiskSize",
            "volumeSize",
            "createdAt",
        ]
        row = frame.loc[cluster["id"]]
        assert (cluster["status"], cluster["gpuType"]) == (row.status, row.gpu_type)
        assert cluster["volumeSize"] == row.storage_gb
        assert pd.Timestamp(cluster["createdAt"]) == row.created_at
