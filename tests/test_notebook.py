"""The notebook interface: its frames and its errors."""

from __future__ import annotations

import csv
import doctest
import html
import importlib
import json
import re
import shutil
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import vl_convert
from click.testing import CliRunner

import pipeline as fl
from pipeline.cli import cli
from pipeline.errors import SettingsError, StorageError
from pipeline.jobs import Job
from pipeline.jobs.extract import extract
from pipeline.jobs.ledger import update_ledger
from pipeline.jobs.report import make_report
from pipeline.keys import Secret
from pipeline.notebook import OpenStore
from pipeline.notebook.money import with_money
from pipeline.notebook.open_store import NotebookWarning
from pipeline.notebook.results import Replay
from pipeline.settings import Api, Rules, Settings
from pipeline.simulator.app import make_app
from pipeline.simulator.clock import Clock
from pipeline.simulator.fleet import Fleet
from pipeline.simulator.server import serve
from pipeline.store import Store, tables

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parent.parent

START = datetime(2026, 3, 2, tzinfo=UTC)
KEY = Secret("a-key")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seventeen days of six-hourly snapshots, with a ledger and a report."""
    folder = tmp_path_factory.mktemp("notebook") / "data"
    store, clock = Store(str(folder)), Clock(START, step_seconds=1)
    with serve(make_app(Fleet(3, 40, START, 18), clock, keys=(KEY.reveal(),))) as url:
        job = Job(store, Settings(api=Api(url=url)), lambda _name, _account: KEY, clock.now)
        for number in range(17 * 4 + 1):
            clock.set(START + timedelta(hours=6 * number))
            extract(job, "default")
    update_ledger(job)
    make_report(job)
    return folder


@pytest.fixture
def store(data: Path) -> OpenStore:
    return fl.open_store(str(data))


def test_it_says_what_is_in_it(store: OpenStore, data: Path) -> None:
    assert repr(store) == (
        f"<{data}: accounts default; 69 snapshots; 18 ledger days, 2026-03-02 to 2026-03-19>"
    )


def test_a_place_without_data_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=str(tmp_path / "nowhere")):
        fl.open_store(str(tmp_path / "nowhere"))
    assert not (tmp_path / "nowhere").exists()


def test_idle_has_the_clusters_of_the_report(store: OpenStore, data: Path) -> None:
    with (data / "reports/latest/idle.csv").open(newline="") as text:
        reported = {row["cluster_id"] for row in csv.DictReader(text)}
    assert set(store.idle()["cluster_id"]) == reported
    assert reported
    # Other rules, another window.
    assert store.idle()["running_seconds"].max() > 7 * 86_400
    week = store.idle(rules=Rules(idle_window_days=7))
    assert week["running_seconds"].max() <= 7 * 86_400


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        (lambda s: s.ledger(columns=["spend_micro"]), "did you mean 'spend_micros'"),
        (lambda s: s.snapshots(columns=["nme"]), "did you mean 'name'"),
        (lambda s: s.ledger("yesterday"), "first 'yesterday': not a day"),
        (lambda s: s.snapshots(since="soon"), "since 'soon': not a day"),
        (lambda s: s.idle(last="soon"), "last 'soon': not a day"),
        (lambda s: s.spend(first="2026-03-04", last="2026-03-03"), "2026-03-04 is after last"),
        (lambda s: s.spend("project"), "no dimension 'project'; did you mean 'project_id'"),
        (
            lambda s: s.spend(last="2026-04-01"),
            "last 2026-04-01: the closed days",
        ),
        (lambda s: s.findings("2026-04-01"), "day 2026-04-01: the last closed day is 2026-03-18"),
        (lambda s: s.why("nope"), "no cluster of the last 30 days has this id or name"),
        (lambda s: s.changes("May", "2026-03-10"), "period 'May': give a month"),
        (lambda s: s.changes("2026-03-10"), "give both periods"),
        (lambda s: s.changes("2026-03-10", "2026-04-10"), "the closed days of the ledger are"),
        (lambda s: s.what_if(), "give one of stop, gpus"),
        (lambda s: s.what_if(stop="*", gpus=1), "give one of stop, gpus"),
        (lambda s: s.replay("2026-03-10", "2026-03-09"), "first 2026-03-10 is after last"),
        (lambda s: s.replay("2026-03-10", "2026-04-09"), "the closed days of the ledger are"),
        (
            lambda s: s.replay("2026-03-10", "2026-03-12", own_rules={"x": "gpu_mean < 5"}),
            "unknown column gpu_mean; did you mean gpu_mean_pct",
        ),
        (
            lambda s: s.replay("2026-03-10", "2026-03-12", rules={"idle_window": 7}),
            "replay: unknown setting rules.idle_window; did you mean rules.idle_window_days",
        ),
        (lambda s: s.snapshot("soon"), "at 'soon': give 'latest', a day"),
        (lambda s: s.report_inputs("soon"), "period 'soon': give a month"),
    ],
)
def test_an_invalid_argument_is_one_line(
    store: OpenStore, ask: Callable[[OpenStore], object], expected: str
) -> None:
    with pytest.raises(SettingsError, match=expected):
        ask(store)


def test_a_moment_stands_for_its_day(store: OpenStore) -> None:
    day = store.ledger(START, START)
    assert set(day["date"].dt.day) == {2}


def test_a_figure_is_that_of_the_command(store: OpenStore, data: Path) -> None:
    def ran(*args: str) -> dict[str, Any]:
        done = CliRunner().invoke(cli, ["--data-dir", str(data), "--json", *args])
        assert done.exit_code == 0, done.output
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def micros(frame: pd.DataFrame, name: str) -> list[int | None]:
        return [None if pd.isna(value) else int(value) for value in frame[name]]

    spent, frame = ran("spend", "--by", "project,day"), store.spend("project_id", "date")
    assert micros(frame, "spend_micros") == [row["spend_micros"] for row in spent["spend"]]
    assert micros(frame, "spend_low_micros") == [row["spend_low_micros"] for row in spent["spend"]]
    assert f"{frame['date'].max():%Y-%m-%d}" == spent["to"]

    listed, frame = ran("findings"), store.findings()
    assert list(frame["cluster_id"]) == [row["cluster_id"] for row in listed["findings"]]
    for name in ("counted_saving_micros", "waiting_cost_micros", "provable_waste_micros"):
        assert micros(frame, name) == [row[name] for row in listed["findings"]]
    assert list(frame["reason"]) == [row["reason"] for row in listed["findings"]]

    cluster = frame["cluster_id"].iloc[0]
    explained, value = ran("why", cluster), store.why(cluster)
    assert value.cluster == explained["cluster"]
    assert micros(value.days, "spend_micros") == [row["spend_micros"] for row in explained["days"]]
    assert list(value.outcomes["reason"].astype("object")) == [
        row["reason"] for row in explained["outcomes"]
    ]

    priced, plan = ran("what-if", "--gpus", "1"), store.what_if(gpus=1)
    assert plan.saving_micros == priced["saving_micros"]
    assert plan.after_micros == priced["after_micros"]

    days = ("2026-03-10", "2026-03-18")
    tried, done = ran("replay", "--from", days[0], "--to", days[1]), store.replay(*days)
    assert list(done.precision["flagged"]) == [row["flagged"] for row in tried["precision"]]
    assert list(done.flags["cluster_id"]) == [row["cluster_id"] for row in tried["flags"]]


def test_a_figure_is_that_of_the_report(store: OpenStore, data: Path) -> None:
    summary = json.loads((data / "reports/latest/summary.json").read_bytes())
    ahead, changed = store.forecast(), store.changes()
    quoted = ahead.methods[ahead.methods["is_quoted"]].iloc[0]
    reported = next(
        each for each in summary["forecast"]["estimates"] if each["method"] == quoted["method"]
    )
    assert quoted["total_micros"] == reported["total_micros"]
    assert ahead.spent_micros == summary["forecast"]["spent_micros"]
    causes = dict(zip(changed.causes["cause"], changed.causes["micros"], strict=True))
    assert causes == summary["bridge"]["causes"]
    assert changed.after_micros - changed.before_micros == summary["bridge"]["difference_micros"]
    with (data / "reports/latest/utilization.csv").open(newline="") as text:
        rows = list(csv.DictReader(text))
    assert [row["cluster_id"] for row in rows] == list(store.utilization()["cluster_id"])


def test_money_is_there_as_exact_micros_and_as_a_float_of_the_currency(store: OpenStore) -> None:
    spent = store.spend("project_id")
    assert (spent["spend"].dtype, spent["spend_micros"].dtype) == ("float64", "Int64")
    assert list(spent["spend"]) == [value / 1e6 for value in spent["spend_micros"]]
    unknown = with_money(pd.DataFrame({"micros": pd.array([1_500_000, None], "Int64")}))
    assert list(unknown.columns) == ["amount", "micros"]
    assert unknown["amount"].iloc[0] == 1.5
    assert np.isnan(unknown["amount"].iloc[1])


def test_a_week_of_a_year_reads_the_files_of_that_week(
    store: OpenStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = store.store.read_ledger(date(2026, 3, 3), date(2026, 3, 3))
    year = Store(str(tmp_path / "year"))
    first = date(2025, 1, 1)
    for number in range(365):
        year.publish_ledger_day("default", first + timedelta(days=number), "abcdef", day.head(2))
    opened: list[str] = []
    read = tables.read
    monkeypatch.setattr(
        tables, "read", lambda files, key, *rest: opened.append(key) or read(files, key, *rest)
    )
    asked = OpenStore(str(tmp_path / "year"))
    assert opened == []
    assert len(asked.ledger("2025-06-02", "2025-06-08")) == 14
    assert sorted(re.findall(r"date=(\S{10})", " ".join(opened))) == [
        f"2025-06-{number:02}" for number in range(2, 9)
    ]


@pytest.mark.parametrize("name", ["spend", "utilization", "idle"])
def test_a_method_reads_the_days_it_is_asked_about(
    store: OpenStore, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    opened: list[str] = []
    read = tables.read
    monkeypatch.setattr(
        tables, "read", lambda files, key, *rest: opened.append(key) or read(files, key, *rest)
    )
    getattr(store, name)(first="2026-03-05", last="2026-03-07")
    assert len(opened) == 3


def test_it_writes_nothing(store: OpenStore, data: Path) -> None:
    def stored() -> dict[str, float]:
        return {str(path): path.stat().st_mtime_ns for path in data.rglob("*")}

    before = stored()
    store.findings("2026-03-12")
    store.replay("2026-03-10", "2026-03-12", rules={"idle_window_days": 7})
    store.forecast()
    fl.charts.spend_by_day(store, day="2026-03-15")
    assert stored() == before


def test_the_data_is_found_from_a_folder_below(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = data.parent / "notebooks" / "mine"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert len(fl.open_store("data").store.snapshots()) == 69
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    with pytest.raises(StorageError, match="no data there or above") as failed:
        fl.open_store("data")
    for folder in (tmp_path / "empty", tmp_path):
        assert str(folder / "data") in str(failed.value)


def test_data_in_a_folder_inside_is_named(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "demo").symlink_to(data)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StorageError, match=f"there is data in {tmp_path / 'data' / 'demo'}"):
        fl.open_store("data")


def test_results_show_themselves_as_text_and_as_html(store: OpenStore) -> None:
    cluster = store.findings()["cluster_id"].iloc[0]
    for shown in (
        store, store.why(cluster), store.changes(), store.forecast(), store.what_if(stop="*"),
        store.replay("2026-03-10", "2026-03-12"),
    ):  # fmt: skip
        page = shown._repr_html_()
        assert "<table" in page
        assert "micros" not in page
        assert len(repr(shown)) > 60


def test_a_text_of_the_api_is_escaped() -> None:
    rows = pd.DataFrame({"name": ["<script>x</script>"]})
    shown = Replay(sentences=("<b>",), flags=rows, precision=rows)
    assert "<script>" not in shown._repr_html_()
    assert "<b>" not in shown._repr_html_()


def test_a_snapshot_is_the_fleet_as_of_a_moment(store: OpenStore) -> None:
    latest = store.snapshot()
    assert latest["observed_at"].dt.date.unique().tolist() == [date(2026, 3, 19)]
    at = store.snapshot("2026-03-04")
    assert at["observed_at"].dt.date.unique().tolist() == [date(2026, 3, 4)]
    assert store.snapshot("2026-03-04T07:00:00Z")["observed_at"].max().hour == 6
    assert store.snapshot(START)["observed_at"].min().day == 2
    with pytest.raises(StorageError, match="no complete snapshot by 2026-03-01"):
        store.snapshot("2026-03-01")


def test_the_settings_of_a_file_are_applied(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "fleetledger.toml"
    path.write_text(
        'currency = "EUR"\n[budgets.fleet]\namount = 1000\n[own_rules.cheap]\n'
        'when = "hourly_rate_micros < 1"\n'
    )
    store = fl.open_store(str(data), settings=str(path))
    assert "cheap" in set(store.findings(all_outcomes=True)["rule_id"])
    budgets = store.forecast().budgets
    assert budgets is not None
    assert list(budgets["amount"]) == [1000.0]
    assert "€" in repr(store.what_if(stop="*"))


def test_what_a_command_would_warn_of_is_a_warning(data: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(data, copy)
    path = tmp_path / "two.toml"
    path.write_text("[accounts.default]\n[accounts.other]\n")
    (copy / "snapshots" / "account=other").mkdir()
    store = fl.open_store(str(copy), settings=str(path))
    with pytest.warns(NotebookWarning, match="account other: not observed on any day"):
        store.spend("project_id")


def test_the_charts_are_those_of_the_report(store: OpenStore, data: Path) -> None:
    page = (data / "reports/latest/report.html").read_text()
    bars = fl.charts.spend_by_day(store).to_dict()
    tables = [layer["data"]["values"] for layer in bars["layer"]]
    tips = {row["tip"] for rows in tables for row in rows if "tip" in row}
    assert tips
    assert all(html.escape(tip, quote=False) in page for tip in tips)
    for chart in (
        fl.charts.waste(store), fl.charts.price_against_use(store),
        fl.charts.waterfall(store.changes()),
    ):  # fmt: skip
        text = chart.to_json()
        assert "var(--" not in text
        assert '"tooltip"' in text
        assert vl_convert.vegalite_to_png(text).startswith(b"\x89PNG")


def test_nothing_to_draw_is_a_chart_that_states_it(store: OpenStore) -> None:
    same = store.changes("2026-03-10", "2026-03-10")
    assert "nothing to draw" in fl.charts.waterfall(same).to_json()


@pytest.mark.parametrize("name", ["open_store", "charts", "arguments", "data_folder"])
def test_the_examples_of_the_docstrings_work(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    failed, _ = doctest.testmod(importlib.import_module(f"pipeline.notebook.{name}"))
    assert failed == 0


def test_every_method_has_an_example() -> None:
    methods = [
        method
        for name, method in vars(OpenStore).items()
        if callable(method) and not name.startswith("_")
    ]
    assert len(methods) == 13
    assert [method.__name__ for method in methods if ">>>" not in str(method.__doc__)] == []


def test_charts_without_their_library_name_the_extra(
    store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "altair", None)
    with pytest.raises(SettingsError, match=r"fleetledger\[notebook\]"):
        fl.charts.spend_by_day(store)
