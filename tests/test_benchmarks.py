"""What the benchmarks rest on: equal results, honest ratios, a page that says what was measured."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from benchmarks import page, same_results
from benchmarks.list_server import Fleet
from benchmarks.processes import Cost, ratio, summary

if TYPE_CHECKING:
    from pathlib import Path

SPEND = "date,cluster_id,spend\n2026-03-02,a,1.000000\n2026-03-02,b,2.500000\n"
UTILIZATION = "cluster_id,gpu_mean_pct,samples\na,12.5,3\n"
FINDINGS = "cluster_id,rule_id,grade\na,idle,likely\n"


def written(folder: Path, **files: str) -> Path:
    folder.mkdir()
    contents = {"spend": SPEND, "utilization": UTILIZATION, "findings": FINDINGS} | files
    for name, text in contents.items():
        (folder / f"{name}.csv").write_text(text)
    return folder


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"spend": "\n".join([SPEND.split("\n")[i] for i in (0, 2, 1)]) + "\n"},
        {"utilization": "cluster_id,gpu_mean_pct,samples\na,12.5000000001,3\n"},
    ],
    ids=["equal", "another order", "within a billionth"],
)
def test_files_that_say_the_same_are_the_same(tmp_path: Path, files: dict[str, str]) -> None:
    ours, theirs = written(tmp_path / "ours"), written(tmp_path / "theirs", **files)
    assert same_results.differences(ours, theirs) == []


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"spend": SPEND.replace("2.500000", "2.500001")}, "spend.spend: 1 of 2 rows differ"),
        ({"spend": SPEND.replace(",b,", ",c,")}, "spend: 2 and 2 rows, 2 on one side only"),
        ({"spend": SPEND + "2026-03-02,b,2.500000\n"}, "spend: 2 and 3 rows, 0 on one side only"),
        ({"utilization": UTILIZATION.replace("12.5", "12.51")}, "utilization.gpu_mean_pct: 1 of 1"),
        ({"utilization": UTILIZATION.replace(",3", ",4")}, "utilization.samples: 1 of 1"),
        ({"findings": FINDINGS.replace("likely", "suspected")}, "findings.grade: 1 of 1"),
        ({"findings": "cluster_id,rule_id\na,idle\n"}, "findings: columns"),
    ],
    ids=["money", "row", "row twice", "mean", "count", "grade", "column"],
)
def test_any_difference_is_named(tmp_path: Path, files: dict[str, str], problem: str) -> None:
    ours, theirs = written(tmp_path / "ours"), written(tmp_path / "theirs", **files)
    assert problem in " ".join(same_results.differences(ours, theirs))


def test_ratios_are_those_of_runs_that_followed_each_other() -> None:
    ours = [Cost(cpu, 1.0, 100.0, "") for cpu in (1.0, 2.0, 4.0)]
    peer = [Cost(cpu, 1.0, 50.0, "") for cpu in (3.0, 4.0, 4.0)]
    assert ratio(peer, ours) == {"cpu": 2.0, "cpu_least": 1.0, "cpu_most": 3.0, "memory": 0.5}
    assert summary(ours)["cpu_s"] == 2.0


def test_the_list_server_lists_every_cluster_once_newest_first() -> None:
    fleet = Fleet(450)
    pages = [json.loads(fleet.answer({"page": str(n), "limit": "100"})) for n in range(1, 6)]
    clusters = [record for each in pages for record in each["data"]["clusters"]]
    times = [record["created_at"] for record in clusters]
    assert times == sorted(times, reverse=True)
    assert len({record["id"] for record in clusters}) == 450
    assert max(times.count(time) for time in set(times)) == 150
    below = json.loads(fleet.answer({"limit": "100", "created_before": times[99]}))["data"]
    assert below["clusters"][0]["created_at"] < times[99]
    assert below["pagination"]["total_count"] == sum(time < times[99] for time in times)


def test_the_newest_result_of_a_fleet_is_shown() -> None:
    old = {"folds": [{"clusters": 10, "n": 1}, {"clusters": 20, "n": 1}]}
    new = {"folds": [{"clusters": 10, "n": 2}]}
    assert [entry["n"] for entry in page.newest([new, old], "folds", "clusters")] == [2, 1]


def test_the_charts_of_the_page_exist() -> None:
    text = page.PAGE.read_text(encoding="utf-8")
    for name in page.charts(page.load()):
        assert f"(benchmarks/{name}.svg)" in text
        assert (page.CHARTS / f"{name}.svg").is_file()
