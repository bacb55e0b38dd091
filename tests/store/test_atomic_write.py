"""A disk that fails at any call, once or for good; and a power cut at any moment.

A kill leaves the page cache alone, so only a model of the disk can distinguish a writer that syncs
from one that does not: here, what no ``fsync`` has covered is what a power cut may take.
"""

from __future__ import annotations

import contextlib
import errno
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.errors import AlreadyStoredError, FleetLedgerError, StorageError
from pipeline.store import atomic_folders, atomic_write
from pipeline.store.local import LocalFiles

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.store import Store
    from tests.store.conftest import MakeSnapshot

NOON = datetime(2026, 10, 20, 12, tzinfo=UTC)
CALLS = ("open", "write", "fsync", "link", "rename", "replace", "mkdir", "symlink", "unlink")
FACT = "snapshots/account=a/date=2026-10-20/fact"
STATE = "state/resume"
REPORT = "reports/2026-10-20"


class Faults:
    """Makes the N-th changing system call fail, and if asked all that follow."""

    def __init__(self, patch: pytest.MonkeyPatch, root: Path) -> None:
        self.root, self.code, self.at, self.count, self.forever = root, 0, 0, 0, False
        for name in CALLS:
            patch.setattr(os, name, self._failing(name, getattr(os, name)))

    def arm(self, code: int, at: int, *, forever: bool) -> None:
        self.code, self.at, self.count, self.forever = code, at, 0, forever

    @property
    def hit(self) -> bool:
        return self.at != 0 and self.count >= self.at

    def _failing(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **named: Any) -> Any:  # noqa: ANN401
            # A disk that is full or broken still lets go of names.
            if self.at and name != "unlink" and (name != "open" or args[1] & os.O_CREAT):
                self.count += 1
                if self.count == self.at or (self.forever and self.count > self.at):
                    raise OSError(self.code, os.strerror(self.code))
            return call(*args, **named)

        return wrapped


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Faults:
    return Faults(monkeypatch, tmp_path)


def new_fact(files: LocalFiles) -> None:
    files.put_new(FACT, b"new")


def new_state(files: LocalFiles) -> None:
    files.replace(STATE, b"new")


def new_report(files: LocalFiles) -> None:
    files.put_folder(REPORT, {"a": b"new", "b": b"new"})


def new_latest(files: LocalFiles) -> None:
    files.set_pointer("reports/latest", "2026-10-20")


@pytest.mark.parametrize("forever", [False, True], ids=["once", "for good"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS, errno.EFBIG])
@pytest.mark.parametrize("write", [new_fact, new_state, new_report, new_latest])
def test_a_disk_that_fails_at_any_call_keeps_the_old_file_and_leaves_no_other(
    faults: Faults,
    write: Callable[[LocalFiles], None],
    code: int,
    forever: bool,  # noqa: FBT001
    tmp_path: Path,
) -> None:
    for number in range(1, 100):
        root = tmp_path / str(number)
        faults.arm(0, 0, forever=False)
        LocalFiles(root).replace(STATE, b"old")
        LocalFiles(root).put_folder(REPORT, {"a": b"old"})
        faults.arm(code, number, forever=forever)
        try:
            write(LocalFiles(root))
        except StorageError as error:
            message = str(error)
            assert "\n" not in message
            assert os.strerror(code) in message
            assert str(root) in message
        else:
            assert not faults.hit, "a failure was swallowed"
        was_hit = faults.hit
        faults.arm(0, 0, forever=False)
        if (root / FACT).exists():
            assert (root / FACT).read_bytes() == b"new"
        assert (root / STATE).read_bytes() in (b"old", b"new")
        report = {path.name: path.read_bytes() for path in (root / REPORT).iterdir()}
        assert report in ({"a": b"old"}, {"a": b"new", "b": b"new"})
        assert not list(root.rglob(".tmp-*"))
        if not was_hit:
            assert number > 3
            return
    raise AssertionError("more calls than expected")


def test_a_failed_snapshot_is_simply_taken_again(
    faults: Faults, store: Store, snapshot: MakeSnapshot
) -> None:
    store.publish_snapshot(snapshot())
    for number in range(1, 20):
        taken = snapshot(NOON + timedelta(hours=number))
        faults.arm(errno.ENOSPC, number, forever=False)
        try:
            store.publish_snapshot(taken)
        except StorageError as error:
            assert "free some space" in str(error)  # noqa: PT017 - it may also succeed
            faults.arm(0, 0, forever=False)
            # Where its name was visible but not yet durable when the fault struck, it is taken.
            with contextlib.suppress(AlreadyStoredError):
                store.publish_snapshot(taken)
        faults.arm(0, 0, forever=False)
    assert len(store.snapshots()) == 20
    for ref in store.snapshots():
        assert store.read_snapshot(ref).table.num_rows == 3


