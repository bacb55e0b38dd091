"""Findings live, remember the settings they were made by, and can be tried on the past."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Api, Run


def stored(data: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (data / "findings").rglob("*.parquet")}


def test_findings_rebuilt_from_nothing_are_equal_to_the_byte(history: Run, data: Path) -> None:
    history("report")
    before = stored(data)
    assert len(before) == 2  # one for each closed day
    for path in (data / "findings").rglob("*.parquet"):
        path.unlink()
    history("report")
    assert stored(data) == before
    history("findings", "--rebuild")
    assert stored(data) == before


def test_a_changed_setting_is_in_force_from_today_on_and_not_before(
    history: Run, data: Path, tmp_path: Path
) -> None:
    history("report", "--date", "2026-03-02")
    first = stored(data)
    config = tmp_path / "strict.toml"
    config.write_text("[rules]\nseed_hourly_rate = 1.0\n")
    history("report", "--date", "2026-03-03", "--config", str(config))
    assert first.items() <= stored(data).items()
    for path in (data / "findings").rglob("*.parquet"):
        path.unlink()
    history("findings", "--config", str(config))
    assert first.items() <= stored(data).items()


def test_an_excluded_finding_is_not_listed_and_the_report_shows_it(
    history: Run, tmp_path: Path, data: Path
) -> None:
    def clusters_with_findings(*args: str) -> set[str]:
        rows = json.loads(history("findings", "--json", *args).out)["findings"]
        return {row["cluster_id"] for row in rows if row["rule_id"] == "no_expiry"}

    all_clusters = clusters_with_findings()
    assert all_clusters
    victim = min(all_clusters)
    (tmp_path / "exclusions.toml").write_text(
        f'[[exclude]]\nmatch = "{victim}"\nrule = "no_expiry"\nowner = "ana"\n'
        'reason = "a shared service"\nexpires = 2026-12-31\n'
    )
    config = tmp_path / "settings.toml"
    config.write_text(f'exclusions_file = "{tmp_path / "exclusions.toml"}"\n')
    assert clusters_with_findings("--config", str(config)) == all_clusters - {victim}
    history("report", "--config", str(config))
    assert "xcluded" in (data / "reports/2026-03-03/report.html").read_text()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[[exclude]]\nmatch = 'x'\n", "reason is missing"),
        ("[[exclude", "not valid TOML"),
        (None, "No such file"),
    ],
)
def test_an_invalid_exclusions_file_is_named(
    history: Run, tmp_path: Path, text: str | None, expected: str
) -> None:
    if text is not None:
        (tmp_path / "exclusions.toml").write_text(text)
    config = tmp_path / "settings.toml"
    config.write_text(f'exclusions_file = "{tmp_path / "exclusions.toml"}"\n')
    ran = history("report", "--config", str(config))
    assert ran.code == 2
    assert expected in ran.err
    assert "exclusions.toml" in ran.err


def test_changes_are_what_is_new_or_gone(history: Run) -> None:
    changes = json.loads(history("findings", "--changes", "--json").out)["changes"]
    assert {row["state"] for row in changes} <= {"new", "reopened", "gone"}


def test_owners_cut_the_findings(history: Run, tmp_path: Path) -> None:
    (tmp_path / "owners.toml").write_text('[[owner]]\nmatch = "llm-*"\nowner = "ana"\n')
    config = tmp_path / "settings.toml"
    config.write_text(f'owners_file = "{tmp_path / "owners.toml"}"\n')
    ran = history("findings", "--owner", "ana", "--json", "--config", str(config))
    rows = json.loads(ran.out)["findings"]
    assert rows
    assert all(row["name"].startswith("llm-") or row["project_id"][:4] == "llm-" for row in rows)


def test_replay_is_the_same_each_time_and_knows_what_happened(history: Run) -> None:
    args = ("replay", "--from", "2026-03-02", "--to", "2026-03-03")
    first, second = history(*args, "--format", "csv"), history(*args, "--format", "csv")
    assert first.code == 0
    assert first.out == second.out
    assert first.out.startswith("account,cluster_id,")
    outside = history("replay", "--from", "2025-01-01", "--to", "2026-03-03")
    assert outside.code == 2
    assert "the closed days of the ledger are 2026-03-02 to" in outside.err
    swapped = history("replay", "--from", "2026-03-03", "--to", "2026-03-02")
    assert swapped.code == 2
    assert "2026-03-03 is after --to 2026-03-02" in swapped.err


def test_what_if_prices_a_change(history: Run) -> None:
    result = json.loads(history("what-if", "--stop", "*", "--json").out)
    assert result["after_micros"] < result["before_micros"]
    assert result["difference_micros"] == result["after_micros"] - result["before_micros"]
    assert history("what-if").code == 2
    assert history("what-if", "--stop", "a", "--gpus", "1").code == 2


def test_what_if_says_what_each_amount_is(history: Run) -> None:
    shown = history("what-if", "--stop", "*").out
    for name, meaning in (
        ("before", "the next 30 days at the recent cost"),
        ("after", "the same after the change"),
        ("difference", "after minus before"),
        ("saving", "as findings count it: no cluster is taken to cost more than in the last 30"),
    ):
        (line,) = [line for line in shown.splitlines() if meaning in line]
        assert line.startswith(name)
    assert "run-rate" not in shown
    assert "run_rate" not in shown
    explained = " ".join(history("what-if", "--help").out.split())
    assert "saving: what a finding would count" in explained
    assert "run_rate_saving" in history("what-if", "--stop", "*", "--format", "csv").out


def test_what_if_names_a_pattern_that_matches_nothing(history: Run) -> None:
    for args, named in (
        (("--stop", "zzz"), "--stop 'zzz'"),
        (("--match", "nosuch", "--gpus", "1"), "--match 'nosuch'"),
    ):
        for form in ((), ("--format", "csv"), ("--json",)):
            ran = history("what-if", *args, *form)
            assert (ran.code, ran.err.strip()) == (0, f"fleetledger: no cluster matches {named}")
    assert "no cluster matches" not in history("what-if", "--stop", "*").err


def test_a_budget_alert_fires_once_and_a_report_made_again_is_the_same(
    history: Run, data: Path, tmp_path: Path
) -> None:
    config = tmp_path / "settings.toml"
    config.write_text("[budgets.tiny]\namount = 1\n")
    args = ("report", "--config", str(config), "--date")

    def alerts(day: str) -> bytes:
        assert history(*args, day).code == 0
        return (data / f"reports/{day}/summary.json").read_bytes()

    first, second = alerts("2026-03-02"), alerts("2026-03-03")
    assert b"100 %" in first
    assert b"100 %" not in second
    assert alerts("2026-03-03") == second


def test_a_day_that_is_not_closed_is_neither_replayed_nor_priced(run: Run, api: Api) -> None:
    assert run("nightly", url=api.url).code == 0
    for command in (
        ("replay", "--from", "2026-03-02", "--to", "2026-03-02"),
        ("what-if", "--stop", "*"),
    ):
        ran = run(*command)
        assert ran.code == 12, ran
        assert "no day is closed yet" in ran.err


def test_the_csv_of_findings_is_that_of_the_report(history: Run, data: Path) -> None:
    history("report")
    reported = rows_of((data / "reports/latest/findings.csv").read_text())
    printed = rows_of(history("findings", "--format", "csv").out)
    assert printed
    assert all(row in reported for row in printed)


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))
