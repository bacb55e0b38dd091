"""`make run`: the whole product on its embedded default. Made twice and checked."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

import pipeline
from pipeline import demo
from pipeline.simulator.fleet import Fleet

ROOT = Path(__file__).parent.parent


def run_demo(folder: Path) -> tuple[str, dict[str, bytes]]:
    """What it printed, and the files of its report."""
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "pipeline", "--data-dir", str(folder), "demo"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = Path(done.stdout.splitlines()[-1]).parent
    return done.stdout, {path.name: path.read_bytes() for path in sorted(report.iterdir())}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "data"


@pytest.fixture(scope="module")
def made(folder: Path) -> tuple[str, dict[str, bytes]]:
    return run_demo(folder)


@pytest.fixture(scope="module")
def files(made: tuple[str, dict[str, bytes]]) -> dict[str, bytes]:
    return made[1]


def test_the_demo_prints_the_headline_and_the_path_of_the_report(
    folder: Path, made: tuple[str, dict[str, bytes]], files: dict[str, bytes]
) -> None:
    headline, path = made[0].splitlines()
    assert headline == json.loads(files["summary.json"])["title"]
    assert Path(path).is_file()
    in_folder = Path(path).relative_to(folder).as_posix()
    for page in ("README.md", "docs/first-night.md"):
        assert f"`data/demo/{in_folder}`" in (ROOT / page).read_text(encoding="utf-8")


def test_every_snapshot_was_taken_over_http_and_is_complete(
    folder: Path, files: dict[str, bytes]
) -> None:
    del files
    refs = pipeline.open_store(str(folder)).store.snapshots()
    assert len(refs) == 1 + 30 * 24 + 1
    assert all(ref.is_complete for ref in refs)


def test_each_clock_hour_has_a_snapshot_at_a_random_instant(
    folder: Path, files: dict[str, bytes]
) -> None:
    del files
    store = pipeline.open_store(str(folder)).store
    first, *drawn = [store.certificate(ref) for ref in store.snapshots()]
    assert (first.spread, first.started_at) == (None, demo.START)
    minutes = set()
    for hour, certificate in enumerate(drawn):
        assert certificate.spread is not None
        assert certificate.spread.start == demo.START + timedelta(hours=hour)
        assert certificate.spread.seconds == 3600
        offset = (certificate.started_at - certificate.spread.start).total_seconds()
        assert 0 <= offset < 3600
        minutes.add(int(offset // 60))
    assert minutes == set(range(60))  # 721 draws miss a minute with probability 60 x (59/60)^721
    assert drawn[-1].started_at >= demo.START + timedelta(days=demo.DAYS)


def test_spend_bounds_include_the_true_spend(files: dict[str, bytes]) -> None:
    fleet = Fleet(demo.SEED, demo.CLUSTERS, demo.START, demo.DAYS)
    truth = fleet.truth(demo.START, demo.START + timedelta(days=demo.DAYS))
    summary = json.loads(files["summary.json"])
    total = int(truth["spend_micros"].sum())
    error = abs(summary["spend_micros"] - total)
    assert error <= total // 2000  # 0.05 %
    page = " ".join((ROOT / "docs/accuracy.md").read_text(encoding="utf-8").split())
    assert (
        f"{summary['spend_micros'] / 1e6:,.2f} against the simulator's {total / 1e6:,.2f}, "
        f"an error of {error / total:.3%}".replace("%", " %")
    ) in page


def test_the_headlines_number_is_the_sum_of_the_rows(files: dict[str, bytes]) -> None:
    rows = list(csv.DictReader(io.StringIO(files["findings.csv"].decode())))
    idle = [row for row in rows if row["rule_id"] == "idle" and row["provable_waste"]]
    waste = {
        is_proven: sum(
            round(float(row["provable_waste"]) * 1e6)
            for row in idle
            if (row["grade"] == "proven") == is_proven
        )
        for is_proven in (True, False)
    }
    summary = json.loads(files["summary.json"])
    assert waste == {True: summary["waste_micros"], False: summary["unproven_micros"]}
    listed = list(csv.DictReader(io.StringIO(files["idle.csv"].decode())))
    assert {(row["cluster_id"], row["grade"], row["provable_waste"]) for row in idle} == {
        (row["cluster_id"], row["grade"], row["provable_waste"]) for row in listed
    }
    spend = csv.DictReader(io.StringIO(files["spend.csv"].decode()))
    total = sum(round(float(row["spend"]) * 1e6) for row in spend if row["spend"])
    assert total == json.loads(files["summary.json"])["spend_micros"]


def test_clusters_proven_idle_are_really_idle(files: dict[str, bytes]) -> None:
    fleet = Fleet(demo.SEED, demo.CLUSTERS, demo.START, demo.DAYS)
    truth = fleet.truth(demo.START, demo.START + timedelta(days=demo.DAYS))
    profile = dict(zip(truth["cluster_id"], truth["profile"], strict=True))
    rows = csv.DictReader(io.StringIO(files["findings.csv"].decode()))
    proven = [
        profile[row["cluster_id"]]
        for row in rows
        if row["rule_id"] == "idle" and row["grade"] == "proven"
    ]
    assert len(proven) >= 5
    assert set(proven) <= {"idle", "zombie"}


def test_the_report_needs_no_network(files: dict[str, bytes]) -> None:
    page = files["report.html"].decode()
    assert not re.findall(r"""(?:src|href)\s*=\s*["']?(?:https?:)?//""", page)
    assert "url(http" not in page


def test_the_notebooks_frames_equal_the_report(folder: Path, files: dict[str, bytes]) -> None:
    store = pipeline.open_store(str(folder))
    summary = json.loads(files["summary.json"])
    spend = store.spend(first=summary["first"], last=summary["day"])
    assert int(spend["spend_micros"].sum()) == summary["spend_micros"]
    assert isinstance(store.idle(), pd.DataFrame)


def test_a_second_run_starts_empty_and_makes_the_same_report(
    folder: Path, files: dict[str, bytes]
) -> None:
    (folder / "reports" / "old.txt").write_text("left over")
    _, again = run_demo(folder)
    assert not (folder / "reports" / "old.txt").exists()
    assert again == files


def test_the_demo_folder_is_private_under_any_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        folder = Path(demo.clean_folder(str(tmp_path / "above" / "data")))
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (folder, *folder.iterdir())}
    assert modes == {"data": 0o700, demo.MARKER_FILE: 0o600}
