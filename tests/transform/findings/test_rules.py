"""The cases that must be right, rule by rule."""

from __future__ import annotations

import itertools
import re
from datetime import date
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from pipeline import schema
from pipeline.errors import SettingsError
from pipeline.report.text.rules import RuleText
from pipeline.rules import FINDING, MEASURES, RULES, Rule, own_rules, parse_condition, to_markdown
from pipeline.settings import OwnRule, Rules, Settings, parse_settings
from pipeline.transform.findings import judge, rule_engine

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Make = Callable[..., Any]

UNIT = schema.MICROS_PER_UNIT
LAST = date(2026, 3, 15)
FIRST = "2026-03-02"
"""A Monday, two whole weeks before LAST."""
OFFICE = sum(1 << hour for hour in range(9, 18))
NIGHT = ((1 << 24) - 1) & ~OFFICE


def judged(rows: pd.DataFrame, rules: Rules | None = None, **more: Any) -> pd.DataFrame:  # noqa: ANN401
    return explained(judge.judge_day(rows, judge.Policy(rules or Rules(), **more), LAST))


def explained(frame: pd.DataFrame, rulebook: Sequence[Rule] = RULES) -> pd.DataFrame:
    return RuleText(Settings(), rulebook).with_reasons(frame)


def outcome(frame: pd.DataFrame, rule: str, cluster: str = "c1") -> tuple[str, str | None]:
    row = frame[(frame["rule_id"] == rule) & (frame["cluster_id"] == cluster)].iloc[0]
    return str(row["outcome"]), None if pd.isna(row["grade"]) else str(row["grade"])


def finding(frame: pd.DataFrame, rule: str, cluster: str = "c1") -> dict[str, Any]:
    row = frame[(frame["rule_id"] == rule) & (frame["cluster_id"] == cluster)].iloc[0]
    assert row["outcome"] == FINDING, row["reason"]
    return {str(k): v for k, v in row.to_dict().items()}


