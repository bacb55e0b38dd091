from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.report.output import csv_files
from pipeline.report.output.summary_json import summary_json
from tests.report.factories.results import EVIL, SETS

if TYPE_CHECKING:
    from pipeline.report.model import ReportView

FORMULA_STARTS = "=+-@\t\r\n\x00＝＋－＠"  # noqa: RUF001


def read(content: bytes) -> list[list[str]]:
    assert not content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(content.decode("utf-8"), newline=""), strict=True))


def files(name: str) -> dict[str, bytes]:
    return csv_files.csv_files(SETS[name]())


def test_findings_csv_has_the_contract_columns_and_most_money_first() -> None:
    header, *rows = read(files("normal")["findings.csv"])
    assert header[:13] == [
        *("cluster_id", "account", "name", "project_id", "rule_id", "outcome", "grade"),
        *("samples", "busy_share_bound", "spend", "provable_waste", "action"),
        "counted_saving",
    ]
    assert rows[0][0] == "cluster_a2"
    assert rows[0][header.index("provable_waste")] == "7900.500000"
    assert rows[0][header.index("since")] == "2026-11-09T00:00:00Z"
    assert {row[header.index("outcome")] for row in rows} == {"FINDING"}


def test_findings_csv_has_the_life_of_each_finding() -> None:
    header, *rows = read(files("full")["findings.csv"])
    assert header == list(csv_files.FINDINGS_COLUMNS)
    by_key = {(row[0], row[4]): dict(zip(header, row, strict=True)) for row in rows}
    life = ("outcome", "state", "first_seen", "days_open", "waiting_cost", "gone_on", "gone_reason")
    money = ("promised_saving", "promised_so_far", "realised_saving")
    opened = by_key["cluster_a2", "idle"]
    assert [opened[name] for name in life] == [
        *("FINDING", "open", "2026-11-12", "10", "200.000000", "", ""),
    ]
    acted_on = by_key["cluster_a1", "idle"]
    assert [acted_on[name] for name in (*life, *money)] == [
        *("CLEAR", "gone", "2026-10-28", "15", "", "2026-11-12", "stopped"),
        *("300.000000", "100.000000", "80.000000"),
    ]
    by_chance = by_key["cluster_a5", "idle"]
    assert [by_chance[name] for name in money] == ["90.000000", "", ""]
    # What is gone stands below what is found, and adds to no sum of it.
    outcomes = [row[5] for row in rows]
    assert outcomes == sorted(outcomes, key=lambda outcome: outcome != "FINDING")
    assert {row[header.index("counted_saving")] for row in rows if row[5] == "CLEAR"} == {""}


def test_the_headline_can_be_computed_again_from_findings_csv(views: dict[str, ReportView]) -> None:
    header, *rows = read(files("normal")["findings.csv"])
    waste: dict[str, float] = {}
    for row in rows:
        if row[header.index("grade")] not in ("proven", ""):
            continue
        money = float(row[header.index("provable_waste")] or 0)
        waste[row[0]] = max(waste.get(row[0], 0), money)
    totals = views["normal"].totals
    assert round(sum(waste.values()) * 1_000_000) == totals.waste_micros == 7_900_500_000
    assert sum(money > 0 for money in waste.values()) == totals.wasteful == 1


@pytest.mark.parametrize(
    "name", ["normal", "empty_fleet", "all_unjudged", "one_cluster", "hostile"]
)
def test_every_csv_is_rfc_4180_with_equally_long_rows(name: str) -> None:
    made = files(name)
    assert sorted(made) == [
        *("anomalies.csv", "changes.csv", "findings.csv", "idle.csv", "spend.csv"),
        *("unjudged.csv", "utilization.csv"),
    ]
    for content in made.values():
        assert content.endswith(b"\r\n")
        rows = read(content)
        assert len({len(row) for row in rows}) == 1


def test_no_text_of_a_hostile_fleet_is_a_formula_and_every_text_comes_back() -> None:
    header, *rows = read(files("hostile")["utilization.csv"])
    place = header.index("name")
    texts = [row[place] for row in rows]
    assert not any(text.startswith(tuple(FORMULA_STARTS)) for text in texts)
    assert [text.removeprefix("'") for text in texts] == list(EVIL)


@given(st.text())
def test_guarding_a_text_loses_nothing(text: str) -> None:
    guarded = csv_files.guarded(text)
    assert guarded.removeprefix("'") == text
    assert not guarded.lstrip(" \u00a0\u200b\ufeff").startswith(tuple(FORMULA_STARTS))