class Disk:
    """What a power cut may take: data without ``fsync``, names whose folder had none since.

    The worst case is assumed each time: every name that may be on the disk is, every byte that
    may be missing is missing.
    """

    def __init__(self, patch: pytest.MonkeyPatch, root: Path) -> None:
        self.root = root
        self.unsynced: set[int] = set()
        self.loose: set[Path] = set()
        self.problems: set[str] = set()
        self.paths: dict[int, Path] = {}
        for name in ("open", "close", "write", "fsync", "link", "rename", "replace", "mkdir"):
            patch.setattr(os, name, getattr(self, name)(getattr(os, name)))
        patch.setattr(os, "symlink", self.symlink(os.symlink))

    def named(self, path: Path) -> None:
        """A name appears: from now on a cut may leave it there."""
        path = Path(path)
        self.loose.add(path)
        if ".tmp-" in str(path):
            return
        for each in [path, *path.rglob("*")] if path.is_dir() else [path]:
            if each.is_file() and each.stat().st_ino in self.unsynced:
                self.problems.add(f"half visible: {each.name}")
            if each != path and each in self.loose:
                self.problems.add(f"half visible: {path.name}")

    def acknowledge(self, key: str) -> None:
        """The caller knows that ``key`` is stored."""
        path = self.root / key
        while path != self.root.parent:
            if path in self.loose:
                self.problems.add(f"lost: {path.name}")
            path = path.parent

    def open(self, call: Any) -> Any:  # noqa: ANN401
        def wrapped(path: Any, flags: int, *args: Any, **named: Any) -> int:  # noqa: ANN401
            is_new = bool(flags & os.O_CREAT) and not Path(path).exists()
            handle: int = call(path, flags, *args, **named)
            self.paths[handle] = Path(path)
            if is_new:
                self.unsynced.add(os.fstat(handle).st_ino)
                self.named(Path(path))
            return handle

        return wrapped

    def close(self, call: Any) -> Any:  # noqa: ANN401
        def wrapped(handle: int) -> None:
            self.paths.pop(handle, None)
            call(handle)

        return wrapped

    def write(self, call: Any) -> Any:  # noqa: ANN401
        def wrapped(handle: int, data: Any) -> int:  # noqa: ANN401
            self.unsynced.add(os.fstat(handle).st_ino)
            return int(call(handle, data))

        return wrapped

    def fsync(self, call: Any) -> Any:  # noqa: ANN401
        def wrapped(handle: int) -> None:
            call(handle)
            self.unsynced.discard(os.fstat(handle).st_ino)
            path = self.paths[handle]
            self.loose = {name for name in self.loose if name.parent != path}

        return wrapped

    def link(self, call: Any) -> Any:  # noqa: ANN401
        def wrapped(old: Any, new: Any, *args: Any, **named: Any) -> None:  # noqa: ANN401
            call(old, new, *args, **named)
            # What was loose inside a renamed folder still is, under its new name.
            inside = {name for name in self.loose if name.is_relative_to(old)} - {Path(old)}
            self.loose |= {Path(new) / name.relative_to(old) for name in inside}
            self.named(Path(new))

        return wrapped

    rename = replace = symlink = link

    def mkdir(self, call: Any) -> Any:  # noqa: ANN401
        def wrapped(path: Any, *args: Any, **named: Any) -> None:  # noqa: ANN401
            call(path, *args, **named)
            self.named(Path(path))

        return wrapped


WRITES = {FACT: new_fact, STATE: new_state, REPORT: new_report, "reports/latest": new_latest}


def after_power_cuts(patch: pytest.MonkeyPatch, root: Path) -> set[str]:
    disk = Disk(patch, root)
    for key, write in WRITES.items():
        write(LocalFiles(root))
        disk.acknowledge(key)
        write_again = key != FACT
        if write_again:
            write(LocalFiles(root))
            disk.acknowledge(key)
    return disk.problems


def test_a_power_cut_at_any_moment_loses_no_file_and_halves_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert after_power_cuts(monkeypatch, tmp_path / "data") == set()


def unsynced_fill(handle: int, data: bytes) -> None:
    os.write(handle, data)


