from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import pipeline
from pipeline.errors import (
    AlreadyStoredError,
    DamageError,
    Exit,
    LockedError,
    SettingsError,
    StorageError,
)
from pipeline.model import Quarantined, RunRecord, State
from pipeline.schema import FINDINGS, LEDGER, SNAPSHOT
from pipeline.store import Store
from pipeline.store.check import Severity, check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.store.conftest import MakeSnapshot

NOON = datetime(2026, 10, 20, 12, tzinfo=UTC)
DAY = date(2026, 10, 20)


def test_a_snapshot_comes_back_as_it_was(store: Store, snapshot: MakeSnapshot) -> None:
    taken = snapshot(rows=7, quarantine=(Quarantined(reason="no id", raw='{"name": "x"}'),))
    ref = store.publish_snapshot(taken)
    read = store.read_snapshot(ref)
    assert read.certificate == taken.certificate == store.certificate(ref)
    assert read.quarantine == taken.quarantine
    assert read.table.to_pylist() == taken.table.to_pylist()
    assert read.table.schema == SNAPSHOT.stored


def test_rows_in_any_order_are_the_same_bytes(snapshot: MakeSnapshot, tmp_path: Path) -> None:
    taken = snapshot(rows=9)
    shuffled = taken.table.take(pa.array([3, 4, 8, 0, 2, 6, 1, 7, 5]))
    one, other = Store(str(tmp_path / "a")), Store(str(tmp_path / "b"))
    ref = one.publish_snapshot(taken)
    other.publish_snapshot(
        type(taken)(certificate=taken.certificate, table=shuffled, quarantine=())
    )
    assert one.files.read(ref.key) == other.files.read(ref.key)


def test_the_second_writer_of_a_name_is_told_and_changes_nothing(
    store: Store, snapshot: MakeSnapshot
) -> None:
    ref = store.publish_snapshot(snapshot(rows=3))
    before = store.files.read(ref.key)
    with pytest.raises(AlreadyStoredError, match="another run has stored it first") as caught:
        store.publish_snapshot(snapshot(rows=4))
    assert caught.value.exit_code == Exit.STORAGE
    assert store.files.read(ref.key) == before


def test_snapshots_are_listed_by_account_and_time(store: Store, snapshot: MakeSnapshot) -> None:
    for account in ("b", "a"):
        for hours in (30, 1, 2):
            store.publish_snapshot(snapshot(NOON + timedelta(hours=hours), account=account))
    store.publish_snapshot(snapshot(NOON, account="a", state=State.SUSPECT))
    refs = store.snapshots()
    assert [(ref.account, ref.started_at) for ref in refs] == sorted(
        (ref.account, ref.started_at) for ref in refs
    )
    assert store.accounts() == ["a", "b"]
    assert len(store.snapshots("a")) == 4
    assert [ref.state for ref in store.snapshots("a", last=DAY)] == [
        State.SUSPECT,
        State.COMPLETE,
        State.COMPLETE,
    ]
    assert len(store.snapshots(first=DAY + timedelta(days=1))) == 2
    assert store.snapshots("nobody") == []


def test_two_snapshots_of_one_second_are_both_kept(store: Store, snapshot: MakeSnapshot) -> None:
    store.publish_snapshot(snapshot(state=State.COMPLETE))
    store.publish_snapshot(snapshot(state=State.UNPROVEN))
    assert len(store.snapshots()) == 2


def test_only_the_asked_columns_are_read(store: Store, snapshot: MakeSnapshot) -> None:
    ref = store.publish_snapshot(snapshot())
    read = store.read_snapshot(ref, ["status", "cluster_id"])
    assert read.table.column_names == ["status", "cluster_id"]


def test_a_null_where_none_may_be_is_never_stored(store: Store, snapshot: MakeSnapshot) -> None:
    with pytest.raises(ValueError, match="'cluster_id' with null"):
        store.publish_snapshot(snapshot(rows=2, cluster_id=["a", None]))
    assert store.snapshots() == []


