"""Churn, and its record of the clusters that existed."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from pipeline.simulator.churn import Churn
from pipeline.simulator.endpoints import Endpoints
from pipeline.simulator.faults import Faults
from pipeline.simulator.fleet import Fleet

if TYPE_CHECKING:
    from datetime import datetime

BY_AGE = [("limit", "100"), ("sort_by", "created_at"), ("sort_order", "asc")]


def walk(churn: Churn, now: datetime, step: float) -> tuple[list[str], datetime]:
    """A naive walk over pages of 20, oldest first, while the fleet changes."""
    endpoints = Endpoints(churn.fleet, Faults(churn=churn), latency_ms=0, v2_pages=False)
    ids: list[str] = []
    number = 1
    while True:
        query = {"page": str(number), "sort_order": "asc"}
        data = json.loads(endpoints.v1(query.items(), now).body)["data"]
        ids += [cluster["id"] for cluster in data["clusters"]]
        if not data["pagination"]["has_next"]:
            return ids, now
        number += 1
        now += timedelta(seconds=step)


@pytest.mark.parametrize("step", [0.0, 40.0])
def test_with_churn_a_naive_walk_over_pages_misses_clusters(
    fleet: Fleet, start: datetime, step: float
) -> None:
    churn = Churn(fleet, births=2.0, deaths=3.0, seed=3)
    ids, _ = walk(churn, start, step)
    assert churn.alive_throughout < set(ids) | churn.alive_throughout
    assert set(ids) <= churn.ever_alive
    assert churn.alive_throughout - set(ids), "deletions pull clusters over the page's edge"
    assert churn.alive_throughout < churn.ever_alive
    assert len(churn.ever_alive) > len(fleet.at(start))


def test_churn_with_deletions_only_loses_and_with_creations_only_does_not(
    fleet: Fleet, start: datetime
) -> None:
    quiet = Churn(fleet, births=3.0, deaths=0.0, seed=1)
    ids, _ = walk(quiet, start, 0.0)
    assert quiet.alive_throughout <= set(ids)
    assert quiet.alive_throughout == set(fleet.at(start).cluster_id)


def test_churn_does_not_change_the_original_fleet_and_is_repeatable(
    fleet: Fleet, start: datetime
) -> None:
    before = fleet.at(start)
    churn, again = Churn(fleet, seed=8), Churn(fleet, seed=8)
    assert walk(churn, start, 5.0) == walk(again, start, 5.0)
    assert churn.ever_alive == again.ever_alive
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
