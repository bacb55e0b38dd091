"""Which records are damaged, and how."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pipeline.simulator import bad_records
from pipeline.simulator.bad_responses import damaged
from pipeline.simulator.endpoints import Endpoints
from pipeline.simulator.faults import Faults
from pipeline.simulator.fleet import Fleet, seconds_of
from pipeline.simulator.query_results import records_v1

if TYPE_CHECKING:
    from datetime import datetime

BY_AGE = [("limit", "100"), ("sort_by", "created_at"), ("sort_order", "asc")]


@pytest.mark.parametrize("kind", bad_records.KINDS)
def test_each_kind_of_damage_changes_only_the_field_that_it_names(
    fleet: Fleet, start: datetime, kind: str
) -> None:
    records = records_v1(fleet, fleet.state(seconds_of(start)))[:3]
    faults = Faults(always=[damaged([kind], every=1)])
    body = Endpoints(fleet, faults, latency_ms=0, v2_pages=False).v1(BY_AGE, start).body
    plain = Endpoints(fleet, None, latency_ms=0, v2_pages=False).v1(BY_AGE, start).body
    assert body != plain
    if kind in {*bad_records.WITHOUT_ID, "name not UTF-8", "extra field deeply nested"}:
        return
    # Python's own decoder takes NaN, 1e999, 10**40, surrogates and doubled keys as they are.
    listed = json.loads(body)["data"]["clusters"]
    for before, after in zip(json.loads(plain)["data"]["clusters"], listed, strict=True):
        changed = {name for name in before if name not in after or before[name] != after[name]}
        allowed = {*before} - {"id"} if kind == "only an id" else None
        assert allowed == changed if allowed else len(changed) <= 1
        if kind in bad_records.BAD_FIELD or kind in bad_records.ODD_BUT_FINE:
            assert after["id"] == before["id"]
    assert records == records_v1(fleet, fleet.state(seconds_of(start)))[:3]


def test_a_cluster_is_always_damaged_in_the_same_way(fleet: Fleet, start: datetime) -> None:
    faults = Faults(always=[damaged(every=3)])
    endpoints = Endpoints(fleet, faults, latency_ms=0, v2_pages=False)
    assert endpoints.v1(BY_AGE, start).body[:-80] == endpoints.v1(BY_AGE, start).body[:-80]
    hit = [
        bad_records.kind_for(cluster_id, tuple(bad_records.KINDS), 3)
        for cluster_id in fleet.at(start).cluster_id
    ]
    share = sum(kind is not None for kind in hit) / len(hit)
    assert 0.2 < share < 0.5
    assert len(set(hit)) > 20
