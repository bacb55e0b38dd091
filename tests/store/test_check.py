"""Flip any bit of any stored file: found, and named.

``THOROUGH=1`` (make test-crash) flips 10,000 of them instead of a few hundred.
"""

from __future__ import annotations

import os
import random
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from pipeline.errors import Exit
from pipeline.model import RunRecord, State
from pipeline.schema import FINDINGS
from pipeline.store import final_days, layout, tables
from pipeline.store.check import Severity, check

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipeline.store import Store
    from tests.store.conftest import MakeSnapshot

NOON = datetime(2026, 10, 20, 12, tzinfo=UTC)
DAY = date(2026, 10, 20)
FLIPS = 10_000 if os.environ.get("THOROUGH") == "1" else 300


@pytest.fixture
def full(store: Store, snapshot: MakeSnapshot, ledger_day: Callable[..., pd.DataFrame]) -> Store:
    """A store with one of everything."""
    ref = store.publish_snapshot(snapshot(rows=5))
    store.publish_snapshot(snapshot(NOON + timedelta(days=1), rows=5))
    final = store.publish_ledger_day("default", DAY, "aaaa", ledger_day(rows=5))
    final_days.record(store.files, final, [ref], tables.read_totals(store.files, final.key), NOON)
    store.publish_ledger_day("default", DAY + timedelta(1), "bbbb", ledger_day(rows=5))
    row = dict.fromkeys(FINDINGS.names) | {
        "account": "default",
        "cluster_id": "c1",
        "rule_id": "idle",
        "rule_version": 1,
        "outcome": "CLEAR",
        "samples": 3,
    }
    store.publish_findings(DAY, "cccc", FINDINGS.enforce(pd.DataFrame([row])))
    store.publish_report(DAY, {"report.html": b"<html>" * 200, "a.csv": b"1,2\n", "e.csv": b""})
    store.record_run(RunRecord(command="x", started_at=NOON, finished_at=NOON, exit_code=0))
    store.put_state("mails.json", b'{"a": 1}')
    return store


def stored_files(root: Path) -> list[Path]:
    return sorted(p for p in root.rglob("*") if p.is_file() and "latest" not in p.parts)


def test_an_undamaged_store_has_no_problems(full: Store) -> None:
    for read_data in (False, True):
        checked = check(full.files, read_data=read_data)
        assert (checked.problems, checked.exit_code) == ((), Exit.DONE)
        assert checked.files > 8


