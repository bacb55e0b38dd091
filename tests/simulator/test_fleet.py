"""The fleet: pure in time, exact in money, plausible in its ways."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.simulator.fleet import Fleet
from pipeline.simulator.lifecycles import NEVER, STATUSES, Sessions, Spans, build_lifecycles

START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 12
PARAMETERS = {"error_share": 0.1, "reprice_share": 0.2, "storage_charged_share": 0.3}
FLEET = Fleet(5, 150, START, DAYS, **PARAMETERS)
SECONDS = st.integers(-20 * 86_400, (DAYS + 2) * 86_400)


def moment(seconds: int) -> datetime:
    return START + timedelta(seconds=seconds)


def test_the_same_seed_gives_the_same_fleet_and_another_seed_another() -> None:
    t = moment(400_000)
    again = Fleet(5, 150, START, DAYS, **PARAMETERS)
    pd.testing.assert_frame_equal(FLEET.at(t), again.at(t))
    assert set(Fleet(6, 150, START, DAYS).at(t).cluster_id) != set(FLEET.at(t).cluster_id)


def test_an_unknown_parameter_or_profile_is_refused() -> None:
    with pytest.raises(TypeError, match="colour"):
        Fleet(1, 10, START, 1, colour="red")
    with pytest.raises(ValueError, match="lazy"):
        Fleet(1, 10, START, 1, profiles={"lazy": 1.0})


def test_some_names_are_not_ascii() -> None:
    names = FLEET.at(START).name
    assert 5 <= names[~names.map(str.isascii)].nunique() <= 10
    assert names.is_unique


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="timezone"):
        FLEET.at(datetime(2026, 3, 2))  # noqa: DTZ001


def test_a_fleet_begins_with_the_requested_number_of_clusters() -> None:
    assert len(FLEET.at(START)) == 150
    assert FLEET.at(START).cluster_id.is_unique


def test_a_fleet_can_be_empty() -> None:
    empty = Fleet(1, 0, START, 5)
    assert empty.at(START).empty
    assert empty.truth(START, moment(86_400)).empty


@given(SECONDS, SECONDS)
@settings(max_examples=60, deadline=None)
def test_the_counter_moves_by_exactly_the_spend(start: int, end: int) -> None:
    first, last = sorted((start, end))
    before = FLEET.at(moment(first)).set_index("cluster_id")
    after = FLEET.at(moment(last)).set_index("cluster_id")
    truth = FLEET.truth(moment(first), moment(last)).set_index("cluster_id")
    both = before.index.intersection(after.index)
    moved = after.total_cost_micros[both] - before.total_cost_micros[both]
    assert (moved >= 0).all()
    assert moved.eq(truth.spend_micros.reindex(both, fill_value=0)).all()
    born = after.index.difference(before.index)
    assert after.total_cost_micros[born].eq(truth.spend_micros[born]).all()


@given(st.lists(SECONDS, min_size=3, max_size=6, unique=True))
@settings(max_examples=40, deadline=None)
def test_truth_adds_over_adjacent_windows(cuts: list[int]) -> None:
    columns = ["spend_micros", "stopped_spend_micros", "running_seconds"]
    times = [moment(cut) for cut in sorted(cuts)]
    parts = pd.concat(FLEET.truth(a, b) for a, b in pairwise(times))
    total = FLEET.truth(times[0], times[-1]).set_index("cluster_id")[columns]
    added = parts.groupby("cluster_id")[columns].sum()
    pd.testing.assert_frame_equal(added.sort_index(), total.sort_index())


def test_money_accrues_to_the_second() -> None:
    frame = FLEET.at(moment(100_000)).set_index("cluster_id")
    later = FLEET.at(moment(100_001)).set_index("cluster_id")
    running = frame.index[frame.status.eq("running")].intersection(later.index)
    same = running[frame.updated_at[running].eq(later.updated_at[running])]
    assert len(same) > 50
    since = (moment(100_000) - frame.updated_at[same]).dt.total_seconds().astype(int)
    rate = frame.hourly_rate_micros[same]
    expected = rate * (since + 1) // 3600 - rate * since // 3600
    moved = later.total_cost_micros[same] - frame.total_cost_micros[same]
    assert moved.eq(expected).all()


def test_a_lifecycle_with_its_numbers_written_out() -> None:
    """Created at 0, started at 60, up at 160; 3600 s at 3.60, 1800 s at 7.20, 100 s stopping.

    Then stopped at 0.036 an hour, started again at 10,000, failed at 10,500; deleted at 20,000.
    """
    lives = build_lifecycles(
        Spans(*(np.array([value]) for value in (0, 20_000, NEVER, 3_600_000, 36_000))),
        Sessions(
            cluster=np.array([0, 0]),
            at=np.array([10_000, 60]),
            starting=np.array([100, 100]),
            running=np.array([400, 3600]),
            running_repriced=np.array([0, 1800]),
            ending=np.array([1000, 100]),
            fails=np.array([True, False]),
            rate=np.array([3_600_000, 3_600_000]),
            repriced_rate=np.array([3_600_000, 7_200_000]),
        ),
    )
    seen = {
        t: (
            STATUSES[lives.status[now][0]],
            int(lives.total_cost(now, t)[0]),
            int(lives.session_cost(now, t)[0]),
        )
        for t in (0, 59, 60, 160, 161, 3760, 3761, 5560, 5660, 5760, 10_000, 10_100, 10_500, 11_500)
        if (now := lives.segments_at(t)).size
    }
    assert seen == {
        0: ("pending", 0, 0),
        59: ("pending", 0, 0),
        60: ("starting", 0, 0),
        160: ("running", 0, 0),
        161: ("running", 1000, 1000),
        3760: ("running", 3_600_000, 3_600_000),
        3761: ("running", 3_602_000, 3_602_000),
        5560: ("stopping", 7_200_000, 7_200_000),
        5660: ("stopped", 7_400_000, 7_400_000),
        5760: ("stopped", 7_401_000, 7_400_000),
        10_000: ("starting", 7_443_400, 0),
        10_100: ("running", 7_443_400, 0),
        10_500: ("error", 7_843_400, 400_000),
        11_500: ("stopped", 7_843_400, 400_000),
    }
    assert lives.segments_at(20_000).size == 0
    totals = lives.totals(30_000)
    assert int(totals.stopped_cost[0]) == 43_400 + 85_000
    assert int(totals.running_seconds[0]) == 3600 + 1800 + 400


def test_lifecycles_have_no_gaps() -> None:
    lives = FLEET.lifecycles
    assert (lives.end > lives.start).all()
    same = lives.cluster[1:] == lives.cluster[:-1]
    assert (lives.start[1:][same] == lives.end[:-1][same]).all()
    assert (lives.start[np.append(True, ~same)] == lives.created).all()
    assert (lives.end[np.append(~same, True)] == lives.gone).all()


def test_everything_that_can_happen_to_a_cluster_happens() -> None:
    seen: set[str] = set()
    for hour in range(DAYS * 24):
        seen |= set(FLEET.at(moment(hour * 3600 + 240)).status)
    assert seen == set(STATUSES)
    truth = FLEET.truth(START, moment(DAYS * 86_400))
    life = truth.gone_at - truth.created_at
    assert truth.created_at.gt(START).sum() >= 15
    assert truth.gone_at.lt(moment(DAYS * 86_400)).sum() >= 10
    assert life.lt(pd.Timedelta(hours=6)).sum() >= 4
    assert truth.created_at.duplicated().any()
    assert truth.stopped_spend_micros.gt(0).sum() >= 3
    expires = FLEET.at(START).expires_at.dropna()
    assert len(expires) >= 8
    first = expires.index[expires.argmin()]
    name = FLEET.at(START).cluster_id[first]
    last_second = expires[first].to_pydatetime() - timedelta(seconds=1)
    if FLEET.at(last_second).cluster_id.eq(name).any():
        assert not FLEET.at(expires[first].to_pydatetime()).cluster_id.eq(name).any()


def test_a_session_cost_is_kept_when_stopped_and_reset_at_the_next_start() -> None:
    frames = [FLEET.at(moment(hour * 3600)).set_index("cluster_id") for hour in range(DAYS * 24)]
    falls = 0
    for before, after in pairwise(frames):
        both = before.index.intersection(after.index)
        moved = after.current_session_cost_micros[both] - before.current_session_cost_micros[both]
        stopped = before.status[both].eq("stopped") & after.status[both].eq("stopped")
        untouched = stopped & before.updated_at[both].eq(after.updated_at[both])
        assert moved[untouched].eq(0).all()
        falls += int(moved.lt(0).sum())
    assert falls > 10


READINGS = pd.concat(
    FLEET.at(moment(hour * 3600 + 61 * hour)).assign(hour=hour) for hour in range(DAYS * 24)
).merge(FLEET.truth(START, moment(DAYS * 86_400))[["cluster_id", "profile"]], on="cluster_id")


def test_only_running_clusters_report_metrics_and_a_few_never_do() -> None:
    assert READINGS[READINGS.status.ne("running")].gpu_utilization_pct.isna().all()
    silent = READINGS[READINGS.status.eq("running")].groupby("cluster_id").gpu_utilization_pct
    shares = silent.apply(lambda readings: readings.isna().mean())
    assert shares.eq(1).sum() >= 1
    assert shares.between(0.3, 0.7).sum() >= 1
    assert shares.eq(0).mean() > 0.9


def test_profiles_have_their_documented_utilization() -> None:
    read = READINGS.dropna(subset=["gpu_utilization_pct"])
    gpu = read.groupby(["profile", "cluster_id"]).gpu_utilization_pct
    many = gpu.count() >= 100
    mean, p95, top = gpu.mean()[many], gpu.quantile(0.95)[many], gpu.max()[many]
    assert mean["busy"].min() > 55
    assert mean["underused"].between(7, 23).all()
    assert (p95["underused"] < 50).all()
    assert mean["idle"].max() <= 3
    assert p95["idle"].max() <= 3
    assert top["idle"].max() > 5
    assert top["zombie"].max() == top["loaded"].max() == 0
    assert (top["bursty"] > 60).all()
    loaded = read[read.profile.eq("loaded")]
    assert loaded.memory_utilization_pct.between(90, 100).all()
    for sensor in ("gpu", "memory", "cpu"):
        assert read[f"{sensor}_utilization_pct"].between(0, 100).all()


def test_zombies_run_for_ever_without_an_expiry() -> None:
    zombies = READINGS[READINGS.profile.eq("zombie") & READINGS.created_at.lt(START)]
    assert zombies.status.eq("running").all()
    assert zombies.expires_at.isna().all()


def test_office_clusters_are_quiet_at_night_and_on_sundays() -> None:
    office = READINGS[READINGS.profile.eq("office") & READINGS.region.eq("eu-west-1")]
    at = START + pd.to_timedelta(office.hour, unit="h")
    asleep = at.dt.hour.between(22, 23) | at.dt.day_of_week.eq(6)
    at_noon = at.dt.hour.between(10, 14) & at.dt.day_of_week.lt(5)
    assert office[asleep].gpu_utilization_pct.max() <= 5
    assert office[at_noon].gpu_utilization_pct.mean() > 40


def test_the_demo_fleet_wastes_a_plausible_share() -> None:
    truth = Fleet(4, 120, START, 30).truth(START, moment(30 * 86_400))
    spend = truth.groupby("profile").spend_micros.sum() / truth.spend_micros.sum()
    assert 0.12 < spend[["idle", "zombie", "loaded"]].sum() < 0.28
    assert spend["busy"] > 0.25


def test_clusters_of_a_bulk_are_created_in_one_second() -> None:
    created = Fleet(1, 300, START, 1, bulk=250).at(START).created_at
    assert created.value_counts().max() >= 250