def office_days(row: Make, *, weekends: bool = True, **more: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    """Two weeks around the clock, at work from 9 to 18 on working days."""
    rows = []
    for day in pd.date_range(FIRST, periods=14):
        ledger_row = row(str(day.date()), gpu=1.0, **more)
        if day.day_of_week < 5 or not weekends:
            ledger_row |= {"hours_busy": OFFICE, "band_0_1_seconds": 15 * 3600}
            ledger_row |= {"band_70_80_seconds": 9 * 3600, "gpu_max_pct": 80.0}
            ledger_row |= {"gpu_sum_mpct_seconds": (9 * 75 + 15) * 1000 * 3600}
            ledger_row |= {"cpu_sum_mpct_seconds": 86400 * 30 * 1000}
        rows.append(ledger_row)
    return rows


def test_a_cluster_used_in_office_hours_but_sampled_at_night_is_only_suspected(
    days: Make, ledger: Make
) -> None:
    # At 2 o'clock it is quiet; no sample shows that it works from 9 to 18.
    frame = judged(ledger(*days(FIRST, 14, gpu=1.0, seen=[2])))
    assert outcome(frame, "idle") == (FINDING, "suspected")
    assert finding(frame, "idle")["counted_saving_micros"] == 0
    assert finding(frame, "idle")["action"] == "review"


def test_the_same_cluster_sampled_every_hour_gets_a_schedule(row: Make, ledger: Make) -> None:
    frame = judged(ledger(*office_days(row)))
    assert outcome(frame, "idle")[0] == "CLEAR"
    got = finding(frame, "off_hours")
    assert (got["grade"], got["action"]) == ("likely", "schedule")
    # 123 of 168 hours are never busy; all of them lie in runs of 12 or more.
    assert "123 of the 168 hours of the week" in got["reason"]
    assert got["counted_saving_micros"] == 14 * 240 * UNIT * 123 // 168


def test_hours_without_a_sample_are_not_off_hours(row: Make, ledger: Make) -> None:
    rows = [r | {"hours_observed": OFFICE, "hours_busy": OFFICE} for r in office_days(row)]
    assert outcome(judged(ledger(*rows)), "off_hours")[0] == "INSUFFICIENT_DATA"


def test_gaps_between_bursts_are_no_schedule(days: Make, ledger: Make) -> None:
    bursts = sum(1 << hour for hour in range(0, 24, 6))
    frame = judged(ledger(*days(FIRST, 14, gpu=50.0, hours_busy=bursts)))
    assert outcome(frame, "off_hours")[0] == "CLEAR"


def test_a_cluster_restarted_every_hour_is_not_stuck(days: Make, ledger: Make) -> None:
    often = {"hours": 20, "transition_seconds": 4 * 3600, "stopped_seconds": 0}
    frame = judged(ledger(*days(FIRST, 14, gpu=80.0, status="starting", **often)))
    assert outcome(frame, "stuck_paid")[0] == "CLEAR"


def test_a_cluster_stuck_for_days_and_charged_is_to_be_stopped(days: Make, ledger: Make) -> None:
    stuck = {
        "status": "pending", "hours": 0, "stopped_seconds": 0, "transition_seconds": 86400,
        "spend_micros": 24 * UNIT,
    }  # fmt: skip
    frame = judged(ledger(*days("2026-03-02", 11, gpu=80.0), *days("2026-03-13", 3, **stuck)))
    got = finding(frame, "stuck_paid")
    assert got["provable_waste_micros"] == 72 * UNIT
    # Nothing says that it stays stuck for longer than the three days so far.
    assert (got["grade"], got["counted_saving_micros"]) == ("proven", 72 * UNIT)
    assert "It has not run for at least 72 h, its status is pending" in got["reason"]
    free = judged(ledger(*days(FIRST, 14, **(stuck | {"spend_micros": 0}))))
    assert outcome(free, "stuck_paid")[0] == "CLEAR"


def test_a_stuck_streak_claims_no_money_that_may_lie_beyond_its_two_ends(
    days: Make, ledger: Make
) -> None:
    stuck = {
        "status": "error", "hours": 0, "stopped_seconds": 0, "error_seconds": 86400,
        "spend_micros": 100, "cut_start_micros": 5, "cut_end_micros": 7,
    }  # fmt: skip
    frame = judged(ledger(*days("2026-03-02", 11), *days("2026-03-13", 3, **stuck)))
    assert finding(frame, "stuck_paid")["provable_waste_micros"] == 300 - 5 - 7


def test_the_storage_of_off_hours_stays_charged_under_a_schedule(row: Make, ledger: Make) -> None:
    rows = office_days(row)
    rows[-2] = row("2026-03-14", gpu=1.0, hours=12, spend_micros=132 * UNIT, seen=range(12),
                   stopped_spend_micros=12 * UNIT)  # fmt: skip
    got = finding(judged(ledger(*rows)), "off_hours")
    # 12 stopped hours were charged 12.00: a month of them would be 720.00.
    off = msgspec.json.decode(str(got["evidence"]))["off_hours_samples"]
    assert got["remaining_micros"] == int(720 * UNIT * (off / got["samples"])) > 0
    assert got["counted_saving_micros"] == got["gross_saving_micros"] - got["remaining_micros"]


def test_metrics_missing_for_half_the_window_weaken_the_claim(days: Make, ledger: Make) -> None:
    dark = {"gpu": None, "memory": None, "cpu": None}
    half = judged(ledger(*days(FIRST, 7), *days("2026-03-09", 7, **dark)))
    full = judged(ledger(*days(FIRST, 14)))
    assert finding(half, "idle")["busy_share_bound"] > finding(full, "idle")["busy_share_bound"]
    waste = finding(half, "idle")["provable_waste_micros"]
    assert waste < finding(full, "idle")["provable_waste_micros"] / 2
    assert outcome(judged(ledger(*days(FIRST, 14, **dark))), "idle")[0] == "INSUFFICIENT_DATA"


def test_no_gpus_no_price_per_gpu_and_nothing_to_resize(days: Make, ledger: Make) -> None:
    frame = judged(ledger(*days(FIRST, 14, gpu=18.0, gpu_count=0)))
    assert outcome(frame, "price_outlier")[0] == "INSUFFICIENT_DATA"
    assert finding(frame, "underutilized")["counted_saving_micros"] == 0


def test_a_zero_rate_wastes_nothing(days: Make, ledger: Make) -> None:
    got = finding(judged(ledger(*days(FIRST, 14, hourly_rate_micros=0))), "idle")
    assert got["provable_waste_micros"] == got["counted_saving_micros"] == 0


def test_an_unknown_rate_is_not_zero(days: Make, ledger: Make) -> None:
    dark: dict[str, Any] = {"hourly_rate_micros": None, "spend_micros": None}
    frame = judged(ledger(*days(FIRST, 14, **dark)))
    assert outcome(frame, "seed_candidate")[0] == "INSUFFICIENT_DATA"
    assert finding(frame, "idle")["counted_saving_micros"] == 0


def test_a_rate_that_changed_counts_what_was_really_paid(days: Make, ledger: Make) -> None:
    rows = ledger(
        *days(FIRST, 7, hourly_rate_micros=20 * UNIT),
        *days("2026-03-09", 7, hourly_rate_micros=10 * UNIT),
    )
    got = finding(judged(rows), "idle")
    assert got["spend_micros"] == 7 * 24 * 30 * UNIT
    assert got["counted_saving_micros"] == got["spend_micros"]
    assert got["hourly_rate_micros"] == 10 * UNIT


def test_a_three_day_old_cluster_is_graded_likely_at_most(days: Make, ledger: Make) -> None:
    frame = judged(ledger(*days("2026-03-13", 3)))
    assert outcome(frame, "idle") == (FINDING, "likely")
    assert finding(frame, "idle")["action"] == "stop"
    assert finding(frame, "idle")["counted_saving_micros"] == 3 * 240 * UNIT
    assert outcome(frame, "off_hours")[0] == "NOT_APPLICABLE"
    assert outcome(frame, "spend_anomaly")[0] == "INSUFFICIENT_DATA"


def test_an_idle_gpu_with_full_memory_is_to_be_reviewed(days: Make, ledger: Make) -> None:
    frame = judged(ledger(*days(FIRST, 14, memory=95.0)))
    assert outcome(frame, "idle")[0] == "CLEAR"
    assert finding(frame, "idle_loaded")["action"] == "review"
    assert outcome(frame, "underutilized")[0] == "NOT_APPLICABLE"


def test_one_cluster_is_its_own_fleet(days: Make, ledger: Make) -> None:
    frame = judged(ledger(*days(FIRST, 14, gpu=18.0)))
    assert outcome(frame, "underutilized") == (FINDING, "likely")
    assert outcome(frame, "price_outlier")[0] == "INSUFFICIENT_DATA"


def test_a_stopped_cluster_that_is_charged_can_be_deleted(days: Make, ledger: Make) -> None:
    stored = {"spend_micros": UNIT, "stopped_spend_micros": UNIT}
    frame = judged(ledger(*days(FIRST, 14, status="stopped", hours=0, **stored)))
    got = finding(frame, "stopped_charged")
    assert got["action"] == "terminate"
    assert got["counted_saving_micros"] == 14 * UNIT
    assert outcome(frame, "idle")[0] == "NOT_APPLICABLE"


def test_the_storage_of_a_stopped_cluster_stays_charged(days: Make, ledger: Make) -> None:
    stored = {"spend_micros": 24 * UNIT, "stopped_spend_micros": 24 * UNIT}
    rows = ledger(
        *days("2026-03-10", 1, status="stopped", hours=0, **stored),
        *days("2026-03-11", 5),
    )
    got = finding(judged(rows), "idle")
    assert (got["grade"], got["action"]) == ("likely", "stop")
    assert got["gross_saving_micros"] == (24 + 5 * 240) * UNIT
    assert got["remaining_micros"] == 30 * 24 * UNIT
    assert got["counted_saving_micros"] == got["gross_saving_micros"] - got["remaining_micros"]


def test_a_cluster_priced_above_its_peers_moves_to_their_price(days: Make, ledger: Make) -> None:
    peers = [r for n in range(5) for r in days(FIRST, 14, cluster_id=f"p{n}", gpu=80.0)]
    expensive = days(FIRST, 14, gpu=80.0, hourly_rate_micros=20 * UNIT)
    frame = judged(ledger(*peers, *expensive))
    got = finding(frame, "price_outlier")
    assert "2.00 times the median of its peers (1.25). Its peers are the 6 running" in got["reason"]
    assert (got["grade"], got["counted_saving_micros"]) == ("suspected", 0)
    assert got["suspected_saving_micros"] == 14 * 480 * UNIT // 2
    assert outcome(frame, "price_outlier", "p0")[0] == "CLEAR"


def test_a_cluster_in_daily_use_is_not_deleted_for_its_stopped_hours(
    days: Make, ledger: Make
) -> None:
    used = days(FIRST, 14, hours=9, gpu=80.0, status="stopped", stopped_spend_micros=30 * UNIT)
    assert outcome(judged(ledger(*used)), "stopped_charged")[0] == "CLEAR"


def test_a_cluster_that_expires_saves_only_until_then(days: Make, ledger: Make) -> None:
    in_two_days = pd.Timestamp("2026-03-18T00:00Z")
    got = finding(judged(ledger(*days(FIRST, 14, expires_at=in_two_days))), "idle")
    assert got["counted_saving_micros"] == got["run_rate_saving_micros"] == 2 * 240 * UNIT


def test_a_young_cluster_counts_what_it_cost_and_states_its_run_rate(
    days: Make, ledger: Make
) -> None:
    got = finding(judged(ledger(*days("2026-03-13", 3))), "idle")
    assert got["counted_saving_micros"] == 3 * 240 * UNIT
    assert got["run_rate_saving_micros"] == 30 * 240 * UNIT


def test_a_cluster_without_an_expiry_is_reported_after_a_week(days: Make, ledger: Make) -> None:
    born = pd.Timestamp("2026-03-01T00:00Z")
    endless = judged(ledger(*days(FIRST, 14, gpu=80.0, created_at=born)))
    assert (
        "It has existed for 15 days, costs 10.00 an hour" in finding(endless, "no_expiry")["reason"]
    )
    ends = pd.Timestamp("2026-04-01T00:00Z")
    leased = judged(ledger(*days(FIRST, 14, gpu=80.0, created_at=born, expires_at=ends)))
    assert outcome(leased, "no_expiry")[0] == "CLEAR"


def test_unusual_spend_is_found_in_both_directions(days: Make, ledger: Make) -> None:
    for factor in (0, 2):
        rows = ledger(
            *days("2026-02-12", 31, gpu=80.0),
            *days("2026-03-15", 1, gpu=80.0, spend_micros=factor * 240 * UNIT),
        )
        got = finding(judged(rows), "spend_anomaly")
        assert (
            f"It cost {factor * 240:.2f} on the day, instead of the usual 240.00" in got["reason"]
        )


def test_every_finding_satisfies_its_own_rule_from_its_own_evidence(
    row: Make, days: Make, ledger: Make
) -> None:
    rows = ledger(
        *days(FIRST, 14, cluster_id="idle"),
        *days(FIRST, 14, cluster_id="loaded", memory=90.0),
        *days(FIRST, 14, cluster_id="under", gpu=18.0, hourly_rate_micros=50 * UNIT),
        *office_days(row, cluster_id="office"),
        *days(FIRST, 14, cluster_id="stored", status="stopped", hours=0, spend_micros=UNIT,
              stopped_spend_micros=UNIT),
    )  # fmt: skip
    frame = judged(rows)
    findings = frame[frame["outcome"] == FINDING]
    assert set(findings["rule_id"]) >= {
        "idle", "idle_loaded", "underutilized", "off_hours", "stopped_charged", "seed_candidate",
    }  # fmt: skip
    by_id = {rule.id: rule for rule in RULES}
    for row_ in findings.itertuples():
        own = pd.DataFrame([msgspec.json.decode(str(row_.evidence))])
        again = rule_engine.evaluate(by_id[str(row_.rule_id)], own, Rules())
        assert again.outcome[0] == FINDING, row_
    assert msgspec.json.decode(str(findings["evidence"].iloc[0]))["samples"] >= 0


def test_an_own_rule_is_parsed_and_judged(days: Make, ledger: Make) -> None:
    text = b"""
        [own_rules.dear_dev]
        when = "name like 'dev-*' and hourly_rate_micros > 5"
        action = "stop"
    """
    policy = judge.Policy.of(parse_settings(text, "settings.toml"))
    rows = ledger(
        *days(FIRST, 14, gpu=80.0, name="dev-1"),
        *days(FIRST, 14, cluster_id="c2", gpu=80.0, name="prod"),
    )
    frame = explained(judge.judge_day(rows, policy, LAST), policy.rulebook)
    assert finding(frame, "dear_dev")["reason"] == "Name dev-1 and hourly rate 10.00"
    assert outcome(frame, "dear_dev", "c2")[0] == "CLEAR"


def test_a_flag_in_an_own_rule_decides_and_has_its_own_sentence(days: Make, ledger: Make) -> None:
    own = own_rules(
        {"leased": OwnRule(when="has_expiry"), "endless": OwnRule(when="not has_expiry")}, ()
    )
    ends = pd.Timestamp("2026-04-01T00:00Z")
    rows = ledger(*days(FIRST, 2), *days(FIRST, 2, cluster_id="c2", expires_at=ends))
    policy = judge.Policy(Rules(), own)
    frame = explained(judge.judge_day(rows, policy, date(2026, 3, 3)), own)
    reasons = frame.set_index(["rule_id", "cluster_id"])["reason"]
    assert reasons["leased", "c1"] == "It has no expiry"
    assert reasons["endless", "c2"] == "It has an expiry"
    assert reasons["leased", "c2"] == "Set to expire yes"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gpu_mean < 4", "did you mean gpu_mean_pct"),
        ("gpu_mean_pct < many", "cannot read"),
        ("__import__('os')", "cannot read"),
        ("name < 4", "holds text"),
        ("gpu_mean_pct like 'x'", "holds pct"),
        ("not gpu_mean_pct", "holds pct"),
        ("", "ends too early"),
        ("has_expiry and", "ends too early"),
        ("(has_expiry", "ends too early"),
        ("has_expiry)", r"cannot read '\)'"),
        ("not (has_expiry)", "cannot read"),
        ("name not", "cannot read 'name not'"),
        ("name in 'x', y", "cannot read"),
        ("gpu_mean_pct not in 'x'", "holds pct"),
        ("has_expiry or has_expiri", "did you mean has_expiry"),
        ("has_expiry & is_present", "cannot read '& is_present'"),
        ("(" * 21 + "has_expiry" + ")" * 21, "parentheses"),
        (" or ".join(f"gpu_mean_pct < {n} and cpu_mean_pct < {n}" for n in range(8)), "too many"),
    ],
)
def test_an_invalid_condition_is_refused(text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        parse_condition(text, "own_rules.x.when")


def truths(rows: Sequence[tuple[float, ...]]) -> pd.DataFrame:
    """Evidence in which A, B and C have these truths: 0 false, 1/2 unknown, 1 true."""
    flag = {0.0: False, 0.5: None, 1.0: True}
    hours = {0.0: 1.0, 0.5: float("nan"), 1.0: 2.0}
    return pd.DataFrame(
        {
            "has_expiry": pd.array([flag[a] for a, _, _ in rows], "boolean"),
            "is_present": pd.array([flag[b] for _, b, _ in rows], "boolean"),
            "running_hours": [hours[c] for _, _, c in rows],
        }
    )


A, B, C = "has_expiry", "is_present", "running_hours > 1"


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        (f"{A} and {B} or {C}", lambda a, b, c: max(min(a, b), c)),
        (f"{A} or {B} and {C}", lambda a, b, c: max(a, min(b, c))),
        (f"({A} or {B}) and {C}", lambda a, b, c: min(max(a, b), c)),
        (f"{C} and ({A} or ({B} and {C}))", lambda a, b, c: min(c, max(a, min(b, c)))),
        (f"not {A} or {B} or {C}", lambda a, b, c: max(1 - a, b, c)),
    ],
)
def test_and_or_and_parentheses_follow_three_valued_logic(text: str, meaning: Any) -> None:  # noqa: ANN401
    # 0 false, 1/2 unknown, 1 true: and is the minimum, or the maximum (Kleene).
    values = [0.0, 0.5, 1.0]
    rows = list(itertools.product(values, repeat=3))
    truth = rule_engine.truth_of(parse_condition(text, "x"), truths(rows), Rules())
    judged_as = np.where(truth.is_true, 1.0, np.where(truth.is_unknown, 0.5, 0.0))
    assert judged_as.tolist() == [meaning(*row) for row in rows]


