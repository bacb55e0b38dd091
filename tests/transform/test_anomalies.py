"""Unusual spend: found in both directions, silent where it cannot know."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from pipeline import schema
from pipeline.settings import Rules
from pipeline.transform import anomalies
from pipeline.transform.fold import day_number

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., Any]

UNIT = schema.MICROS_PER_UNIT
FIRST = date(2026, 1, 5)
"""A Monday."""
DAYS = 36


def series(runs: int, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """Weekdays of 1000, weekends of 600, 8 % noise, and one old spike of 2.2 times."""
    weekday = (np.arange(DAYS) % 7) < 5
    level = np.where(weekday, 1000.0, 600.0) * UNIT
    values = level * rng.normal(1.0, 0.08, (runs, DAYS))
    values[:, 17] *= 2.2
    return values


def flags(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    scores = anomalies.score(values, day_number(FIRST), DAYS - 1)
    return anomalies.is_unusual(scores, Rules())


def test_half_as_much_again_on_a_weekday_is_found_and_false_alarms_are_rare() -> None:
    rng = np.random.default_rng(11)
    calm = series(4000, rng)
    assert flags(calm).mean() <= 0.01
    raised = series(4000, rng)
    raised[:, -1] *= 1.5
    # Measured: 0.80 and 0.73. The comparison with earlier days, which keeps false alarms rare on
    # erratic series, costs this much: without it more than 0.9 of both are found.
    assert flags(raised).mean() >= 0.7
    fallen = series(4000, rng)
    fallen[:, -1] *= 0.5
    assert flags(fallen).mean() >= 0.7


@pytest.mark.parametrize(("known", "flagged"), [(20, False), (21, True)])
def test_it_is_silent_with_fewer_than_three_weeks_of_earlier_days(
    known: int, *, flagged: bool
) -> None:
    values = np.full((1, DAYS), np.nan)
    values[:, -known - 1 :] = 100.0 * UNIT
    values[:, -1] = 500.0 * UNIT
    assert flags(values).tolist() == [flagged]


def test_a_machine_that_is_on_and_off_at_will_is_rarely_unusual() -> None:
    rng = np.random.default_rng(5)
    hours = rng.choice([0.0, 5.0, 12.0, 24.0, 24.0], (4000, 68))
    scores = anomalies.score(10.0 * UNIT * hours, day_number(FIRST), 67)
    assert anomalies.is_unusual(scores, Rules()).mean() <= 0.01
    # What could not have been seen is stated: nearly a whole day's spend.
    assert np.median(scores.detectable(Rules())) > 150 * UNIT


def test_a_cent_more_than_a_constant_is_nothing(days: Make) -> None:
    del days
    values = np.full((2, DAYS), 100.0 * UNIT)
    values[0, -1] += 0.01 * UNIT
    values[1, -1] += 9.0 * UNIT  # below the floor in money
    assert flags(values).tolist() == [False, False]


def test_unknown_spend_is_not_zero() -> None:
    values = np.full((1, DAYS), 100.0 * UNIT)
    values[:, -1] = np.nan
    assert flags(values).tolist() == [False]


def test_a_scan_names_group_day_and_distance_most_recent_first(row: Make, ledger: Make) -> None:
    rows = []
    for offset in range(DAYS):
        day = FIRST + timedelta(days=offset)
        vision = 300 if offset == DAYS - 2 else 100
        rows.append(row(day.isoformat(), cluster_id="a", project_id="vision",
                        spend_micros=vision * UNIT))  # fmt: skip
        if offset < DAYS - 1:
            rows.append(row(day.isoformat(), cluster_id="b", project_id="speech",
                            spend_micros=100 * UNIT))  # fmt: skip
    last = FIRST + timedelta(days=DAYS - 1)
    got = anomalies.scan(ledger(*rows), ["project_id"], Rules(), last, days=7)
    assert got[["project_id", "spend_micros", "usual_micros", "deviation_micros"]].to_numpy(
        object
    ).tolist() == [
        ["speech", 0, 100 * UNIT, -100 * UNIT],
        ["vision", 300 * UNIT, 100 * UNIT, 200 * UNIT],
    ]
    assert got["date"].tolist() == [pd.Timestamp(last), pd.Timestamp(last - timedelta(days=1))]
    table = anomalies.scan(ledger(*rows), [], Rules(), last, days=7)
    assert len(table) == 2
    assert anomalies.scan(ledger(), ["project_id"], Rules(), last).empty


def test_fleet_projects_and_gpu_types_are_each_compared_with_their_own_past(
    row: Make, ledger: Make
) -> None:
    rows = []
    for offset in range(DAYS):
        day = (FIRST + timedelta(days=offset)).isoformat()
        raised = 300 if offset == DAYS - 1 else 100
        rows.append(row(day, cluster_id="a", project_id=None, gpu_type="T4",
                        spend_micros=raised * UNIT))  # fmt: skip
        rows.append(row(day, cluster_id="b", project_id="p", gpu_type="H100",
                        spend_micros=5000 * UNIT))  # fmt: skip
    last = FIRST + timedelta(days=DAYS - 1)
    got = anomalies.unusual_days(ledger(*rows), Rules(), last, 2)
    assert tuple(got.columns) == anomalies.UNUSUAL
    groups = got[["cut", "group"]].astype("object").where(got[["cut", "group"]].notna(), None)
    assert sorted(groups.to_numpy().tolist(), key=str) == [["gpu_type", "T4"], ["project", None]]
    assert anomalies.unusual_days(ledger(), Rules(), last, 7).empty


def test_sums_of_days_give_the_same_as_rows_of_clusters(row: Make, ledger: Make) -> None:
    rows = []
    for offset in range(DAYS):
        day = (FIRST + timedelta(days=offset)).isoformat()
        for number in range(6):
            raised = 3 if number == 2 and offset == DAYS - 1 else 1
            rows.append(row(day, cluster_id=f"c{number}", gpu_type=("T4", "H100")[number % 2],
                            project_id=(None, "p", "q")[number % 3],
                            spend_micros=None if number == 5 else raised * 100 * UNIT))  # fmt: skip
    last = FIRST + timedelta(days=DAYS - 1)
    by_cluster = ledger(*rows)
    few = anomalies.daily_sums(by_cluster)
    assert len(few) == 6 * DAYS
    assert len(anomalies.daily_sums(pd.concat([by_cluster, by_cluster]))) == len(few)
    unusual = anomalies.unusual_days(by_cluster, Rules(), last, 7)
    assert len(unusual)
    pd.testing.assert_frame_equal(anomalies.unusual_days(few, Rules(), last, 7), unusual)
    smallest = anomalies.detectable_change(by_cluster, Rules(), last)
    assert anomalies.detectable_change(few, Rules(), last) == smallest


def test_a_fleet_that_grows_is_not_unusual_every_day() -> None:
    grown = 100.0 * UNIT * np.cumprod(np.full((1, DAYS), 1.04), axis=1)
    assert flags(grown).tolist() == [False]
    grown[:, -1] *= 1.5
    assert flags(grown).tolist() == [True]


def test_a_step_is_unusual_until_the_level_is_there() -> None:
    step = np.full((1, DAYS), 100.0 * UNIT)
    step[:, -12:] *= 2.0
    first = day_number(FIRST)
    unusual = [
        bool(anomalies.is_unusual(anomalies.score(step, first, day), Rules())[0])
        for day in range(DAYS - 14, DAYS)
    ]
    assert unusual[:3] == [False, False, True]
    assert unusual[-5:] == [False] * 5


def test_after_a_week_of_nothing_only_more_than_ever_is_unusual() -> None:
    rests = np.zeros((3, DAYS))
    rests[:, 5] = 900.0 * UNIT
    rests[0, -1] = 800.0 * UNIT
    rests[1, -1] = 1000.0 * UNIT
    assert flags(rests).tolist() == [False, True, False]


def test_the_smallest_unusual_change_is_unusual_and_a_smaller_one_is_not(
    days: Make, ledger: Make
) -> None:
    def spend_of_last_day(amount: int) -> pd.DataFrame:
        rows = ledger(*days("2026-03-01", 30, spend_micros=1000 * UNIT))
        rows.loc[rows["date"] == rows["date"].max(), "spend_micros"] = amount
        return rows

    last = date(2026, 3, 30)
    smallest = anomalies.detectable_change(spend_of_last_day(1000 * UNIT), Rules(), last)
    assert smallest is not None
    for change, unusual_days in ((smallest + 1, 1), (smallest - UNIT, 0), (-smallest - 1, 1)):
        rows = spend_of_last_day(1000 * UNIT + change)
        assert len(anomalies.scan(rows, [], Rules(), last)) == unusual_days
    assert anomalies.detectable_change(spend_of_last_day(0), Rules(), date(2026, 3, 10)) is None