def test_long_quarantine_is_cut_but_counted(store: Store, snapshot: MakeSnapshot) -> None:
    records = tuple(Quarantined(reason="r", raw="x" * 10_000) for _ in range(500))
    ref = store.publish_snapshot(snapshot(quarantine=records))
    read = store.read_snapshot(ref)
    assert read.certificate.quarantined == 500
    assert 0 < len(read.quarantine) < 100
    assert {len(record.raw) for record in read.quarantine} == {4096}


def test_a_quarantined_record_cannot_forge_the_seal(store: Store, snapshot: MakeSnapshot) -> None:
    mark = "fleetledger-seal:sha256:"
    forged = tuple(Quarantined(reason="r", raw=mark + digit * 64) for digit in "0a")
    taken = snapshot(rows=2, quarantine=forged, cluster_id=[mark + "0" * 64, mark + "f" * 64])
    assert store.read_snapshot(store.publish_snapshot(taken)).quarantine == forged


def test_an_empty_fleet_is_stored_and_read(
    store: Store, snapshot: MakeSnapshot, ledger_day: Callable[..., pd.DataFrame]
) -> None:
    ref = store.publish_snapshot(snapshot(rows=0))
    assert store.read_snapshot(ref).table.num_rows == 0
    store.publish_ledger_day("default", DAY, "abcd", ledger_day(rows=0))
    assert store.read_ledger(DAY, DAY).dtypes.astype(str).equals(LEDGER.empty().dtypes.astype(str))


def test_a_window_of_the_ledger_is_one_frame(
    store: Store, ledger_day: Callable[..., pd.DataFrame]
) -> None:
    for offset in range(4):
        for account in ("x", "y"):
            frame = ledger_day(rows=2 + offset)
            store.publish_ledger_day(account, DAY + timedelta(days=offset), "abcd", frame)
    window = store.read_ledger(DAY + timedelta(days=1), DAY + timedelta(days=2))
    assert list(window.columns) == list(LEDGER.names)
    assert window.dtypes.astype(str).equals(LEDGER.empty().dtypes.astype(str))
    assert len(window) == 2 * (3 + 4)
    assert window.groupby(["account", "date"], observed=True).size().to_dict() == {
        (account, pd.Timestamp("2026-10-20") + pd.Timedelta(days=offset)): 2 + offset
        for account in ("x", "y")
        for offset in (1, 2)
    }
    some = store.read_ledger(DAY, DAY, accounts=["y"], columns=["spend_micros", "date"])
    assert list(some.columns) == ["date", "spend_micros"]
    assert some["spend_micros"].tolist() == [0, 1_000_001]


def test_a_window_without_ledger_is_an_empty_frame(store: Store) -> None:
    assert store.read_ledger(DAY, DAY).empty
    assert list(store.read_ledger(DAY, DAY, columns=["flags"]).columns) == ["flags"]


def test_a_new_digest_replaces_the_old_file_of_the_day(
    store: Store, ledger_day: Callable[..., pd.DataFrame]
) -> None:
    store.publish_ledger_day("default", DAY, "aaaa", ledger_day(rows=2))
    store.publish_ledger_day("default", DAY + timedelta(days=1), "cccc", ledger_day(rows=2))
    store.publish_ledger_day("default", DAY, "bbbb", ledger_day(rows=5))
    assert [ref.digest for ref in store.ledger_days()] == ["bbbb", "cccc"]
    assert len(store.read_ledger(DAY, DAY)) == 5


def test_damage_stops_a_reader_or_is_skipped_and_said(
    store: Store, ledger_day: Callable[..., pd.DataFrame]
) -> None:
    for offset in range(3):
        day = DAY + timedelta(days=offset)
        ref = store.publish_ledger_day("default", day, "abcd", ledger_day(rows=2))
    path = store.files.path(ref.key)
    assert path is not None
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 8
    path.write_bytes(data)
    with pytest.raises(DamageError, match=ref.key) as caught:
        store.read_ledger(DAY, DAY + timedelta(days=2))
    assert caught.value.exit_code == Exit.DAMAGE
    damaged: list[str] = []
    rest = store.read_ledger(DAY, DAY + timedelta(days=2), damaged=damaged)
    assert len(rest) == 4
    assert len(damaged) == 1
    assert ref.key in damaged[0]


