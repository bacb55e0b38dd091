from __future__ import annotations

import pytest

from pipeline.report.text.numbers import NBSP
from pipeline.report.text.rules import RuleText
from pipeline.rules import RULES
from pipeline.settings import Settings


@pytest.mark.parametrize(("currency", "shown"), [("EUR", "€2.00"), ("JPY", f"JPY{NBSP}2")])
def test_a_finding_is_worded_with_its_money_in_the_currency(currency: str, shown: str) -> None:
    rule_text = RuleText(Settings(currency=currency), RULES)
    evidence = '{"hourly_rate_micros":2000000,"age_days":31.43,"has_expiry":false}'
    assert rule_text.told("no_expiry", evidence) == (
        f"Runs for 31.4{NBSP}days at {shown} an hour, and nothing ends it"
    )
    assert rule_text.told("no_expiry", None) == rule_text.told("gone_rule", evidence) == ""
    assert rule_text.told("no_expiry", "{}") == ""
