"""A local folder: locks, permissions, copies."""

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

import pytest

from pipeline.errors import (
    LockedError,
    StorageError,
)
from pipeline.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.store.conftest import MakeSnapshot

NOON = datetime(2026, 10, 20, 12, tzinfo=UTC)
DAY = date(2026, 10, 20)


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


def test_a_lock_is_exclusive_and_ends_with_its_process(store: Store, tmp_path: Path) -> None:
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


def test_a_read_only_store_can_be_read_and_a_write_names_the_remedy(
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


def test_a_file_in_place_of_the_data_folder_is_a_one_line_error(
    snapshot: MakeSnapshot, tmp_path: Path
) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(StorageError, match="a file stands where a folder must be"):
        Store(str(tmp_path / "data")).publish_snapshot(snapshot())