def test_findings_of_a_day_are_replaced_as_a_whole(store: Store) -> None:
    row = dict.fromkeys(FINDINGS.names)
    row |= {
        "account": "default",
        "cluster_id": "c1",
        "rule_id": "idle",
        "rule_version": 1,
        "outcome": "CLEAR",
        "samples": 3,
    }
    frame = FINDINGS.enforce(pd.DataFrame([row, row | {"cluster_id": "c0"}]))
    store.publish_findings(DAY, "aaaa", frame.head(1))
    store.publish_findings(DAY, "bbbb", frame)
    assert store.read_findings(DAY)["cluster_id"].tolist() == ["c0", "c1"]
    assert list(store.findings_digests()) == [DAY]
    with pytest.raises(StorageError, match="no findings of 2026-10-21"):
        store.read_findings(DAY + timedelta(days=1))


def test_days_of_findings_are_dates_in_the_file_and_days_in_frames(store: Store) -> None:
    row = dict.fromkeys(FINDINGS.names) | {
        "account": "default",
        "cluster_id": "c1",
        "rule_id": "idle",
        "rule_version": 1,
        "outcome": "FINDING",
        "samples": 3,
        "found_on": pd.Timestamp(DAY),
    }
    frame = FINDINGS.enforce(pd.DataFrame([row]))
    path = store.files.path(store.publish_findings(DAY, "aaaa", frame))
    assert path is not None
    stored = pq.read_table(path)
    assert stored.column("found_on").to_pylist() == [DAY]  # a date, not a time without a zone
    for name in ("found_on", "gone_on"):
        assert stored.schema.field(name).type == pa.date32()
        assert store.read_findings(DAY)[name].dtype == "datetime64[us]"