def test_numbers_stay_numbers_and_unknown_is_an_empty_cell() -> None:
    rows = pd.DataFrame(
        {
            "name": pd.array(["-1.5", None], dtype="str"),
            "unused_micros": pd.array([-1_500_000, None], dtype="Int64"),
            "gpu_mean_pct": [-1.5, float("nan")],
            "gpu_count": pd.array([8, None], dtype="Int64"),
            "last_busy_at": pd.to_datetime(["2026-11-22T05:06:07Z", None]),
        }
    )
    assert csv_files.table_csv(rows) == (
        b"name,unused,gpu_mean_pct,gpu_count,last_busy_at\r\n"
        b"'-1.5,-1.500000,-1.5,8,2026-11-22T05:06:07Z\r\n"
        b",,,,\r\n"
    )


def test_unjudged_csv_says_who_could_not_be_judged_and_why() -> None:
    header, *rows = read(files("normal")["unjudged.csv"])
    assert [row[header.index("rule_id")] for row in rows] == ["idle", "underutilized"]
    assert rows[0][header.index("reason")] == "Running time is 18 h, below 30 h"


def test_what_is_not_known_is_a_file_with_a_header_only() -> None:
    made = files("empty_fleet")
    assert read(made["changes.csv"]) == [list(csv_files.CHANGES_COLUMNS)]
    assert read(made["anomalies.csv"]) == [list(csv_files.ANOMALIES_COLUMNS)]


def test_changes_and_unusual_days_are_files_with_the_same_columns_as_without_any() -> None:
    made = files("full")
    header, *rows = read(made["changes.csv"])
    assert header == list(csv_files.CHANGES_COLUMNS)
    assert [row[4:] for row in rows] == [
        ["failed", "running", "team-a", "20.000000", "5.000000"],
        ["stopped", "running", "stopped", "20.000000", "5.000000"],
    ]
    assert read(made["anomalies.csv"]) == [
        list(csv_files.ANOMALIES_COLUMNS),
        ["2026-11-22", "project", "team-a", "900.000000", "400.000000", "500.000000", "9"],
    ]


def test_summary_json_has_the_headline_in_micros_and_the_outcomes_counted(
    views: dict[str, ReportView],
) -> None:
    summary = json.loads(summary_json(views["normal"]))
    assert summary["format"] == 1
    assert summary["day"] == "2026-11-22"
    assert summary["waste_micros"] == 7_900_500_000
    assert summary["unproven_micros"] == 700_250_000
    assert summary["outcomes"]["idle"] == {
        "FINDING": 2,
        "CLEAR": 4,
        "INSUFFICIENT_DATA": 1,
        "NOT_APPLICABLE": 0,
    }


@given(st.lists(st.none() | st.integers(-(2**62), 2**62)))
def test_money_is_written_exactly_whatever_its_size(micros: list[int | None]) -> None:
    rows = pd.DataFrame({"id": "a", "spend_micros": pd.array(micros, dtype="Int64")})
    written = [row[1] for row in read(csv_files.table_csv(rows))[1:]]
    exact = ["" if m is None else f"{Decimal(m).scaleb(-6):.6f}" for m in micros]
    assert written == exact


def test_what_separates_cells_and_what_utf8_cannot_hold_cost_no_file() -> None:
    rows = pd.DataFrame(
        {
            "name": pd.Series(['a,"b"', "c\r\nd", "\ud800e", None], dtype="object"),
            "flag": pd.array([True, False, None, True], dtype="boolean"),
            "found_on": pd.to_datetime(["2026-11-22", None, "2026-11-21", None]),
        }
    )
    assert read(csv_files.table_csv(rows))[1:] == [
        ['a,"b"', "True", "2026-11-22"],
        ["c\r\nd", "False", ""],
        ["?e", "", "2026-11-21"],
        ["", "True", ""],
    ]


def test_a_file_written_in_blocks_is_the_same_file(monkeypatch: pytest.MonkeyPatch) -> None:
    at = pd.Series(pd.to_datetime(["2026-11-22 10:00", None] * 4, utc=True))
    rows = pd.DataFrame(
        {
            "date": pd.to_datetime(["2026-11-21", "2026-11-22"] * 4),
            "name": pd.Series(
                ["plain", "=1+1", None, 'a "quoted", one', "", "é", "'", "x"], dtype="str"
            ),
            "region": pd.Categorical(["eu", None, "us", "eu", "=us", "eu", "us", None]),
            "gpu_count": pd.array([1, None, 3, 4, 5, 6, 7, 8], dtype="Int64"),
            "spend_micros": pd.array([1, None, -3, 4, 0, 6, 7, 8], dtype="Int64"),
            "gpu_mean_pct": [0.0, -0.0, float("nan"), 1 / 3, 5.0, 0.0, -0.0, 100.0],
            "is_present": [True, False] * 4,
            "last_busy_at": at,
        }
    )
    at_once = csv_files.table_csv(rows)
    assert len(read(at_once)) == 1 + len(rows)
    for size in (1, 3, 8):
        monkeypatch.setattr(csv_files, "_BLOCK_ROWS", size)
        assert csv_files.table_csv(rows) == at_once
    assert read(csv_files.table_csv(rows.iloc[:0])) == read(at_once)[:1]
