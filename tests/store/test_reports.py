"""Reports: a folder per day, and the pointer to the newest."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline.errors import DamageError, StorageError
from pipeline.store.check import Severity, check

if TYPE_CHECKING:
    from pipeline.store import Store

NOON = datetime(2026, 10, 20, 12, tzinfo=UTC)
DAY = date(2026, 10, 20)


def test_a_report_is_replaced_as_a_whole_and_latest_names_the_newest(
    store: Store, tmp_path: Path
) -> None:
    later = DAY + timedelta(days=1)
    store.publish_report(later, {"report.html": b"later"})
    place = store.publish_report(DAY, {"report.html": b"first", "old.csv": b"1"})
    store.publish_report(DAY, {"report.html": b"second"})
    assert place == str(tmp_path / "data" / "reports" / "2026-10-20")
    assert store.read_report(DAY) == {"report.html": b"second"}
    assert store.report_days() == [DAY, later]
    latest = tmp_path / "data" / "reports" / "latest" / "report.html"
    assert latest.read_bytes() == b"later"


def test_a_copied_latest_is_recognised_when_its_own_report_is_made_again(
    store: Store, tmp_path: Path
) -> None:
    reports = tmp_path / "data/reports"
    store.publish_report(DAY, {"report.html": b"first"})
    (reports / "latest").unlink()
    shutil.copytree(reports / str(DAY), reports / "latest")  # as `cp -rL` leaves it
    store.publish_report(DAY, {"report.html": b"second"})
    assert sorted(path.name for path in reports.iterdir()) == [str(DAY), "latest"]
    assert (reports / "latest").is_symlink()


@pytest.mark.parametrize(
    ("kind", "kept"),
    [("link", []), ("dangling", []), ("file", []), ("copy", []), ("other", ["latest.kept-1"])],
)
def test_latest_is_repaired_whatever_a_copying_tool_made_of_it(
    store: Store, tmp_path: Path, kind: str, kept: list[str]
) -> None:
    reports = tmp_path / "data/reports"
    latest = reports / "latest"
    later = DAY + timedelta(days=1)
    store.publish_report(DAY, {"report.html": b"first"})
    if kind != "link":
        latest.unlink()
    if kind == "dangling":
        latest.symlink_to("nowhere")
    elif kind == "file":
        latest.write_text(f"{DAY}\n")
    elif kind in ("copy", "other"):  # as `cp -rL` leaves it, and zip and backup tools
        shutil.copytree(reports / str(DAY), latest)
    if kind == "other":
        (latest / "report.html").write_bytes(b"only here")
    if kind in ("copy", "other"):
        [problem] = check(store.files).problems
        assert (problem.severity, problem.key) == (Severity.WARNING, "reports/latest")
    store.publish_report(later, {"report.html": b"later"})
    assert latest.readlink() == Path(str(later))
    assert sorted(p.name for p in reports.iterdir()) == [str(DAY), str(later), "latest", *kept]
    for name in kept:
        assert (reports / name / "report.html").read_bytes() == b"only here"
        [problem] = check(store.files).problems
        assert f"reports/{name}" in problem.message


def test_a_report_has_sums_that_sha256sum_can_verify(store: Store, tmp_path: Path) -> None:
    store.publish_report(DAY, {"report.html": b"x", "a.csv": b"1,2\n"})
    folder = tmp_path / "data" / "reports" / "2026-10-20"
    subprocess.run(["/usr/bin/env", "sha256sum", "--check", "SHA256SUMS"], cwd=folder, check=True)


def test_one_file_of_a_report_is_read_and_verified_without_the_others(
    store: Store, tmp_path: Path
) -> None:
    store.publish_report(DAY, {"summary.json": b"{}", "spend.csv": b"a long file"})
    folder = tmp_path / "data/reports" / str(DAY)
    (folder / "spend.csv").write_bytes(b"damaged")
    assert store.read_report(DAY, ["summary.json", "message.json"]) == {"summary.json": b"{}"}
    (folder / "summary.json").write_bytes(b"[]")
    with pytest.raises(DamageError, match=r"summary\.json"):
        store.read_report(DAY, ["summary.json"])
    with pytest.raises(StorageError, match="no report of 2026-10-21"):
        store.read_report(DAY + timedelta(days=1), ["summary.json"])