def in_place(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.write(handle, data)
    os.fsync(handle)
    os.close(handle)
    atomic_write.sync_folder(path.parent)


def rename_over(path: Path, data: bytes) -> None:
    atomic_write.replace(path, data)


def no_sync(folder: Path) -> None:
    """Names are left to the system's mercy."""


def make_folder_unsynced(folder: Path, root: Path, durable: set[Path]) -> None:  # noqa: ARG001
    folder.mkdir(parents=True, exist_ok=True)


@pytest.mark.parametrize(
    ("module", "name", "mutant", "problem"),
    [
        (atomic_write, "fill", unsynced_fill, "half visible: fact"),
        (atomic_folders, "fill", unsynced_fill, "half visible: a"),
        (atomic_write, "sync_folder", no_sync, "lost: fact"),
        (atomic_folders, "sync_folder", no_sync, "lost: 2026-10-20"),
        (atomic_write, "make_folder", make_folder_unsynced, "lost: snapshots"),
        (atomic_write, "put_new", in_place, "half visible: fact"),
        (atomic_write, "replace", in_place, "half visible: resume"),
    ],
)
def test_the_power_cuts_detect_a_faulty_writer(
    module: object,
    name: str,
    mutant: object,
    problem: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(module, name, mutant)
    problems = after_power_cuts(monkeypatch, tmp_path / "data")
    assert problem in problems


def two_writers(root: Path) -> list[str]:
    """What is wrong after two writers have used one name."""
    LocalFiles(root).put_new(FACT, b"first")
    try:
        LocalFiles(root).put_new(FACT, b"second")
    except AlreadyStoredError:
        is_refused = True
    else:
        is_refused = False
    kept = (root / FACT).read_bytes() == b"first"
    return ["not refused"] * (not is_refused) + ["overwritten"] * (not kept)


def test_a_published_file_is_never_overwritten(tmp_path: Path) -> None:
    assert two_writers(tmp_path / "data") == []


@pytest.mark.parametrize("mutant", [in_place, rename_over])
def test_two_writers_at_once_detect_a_faulty_writer(
    mutant: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(atomic_write, "put_new", mutant)
    assert two_writers(tmp_path / "data") == ["not refused", "overwritten"]


def test_without_links_a_file_is_still_published_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)
    assert two_writers(tmp_path / "data") == []
    monkeypatch.setattr(os, "symlink", refuse)
    files = LocalFiles(tmp_path / "data")
    files.set_pointer("reports/latest", "2026-10-20")
    assert files.read_pointer("reports/latest") == "2026-10-20"


def test_where_folders_cannot_be_exchanged_the_old_one_is_moved_aside(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(atomic_folders, "_exchange", lambda *_: False)
    files = LocalFiles(tmp_path / "data")
    files.put_folder(REPORT, {"a": b"old"})
    files.put_folder(REPORT, {"a": b"new"})
    assert files.read(f"{REPORT}/a") == b"new"
    assert not list(tmp_path.rglob(".tmp-*"))
    # Killed between the two moves: the sweep puts the old one back.
    home = tmp_path / "data" / REPORT
    home.rename(home.parent / f".tmp-aside-{home.name}")
    assert files.sweep() == 1
    assert files.read(f"{REPORT}/a") == b"new"


def test_a_sweep_removes_only_the_files_of_dead_writers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    files = LocalFiles(tmp_path / "data")
    files.put_new(FACT, b"x")
    folder = (tmp_path / "data" / FACT).parent
    (folder / ".tmp-dead").write_bytes(b"half")
    (folder / ".tmp-dead-folder").mkdir()
    swept: list[int] = []
    link = os.link

    def sweep_first(*args: Any) -> None:  # noqa: ANN401
        swept.append(files.sweep())  # another run sweeps while we are about to publish
        link(*args)

    monkeypatch.setattr(os, "link", sweep_first)
    files.put_new(f"{FACT}2", b"y")
    assert swept == [2]
    assert files.read(f"{FACT}2") == b"y"
    assert not list(tmp_path.rglob(".tmp-*"))


def test_an_interrupt_leaves_no_half_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        atomic_write.put_new(tmp_path / "fact", b"x")
    assert list(tmp_path.iterdir()) == []


def test_a_temporary_file_that_is_swept_before_it_is_locked_is_made_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import fcntl  # noqa: PLC0415

    flock, lost = fcntl.flock, []

    def sweep_before(handle: int, how: int) -> None:
        if not lost:  # the sweep was faster
            lost.extend(tmp_path.glob(".tmp-*"))
            lost[0].unlink()
        flock(handle, how)

    monkeypatch.setattr(fcntl, "flock", sweep_before)
    atomic_write.put_new(tmp_path / "fact", b"x")
    assert (tmp_path / "fact").read_bytes() == b"x"
    assert [path.name for path in tmp_path.iterdir()] == ["fact"]


def test_every_failure_is_a_storage_error(tmp_path: Path) -> None:
    files = LocalFiles(tmp_path / "data")
    with pytest.raises(FleetLedgerError, match="it is gone"):
        files.read("snapshots/nothing")
