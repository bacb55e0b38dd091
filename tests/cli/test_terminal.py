"""What a person asks at a terminal: what to do first, why, what it costs; and mistyped words."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from pipeline import settings
from pipeline.cli.commands.maintenance import _ago
from pipeline.cli.filters import GPU_TYPES, REGIONS, STATUSES
from pipeline.errors import SettingsError
from pipeline.jobs import open_findings
from pipeline.simulator import query
from pipeline.spelling import near, nearest
from pipeline.terminal import tables
from pipeline.terminal.amounts import amounts, money, rate
from pipeline.terminal.drawing import wrapped
from pipeline.terminal.text import age
from pipeline.transform.findings.exclusions import parse_exclusions
from tests.cli.test_start import HEAVY, loaded

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Api, Run

KNOWN = ("--max-age", "99999d")


def findings(run: Run, *args: str) -> list[dict]:
    return json.loads(run("findings", "--json", *args).out)["findings"]


# findings


def test_findings_shows_the_first_the_total_of_all_and_how_many_more(history: Run) -> None:
    rows = findings(history)
    shown = history("findings", "--limit", "5").out
    # A title and the headers come first.
    assert [line.split()[0] for line in shown.splitlines()[2:7]] == [r["name"] for r in rows[:5]]
    saving = sum(row["counted_saving_micros"] for row in rows)
    assert f"total saving {money(saving)} USD" in shown
    assert f"{len(rows) - 5} more: --limit 0 shows all" in shown
    assert "more:" not in history("findings", "--limit", "0").out
    savings = [row["counted_saving_micros"] for row in rows]
    assert savings == sorted(savings, reverse=True)


def test_filters_of_findings_combine(history: Run) -> None:
    rows = findings(history)
    project = next(row["project_id"] for row in rows if row["rule_id"] == "no_expiry")
    args = ("--rule", "no_expiry", "--project", f"{project[:-1]}?")
    expected = [r for r in rows if r["rule_id"] == "no_expiry" and r["project_id"] == project]
    assert findings(history, *args) == expected
    assert findings(history, *args, "--limit", "1") == expected[:1]
    least = max(row["counted_saving_micros"] for row in rows)
    most = findings(history, "--min-saving", str(least / 1e6))
    assert {row["counted_saving_micros"] for row in most} == {least}


def test_an_unknown_rule_is_refused_and_a_pattern_without_a_match_is_not(history: Run) -> None:
    refused = history("findings", "--rule", "idel")
    assert refused.code == 2
    assert "'--rule': 'idel': Must be one of: idle, " in refused.err
    assert "did you mean idle?" in refused.err
    for args in (("--project", "nope*"), ("--owner", "ana"), ("--min-saving", "1e9")):
        ran = history("findings", *args)
        assert (ran.code, ran.err.count("\n")) == (0, 1), ran
        assert f"no open finding matches {args[0]}" in ran.err


def test_kept_findings_answer_as_made_ones_do_and_load_no_table_library(
    history: Run, data: Path
) -> None:
    made = history("findings").out
    ran = history("findings", as_process=True, PYTHONPROFILEIMPORTTIME="1")
    assert ran.out == made
    assert not loaded(ran) & (set(HEAVY) - {"rich"})
    (data / "state" / open_findings.STATE).write_bytes(b"{}")
    assert history("findings").out == made


def test_kept_findings_are_not_used_once_an_input_is_another(
    history: Run, tmp_path: Path, api: Api
) -> None:
    history("report")
    before = history("findings").out
    name = findings(history)[0]["name"]
    (tmp_path / "exclusions.toml").write_text(
        f'[[exclude]]\nmatch = "{name}"\nowner = "ana"\nreason = "r"\nexpires = 2026-12-31\n'
    )
    config = tmp_path / "settings.toml"
    config.write_text(f'exclusions_file = "{tmp_path / "exclusions.toml"}"\n')
    assert name in before
    assert name not in history("findings", "--limit", "0", "--config", str(config)).out
    api.go_to(78)
    assert history("extract", url=api.url).code == 0
    assert history("ledger").code in {0, 3}  # a gap is new
    assert "findings of 2026-03-04" in history("findings").out


def test_findings_are_as_fast_as_status(history: Run, data: Path) -> None:
    history("findings")

    def seconds(command: str) -> float:
        spent = []
        for _ in range(3):
            began = os.times()
            subprocess.run(  # noqa: S603 - our own program
                [sys.executable, "-m", "pipeline", command, "--data-dir", str(data)],
                check=True, capture_output=True,
            )  # fmt: skip
            ended = os.times()
            spent.append(
                ended.children_user + ended.children_system
                - began.children_user - began.children_system
            )  # fmt: skip
        return min(spent)

    assert seconds("findings") < 1.5 * seconds("status")


# why


def test_why_explains_a_cluster_by_id_and_by_name(history: Run) -> None:
    first = findings(history)[0]
    by_name, by_id = history("why", first["name"]), history("why", first["cluster_id"])
    assert by_name.code == 0
    assert by_name.out == by_id.out
    shown = " ".join(by_name.out.split())
    for part in (
        first["reason"],
        f"found {first['found_on'][:10]}",
        "evidence: ",
    ):
        assert part in shown
    explained = json.loads(history("why", first["name"], "--json").out)
    assert explained["cluster"]["cluster_id"] == first["cluster_id"]
    assert first["rule_id"] in {row["rule_id"] for row in explained["outcomes"]}
    spent = sum(day["spend_micros"] for day in explained["days"])
    assert spent == first["spend_micros"]


def test_the_entry_of_why_excludes_the_finding(history: Run, tmp_path: Path) -> None:
    first = findings(history)[0]
    entries = json.loads(history("why", first["name"], "--json").out)["exclusion_entries"]
    text = "\n".join(entries)
    parsed = parse_exclusions(tomllib.loads(text), "entries", [first["rule_id"], "no_expiry"])
    assert {entry.match for entry in parsed} == {first["cluster_id"]}
    (tmp_path / "exclusions.toml").write_text(text)
    config = tmp_path / "settings.toml"
    config.write_text(f'exclusions_file = "{tmp_path / "exclusions.toml"}"\n')
    left = {row["cluster_id"] for row in findings(history, "--config", str(config))}
    assert first["cluster_id"] not in left


def test_why_of_no_cluster_names_near_ones(history: Run) -> None:
    name = findings(history)[0]["name"]
    ran = history("why", f"{name}x")
    assert ran.code == 2
    assert ran.err.count("\n") == 1
    assert name in ran.err


# spend


@pytest.mark.parametrize(
    "dimensions", ["project,day", "gpu_type", "cluster", "account,region,owner"]
)
def test_totals_of_spend_are_the_sums_of_its_rows(history: Run, dimensions: str) -> None:
    result = json.loads(history("spend", "--by", dimensions, "--json").out)
    rows = result["spend"]
    assert (result["from"], result["to"]) == ("2026-03-02", "2026-03-03")
    assert result["total"]["spend_micros"] == sum(row["spend_micros"] for row in rows) > 0
    shown = history("spend", "--by", dimensions).out
    assert f"total of {len(rows)} row" in shown
    assert f"{money(result['total']['spend_micros'])} USD" in shown


def test_spend_by_any_dimension_is_the_same_money(history: Run) -> None:
    totals = {
        json.loads(history("spend", "--by", by, "--json").out)["total"]["spend_micros"]
        for by in ("project", "day", "owner", "cluster,day")
    }
    assert len(totals) == 1


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("--by", "days"), "'--by': 'days': Must be one of: account, project"),
        (("--by", "day,day"), "names a dimension twice"),
        (("--from", "2026-03-03", "--to", "2026-03-02"), "swap them"),
        (("--from", "2026-03-02", "--days", "2"), "give --from or --days"),
        (("--from", "2025-01-01"), "--from 2025-01-01: the closed days of the ledger are"),
        (("--to", "2026-03-04"), "--to 2026-03-04: the closed days of the ledger are"),
        (("--days", "0"), "--days"),
    ],
)
def test_spend_refuses_what_it_cannot_sum(
    history: Run, args: tuple[str, ...], expected: str
) -> None:
    ran = history("spend", *args)
    assert ran.code == 2, ran
    assert ran.err.count("\n") == 1
    assert expected in ran.err


# filters, as the API checks them


def test_the_values_of_filters_are_those_of_the_api() -> None:
    assert STATUSES == query.STATUSES
    assert GPU_TYPES == query.DOCUMENTED_GPU_TYPES
    assert REGIONS == query.DOCUMENTED_REGIONS


@pytest.mark.parametrize(
    ("option", "value"), [("--status", "running2"), ("--gpu-type", "H101"), ("--region", "us")]
)
def test_a_filter_is_refused_in_the_words_of_the_api(history: Run, option: str, value: str) -> None:
    ran = history("clusters", option, value, *KNOWN)
    assert ran.code == 2
    name = option.removeprefix("--").replace("-", "_")
    in_api = query.parse([(name, value)]).errors[name]
    assert f"'{option}': '{value}': {in_api}" in ran.err


def test_a_page_beyond_the_end_and_a_filter_without_a_match_say_so(history: Run) -> None:
    beyond = history("clusters", "--page", "99", *KNOWN)
    assert beyond.code == 0
    assert "page 99 is beyond the last page, which is " in beyond.err
    nothing = history("clusters", "--project-id", "nope", *KNOWN)
    assert nothing.code == 0
    assert "no cluster matches --project-id 'nope'" in nothing.err
    assert "no cluster matches" in history("clusters", "--search", "\N{SNOWMAN}", *KNOWN).err


def test_an_old_answer_says_how_old_in_words_and_how_to_get_a_new_one(history: Run) -> None:
    ran = history("overview", *KNOWN)
    assert " months old" in ran.err or " years old" in ran.err or " year old" in ran.err
    assert "`fleetledger extract` takes a new one" in ran.err


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "less than a minute"), (60, "1 minute"), (7199, "1 hour"), (86_400 * 29, "29 days"),
     (86_400 * 163, "5 months"), (86_400 * 800, "2 years")],
)  # fmt: skip
def test_an_age_is_in_its_largest_unit(seconds: int, expected: str) -> None:
    assert age(seconds) == expected


@pytest.mark.parametrize(
    ("hours", "expected"),
    [(0.5, ", 30 min ago"), (26.25, ", 26 h 15 min ago"), (47.9, ", 47 h 54 min ago"),
     (48, ", 2 days ago"), (76, ", 3 days ago"), (24 * 90, ", 3 months ago"), (-1, "")],
)  # fmt: skip
def test_status_counts_hours_up_to_two_days(hours: float, expected: str) -> None:
    assert _ago({"age_seconds": int(hours * 3600)}) == expected


# words and numbers


def test_only_a_near_word_is_suggested() -> None:
    assert nearest("idel", ["no_expiry", "idle"]) == "idle"
    assert nearest("RUNNING", ["running"]) == "running"
    assert nearest("zzzz", ["rules", "mail"]) is None
    assert near("llm-38", ["llm-138", "vision"]) == ["llm-138"]


def test_a_wrong_choice_in_the_settings_lists_the_choices(tmp_path: Path) -> None:
    config = tmp_path / "settings.toml"
    for text, expected in (
        ('[api]\nversion = "v9"', "api.version: invalid value 'v9'; one of: v1, v2"),
        ('[accounts.a]\nauth = "x"', "accounts.a.auth: invalid value 'x'; one of: bearer, bare"),
        ("zzzz = 3", "unknown setting zzzz; valid are currency, data_dir"),
    ):
        config.write_text(text)
        with pytest.raises(SettingsError, match=expected):
            settings.read_settings(str(config))


def test_replay_counts_what_was_acted_on_within_14_days(history: Run) -> None:
    args = ("replay", "--from", "2026-03-02", "--to", "2026-03-03")
    shown = history(*args).out
    assert "acted_on_within_14_days" in shown
    assert "precision" not in shown
    rows = json.loads(history(*args, "--json").out)["precision"]
    assert all(row["precision"] == row["acted_on_within_14_days"] for row in rows)


def test_amounts_have_two_decimals_and_prices_as_many_as_they_need() -> None:
    assert amounts([1_500_000, None, -2_345_678_901]) == ["1.50", None, "-2,345.68"]
    assert amounts([1, 0]) == ["<0.01", "0.00"]
    assert amounts([37_500, 2_000_000], is_rate=True) == ["0.0375", "2.0000"]
    assert (money(999_995_000), money(5_000), money(15_000)) == ("1,000.00", "<0.01", "0.02")
    assert rate(1_250_000) == "1.25"


@pytest.mark.parametrize("columns", [40, 60, 80, 160])
def test_columns_that_stay_are_shown_on_every_terminal(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", str(columns))
    frame = pd.DataFrame({f"column_number_{n}": ["a" * 20] for n in range(8)} | {"x_micros": [1]})
    shown = tables.table(frame, "title", stays=["x_micros"])
    assert "<0.01" in shown
    assert ("not shown: " in shown) == (columns < 160)


def test_a_text_is_cut_between_words_and_a_word_at_its_hyphens() -> None:
    assert wrapped("one two three", 7) == ["one two", "three"]
    assert wrapped("robotics-sim-sandbox-115", 14) == ["robotics-sim-", "sandbox-115"]
    assert wrapped("abcdef", 4) == ["abcd", "ef"]
    assert wrapped("漢字漢", 4) == ["漢字", "漢"]


# completion


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("clusters --status st", ["stopped", "starting", "stopping"]),
        ("clusters --sort-by c", ["created_at", "cost"]),
        ("findings --rule idle", ["idle", "idle_loaded"]),
        ("spend --by project,d", ["project,day"]),
        ("findings --for", ["--format"]),
        ("findings --format t", ["table"]),
        ("wh", ["what-if", "why"]),
    ],
)
def test_the_shell_completes_commands_options_and_values(line: str, expected: list[str]) -> None:
    words = ["fleetledger", *line.split()]
    done = subprocess.run(
        [sys.executable, "-m", "pipeline"],
        env={
            "PATH": os.environ["PATH"],
            "COMP_WORDS": " ".join(words),
            "COMP_CWORD": str(len(words) - 1),
            "_FLEETLEDGER_COMPLETE": "bash_complete",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert sorted(each.partition(",")[2] for each in done.stdout.splitlines()) == sorted(expected)
