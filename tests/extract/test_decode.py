from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import schema
from pipeline.extract.api_errors import RefusedError, UnusableResponseError
from pipeline.extract.decode import decode_page, micros, to_batch

if TYPE_CHECKING:
    from pipeline.extract.api_types import Page

SEED = {
    "id": "cluster_abc123",
    "name": "ml-training-cluster",
    "description": "High-performance cluster for LLM training",
    "status": "running",
    "gpu_type": "A100",
    "gpu_count": 8,
    "cpu_cores": 64,
    "memory_gb": 512,
    "storage_gb": 2000,
    "region": "us-west-2",
    "project_id": "proj_456",
    "template_id": "tmpl_789",
    "ssh_enabled": True,
    "port_mappings": [{"internal_port": 8080, "external_port": 32001, "protocol": "tcp"}],
    "proxy_url": "https://cluster-abc123.tensorone.ai",
    "ssh_connection": {"host": "ssh-abc123.tensorone.ai", "port": 22, "username": "root"},
    "metrics": {"gpu_utilization": 85.2, "memory_utilization": 67.8, "cpu_utilization": 45.1},
    "cost": {"hourly_rate": 12.50, "current_session_cost": 45.75, "total_cost": 234.80},
    "created_at": "2024-01-15T10:30:00Z",
    "updated_at": "2024-01-15T14:45:00Z",
    "expires_at": "2024-01-16T10:30:00Z",
}


def envelope(*records: object, total: int | None = None) -> dict[str, Any]:
    pagination = {"current_page": 1, "total_count": len(records) if total is None else total}
    return {
        "success": True,
        "data": {"clusters": list(records), "pagination": pagination, "filters_applied": {}},
        "meta": {"request_id": "req_1", "response_time_ms": 3},
    }


def rows_of(
    body: object, version: str = "v1", *, keep_connection: bool = False
) -> tuple[Page, list[dict[str, Any]]]:
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    page = decode_page(body, version)
    observed = [1_700_000_000_000_000] * len(page.records)
    batch = to_batch(page.records, observed, page.notes, keep_connection=keep_connection)
    return page, batch.to_pylist()


def row_of(record: dict[str, Any]) -> dict[str, Any]:
    _, rows = rows_of(envelope(record))
    return rows[0]


def with_text(name: str, text: str) -> bytes:
    """The seed's record with ``name`` written as ``text``, which need not be valid JSON."""
    marked = json.loads(json.dumps(SEED))
    group = next((g for g in ("metrics", "cost") if name in marked[g]), None)
    (marked[group] if group else marked)[name] = "@@"
    return json.dumps(envelope(marked, SEED | {"id": "good"})).replace('"@@"', text).encode()


def test_the_seeds_record_becomes_one_row_with_money_in_micros_and_times_in_utc() -> None:
    row = row_of(SEED)
    assert row["cluster_id"] == "cluster_abc123"
    assert row["hourly_rate_micros"] == 12_500_000
    assert row["current_session_cost_micros"] == 45_750_000
    assert row["total_cost_micros"] == 234_800_000
    assert row["gpu_utilization_pct"] == 85.2
    assert row["created_at"] == datetime(2024, 1, 15, 10, 30, tzinfo=UTC)
    assert row["expires_at"] == datetime(2024, 1, 16, 10, 30, tzinfo=UTC)
    assert (row["gpu_count"], row["storage_gb"], row["ssh_enabled"]) == (8, 2000, True)
    assert row["bad_fields"] is None
    assert row["extra"] is None


def test_a_page_has_the_count_and_the_request_id() -> None:
    page, _ = rows_of(envelope(SEED, total=89))
    assert (page.size, page.total_count, page.request_id) == (1, 89, "req_1")


def test_connection_details_are_dropped_unless_kept() -> None:
    assert row_of(SEED)["ssh_connection"] is None
    _, rows = rows_of(envelope(SEED), keep_connection=True)
    assert rows[0]["proxy_url"] == "https://cluster-abc123.tensorone.ai"
    assert json.loads(rows[0]["ssh_connection"])["port"] == 22
    assert json.loads(rows[0]["port_mappings"])[0]["external_port"] == 32001