@st.composite
def conditions(draw: st.DrawFn, depth: int = 3) -> tuple[str, Any]:
    """A condition, and its truth (Kleene's) for the truths of A, B and C."""
    if depth == 0 or draw(st.booleans()):
        place = draw(st.integers(0, 2))
        return (A, B, C)[place], lambda row: row[place]
    word, fold = draw(st.sampled_from([("and", min), ("or", max)]))
    parts = draw(st.lists(conditions(depth - 1), min_size=2, max_size=3))
    text = f" {word} ".join(f"({part})" for part, _ in parts)
    return text, lambda row: fold(meaning(row) for _, meaning in parts)


@given(conditions(), st.lists(st.tuples(*[st.sampled_from([0.0, 0.5, 1.0])] * 3), min_size=1))
def test_any_condition_is_judged_as_it_is_written(
    condition: tuple[str, Any], rows: list[tuple[float, ...]]
) -> None:
    text, meaning = condition
    try:
        clauses = parse_condition(text, "x")
    except SettingsError:  # too many alternatives
        reject()
    truth = rule_engine.truth_of(clauses, truths(rows), Rules())
    judged_as = np.where(truth.is_true, 1.0, np.where(truth.is_unknown, 0.5, 0.0))
    assert judged_as.tolist() == [meaning(row) for row in rows]


