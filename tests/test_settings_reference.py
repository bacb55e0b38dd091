"""The reference of the settings: every key is explained, and editors agree with the program."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import jsonschema_rs  # comes with schemathesis
import pytest

from pipeline.errors import SettingsError
from pipeline.settings import parse_settings
from pipeline.settings_reference import Entry, entries, json_schema, to_markdown, toml_value

ROOT = Path(__file__).parent.parent
VALID = [
    "",
    '[report]\nwindow = "30d"',
    '[mail]\nto = ["a@example.org"]\nport = 25',
    "[rate_card]\nH100 = 2.99",
    "[budgets.fleet]\namount = 5",
    "[own_rules.x]\nwhen = 'has_expiry'",
]
INVALID = [
    'curency = "USD"',
    '[report]\nwindow = "30d\\n"',
    '[report]\nwindow = "thirty"',
    "[mail]\nport = 0",
    "[mail]\nto = 'a@example.org'",
    '[api]\nversion = "v3"',
    "[budgets.fleet]\nper = 'fleet'",
    "[rules]\nidle_share_pct = 101",
]


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.key)
def test_every_setting_has_a_meaning_and_numbers_a_range(entry: Entry) -> None:
    assert entry.meaning.endswith("."), "write it below the setting in pipeline/settings.py"
    if entry.type in {"integer", "number"}:
        assert entry.range


def test_a_setting_is_shown_with_type_default_unit_range_and_meaning() -> None:
    by_key = {entry.key: entry for entry in entries()}
    port = by_key["mail.port"]
    assert (port.type, port.default_text, port.unit) == ("integer", "587", "")
    assert port.range == "at least 1, at most 65,535"
    assert by_key["mail.timeout_seconds"].unit == "seconds"
    assert by_key["budgets.NAME.amount"].default_text == "required"
    assert by_key["rate_card.NAME"].unit == "currency per GPU-hour"
    assert by_key["currency"].default_text == ""
    row = (
        "| `page_size` | integer | `100` |  | at least 1, at most 100 | Clusters per page; the API"
    )
    assert row in to_markdown()


@pytest.mark.parametrize("text", VALID)
def test_the_schema_accepts_valid_settings(text: str) -> None:
    parse_settings(text.encode(), "settings.toml")
    jsonschema_rs.validate(json.loads(json_schema()), tomllib.loads(text))


@pytest.mark.parametrize("text", INVALID)
def test_the_schema_refuses_what_the_program_refuses(text: str) -> None:
    with pytest.raises(SettingsError):
        parse_settings(text.encode(), "settings.toml")
    with pytest.raises(jsonschema_rs.ValidationError):
        jsonschema_rs.validate(json.loads(json_schema()), tomllib.loads(text))


def test_the_schema_accepts_the_settings_that_are_shown() -> None:
    page = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    settings = re.findall(r"```toml\n(.*?)```", page.partition("## An example")[2], re.DOTALL)[0]
    jsonschema_rs.validate(json.loads(json_schema()), tomllib.loads(settings))


@pytest.mark.parametrize(
    "value", [0.1, 1e9, 2.5e-7, 1 / 3, 5, True, "ä\"\\\n\t'", ["a", "b"], [], ""]
)
def test_a_value_as_toml_is_read_as_the_same_value(value: object) -> None:
    assert tomllib.loads(f"x = {toml_value(value)}")["x"] == value
