"""The life of a finding, from one day's findings to the next."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from pipeline import schema
from pipeline.rules import RULES, Clause, Rule
from pipeline.rules.clauses import LISTED, Subject
from pipeline.settings import Rules
from pipeline.transform.findings import judge, lifecycle
from pipeline.transform.findings.exclusions import Exclusion
from pipeline.transform.findings.judge import Policy
from tests.transform.chain import judge_days

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., Any]

UNIT = schema.MICROS_PER_UNIT
DAY = 240 * UNIT
"""What the cluster of these tests costs a day."""


def lifecycle_of(
    ledger: pd.DataFrame,
    first: str,
    last: str,
    rule: str = "idle",
    **policy: Any,  # noqa: ANN401
) -> dict[str, dict[str, Any]]:
    """The life columns of c1's finding on each day."""
    applied = Policy(**({"rules": Rules()} | policy))
    days = judge_days(ledger, applied, date.fromisoformat(first), date.fromisoformat(last))
    out = {}
    for day, frame in days:
        row = frame[(frame["rule_id"] == rule) & (frame["cluster_id"] == "c1")].iloc[0]
        out[day.isoformat()[5:]] = {str(k): v for k, v in row.to_dict().items()}
    return out


def states(rows: dict[str, dict[str, Any]]) -> list[str]:
    return [str(row["state"]) if pd.notna(row["state"]) else "-" for row in rows.values()]


def test_a_finding_is_new_once_and_then_open_and_waiting_costs_what_is_spent(
    days: Make, ledger: Make
) -> None:
    got = lifecycle_of(ledger(*days("2026-03-01", 5)), "2026-03-01", "2026-03-05")
    assert states(got) == ["-", "new", "open", "open", "open"]
    assert got["03-05"]["found_on"] == pd.Timestamp("2026-03-02")
    # The 3rd to the 5th, from the ledger.
    assert got["03-05"]["waiting_cost_micros"] == 3 * DAY
    assert got["03-02"]["waiting_cost_micros"] == 0


