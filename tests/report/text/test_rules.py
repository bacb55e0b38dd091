"""Outcomes in words: from the clause that decided, its limit and the value."""

from __future__ import annotations

import pandas as pd
import pytest

from pipeline.report.text.numbers import NBSP
from pipeline.report.text.rules import RuleText
from pipeline.rules import RULES
from pipeline.settings import Settings

RULE_TEXT = RuleText(Settings(), RULES)


def outcomes(*decisions: tuple[str | None, str | None, str | None]) -> pd.DataFrame:
    frame = pd.DataFrame(decisions, columns=["decided_by", "decided_limit", "decided_value"])
    return frame.assign(account="lab", rule_id="idle", outcome="CLEAR", evidence=None)


@pytest.mark.parametrize(
    ("decision", "reason", "kind"),
    [
        (
            ("needs:samples>=idle_min_samples", "5", "3"),
            "Number of hours with a GPU reading is 3, below 5",
            "Number of hours with a GPU reading is below 5",
        ),
        (
            ("when:hourly_rate_micros>seed_hourly_rate", "10000000", "7500000"),
            "Hourly rate is 7.50, at most 10.00",
            "Hourly rate is at most 10.00",
        ),
        (
            ("when:gpu_mean_pct<=underutilized_mean_pct", "25", None),
            "Mean GPU use is unknown",
            "Mean GPU use is unknown",
        ),
        (
            ("applies:status in 'running'", '["running"]', '"paused, not deleted"'),
            "Status is paused, not deleted, not running",
            "Status is not running",
        ),
        (
            ("applies:is_present", "true", "false"),
            "It is no longer listed",
            "It is no longer listed",
        ),
        (
            ("account:observed_until", '"2026-03-07"', '"2026-03-06"'),
            "Account lab not observed since 2026-03-06",
            "Account lab not observed since 2026-03-06",
        ),
        (
            ("when:old_measure<old_limit", "1", "2.5"),
            "when:old_measure<old_limit: value 2.5, limit 1",
            "when:old_measure<old_limit: limit 1",
        ),
        ((None, None, None), None, "No reason given"),
    ],
)
def test_a_decision_reads_as_a_sentence_and_as_a_kind_without_its_value(
    decision: tuple[str, str, str], reason: str | None, kind: str
) -> None:
    frame = outcomes(decision)
    assert RULE_TEXT.reasons(frame).tolist() == [reason]
    assert RULE_TEXT.kinds_of_reasons(frame).tolist() == [kind]
    assert list(RULE_TEXT.with_reasons(frame).columns)[5:7] == ["outcome", "reason"]


def test_an_infinite_score_in_the_evidence_of_a_finding_is_not_unknown() -> None:
    evidence = (
        '{"day_spend_micros":5000000,"usual_spend_micros":0,"deviation_micros":5000000,'
        '"anomaly_score":null,"history_days":9}'
    )
    frame = outcomes((None, None, None)).assign(rule_id="spend_anomaly", evidence=evidence)
    (reason,) = RULE_TEXT.reasons(frame)
    assert "infinitely many times the usual spread over 9 comparable days" in reason


@pytest.mark.parametrize(("currency", "shown"), [("EUR", "€2.00"), ("JPY", f"JPY{NBSP}2")])
def test_a_finding_is_worded_with_its_money_in_the_currency(currency: str, shown: str) -> None:
    rule_text = RuleText(Settings(stated_currency=currency), RULES)
    evidence = '{"hourly_rate_micros":2000000,"age_days":31.43,"has_expiry":false}'
    assert rule_text.finding("no_expiry", evidence) == (
        f"It has existed for 31.4{NBSP}days, costs {shown} an hour and has no expiry"
    )
    assert rule_text.finding("no_expiry", None) == ""
    other_version = f"Hourly rate {shown} and age 31.4{NBSP}days and set to expire no"
    assert rule_text.finding("gone_rule", evidence) == other_version


def test_the_rest_of_a_findings_evidence_follows_its_sentence() -> None:
    evidence = (
        '{"rate_per_gpu_micros":3000000,"peer_rate_micros":2000000,"peers":8,"price_ratio":1.5}'
    )
    assert RULE_TEXT.finding("price_outlier", evidence) == (
        f"It costs $3.00 per GPU-hour, 1.50{NBSP}times the median of its peers ($2.00)"
    )
    rest = "Its peers are the 8 running clusters of the same GPU type and region, itself included"
    assert RULE_TEXT.detail("price_outlier", evidence) == rest
    rows = outcomes((None, None, None)).assign(rule_id="price_outlier", evidence=evidence)
    assert RULE_TEXT.reasons(rows)[0].endswith(f"peers (2.00). {rest}")
    assert RULE_TEXT.detail("gone_rule", evidence) == ""