def test_a_report_is_replaced_as_a_whole_and_latest_is_the_newest(
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


@pytest.mark.parametrize(
    ("kind", "kept"),
    [("link", []), ("dangling", []), ("file", []), ("copy", []), ("other", ["latest.kept-1"])],
)
def test_latest_is_put_right_whatever_copying_has_made_of_it(
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


def test_a_store_copied_with_other_modes_and_times_works(
    store: Store, snapshot: MakeSnapshot, tmp_path: Path
) -> None:
    store.publish_snapshot(snapshot())
    store.publish_report(DAY, {"report.html": b"first"})
    with store.lock("derive"):
        pass
    copy = tmp_path / "copy"
    shutil.copytree(tmp_path / "data", copy)  # links followed
    for path in copy.rglob("*"):
        os.utime(path, (0, 0))
        path.chmod(0o755 if path.is_dir() else 0o444)
    moved = Store(str(copy))
    with moved.lock("derive"):
        moved.publish_report(DAY, {"report.html": b"second"})
        moved.put_state("x", b"1")
    assert moved.read_report(DAY) == {"report.html": b"second"}
    assert moved.snapshots() == store.snapshots()
    assert not list((tmp_path / "data").rglob(".tmp-*"))
    with pytest.raises(StorageError, match="no report of 2020-01-01"):
        store.read_report(date(2020, 1, 1))


def test_a_report_carries_sums_that_any_tool_can_verify(store: Store, tmp_path: Path) -> None:
    store.publish_report(DAY, {"report.html": b"x", "a.csv": b"1,2\n"})
    folder = tmp_path / "data" / "reports" / "2026-10-20"
    subprocess.run(["/usr/bin/env", "sha256sum", "--check", "SHA256SUMS"], cwd=folder, check=True)


def test_runs_are_listed_newest_first_even_within_a_second(store: Store) -> None:
    for code in (0, 3, 11):
        store.record_run(
            RunRecord(command="nightly", started_at=NOON, finished_at=NOON, exit_code=code)
        )
    early = NOON - timedelta(hours=1)
    store.record_run(RunRecord(command="extract", started_at=early, finished_at=NOON, exit_code=0))
    assert [run.exit_code for run in store.runs(3)] == [11, 3, 0]
    assert len(store.runs(99)) == 4


def test_state_is_kept_under_its_name(store: Store) -> None:
    assert store.get_state("mails.json") is None
    store.put_state("mails.json", b'{"a": 1}\n')
    store.put_state("mails.json", b"\x00binary\n\n")
    assert store.get_state("mails.json") == b"\x00binary\n\n"


def test_a_lock_keeps_others_out_and_ends_with_its_holder(store: Store, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from pipeline.store.local import LocalFiles\n"
        "with LocalFiles(Path(sys.argv[1])).lock('nightly'): print('held', flush=True); input()"
    )
    held = subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", code, str(tmp_path / "data")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert held.stdout is not None
    assert held.stdout.readline() == b"held\n"
    with pytest.raises(LockedError, match=r"locks/nightly\.lock"), store.lock("nightly"):
        pass
    with store.lock("extract"):
        pass
    held.kill()
    held.communicate()
    with store.lock("nightly"):
        pass


def test_files_and_folders_are_private_under_any_umask(
    store: Store, snapshot: MakeSnapshot, tmp_path: Path
) -> None:
    before = os.umask(0)
    try:
        store.publish_snapshot(snapshot())
        store.publish_report(DAY, {"report.html": b"x"})
        store.put_state("x", b"x")
        with store.lock("x"):
            pass
    finally:
        os.umask(before)
    modes = {
        stat.S_IMODE(path.lstat().st_mode)
        for path in (tmp_path / "data").rglob("*")
        if not path.is_symlink()
    }
    assert modes == {0o600, 0o700}


@pytest.fixture
def ordinary_user() -> Iterator[Path]:
    """A folder of a user whom permissions bind, which they do not do to root."""
    with tempfile.TemporaryDirectory() as folder:
        if os.geteuid() == 0:
            os.chown(folder, 65534, 65534)
            os.seteuid(65534)
            try:
                yield Path(folder)
            finally:
                os.seteuid(0)
        else:
            yield Path(folder)


def test_a_read_only_store_reads_and_says_what_to_do_when_written(
    ordinary_user: Path, snapshot: MakeSnapshot
) -> None:
    store = Store(str(ordinary_user / "data"))
    ref = store.publish_snapshot(snapshot())
    folders = [path for path in ordinary_user.rglob("*") if path.is_dir()]
    for folder in folders:
        folder.chmod(0o500)
    try:
        assert store.read_snapshot(ref).table.num_rows == 3
        with pytest.raises(StorageError, match="choose another --data-dir"):
            store.publish_snapshot(snapshot(NOON + timedelta(hours=1)))
        with pytest.raises(StorageError, match="choose another --data-dir"), store.lock("x"):
            pass
    finally:
        for folder in folders:
            folder.chmod(0o700)


def test_a_file_where_the_data_folder_should_be_is_one_clear_line(
    snapshot: MakeSnapshot, tmp_path: Path
) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(StorageError, match="a file stands where a folder must be"):
        Store(str(tmp_path / "data")).publish_snapshot(snapshot())


def test_an_unknown_scheme_is_refused_by_name() -> None:
    with pytest.raises(SettingsError, match="ftp://x"):
        Store("ftp://x")


def test_importing_the_package_loads_no_table_library() -> None:
    code = "import sys, pipeline; sys.exit('pandas' in sys.modules or 'pyarrow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603


def test_the_notebooks_door_gives_plain_frames(
    store: Store,
    snapshot: MakeSnapshot,
    ledger_day: Callable[..., pd.DataFrame],
    tmp_path: Path,
) -> None:
    store.publish_snapshot(snapshot(rows=3))
    store.publish_snapshot(snapshot(NOON + timedelta(days=1), rows=2, state=State.DRIFTED))
    store.publish_ledger_day("default", DAY, "abcd", ledger_day(rows=4))
    door = pipeline.open_store(str(tmp_path / "data"))
    assert len(door.snapshots()) == 5
    late = door.snapshots(since="2026-10-21", columns=["account", "cluster_id"])
    assert late["snapshot_state"].tolist() == ["drifted"] * 2
    assert len(door.ledger()) == len(door.ledger("2026-10-20", DAY)) == 4
    assert door.ledger(first=DAY + timedelta(days=1)).empty
    assert door.spend("project_id")["spend_micros"].sum() == sum(range(4)) * 1_000_001
    assert len(door.utilization()) == 4
    assert door.idle().columns[0] == "account"
