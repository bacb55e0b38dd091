"""The words for an invalid value, without a type or path of a library."""

from __future__ import annotations

import pytest

from pipeline.errors import SettingsError
from pipeline.settings import parse_settings
from pipeline.transform.findings.exclusions import parse_exclusions
from pipeline.transform.findings.owners import parse_owners


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[mail]\nport = "smtp"', "mail.port: give a whole number, not a text"),
        ("[mail]\nport = 0", "mail.port: give a whole number of at least 1"),
        ("[mail]\nport = 25.5", "mail.port: give a whole number, not a number with decimals"),
        ('[mail]\nto = "a@example.com"', "mail.to: give a list, not a text"),
        ("[mail]\nto = [1]", "mail.to[0]: give a text, not a whole number"),
        ("mail = 1", "mail: give a table, not a whole number"),
        ("[mail]\nper_owner = 1", "mail.per_owner: give true or false, not a whole number"),
        ("currency = 1", "currency: give a text, not a whole number"),
        ('[report]\nwindow = "x"', "report.window: give a text of the form '^[1-9][0-9]{0,3}d$'"),
        ("[budgets.all]\namount = 0", "budgets.all.amount: give a number above 0"),
        ("[budgets.all]", "budgets.all: amount is missing"),
        ('[webhooks.ops]\nkind = "x"',
         "webhooks.ops.kind: invalid value 'x'; one of: slack, teams, json"),
        ("[rate_card]\nH100 = 2e6", "rate_card.H100: give a number of at most 1,000,000"),
    ],
)  # fmt: skip
def test_an_invalid_setting_is_described_in_words(text: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_settings(text.encode(), "s.toml")
    assert str(caught.value) == f"s.toml: {message}"


GOOD = {"match": "x", "owner": "ops", "reason": "demo", "expires": "2026-12-31"}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"match": "x", "owner": "ops", "expires": "2026-12-31"}, "reason is missing"),
        (GOOD | {"expires": "soon"}, "expires: give a date such as 2026-12-31"),
        (GOOD | {"until": 1}, "unknown key 'until'"),
        (GOOD | {"match": 5}, "match: give a text, not a whole number"),
    ],
)
def test_an_invalid_entry_is_named_by_its_number(entry: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_exclusions({"exclude": [GOOD, entry]}, "e.toml", {"idle"})
    assert str(caught.value) == f"e.toml: exclude 2: {message}"


def test_an_invalid_owner_is_named_by_its_number() -> None:
    with pytest.raises(SettingsError) as caught:
        parse_owners({"owner": [{"match": "x"}]}, "o.toml")
    assert str(caught.value) == "o.toml: owner 1: owner is missing"
    with pytest.raises(SettingsError) as caught:
        parse_owners({"owner": 1}, "o.toml")
    assert str(caught.value) == "o.toml: owner: give a list, not a whole number"
