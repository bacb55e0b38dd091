"""What each command does for a user who gets everything right."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow.parquet as pq
import pytest

from tests.cli.conftest import KEY, SIMULATED

if TYPE_CHECKING:
    from tests.cli.conftest import Api, Run


def test_extract_stores_one_complete_snapshot_and_prints_its_path(
    api: Api, run: Run, data: Path
) -> None:
    ran = run("extract", url=api.url)
    assert ran.code == 0
    path = ran.out.strip()
    assert path == str(
        data / "snapshots/account=default/date=2026-03-02/20260302T000000Z-complete.parquet"
    )
    listed = api.fleet.at(api.clock.now())
    assert pq.ParquetFile(path).metadata.num_rows == len(listed)
    certificate = json.loads(pq.ParquetFile(path).metadata.metadata[b"fleetledger.certificate"])
    assert certificate["unique_ids"] == certificate["total_count"] == len(listed)


def test_nightly_from_cron_is_silent_and_leaves_a_report(
    history: Run, api: Api, data: Path
) -> None:
    ran = history("nightly", url=api.url)
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    files = {path.name for path in (data / "reports" / "2026-03-03").iterdir()}
    assert {
        "report.html", "findings.csv", "spend.csv", "utilization.csv", "idle.csv",
        "unjudged.csv", "changes.csv", "summary.json", "mail.eml",
    } <= files  # fmt: skip
    assert (data / "reports" / "latest" / "report.html").is_file()
    assert list((data / "findings" / "date=2026-03-03").glob("*.parquet"))


def test_the_report_adds_up_to_the_ledger_and_the_ledger_to_the_counters(
    history: Run, api: Api, data: Path
) -> None:
    folder = history("report").out.strip()
    with Path(folder, "spend.csv").open(newline="") as text:
        shown = sum(round(float(row["spend"]) * 1e6) for row in csv.DictReader(text))
    summary = json.loads((data / "reports/2026-03-03/summary.json").read_text())
    assert shown == summary["spend_micros"]
    truth = api.fleet.truth(*(pd.Timestamp(day, tz="UTC") for day in ("2026-03-02", "2026-03-04")))
    assert summary["low_micros"] <= truth["spend_micros"].sum() <= summary["high_micros"]
    assert shown == pytest.approx(truth["spend_micros"].sum(), rel=0.01)


def test_a_report_of_an_earlier_date_and_another_window(history: Run, data: Path) -> None:
    assert history("report", "--date", "2026-03-02", "--window", "1d").code == 0
    assert (data / "reports/2026-03-02/report.html").is_file()


def test_the_ledger_is_built_once_and_rebuilt_to_the_same_bytes(history: Run, data: Path) -> None:
    before = {path: path.read_bytes() for path in (data / "ledger").rglob("*.parquet")}
    assert json.loads(history("ledger", "--json").out)["days"] == []
    again = json.loads(history("ledger", "--rebuild", "--json").out)["days"]
    assert again == ["2026-03-02", "2026-03-03", "2026-03-04"]
    assert {path: path.read_bytes() for path in (data / "ledger").rglob("*.parquet")} == before


def test_the_list_command_answers_like_the_api(api: Api, run: Run) -> None:
    ran = run(
        "clusters", "--status", "running", "--sort-by", "cost", "--limit", "5", "--format", "json",
        url=api.url,
    )  # fmt: skip
    rates = [row["hourly_rate_micros"] for row in json.loads(ran.out)]
    now = api.fleet.at(api.clock.now())
    highest = now[now["status"] == "running"]["hourly_rate_micros"].nlargest(5)
    assert rates == highest.tolist()
    rows = list(csv.DictReader(io.StringIO(run("clusters", "--format", "csv", url=api.url).out)))
    assert len(rows) == 20
    assert run("clusters", "--limit", "3", url=api.url).out.count("cluster_") >= 3


def test_the_use_cases_answer_over_the_whole_fleet(api: Api, run: Run) -> None:
    now = api.fleet.at(api.clock.now())
    running = now[now["status"] == "running"]
    seen = json.loads(run("overview", "--json", url=api.url).out)
    assert seen["total_clusters"] == len(running)
    assert seen["total_hourly_cost_micros"] == running["hourly_rate_micros"].sum()
    expected = running[
        (running["hourly_rate_micros"] > 10_000_000) & (running["gpu_utilization_pct"] < 30)
    ]
    listed = json.loads(run("candidates", "--json", url=api.url).out)["candidates"]
    assert {row["cluster_id"] for row in listed} == set(expected["cluster_id"])
    assert {row["history"] for row in listed} <= {"no history"}
    named = json.loads(run("dev-clusters", "--json", "--in", "name", url=api.url).out)["clusters"]
    assert all("dev" in row["name"] or "sandbox" in row["name"] for row in named)
    more = json.loads(run("dev-clusters", "--json", url=api.url).out)["clusters"]
    assert {row["cluster_id"] for row in named} <= {row["cluster_id"] for row in more}
    assert sum(row["clusters"] for row in seen["by"]["region"]) == len(running)
    assert sum(row["clusters"] for row in seen["by"]["status"]) == len(now)
    assert seen["total_gpus"] == running["gpu_count"].sum()


def test_an_answer_of_the_api_says_so(api: Api, run: Run) -> None:
    ran = run("overview", "--by", "region", url=api.url)
    assert "default: from the API, just now" in ran.err
    assert "running clusters by region" in ran.out
    assert "by project" not in ran.out


def test_candidates_have_what_the_history_says_beside_them(history: Run) -> None:
    listed = history("findings", "--json")
    known = {
        row["cluster_id"]: row
        for row in reversed(json.loads(listed.out)["findings"])
        if row["grade"]
    }
    ran = history("candidates", "--max-age", "99999d", "--min-hourly-rate", "0", "--json")
    answer = json.loads(ran.out)
    assert answer["history_date"] == json.loads(listed.out)["date"]
    rows = [row for row in answer["candidates"] if row["cluster_id"] in known]
    assert rows
    assert all(row["grade"] and row["since"] for row in rows)
    others = [row for row in answer["candidates"] if row["cluster_id"] not in known]
    assert not [row for row in others if row["grade"]]
    shown = history("candidates", "--max-age", "99999d", "--min-hourly-rate", "0")
    assert f"history: the findings of {answer['history_date']}" in shown.err


def test_a_question_is_answered_from_a_young_snapshot_without_asking_again(
    api: Api, run: Run
) -> None:
    run("extract", url=api.url)
    # The snapshot is of the simulated March: years old is not young, unless the user says so.
    offline = run("overview", "--max-age", "99999d", url="http://127.0.0.1:1")
    assert offline.code == 0
    assert "running clusters" in offline.out


def test_without_a_key_a_question_about_now_names_the_option_for_the_stored_snapshot(
    history: Run, tmp_path: Path
) -> None:
    ran = history("overview", key=None)
    assert (ran.code, ran.out) == (10, "")
    assert ran.err.startswith("fleetledger: no API key: ")
    option = re.search(r"; or give (--max-age \d+d) to answer from the stored snapshot of", ran.err)
    assert option
    answered = history("overview", *option[1].split(), key=None)
    assert answered.code == 0
    assert "from the snapshot of 2026-03-04 00:00:00Z" in answered.err
    empty = history("overview", "--data-dir", str(tmp_path / "empty"), key=None)
    assert empty.code == 10
    assert "--max-age" not in empty.err


def test_json_is_one_object_whatever_happens(run: Run) -> None:
    ran = run("report", "--json")
    assert ran.code == 12
    result = json.loads(ran.out)
    assert result["exit_code"] == 12
    assert "extract" in result["messages"][0]


def test_global_options_stand_before_or_after_the_command(
    api: Api, run: Run, tmp_path: Path
) -> None:
    for number, args in enumerate(
        (
            ["--data-dir", str(tmp_path / "0"), "extract"],
            ["extract", "--data-dir", str(tmp_path / "1")],
        )
    ):
        assert run(*args, url=api.url).code == 0
        assert list((tmp_path / str(number) / "snapshots").rglob("*.parquet"))


def test_v2_and_the_bare_key_are_accepted(api: Api, run: Run, tmp_path: Path) -> None:
    config = tmp_path / "bare.toml"
    config.write_text('[api]\nauth = "bare"\n' + SIMULATED)
    ran = run("extract", "--api-version", "v2", "--config", str(config), url=api.url)
    assert ran.code in {0, 3}
    frame = pd.read_parquet(ran.out.strip())
    assert frame["hourly_rate_micros"].isna().all()
    assert len(frame) == len(api.fleet.at(api.clock.now()))


def test_each_account_has_its_own_key_and_partition(
    api: Api, run: Run, tmp_path: Path, data: Path
) -> None:
    config = tmp_path / "two.toml"
    accounts = '[accounts.lab]\nkey_env = "LAB"\n[accounts.prod]\nkey_env = "PROD"\n'
    config.write_text(accounts + SIMULATED)
    ran = run("extract", "--config", str(config), url=api.url, key=None, LAB=KEY, PROD=KEY)
    assert ran.code == 0
    assert {path.name for path in (data / "snapshots").iterdir()} == {"account=lab", "account=prod"}


def test_status_reports_the_age_of_the_newest_snapshot(history: Run) -> None:
    assert history("status").code == 0
    old = history("status", "--max-age", "26h")
    assert old.code == 3
    assert "older than --max-age" in old.err


def test_send_with_nothing_to_send_says_so(history: Run, tmp_path: Path) -> None:
    config = tmp_path / "hook.toml"
    config.write_text(
        SIMULATED + '[webhooks.ml]\nkind = "slack"\nurl_env = "HOOK"\nowner = "ml team"\n'
    )
    history("report")
    ran = history("send", "--config", str(config), HOOK="http://127.0.0.1:1/")
    assert ran.code == 0
    assert ran.out == "nothing to send: no mail or post of the report of 2026-03-03 is due\n"


def test_send_writes_the_message_to_a_file(history: Run, tmp_path: Path) -> None:
    history("report")
    assert history("send", "--to-file", str(tmp_path / "mail.eml")).code == 0
    message = (tmp_path / "mail.eml").read_text()
    assert "report.html" in message
    assert "findings.csv" in message


def test_a_list_says_its_page_of_how_many_that_match(history: Run, api: Api) -> None:
    api.go_to(54)
    old = ("clusters", "--max-age", "99999d", "--created-before", "2026-06-01T00:00:00Z")
    complete = json.loads(history(*old, "--limit", "100", "--json").out)
    total = len(complete["clusters"])
    result = json.loads(history(*old, "--limit", "5", "--page", "2", "--json").out)
    assert result["clusters"] == complete["clusters"][5:10]
    assert result["pagination"] == {
        "current_page": 2,
        "total_pages": -(-total // 5),
        "total_count": total,
        "per_page": 5,
        "has_next": True,
        "has_previous": True,
    }
    shown = history(*old, "--limit", "5", "--page", "2").out.splitlines()[0]
    assert shown.startswith(f"page 2 of {-(-total // 5)}: 5 of {total} clusters that match")


def test_a_stored_answer_says_so_and_is_a_complete_one(history: Run, data: Path) -> None:
    for name in ("20991231T000000Z-suspect", "20991231T000001Z-drifted"):
        folder = data / "snapshots/account=default/date=2099-12-31"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.parquet").write_bytes(b"nobody reads this")
    ran = history("overview", "--max-age", "99999d")
    assert ran.code == 0
    assert "from the snapshot of 2026-03-04 00:00:00Z" in ran.err
    source = json.loads(history("overview", "--max-age", "99999d", "--json").out)["sources"][0]
    assert (source["source"], source["state"]) == ("snapshot", "complete")
    assert source["observed_at"] == "2026-03-04T00:00:00Z"
    assert source["age_seconds"] > 0