def test_the_flat_v2_record_maps_onto_the_same_columns() -> None:
    record = {
        "id": "c1",
        "name": "n",
        "status": "running",
        "gpuType": "A100",
        "containerDiskSize": 50,
        "volumeSize": 123,
        "createdAt": "2023-11-07T05:31:56Z",
    }
    _, rows = rows_of([record], "v2")
    assert (rows[0]["gpu_type"], rows[0]["storage_gb"], rows[0]["container_disk_gb"]) == (
        "A100",
        123,
        50,
    )
    assert rows[0]["created_at"] == datetime(2023, 11, 7, 5, 31, 56, tzinfo=UTC)
    assert rows[0]["total_cost_micros"] is None
    assert rows[0]["gpu_count"] is None
    # The same through the slow path, which an unknown field forces.
    _, slow = rows_of([record | {"tags": ["x"]}], "v2")
    assert slow[0] == rows[0] | {"extra": '{"tags":["x"]}'}


def test_strict_and_lenient_decoding_give_the_same_row() -> None:
    fast = row_of(SEED)
    slow = row_of(SEED | {"surprise": 1})
    assert slow == fast | {"extra": '{"surprise":1}'}


@pytest.mark.parametrize(
    ("name", "text", "column"),
    [
        ("hourly_rate", "NaN", "hourly_rate_micros"),
        ("hourly_rate", "Infinity", "hourly_rate_micros"),
        ("hourly_rate", "1e999", "hourly_rate_micros"),
        ("hourly_rate", "-0.01", "hourly_rate_micros"),
        ("hourly_rate", "1000000001", "hourly_rate_micros"),
        ("hourly_rate", '"12.50"', "hourly_rate_micros"),
        ("hourly_rate", "[1]", "hourly_rate_micros"),
        ("total_cost", "1" + "0" * 40, "total_cost_micros"),
        ("total_cost", "1" * 5000, "total_cost_micros"),
        ("gpu_utilization", "100.1", "gpu_utilization_pct"),
        ("gpu_utilization", "-1", "gpu_utilization_pct"),
        ("gpu_utilization", "true", "gpu_utilization_pct"),
        ("gpu_count", "8.5", "gpu_count"),
        ("gpu_count", "-8", "gpu_count"),
        ("gpu_count", "9223372036854775808", "gpu_count"),
        ("gpu_count", '"8"', "gpu_count"),
        ("name", '"\\ud800"', "name"),
        ("name", "17", "name"),
        ("region", '["us-east-1"]', "region"),
        ("ssh_enabled", "1", "ssh_enabled"),
        ("created_at", '"yesterday"', "created_at"),
        ("created_at", '"2024-13-45T00:00:00Z"', "created_at"),
        ("created_at", '"2024-01-15"', "created_at"),
        ("created_at", '"0001-01-01T00:00:00+05:00"', "created_at"),
        ("created_at", '"1969-12-31T23:59:59Z"', "created_at"),
        ("created_at", "1705314600", "created_at"),
        ("metrics", "7", "metrics"),
        ("cost", '"free"', "cost"),
    ],
)
def test_an_unusable_value_is_null_and_noted_and_other_values_are_kept(
    name: str, text: str, column: str
) -> None:
    _, rows = rows_of(with_text(name, text))
    assert rows[0]["bad_fields"] == column
    assert rows[0].get(column) is None
    assert rows[0]["cluster_id"] == "cluster_abc123"
    assert rows[1] == row_of(SEED | {"id": "good"})


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (None, "not an object but null"),
        ("text", "not an object but text"),
        ([], "not an object but an array"),
        ({"name": "x"}, "no id"),
        ({"id": None}, "id is null"),
        ({"id": ""}, "id is empty"),
        ({"id": " "}, "id is empty"),
        ({"id": True}, "id is a boolean"),
        ({"id": 1.5}, "id is a number"),
        ({"id": {}}, "id is an object"),
        ({"id": "\ud800"}, "id is not valid Unicode"),
    ],
)
def test_a_record_without_an_id_is_quarantined_with_its_text_and_the_reason(
    record: object, reason: str
) -> None:
    page, rows = rows_of(envelope(record, SEED | {"surprise": 1}))
    assert [row["cluster_id"] for row in rows] == ["cluster_abc123"]
    assert [broken.reason for broken in page.quarantined] == [reason]
    assert json.loads(page.quarantined[0].raw) == record
    assert page.size == 2


