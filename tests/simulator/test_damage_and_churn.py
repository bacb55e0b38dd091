"""Broken records stay where they are put; churn keeps the truth about who was there."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from pipeline.simulator import bad_records
from pipeline.simulator.bad_responses import damaged
from pipeline.simulator.churn import Churn
from pipeline.simulator.faults import Faults
from pipeline.simulator.fleet import Fleet, seconds_of
from pipeline.simulator.pages import Pages
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
    body = Pages(fleet, faults, latency_ms=0, v2_pages=False).v1(BY_AGE, start).body
    plain = Pages(fleet, None, latency_ms=0, v2_pages=False).v1(BY_AGE, start).body
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
    pages = Pages(fleet, faults, latency_ms=0, v2_pages=False)
    assert pages.v1(BY_AGE, start).body[:-80] == pages.v1(BY_AGE, start).body[:-80]
    hit = [
        bad_records.kind_for(one, tuple(bad_records.KINDS), 3) for one in fleet.at(start).cluster_id
    ]
    share = sum(kind is not None for kind in hit) / len(hit)
    assert 0.2 < share < 0.5
    assert len(set(hit)) > 20


def walk(churn: Churn, now: datetime, step: float) -> tuple[list[str], datetime]:
    """A naive walk over pages of 20, oldest first, while the fleet changes."""
    pages = Pages(churn.fleet, Faults(churn=churn), latency_ms=0, v2_pages=False)
    found: list[str] = []
    number = 1
    while True:
        query = {"page": str(number), "sort_order": "asc"}
        data = json.loads(pages.v1(query.items(), now).body)["data"]
        found += [cluster["id"] for cluster in data["clusters"]]
        if not data["pagination"]["has_next"]:
            return found, now
        number += 1
        now += timedelta(seconds=step)


@pytest.mark.parametrize("step", [0.0, 40.0])
def test_with_churn_a_naive_walk_over_pages_misses_clusters(
    fleet: Fleet, start: datetime, step: float
) -> None:
    churn = Churn(fleet, births=2.0, deaths=3.0, seed=3)
    found, _ = walk(churn, start, step)
    assert churn.alive_throughout < set(found) | churn.alive_throughout
    assert set(found) <= churn.ever_alive
    assert churn.alive_throughout - set(found), "deletions pull clusters over the page's edge"
    assert churn.alive_throughout < churn.ever_alive
    assert len(churn.ever_alive) > len(fleet.at(start))


def test_churn_with_deletions_only_loses_and_with_creations_only_does_not(
    fleet: Fleet, start: datetime
) -> None:
    quiet = Churn(fleet, births=3.0, deaths=0.0, seed=1)
    found, _ = walk(quiet, start, 0.0)
    assert quiet.alive_throughout <= set(found)
    assert quiet.alive_throughout == set(fleet.at(start).cluster_id)


def test_churn_does_not_change_the_original_fleet_and_is_repeatable(
    fleet: Fleet, start: datetime
) -> None:
    before = fleet.at(start)
    one, two = Churn(fleet, seed=8), Churn(fleet, seed=8)
    assert walk(one, start, 5.0) == walk(two, start, 5.0)
    assert one.ever_alive == two.ever_alive
    assert fleet.at(start).equals(before)


def test_created_clusters_run_and_cost_money_at_once(fleet: Fleet, start: datetime) -> None:
    churn = Churn(fleet, births=5.0, deaths=0.0, backdated_seconds=600, seed=2)
    churn.step(start)
    frame = churn.fleet.at(start).set_index("cluster_id")
    assert frame.index.is_unique
    new = frame.loc[frame.index.difference(fleet.at(start).cluster_id)]
    assert len(new) >= 1
    assert new.status.eq("running").all()
    age = (start - new.created_at).dt.total_seconds()
    assert age.between(0, 600).all()
    assert age.max() > 0
    owed = new.hourly_rate_micros * age.astype(int) // 3600
    assert new.total_cost_micros.eq(owed).all()


def test_a_deleted_cluster_costs_no_more_money(fleet: Fleet, start: datetime) -> None:
    churn = Churn(fleet, births=0.0, deaths=20.0, seed=2)
    churn.step(start)
    day = timedelta(days=1)
    removed = set(fleet.at(start).cluster_id) - set(churn.fleet.at(start).cluster_id)
    assert len(removed) >= 10
    truth = churn.fleet.truth(start, start + day).set_index("cluster_id")
    assert not removed & set(truth.index)
    earlier = [f.truth(start - day, start).spend_micros.sum() for f in (fleet, churn.fleet)]
    assert earlier[0] == earlier[1]


def test_a_new_walk_resets_the_record_of_listed_clusters(fleet: Fleet, start: datetime) -> None:
    churn = Churn(fleet, births=0.0, deaths=9.0, seed=4)
    churn.step(start)
    gone = churn.ever_alive - churn.alive_throughout
    assert gone
    churn.forget()
    churn.step(start)
    assert not gone & churn.ever_alive


def test_churn_can_delete_all_clusters(start: datetime) -> None:
    churn = Churn(Fleet(1, 5, start, 1), births=0.0, deaths=50.0)
    for _ in range(3):
        churn.step(start)
    assert churn.fleet.at(start).empty
    assert not churn.alive_throughout
    assert np.size(list(churn.ever_alive)) == 5