def test_a_terminated_cluster_saves_what_it_used_to_cost(days: Make, ledger: Make) -> None:
    rows = ledger(*days("2026-03-01", 5), *days("2026-03-06", 4, cluster_id="other"))
    got = lifecycle_of(rows, "2026-03-01", "2026-03-09")
    assert states(got)[4:] == ["open", "gone", "gone", "gone", "gone"]
    last = got["03-09"]
    assert (last["gone_reason"], last["gone_on"]) == ("terminated", pd.Timestamp("2026-03-06"))
    assert last["promised_micros"] == 5 * DAY
    assert last["realised_micros"] == 3 * (5 * DAY // 30)


def test_a_cluster_that_ends_by_itself_saves_nothing_by_the_finding(
    days: Make, ledger: Make
) -> None:
    expires = pd.Timestamp("2026-03-06 09:00", tz="UTC")
    others = days("2026-03-06", 4, cluster_id="other")
    expired = ledger(*days("2026-03-01", 5, expires_at=expires), *others)
    last = lifecycle_of(expired, "2026-03-01", "2026-03-09")["03-09"]
    assert (last["gone_reason"], last["realised_micros"]) == ("expired", 0)
    # Stuck in an error for three days, charged, and then no longer listed.
    stuck = {"hours": 0, "stopped_seconds": 0, "error_seconds": 86400, "spend_micros": DAY}
    failed = ledger(*days("2026-03-03", 3, status="error", **stuck), *others)
    rows = lifecycle_of(failed, "2026-03-05", "2026-03-09", "stuck_paid")
    assert states(rows)[:2] == ["new", "gone"]
    last = rows["03-09"]
    assert last["promised_micros"] == 3 * DAY
    assert (last["gone_reason"], last["realised_micros"]) == ("ended by itself", 0)


def test_what_no_finding_promised_is_not_credited(days: Make, ledger: Make) -> None:
    # Only suspected: it promised nothing.
    rows = ledger(*days("2026-03-01", 5, seen=[2]), *days("2026-03-06", 4, cluster_id="other"))
    last = lifecycle_of(rows, "2026-03-01", "2026-03-09")["03-09"]
    assert (last["gone_reason"], last["realised_micros"]) == ("terminated", 0)


def test_a_stopped_cluster_pays_its_storage_out_of_what_is_realised(
    days: Make, ledger: Make
) -> None:
    stopped = {"status": "stopped", "hours": 0, "spend_micros": UNIT}
    rows = ledger(*days("2026-03-01", 5), *days("2026-03-06", 3, **stopped))
    got = lifecycle_of(rows, "2026-03-05", "2026-03-08")
    assert states(got) == ["new", "gone", "gone", "gone"]
    assert got["03-08"]["gone_reason"] == "stopped"
    assert got["03-08"]["realised_micros"] == 2 * (5 * DAY // 30 - UNIT)


def test_work_resumes_the_finding_is_gone_and_no_saving_is_claimed(
    days: Make, ledger: Make
) -> None:
    rows = ledger(*days("2026-03-01", 5), *days("2026-03-06", 5, gpu=95.0))
    got = lifecycle_of(rows, "2026-03-05", "2026-03-10")
    assert states(got)[:3] == ["new", "gone", "gone"]
    assert got["03-10"]["gone_reason"] == "resumed work"
    assert got["03-10"]["realised_micros"] == 0


def test_waste_that_returns_reopens_the_finding(days: Make, ledger: Make) -> None:
    rows = ledger(
        *days("2026-03-01", 5),
        *days("2026-03-06", 2, status="stopped", hours=0, spend_micros=0),
        *days("2026-03-08", 2),
    )
    got = lifecycle_of(rows, "2026-03-05", "2026-03-09")
    assert states(got) == ["new", "gone", "gone", "reopened", "open"]
    assert got["03-09"]["found_on"] == pd.Timestamp("2026-03-05")
    assert pd.isna(got["03-09"]["gone_on"])
    assert pd.isna(got["03-09"]["gone_reason"])


def test_what_cannot_be_judged_is_not_gone(days: Make, ledger: Make) -> None:
    rows = ledger(*days("2026-03-01", 4), *days("2026-03-05", 3, cpu=None, memory=None, gpu=None))
    got = lifecycle_of(rows, "2026-03-04", "2026-03-07", rules=Rules(idle_window_days=3))
    assert states(got) == ["new", "open", "open", "unjudged"]
    assert got["03-07"]["found_on"] == pd.Timestamp("2026-03-04")


def test_an_exclusion_lasts_until_it_expires(days: Make, ledger: Make) -> None:
    standby = Exclusion(match="train-*", owner="ops", reason="standby", expires=date(2026, 3, 4))
    got = lifecycle_of(
        ledger(*days("2026-03-01", 6)), "2026-03-03", "2026-03-06", exclusions=(standby,)
    )
    assert states(got) == ["excluded", "excluded", "reopened", "open"]
    assert got["03-04"]["exclusion"] == "train-*: standby (ops, until 2026-03-04)"
    assert got["03-04"]["counted_saving_micros"] == 0
    assert got["03-05"]["counted_saving_micros"] > 0


def test_a_changed_threshold_is_the_reason_when_it_clears(days: Make, ledger: Make) -> None:
    rows = ledger(*days("2026-03-01", 7))
    before = judge.judge_day(rows, Policy(Rules()), date(2026, 3, 5))
    strict = Rules(idle_max_cpu_mean_pct=0.5)
    after = judge.judge_day(rows, Policy(strict), date(2026, 3, 6), before)
    gone = after[after["state"] == "gone"]
    assert gone["rule_id"].tolist() == ["idle"]
    assert gone["gone_reason"].tolist() == ["rule changed"]
    later = judge.judge_day(rows, Policy(strict), date(2026, 3, 7), after)
    assert later[later["state"] == "gone"]["realised_micros"].tolist() == [0]


def test_a_threshold_of_another_rule_or_of_a_grade_is_no_change(days: Make, ledger: Make) -> None:
    rows = ledger(*days("2026-03-01", 5), *days("2026-03-06", 1, gpu=95.0))
    before = judge.judge_day(rows, Policy(Rules()), date(2026, 3, 5))
    other = Rules(stuck_min_hours=9.0, idle_proven_bound=0.01)
    after = judge.judge_day(rows, Policy(other), date(2026, 3, 6), before)
    gone = after[(after["state"] == "gone") & (after["rule_id"] == "idle")]
    assert gone["gone_reason"].tolist() == ["resumed work"]


def test_what_one_cluster_saves_is_realised_once_however_many_findings_it_had(
    days: Make, ledger: Make
) -> None:
    born = pd.Timestamp("2026-01-01T00:00Z")
    rows = ledger(
        *days("2026-03-01", 5, created_at=born),
        *days("2026-03-06", 3, cluster_id="other", gpu=80.0),
    )
    chain = dict(judge_days(rows, Policy(Rules()), date(2026, 3, 5), date(2026, 3, 8)))
    gone = chain[date(2026, 3, 8)].query("state == 'gone'").set_index("rule_id")
    assert set(gone.index) == {"idle", "no_expiry"}
    assert set(gone["gone_reason"]) == {"terminated"}
    assert gone["realised_micros"].to_dict() == {"idle": 2 * (5 * DAY // 30), "no_expiry": 0}


def test_a_day_without_a_price_is_no_saving(days: Make, ledger: Make) -> None:
    off = {"status": "stopped", "hours": 0}
    rows = ledger(
        *days("2026-03-01", 5),
        *days("2026-03-06", 2, **off, spend_micros=0),
        *days("2026-03-08", 1, **off, spend_micros=None),
    )
    got = lifecycle_of(rows, "2026-03-05", "2026-03-08")
    assert got["03-08"]["realised_micros"] == got["03-07"]["realised_micros"] == 5 * DAY // 30


def test_an_excluded_finding_that_cannot_be_judged_is_not_gone(days: Make, ledger: Make) -> None:
    rows = ledger(*days("2026-03-01", 4), *days("2026-03-05", 3, cpu=None, memory=None, gpu=None))
    standby = Exclusion(match="*", owner="ops", reason="standby", expires=date(2026, 12, 31))
    got = lifecycle_of(
        rows, "2026-03-06", "2026-03-07", rules=Rules(idle_window_days=3), exclusions=(standby,)
    )
    assert states(got) == ["excluded", "unjudged"]


def test_a_little_use_that_ends_altogether_is_not_work_resumed(days: Make, ledger: Make) -> None:
    rows = ledger(*days("2026-03-01", 5, gpu=18.0), *days("2026-03-06", 3, gpu=0.0))
    got = lifecycle_of(
        rows, "2026-03-05", "2026-03-08", "underutilized", rules=Rules(idle_window_days=3)
    )
    assert states(got)[0] == "new"
    assert (got["03-08"]["state"], got["03-08"]["gone_reason"]) == ("gone", "no longer holds")


def test_a_stuck_cluster_that_is_stopped_was_acted_on(days: Make, ledger: Make) -> None:
    stuck = {"hours": 0, "stopped_seconds": 0, "transition_seconds": 86400, "spend_micros": DAY}
    rows = ledger(
        *days("2026-03-01", 3, status="pending", **stuck),
        *days("2026-03-04", 2, status="stopped", hours=0, spend_micros=0),
    )
    got = lifecycle_of(rows, "2026-03-03", "2026-03-05", "stuck_paid")
    assert states(got) == ["new", "gone", "gone"]
    assert got["03-05"]["gone_reason"] == "stopped"
    assert got["03-05"]["realised_micros"] == 3 * DAY // 30


def test_a_rate_that_fell_is_the_reason_for_rules_about_prices_only(
    days: Make, ledger: Make
) -> None:
    expensive = {"hourly_rate_micros": 20 * UNIT}
    rows = ledger(*days("2026-03-01", 5, **expensive), *days("2026-03-06", 1, gpu=99.0))
    rules = Rules(idle_window_days=1, idle_min_running_hours=20.0)
    idle = lifecycle_of(rows, "2026-03-05", "2026-03-06", rules=rules)
    assert idle["03-06"]["gone_reason"] == "resumed work"
    rows = ledger(*days("2026-03-01", 5, **expensive, gpu=20.0), *days("2026-03-06", 1, gpu=20.0))
    price = lifecycle_of(rows, "2026-03-05", "2026-03-06", "seed_candidate")
    assert price["03-06"]["gone_reason"] == "cheaper"


@pytest.mark.parametrize(
    ("subject", "then", "reason"),
    [
        ("use", {"gpu": 90.0}, "resumed work"),
        ("price", {"gpu": 90.0, "hourly_rate_micros": 5 * UNIT}, "cheaper"),
        ("state", {"gpu": 90.0, "hourly_rate_micros": 5 * UNIT}, "no longer holds"),
    ],
)
def test_a_new_rule_says_itself_why_its_findings_are_gone(
    days: Make,
    ledger: Make,
    subject: Subject,
    then: dict[str, Any],
    reason: str,
) -> None:
    rule = Rule(
        id="quiet", version=1, title="Quiet", subject=subject, applies=(LISTED,), needs=(),
        when=(Clause("gpu_mean_pct", "<", "seed_utilization_pct"),),
        sentence="mean GPU use {gpu_mean_pct}", actions=((None, "review"),), source="", comment="",
    )  # fmt: skip
    rows = ledger(*days("2026-03-01", 5), *days("2026-03-06", 1, **then))
    policy = {"rules": Rules(idle_window_days=1), "rulebook": (*RULES, rule)}
    got = lifecycle_of(rows, "2026-03-05", "2026-03-06", "quiet", **policy)
    assert states(got) == ["new", "gone"]
    assert got["03-06"]["gone_reason"] == reason


def test_a_reopened_finding_keeps_what_was_realised_and_earns_more_when_it_goes_again(
    days: Make, ledger: Make
) -> None:
    off = {"status": "stopped", "hours": 0, "spend_micros": 0}
    rows = ledger(
        *days("2026-03-01", 5),
        *days("2026-03-06", 3, **off),
        *days("2026-03-09", 2),
        *days("2026-03-11", 2, **off),
    )
    got = lifecycle_of(rows, "2026-03-05", "2026-03-12")
    assert states(got) == ["new", "gone", "gone", "gone", "reopened", "open", "gone", "gone"]
    first = 2 * (5 * DAY // 30)
    realised = [row["realised_micros"] for row in got.values()]
    assert realised == [0, 0, first // 2, first, first, first, first, realised[-1]]
    assert realised[-1] == first + got["03-10"]["baseline_micros"] // 30


def test_a_chain_of_days_rebuilt_is_equal_to_one_made_day_by_day(days: Make, ledger: Make) -> None:
    rows = ledger(
        *days("2026-03-01", 12),
        *days("2026-03-02", 7, cluster_id="c2", gpu=18.0),
        *days("2026-03-03", 9, cluster_id="c3", seen=[2]),
    )
    policy = Policy(Rules())
    chain = dict(judge_days(rows, policy, date(2026, 3, 1), date(2026, 3, 12)))
    previous = None
    for offset in range(12):
        day = date(2026, 3, 1) + timedelta(days=offset)
        upto = rows[rows["date"] <= pd.Timestamp(day)]
        previous = judge.judge_day(upto, Policy(Rules()), day, previous)
        pd.testing.assert_frame_equal(previous, chain[day])


def test_changes_are_what_is_new_reopened_or_gone_today(days: Make, ledger: Make) -> None:
    rows = ledger(
        *days("2026-03-01", 6, cluster_id="leaves"),
        *days("2026-03-01", 7, cluster_id="stays"),
        *days("2026-03-06", 2, cluster_id="comes"),
    )
    chain = dict(judge_days(rows, Policy(Rules()), date(2026, 3, 5), date(2026, 3, 7)))
    changed = lifecycle.changes(chain[date(2026, 3, 7)], date(2026, 3, 7))
    changed = changed[changed["rule_id"] == "idle"]
    assert dict(zip(changed["cluster_id"], changed["state"], strict=True)) == {
        "leaves": "gone", "comes": "new",
    }  # fmt: skip


def test_a_gone_finding_is_followed_for_thirty_days(days: Make, ledger: Make) -> None:
    rows = ledger(
        *days("2026-01-01", 5),
        *days("2026-01-06", 40, status="stopped", hours=0, spend_micros=0),
    )
    got = lifecycle_of(rows, "2026-01-05", "2026-02-10")
    assert got["02-05"]["state"] == "gone"
    assert got["02-05"]["realised_micros"] == 30 * (5 * DAY // 30)
    assert pd.isna(got["02-06"]["state"])