def test_a_quarantined_record_has_no_connection_details() -> None:
    page, _ = rows_of(envelope(SEED | {"id": None}))
    assert "ssh-abc123" not in page.quarantined[0].raw
    assert "proxy" not in page.quarantined[0].raw


@pytest.mark.parametrize("depth", [900, 3_000, 100_000])
def test_a_deeply_nested_field_affects_no_other_field(depth: int) -> None:
    deep = "[" * depth + '"]"' + "]" * depth
    body = json.dumps(envelope(SEED | {"deep": "@@"}, SEED | {"id": "good"}))
    _, rows = rows_of(body.replace('"@@"', deep).encode())
    assert [row["cluster_id"] for row in rows] == ["cluster_abc123", "good"]
    assert rows[0]["name"] == "ml-training-cluster"
    assert rows[0]["extra"].startswith('{"deep":[[[')


def test_an_integer_id_becomes_text_and_is_noted() -> None:
    row = row_of(SEED | {"id": 17})
    assert (row["cluster_id"], row["bad_fields"]) == ("17", "cluster_id")


@pytest.mark.parametrize("value", ["on-fire", "", "B300", "x" * 10_000, "=cmd()", "\u202e\u0007"])
def test_values_outside_the_vocabularies_are_data(value: str) -> None:
    row = row_of(SEED | {"status": value, "gpu_type": value, "region": value, "name": value})
    assert {row["status"], row["gpu_type"], row["region"], row["name"]} == {value}
    assert row["bad_fields"] is None


@pytest.mark.parametrize("missing", ["metrics", "cost", "created_at", "name", "expires_at"])
@pytest.mark.parametrize("how", ["null", "absent"])
def test_a_missing_value_is_null_and_neither_zero_nor_bad(missing: str, how: str) -> None:
    record = SEED | {missing: None} if how == "null" else {k: SEED[k] for k in SEED if k != missing}
    row = row_of(record)
    assert row["bad_fields"] is None
    gone = {"metrics": "gpu_utilization_pct", "cost": "total_cost_micros"}.get(missing, missing)
    assert row[gone] is None


def test_unknown_fields_are_kept_also_inside_metrics_and_cost() -> None:
    record = SEED | {"tags": {"team": "x"}, "cost": SEED["cost"] | {"discount": 0.5}}
    assert json.loads(row_of(record)["extra"]) == {"tags": {"team": "x"}, "cost": {"discount": 0.5}}


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("2024-01-15T10:30:00+02:00", datetime(2024, 1, 15, 8, 30, tzinfo=UTC)),
        ("2024-01-15T10:30:00.123456Z", datetime(2024, 1, 15, 10, 30, 0, 123456, tzinfo=UTC)),
        ("2024-01-15T10:30:00", datetime(2024, 1, 15, 10, 30, tzinfo=UTC)),
        ("9999-12-31T23:59:59Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_times_become_utc(text: str, when: datetime) -> None:
    assert row_of(SEED | {"expires_at": text})["expires_at"] == when


def test_bytes_that_are_not_utf8_affect_one_field_only() -> None:
    body = json.dumps(envelope(SEED | {"name": "@@"}, SEED | {"id": "good"})).encode()
    _, rows = rows_of(body.replace(b"@@", b"caf\xe9"))
    assert [row["bad_fields"] for row in rows] == ["name", None]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"{}",
        b"[]",
        b"<html><body>Sign in</body></html>",
        json.dumps(envelope(SEED)).encode()[:-20],
        b'{"success": true, "data": {"clusters": null}}',
        b'{"success": true, "data": []}',
        b"[" * 100_000,
    ],
)
def test_a_response_of_another_shape_is_unusable(body: object) -> None:
    with pytest.raises(UnusableResponseError):
        decode_page(body, "v1")


