"""Promises of the ledger over generated histories, not examples."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from pipeline.ledger import observations
from pipeline.ledger.days import build_day
from pipeline.ledger.inputs import days_between, inputs_of
from pipeline.model import SnapshotRows, State
from pipeline.schema import BAND_COLUMNS
from tests.ledger.histories import at, cluster, refs_of, snapshot

if TYPE_CHECKING:
    import random
    from datetime import date

# Shrinking a history of frames is slow and a small one is no clearer: report the first failure.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
STATUSES = ("running", "stopped", "starting", "stopping", "error", "pending", "odd")
START = at("1 20:00")


@st.composite
def histories(draw: st.DrawFn, *, unbroken: bool = False) -> list[SnapshotRows]:
    """Snapshots at irregular times over a few days, of up to three clusters."""
    snapshots, when = [], START
    totals = {name: draw(st.integers(0, 500)) for name in ("a", "b", "c")}
    for _ in range(draw(st.integers(2, 6))):
        rows = []
        for name in tuple(totals):
            if not unbroken and draw(st.integers(0, 5)) == 0:
                continue
            totals[name] += draw(st.integers(0, 40))
            if not unbroken and draw(st.integers(0, 12)) == 0:
                totals[name] = 0
            known = unbroken or draw(st.integers(0, 8)) > 0
            rows.append(
                cluster(
                    name,
                    total=totals[name] if known else None,
                    rate=draw(st.sampled_from([10, 10, 25] if unbroken else [10, 25, 0, None])),
                    # A session that costs more than the counter rose contradicts it.
                    session=None if unbroken else draw(st.sampled_from([None, 0, 5, 80])),
                    status=draw(st.sampled_from(STATUSES)),
                    gpu_utilization_pct=draw(st.sampled_from([None, 0, 3.3, 55.5, 100])),
                    created_at=draw(
                        st.sampled_from([None, at("1 00:00"), when - timedelta(minutes=20)])
                    )
                    if not unbroken
                    else at("1 00:00"),
                )
            )
        state = (
            State.COMPLETE
            if unbroken
            else draw(st.sampled_from([State.COMPLETE, State.COMPLETE, State.DRIFTED]))
        )
        snapshots.append(snapshot(when, *rows, state=state))
        when += timedelta(seconds=draw(st.sampled_from([600, 3600, 3601, 40_000, 90_001])))
    return snapshots


def whole_ledger(snapshots: list[SnapshotRows]) -> pd.DataFrame:
    return pd.concat([day_of(snapshots, day) for day in days_between(refs_of(snapshots))])


def day_of(snapshots: list[SnapshotRows], day: date) -> pd.DataFrame:
    wanted = set(inputs_of(refs_of(snapshots), day))
    return build_day(
        [
            snapshot
            for snapshot, ref in zip(snapshots, refs_of(snapshots), strict=True)
            if ref in wanted
        ],
        day,
        {},
    )


@given(histories(unbroken=True))
@settings(max_examples=25, deadline=None, phases=PHASES)
def test_unbroken_presence_meters_exactly_the_counters_difference(
    snapshots: list[SnapshotRows],
) -> None:
    ledger = whole_ledger(snapshots)
    first, last = (
        snapshot.frame.set_index("cluster_id") for snapshot in (snapshots[0], snapshots[-1])
    )
    truth = last["total_cost_micros"] - first["total_cost_micros"]
    metered = ledger.groupby("cluster_id")["metered_micros"].sum()
    assert metered.to_dict() == truth.to_dict()
    assert ledger["spend_micros"].sum() == truth.sum()


@given(histories(unbroken=True))
@settings(max_examples=20, deadline=None, phases=PHASES)
def test_observed_and_gap_seconds_add_up_to_the_window(snapshots: list[SnapshotRows]) -> None:
    ledger = (
        whole_ledger(snapshots).groupby("cluster_id")[["observed_seconds", "gap_seconds"]].sum()
    )
    window = (snapshots[-1].started_at - snapshots[0].started_at).total_seconds()
    assert (ledger.sum(axis=1) == window).all()


@given(histories())
@settings(max_examples=40, deadline=None, phases=PHASES)
def test_every_row_is_bounded_and_its_seconds_add_up(snapshots: list[SnapshotRows]) -> None:
    ledger = whole_ledger(snapshots)
    known = ledger.dropna(subset=["spend_micros", "spend_high_micros"])
    assert (known["spend_low_micros"] <= known["spend_micros"]).all()
    assert (known["spend_micros"] <= known["spend_high_micros"]).all()
    assert (ledger["metered_micros"] <= ledger["spend_micros"].fillna(0)).all()
    bands = ledger[[*BAND_COLUMNS, "band_no_metrics_seconds", "band_unseen_seconds"]].sum(axis=1)
    assert (bands == ledger["running_seconds"]).all()
    classes = ["running_seconds", "stopped_seconds", "transition_seconds", "error_seconds"]
    assert (ledger[classes].sum(axis=1) == ledger["observed_seconds"]).all()
    assert (ledger[[*classes, "gap_seconds"]] >= 0).all(axis=None)
    assert (ledger["observed_seconds"] + ledger["gap_seconds"] <= 86_400).all()


@given(histories(), st.randoms(use_true_random=False))
@settings(max_examples=15, deadline=None, phases=PHASES)
def test_the_order_of_rows_changes_nothing(
    snapshots: list[SnapshotRows], shuffler: random.Random
) -> None:
    shuffled = [
        SnapshotRows(
            state=snapshot.state,
            started_at=snapshot.started_at,
            finished_at=snapshot.finished_at,
            frame=snapshot.frame.iloc[
                shuffler.sample(range(len(snapshot.frame)), len(snapshot.frame))
            ],
        )
        for snapshot in snapshots
    ]
    pd.testing.assert_frame_equal(whole_ledger(snapshots), whole_ledger(shuffled))


@given(histories())
@settings(max_examples=15, deadline=None, phases=PHASES)
def test_a_day_is_the_same_from_its_inputs_as_from_all_of_history(
    snapshots: list[SnapshotRows],
) -> None:
    for day in days_between(refs_of(snapshots)):
        alone, among_all = day_of(snapshots, day), build_day(snapshots, day, {})
        pd.testing.assert_frame_equal(alone, among_all)


@given(histories())
@settings(max_examples=15, deadline=None, phases=PHASES)
def test_a_day_is_the_same_in_blocks_of_one_cluster_and_in_one(
    snapshots: list[SnapshotRows],
) -> None:
    at_once = whole_ledger(snapshots)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(observations, "BLOCK_ROWS", 1)
        pd.testing.assert_frame_equal(whole_ledger(snapshots), at_once)
