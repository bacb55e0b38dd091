"""What is known of an account ends with its last closed day; its findings wait for more."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd

from pipeline import schema
from pipeline.jobs.coverage import Coverage
from pipeline.model import NotObserved
from pipeline.settings import Budget, Rules
from pipeline.transform import budgets, forecast, utilization
from pipeline.transform.findings import judge, replay
from pipeline.transform.findings.judge import Policy
from pipeline.transform.observed import observed_days, observed_on
from tests.transform.chain import judge_days

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., Any]

UNIT = schema.MICROS_PER_UNIT
FIRST, LAST, UNTIL = date(2026, 3, 1), date(2026, 3, 10), date(2026, 3, 6)
ENDS = {"a": LAST, "b": UNTIL}


def both(days: Make, ledger: Make) -> pd.DataFrame:
    """Idle clusters in two accounts; b is known to the 6th, and a part of the 7th was seen."""
    stopped = {"status": "stopped", "hours": 0, "spend_micros": 0}
    return ledger(
        *days("2026-03-01", 10, account="a", cluster_id="a1"),
        *days("2026-03-01", 7, account="b", cluster_id="b1"),
        *days("2026-03-01", 4, account="b", cluster_id="b-stopped"),
        *days("2026-03-05", 3, account="b", cluster_id="b-stopped", **stopped),
        *days("2026-03-01", 2, account="b", cluster_id="b-ended"),
    )


def chain(rows: pd.DataFrame, until: dict[str, date], **more: Any) -> dict[date, pd.DataFrame]:  # noqa: ANN401
    policy = Policy(Rules(), **more)
    days = judge_days(rows, policy, FIRST, LAST, until=until)
    return {day: frame.set_index(["cluster_id", "rule_id"]) for day, frame in days}


def test_findings_of_an_account_that_is_not_observed_wait(days: Make, ledger: Make) -> None:
    made = chain(both(days, ledger), ENDS)
    last, now_known = made[UNTIL], made[LAST]
    assert set(now_known.index) == set(last.index)
    decision = now_known.loc[("b1", "idle"), ["decided_by", "decided_limit", "decided_value"]]
    assert decision.tolist() == ["account:observed_until", '"2026-03-10"', '"2026-03-06"']
    # (cluster, its outcome under idle, its state on the last day known, and four days later)
    for cluster, outcome, before, after in (
        ("a1", "FINDING", "open", "open"),
        ("b1", "INSUFFICIENT_DATA", "open", "unjudged"),
        ("b-stopped", "INSUFFICIENT_DATA", "gone", "gone"),
        ("b-ended", "NOT_APPLICABLE", "gone", "gone"),
    ):
        was, now = last.loc[(cluster, "idle")], now_known.loc[(cluster, "idle")]
        assert (now["outcome"], was["state"], now["state"]) == (outcome, before, after), cluster
    frozen = ["found_on", "gone_on", "gone_reason", "realised_micros", "waiting_cost_micros"]
    lab = now_known[now_known["account"] == "b"]
    for name in frozen:
        assert lab[name].astype("object").equals(last[name].reindex(lab.index).astype("object"))
    assert last.loc[("b-ended", "idle"), "realised_micros"] > 0
    assert lab["counted_saving_micros"].isna().all()
    assert lab["provable_waste_micros"].isna().all()


def test_days_that_came_later_make_the_same_findings_as_if_they_had_never_been_missing(
    days: Make, ledger: Make
) -> None:
    rows = both(days, ledger)
    rest = ledger(*days("2026-03-08", 3, account="b", cluster_id="b1"))
    complete = schema.LEDGER.enforce(pd.concat([rows, rest], ignore_index=True))
    caught_up = chain(complete, {"a": LAST, "b": LAST})[LAST]
    never_behind = dict(judge_days(complete, Policy(Rules()), FIRST, LAST))[LAST]
    pd.testing.assert_frame_equal(caught_up.reset_index()[never_behind.columns], never_behind)
    assert caught_up.loc[("b1", "idle"), "found_on"] == pd.Timestamp("2026-03-02")


def test_a_rule_that_is_new_has_an_outcome_for_them_and_a_lost_one_has_none(
    days: Make, ledger: Make
) -> None:
    rows = both(days, ledger)
    idle, no_expiry = (
        rule for rule in Policy(Rules()).rulebook if rule.id in ("idle", "no_expiry")
    )
    first, second = (Policy(Rules(), rulebook=(rule,)) for rule in (idle, no_expiry))
    before = judge.judge_day(rows, first, UNTIL, None, ENDS)
    findings = judge.judge_day(rows, second, UNTIL + timedelta(days=1), before, ENDS)
    assert set(findings["rule_id"]) == {"no_expiry"}
    assert set(findings["cluster_id"]) == {"a1", "b1", "b-stopped", "b-ended"}
    assert findings.set_index("cluster_id").loc[["b1", "b-stopped"], "state"].isna().all()


def test_only_rows_of_known_days_are_reported_and_only_known_accounts_are_compared(
    days: Make, ledger: Make
) -> None:
    rows = both(days, ledger)
    known = observed_days(rows, ENDS)
    assert known.loc[known["account"] == "b", "date"].max() == pd.Timestamp(UNTIL)
    assert (known["account"] == "a").sum() == 10
    assert set(observed_on(rows, ENDS, LAST)["account"]) == {"a"}
    assert set(observed_on(rows, ENDS, UNTIL)["account"]) == {"a", "b"}
    present = utilization.rank(known, ENDS).set_index("cluster_id")["is_present"]
    assert present.to_dict() == {"a1": True, "b1": True, "b-stopped": True, "b-ended": False}


def test_a_finding_that_is_not_observed_does_not_count_as_acted_on(
    days: Make, ledger: Make
) -> None:
    rows = both(days, ledger)
    rows = rows[rows["cluster_id"].isin(["a1", "b1"])]
    flags = replay.flags(judge_days(rows, Policy(Rules()), FIRST, LAST, until=ENDS))
    got = replay.precision(flags, rows, LAST, until=ENDS).set_index("rule_id").loc["idle"]
    assert (got["flagged"], got["acted_on"], got["undecided"]) == (2, 0, 2)


def test_a_budget_with_a_missing_account_has_its_spend_but_no_forecast(
    days: Make, ledger: Make
) -> None:
    rows = observed_days(both(days, ledger), ENDS)
    rows["project_id"] = rows["account"].map({"a": "pa", "b": "pb"}).astype("category")
    lines = {"all": Budget(amount=1.0), "each": Budget(amount=1.0, per="project")}
    table = budgets.evaluate(lines, rows, LAST, missing=["b"]).table.set_index("group")
    assert table.loc["fleet", "spent_micros"] == rows["spend_micros"].sum()
    assert table["forecast_micros"].isna().to_dict() == {"fleet": True, "pa": False, "pb": True}


def test_a_forecast_adds_what_is_spent_and_expects_nothing_more(days: Make, ledger: Make) -> None:
    rows = observed_on(both(days, ledger), ENDS, LAST)
    plain = forecast.forecast(rows, LAST)
    more = plain.plus(7 * UNIT)
    assert more.spent_micros == plain.spent_micros + 7 * UNIT
    for estimate, before in zip(more.estimates, plain.estimates, strict=True):
        assert estimate.total_micros == before.total_micros + 7 * UNIT
        assert estimate.remaining_micros == before.remaining_micros


def test_which_accounts_are_missing_on_a_day() -> None:
    known = Coverage(
        since={"a": FIRST, "b": FIRST, "late": LAST, "open": UNTIL},
        until={"a": LAST, "b": UNTIL},
    )
    b = NotObserved(account="b", until=UNTIL)
    open_, new = (NotObserved(account=name, until=None) for name in ("open", "new"))
    late = NotObserved(account="late", until=None)
    table = [
        (FIRST, (), ()),
        (UNTIL, (), (open_,)),
        (date(2026, 3, 7), (), (b, open_)),
        (LAST, (), (b, late, open_)),
        (
            date(2026, 3, 7),
            ("a", "b", "new"),
            (b, new, NotObserved(account="open", until=None, in_settings=False)),
        ),
    ]
    for day, accounts, missing in table:
        assert known.missing(day, accounts) == missing, day