def test_not_in_and_not_like_exclude_texts(days: Make, ledger: Make) -> None:
    own = own_rules(
        {
            "stranger": OwnRule(when="name not like 'prod-*', 'eval-*'"),
            "old_gpu": OwnRule(when="gpu_type not in 'H100', 'H200' or name in 'prod-1'"),
        },
        (),
    )
    rows = ledger(
        *days(FIRST, 2, name="dev-1", gpu_type="A100"),
        *days(FIRST, 2, cluster_id="c2", name="prod-1", gpu_type="H100"),
        *days(FIRST, 2, cluster_id="c3", name="eval-1", gpu_type="H200"),
    )
    frame = explained(judge.judge_day(rows, judge.Policy(Rules(), own), date(2026, 3, 3)), own)
    shown = frame.set_index(["rule_id", "cluster_id"])[["outcome", "reason"]].apply(tuple, axis=1)
    assert shown["stranger", "c1"] == ("FINDING", "Name dev-1")
    assert shown["stranger", "c2"] == ("CLEAR", "Name is prod-1, like prod-* or eval-*")
    assert shown["old_gpu", "c1"][0] == "FINDING"
    assert shown["old_gpu", "c2"][0] == "FINDING"
    assert shown["old_gpu", "c3"] == ("CLEAR", "GPU type is H200, one of H100 or H200")
    assert RuleText(Settings(), own).statement("old_gpu") == (
        "GPU type none of H100, H200 or name one of prod-1."
    )