def test_every_flipped_bit_of_every_file_is_found_and_named(full: Store, tmp_path: Path) -> None:
    chance = random.Random(20)  # noqa: S311
    root = tmp_path / "data"
    files = [path for path in stored_files(root) if path.stat().st_size]
    assert len(files) >= 9
    for number in range(FLIPS):
        path = files[number % len(files)]
        content = path.read_bytes()
        flipped = bytearray(content)
        flipped[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(flipped)
        checked = check(full.files, read_data=True)
        path.write_bytes(content)
        key = path.relative_to(root).as_posix()
        damaged = {p.key for p in checked.problems if p.severity is Severity.DAMAGE}
        assert key in damaged
        assert checked.exit_code == Exit.DAMAGE
        if not key.startswith("ledger/"):  # a final record also vouches for its ledger file
            assert damaged == {key}
        assert all(p.message and "\n" not in p.message for p in checked.problems)
    assert check(full.files, read_data=True).problems == ()


def test_every_truncation_is_found_and_named(full: Store, tmp_path: Path) -> None:
    root = tmp_path / "data"
    for path in stored_files(root):
        content = path.read_bytes()
        for length in {0, len(content) // 2, len(content) - 1} & set(range(len(content))):
            path.write_bytes(content[:length])
            damaged = {problem.key for problem in check(full.files, read_data=True).problems}
            assert path.relative_to(root).as_posix() in damaged
        path.write_bytes(content)


def test_a_missing_file_of_a_report_and_a_missing_final_day_are_found(
    full: Store, tmp_path: Path
) -> None:
    (tmp_path / "data/reports/2026-10-20/a.csv").unlink()
    day = layout.ledger("default", DAY, "aaaa").key
    (tmp_path / "data" / day).unlink()
    messages = "\n".join(problem.message for problem in check(full.files).problems)
    assert "reports/2026-10-20/a.csv: it is missing" in messages
    assert f"{day}: it is missing, and its day is final" in messages


def test_without_reading_data_names_certificates_and_small_files_are_checked(
    full: Store, tmp_path: Path
) -> None:
    path = tmp_path / "data" / full.snapshots()[0].key
    data = path.read_bytes()
    path.write_bytes(data.replace(b"two walks agree", b"ten walks agree"))
    problem = check(full.files).problems[0]
    assert (problem.key, problem.severity) == (full.snapshots()[0].key, Severity.DAMAGE)
    assert "checksum" in problem.message


def test_rows_that_do_not_add_up_are_found_even_under_a_valid_seal(
    full: Store, monkeypatch: pytest.MonkeyPatch, snapshot: MakeSnapshot
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(tables, "totals", lambda _: tables.Totals(5, {"total_cost_micros": 1}))
        ref = full.publish_snapshot(snapshot(NOON + timedelta(hours=1), rows=5))
    [problem] = check(full.files, read_data=True).problems
    assert problem.key == ref.key
    assert "do not add up" in problem.message


def test_a_foreign_file_is_a_warning_and_temporary_files_are_not(
    full: Store, tmp_path: Path
) -> None:
    folder = tmp_path / "data/snapshots/account=default/date=2026-10-20"
    (folder / "notes.txt").write_text("")
    (folder / ".tmp-0123").write_text("")
    (tmp_path / "data/README.md").write_text("")
    checked = check(full.files, read_data=True)
    assert [p.key.rpartition("/")[2] for p in checked.problems] == ["notes.txt"]
    assert checked.exit_code == Exit.WARNINGS


def test_a_gap_between_complete_snapshots_is_information(
    store: Store, snapshot: MakeSnapshot
) -> None:
    for hours, state in ((0, "complete"), (24, "complete"), (30, "drifted"), (60, "complete")):
        store.publish_snapshot(snapshot(NOON + timedelta(hours=hours), state=State(state)))
    checked = check(store.files)
    assert (checked.problems, checked.exit_code) == ((), Exit.DONE)
    [gap] = checked.gaps
    assert gap.message == (
        "account default: no complete snapshot for 36 h, from 2026-10-21 12:00 to "
        "2026-10-23 00:00 UTC; it is past and cannot be filled"
    )
    assert check(store.files, max_gap=timedelta(hours=40)).gaps == ()


def test_a_gap_of_two_days_or_more_is_in_days(store: Store, snapshot: MakeSnapshot) -> None:
    for hours in (0, 47, 47 + 48, 47 + 48 + 6436):
        store.publish_snapshot(snapshot(NOON + timedelta(hours=hours)))
    lengths = [gap.message.split(" for ")[1].split(",")[0] for gap in check(store.files).gaps]
    assert lengths == ["47 h", "2 days", "268 days"]


def test_stale_missing_and_orphaned_ledger_days_are_warnings(full: Store) -> None:
    later = DAY + timedelta(days=1)
    wanted = {"default": {DAY: "ffff", later: "bbbb"}}
    assert check(full.files, expected=wanted).problems == ()  # the day of another digest is final
    wanted["default"] = {later: "eeee", later + timedelta(days=1): "dddd"}
    messages = [p.message for p in check(full.files, expected=wanted).problems]
    assert messages == [
        "ledger day 2026-10-21 of account default is stale; run: fleetledger ledger",
        "ledger day 2026-10-22 of account default is missing; run: fleetledger ledger",
    ]
    messages = [p.message for p in check(full.files, expected={}).problems]
    assert messages == [
        "ledger day 2026-10-21 of account default is without snapshots; run: fleetledger ledger"
    ]


def test_a_pointer_to_nowhere_is_damage(full: Store, tmp_path: Path) -> None:
    latest = tmp_path / "data/reports/latest"
    latest.unlink()
    latest.symlink_to("2026-10-02")
    [problem] = check(full.files).problems
    assert (problem.key, problem.severity) == ("reports/latest", Severity.DAMAGE)
