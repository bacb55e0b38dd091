"""One outcome per cluster and rule, with its reason, and savings that never exceed spend."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from pipeline import schema
from pipeline.report.text.rules import RuleText
from pipeline.rules import OUTCOMES, RULES
from pipeline.settings import Rules, Settings
from pipeline.transform.findings import judge

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., Any]

UNIT = schema.MICROS_PER_UNIT
LAST = date(2026, 3, 14)


def judged(rows: pd.DataFrame, as_of: date = LAST, rules: Rules | None = None) -> pd.DataFrame:
    frame = judge.judge_day(rows, judge.Policy(rules or Rules()), as_of)
    return RuleText(Settings(), RULES).with_reasons(frame)


def row_of(frame: pd.DataFrame, rule: str, cluster: str = "c1") -> dict[str, Any]:
    rows = frame[(frame["rule_id"] == rule) & (frame["cluster_id"] == cluster)]
    assert len(rows) == 1
    return {str(k): v for k, v in rows.iloc[0].to_dict().items()}


def test_every_cluster_gets_exactly_one_outcome_per_rule_with_a_reason(
    days: Make, ledger: Make
) -> None:
    frame = judged(
        ledger(
            *days("2026-03-01", 14, cluster_id="idle"),
            *days("2026-03-01", 14, cluster_id="busy", gpu=90.0),
            *days("2026-03-01", 14, cluster_id="dark", gpu=None),
            *days("2026-02-20", 3, cluster_id="gone"),
        )
    )
    assert len(frame) == 4 * len(RULES)
    assert not frame.duplicated(["account", "cluster_id", "rule_id"]).any()
    assert set(frame["outcome"]) <= set(OUTCOMES)
    assert frame["reason"].str.len().gt(5).all()


def test_an_idle_cluster_is_found_and_its_saving_counted_once(days: Make, ledger: Make) -> None:
    frame = judged(ledger(*days("2026-03-01", 14)))
    idle = row_of(frame, "idle")
    assert (idle["outcome"], idle["grade"], idle["action"]) == ("FINDING", "proven", "terminate")
    assert idle["reason"] == (
        "Its GPU was seen busy in 0 of 336 sampled hours, so it was busy for at most 0.9 % of its "
        "running time (95 % confidence). It ran for 336 h; its GPU use was at or below 5 % for "
        "100 % of the part that was sampled. Mean CPU use was 1 %"
    )
    # Expected over 30 days is 7200.00, but it has cost 3360.00 so far: no more can be promised.
    assert idle["counted_saving_micros"] == idle["spend_micros"] == 3360 * UNIT
    assert row_of(frame, "underutilized")["reason"] == "Already judged idle"
    assert row_of(frame, "seed_candidate")["outcome"] == "CLEAR"
    assert frame["counted_saving_micros"].sum() == 3360 * UNIT


def test_the_reason_of_a_clear_cluster_names_what_cleared_it(days: Make, ledger: Make) -> None:
    frame = judged(ledger(*days("2026-03-01", 14, gpu=63.2)))
    assert row_of(frame, "underutilized")["reason"] == "Mean GPU use is 63.2 %, above 25 %"
    assert row_of(frame, "idle")["outcome"] == "CLEAR"


def test_what_could_not_be_judged_says_why(days: Make, ledger: Make) -> None:
    frame = judged(ledger(*days("2026-03-01", 14, gpu=None)))
    idle = row_of(frame, "idle")
    assert (idle["outcome"], idle["reason"]) == (
        "INSUFFICIENT_DATA",
        "Number of hours with a GPU reading is 0, below 5",
    )
    short = row_of(judged(ledger(*days("2026-03-14", 1))), "idle")
    assert (short["outcome"], short["reason"]) == (
        "INSUFFICIENT_DATA",
        "Running time is 24 h, below 30 h",
    )


def test_an_outcome_keeps_the_clause_that_decided_its_limit_and_the_value(
    days: Make, ledger: Make
) -> None:
    rows = ledger(
        *days("2026-03-01", 14, gpu=63.2),
        *days("2026-03-01", 14, cluster_id="dark", gpu=None, hourly_rate_micros=None),
        *days("2026-03-01", 14, cluster_id="off", status="stopped"),
    )
    frame = judged(rows)
    for cluster, rule, decided in (
        ("c1", "underutilized", ("when:gpu_mean_pct<=underutilized_mean_pct", "25", "63.2")),
        (
            "c1",
            "seed_candidate",
            ("when:hourly_rate_micros>seed_hourly_rate", "10000000", "10000000"),
        ),
        ("dark", "idle", ("needs:samples>=idle_min_samples", "5", "0")),
        ("dark", "seed_candidate", ("when:hourly_rate_micros>seed_hourly_rate", "10000000", None)),
        ("off", "idle", ("applies:status in 'running'", '["running"]', '"stopped"')),
        ("off", "no_expiry", ("applies:status in 'running'", '["running"]', '"stopped"')),
    ):
        row = row_of(frame, rule, cluster)
        got = (row["decided_by"], row["decided_limit"], row["decided_value"])
        assert tuple(None if pd.isna(each) else each for each in got) == decided, (cluster, rule)
    idle = row_of(judged(ledger(*days("2026-03-01", 14))), "idle")
    assert pd.isna(idle["decided_by"])
    assert pd.isna(idle["decided_limit"])


def test_a_gone_cluster_is_not_applicable(days: Make, ledger: Make) -> None:
    frame = judged(ledger(*days("2026-03-01", 13)))
    assert set(frame["outcome"]) == {"NOT_APPLICABLE"}
    assert set(frame["reason"]) == {"It is no longer listed"}


def test_an_underutilized_cluster_is_resized_to_its_95th_percentile_with_headroom(
    days: Make, ledger: Make
) -> None:
    got = row_of(judged(ledger(*days("2026-03-01", 14, gpu=18.0))), "underutilized")
    assert (got["outcome"], got["grade"], got["action"]) == ("FINDING", "likely", "resize")
    # 8 GPUs x 20 % / 0.80 headroom = 2: six of eight may go, of 3360.00 so far.
    assert got["counted_saving_micros"] == 3360 * UNIT * 6 // 8


@pytest.mark.parametrize(("memory", "gpus_that_may_go"), [(40.0, 4), (95.0, 0), (None, 0)])
def test_gpus_whose_memory_is_needed_cannot_go(
    days: Make, ledger: Make, memory: float | None, gpus_that_may_go: int
) -> None:
    # 8 GPUs x 40 % / 0.90 headroom = 4 hold what 8 hold now.
    got = row_of(judged(ledger(*days("2026-03-01", 14, gpu=18.0, memory=memory))), "underutilized")
    assert got["action"] == ("resize" if gpus_that_may_go else "review")
    assert got["counted_saving_micros"] == 3360 * UNIT * gpus_that_may_go // 8


def test_p95_claims_need_samples_that_exclude_more(days: Make, ledger: Make) -> None:
    # 84 samples of two weeks at four-hour intervals.
    sparse = judged(ledger(*days("2026-03-01", 14, gpu=18.0, seen=range(0, 24, 4))))
    assert row_of(sparse, "underutilized")["grade"] == "suspected"


def test_a_cluster_that_worked_yesterday_is_stopped_not_terminated(
    days: Make, ledger: Make
) -> None:
    rows = days("2026-03-01", 14)
    worked = pd.Timestamp("2026-03-13 10:00", tz="UTC")
    rows[12] |= {"hours_busy": 1 << 10, "random_busy_samples": 1, "last_busy_at": worked}
    got = row_of(judged(ledger(*rows)), "idle")
    assert (got["grade"], got["action"], got["since_at"]) == ("proven", "stop", worked)


def test_a_full_memory_makes_idle_a_question(days: Make, ledger: Make) -> None:
    frame = judged(ledger(*days("2026-03-01", 14, memory=95.0)))
    assert row_of(frame, "idle")["outcome"] == "CLEAR"
    got = row_of(frame, "idle_loaded")
    assert (got["outcome"], got["action"], got["counted_saving_micros"]) == (
        "FINDING",
        "review",
        0,
    )


def test_a_suspicion_counts_no_saving(days: Make, ledger: Make) -> None:
    got = row_of(judged(ledger(*days("2026-03-01", 14, seen=[2]))), "idle")
    assert (got["grade"], got["action"], got["counted_saving_micros"]) == ("suspected", "review", 0)


def test_days_after_the_date_change_nothing(days: Make, ledger: Make) -> None:
    upto = ledger(*days("2026-03-01", 14))
    more = ledger(*days("2026-03-01", 14), *days("2026-03-15", 5, gpu=99.0))
    pd.testing.assert_frame_equal(judged(upto), judged(more))


def test_the_order_of_rows_changes_nothing(days: Make, ledger: Make) -> None:
    rows = [r for c in "abc" for r in days("2026-03-01", 14, cluster_id=c, gpu=3.0)]
    pd.testing.assert_frame_equal(judged(ledger(*rows)), judged(ledger(*reversed(rows))))


def test_thresholds_come_from_the_settings(days: Make, ledger: Make) -> None:
    rows = ledger(*days("2026-03-01", 14, gpu=28.0))
    assert row_of(judged(rows), "underutilized")["outcome"] == "CLEAR"
    looser = Rules(underutilized_mean_pct=30.0)
    assert row_of(judged(rows, rules=looser), "underutilized")["outcome"] == "FINDING"


def test_an_empty_fleet_has_no_findings(ledger: Make) -> None:
    assert list(judged(ledger()).drop(columns="reason")) == list(schema.FINDINGS.names)