def test_a_rule_without_or_keeps_its_fingerprint_and_one_with_or_has_another() -> None:
    both, either = (
        own_rules({"x": OwnRule(when=f"has_expiry {word} is_present")}, ())[0]
        for word in ("and", "or")
    )
    assert both.fingerprint(Rules()) != either.fingerprint(Rules())
    idle = next(rule for rule in RULES if rule.id == "idle")
    assert idle.fingerprint(Rules()) == "a413ea91"


def test_the_examples_of_the_page_are_valid_rules() -> None:
    [toml] = re.findall(r"```toml\n(.*?)```", to_markdown(), re.DOTALL)
    examples = parse_settings(toml.encode(), "docs/findings.md").own_rules
    assert len(own_rules(examples, ())) == 3
    for comparison in re.findall(r"\| `([^`]+)` \|$", to_markdown(), re.MULTILINE):
        assert parse_condition(comparison, "docs/findings.md")


def test_an_own_rule_with_a_built_in_name_or_an_unknown_column_is_refused() -> None:
    with pytest.raises(SettingsError, match="built-in"):
        own_rules({"idle": OwnRule(when="not is_present")}, ("idle",))
    with pytest.raises(SettingsError, match=r"own_rules\.x\.reason"):
        own_rules({"x": OwnRule(when="not is_present", reason="{nope}")}, ())


def test_the_page_of_the_rules_names_every_rule_threshold_and_column() -> None:
    page = to_markdown()
    for rule in RULES:
        assert f"`{rule.id}`, version {rule.version}." in page
        for clause in rule.clauses:
            assert clause.measure in MEASURES
            if isinstance(clause.limit, str):
                assert f"`{clause.limit}`" in page
        for measure in rule.measures:
            assert f"| `{measure}` |" in page