@pytest.mark.parametrize(
    ("body", "code", "is_permanent"),
    [
        ({"success": False, "error": {"code": "INVALID_PARAMETERS"}}, "INVALID_PARAMETERS", True),
        ({"success": False, "error": {"code": "INTERNAL_ERROR"}}, "INTERNAL_ERROR", False),
        ({"error": "UNAUTHORIZED", "message": "no", "code": 401}, "UNAUTHORIZED", True),
        ({"success": False}, "HTTP 200", False),
    ],
)
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_refusal_with_status_200_is_recognised_in_both_envelopes(
    body: object,
    code: str,
    is_permanent: bool,  # noqa: FBT001 - pytest names it
    version: str,
) -> None:
    with pytest.raises(RefusedError) as refused:
        decode_page(json.dumps(body).encode(), version)
    assert (refused.value.code, refused.value.is_permanent) == (code, is_permanent)


money_texts = st.builds(
    lambda units, digits: f"{units}.{digits}",
    st.integers(0, 10**9 - 1),
    st.text("0123456789", min_size=1, max_size=6),
)


@given(st.lists(money_texts, min_size=1))
def test_money_with_up_to_six_decimals_is_exact(texts: list[str]) -> None:
    exact = [int(Decimal(text) * 1_000_000) for text in texts]
    assert micros([float(text) for text in texts]).to_pylist() == exact


@given(st.integers(0, 10**14))
def test_half_a_micro_is_rounded_to_even(tenths: int) -> None:
    text = f"{tenths // 10**7}.{tenths % 10**7:07d}"
    exact = (Decimal(text) * 1_000_000).quantize(Decimal(1), ROUND_HALF_EVEN)
    assert micros([float(text)]).to_pylist() == [int(exact)]


def test_money_null_stays_null_and_zero_stays_zero() -> None:
    assert micros([None, 0.0, 0.0000005, 0.0000015, 1e9]).to_pylist() == [None, 0, 0, 2, 10**15]


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["2024-01-15T10:30:00Z", "running", "\ud800", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.lists(st.none() | st.dictionaries(st.sampled_from([*SEED, "x"]), json_values), max_size=5),
    st.sampled_from(["v1", "v2"]),
)
def test_each_record_is_a_valid_row_or_quarantined_whatever_it_contains(
    records: list[object], version: str
) -> None:
    body = records if version == "v2" else envelope(*records)
    page, rows = rows_of(body, version)
    assert len(rows) + len(page.quarantined) == len(records) == page.size
    for row in rows:
        assert row["cluster_id"]
        assert row["cluster_id"].encode()
        for column in ("hourly_rate_micros", "total_cost_micros"):
            assert row[column] is None or 0 <= row[column] <= 10**15
        for column in ("gpu_utilization_pct", "cpu_utilization_pct"):
            assert row[column] is None or 0 <= row[column] <= 100


def test_the_columns_are_those_of_the_schema() -> None:
    page = decode_page(json.dumps(envelope(SEED)).encode(), "v1")
    batch = to_batch(page.records, [0], page.notes, keep_connection=False)
    assert batch.schema == schema.SNAPSHOT.stored


@pytest.mark.parametrize("request_id", ["\\ud800", "a b", "<p>", "x" * 5000, "\\u0000"])
@pytest.mark.parametrize("pagination", ['{"total_count":0}', '{"total_count":"none"}'])
def test_a_request_id_that_cannot_be_printed_is_left_out(request_id: str, pagination: str) -> None:
    body = (
        f'{{"success":true,"data":{{"clusters":[],"pagination":{pagination}}},'
        f'"meta":{{"request_id":"{request_id}"}}}}'
    )
    assert decode_page(body.encode(), "v1").request_id is None
