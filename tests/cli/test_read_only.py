"""What only reads works where nothing may be written; what ages is bounded by what is stored."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

READ_ONLY = """
import errno, os, sys
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
CHANGES = {"os.rename", "os.remove", "os.link", "os.symlink", "os.rmdir", "os.truncate"}
root = sys.argv.pop(1)
def refuse(event, args):
    if event == "open":
        is_change, path = bool(args[2] & WRITING), args[0]
    elif event == "os.mkdir":  # the kernel says first that a folder exists
        is_change, path = not os.path.exists(args[0]), args[0]
    else:
        is_change, path = event in CHANGES, args[0] if args else None
    if is_change and isinstance(path, (str, os.PathLike)) and str(path).startswith(root):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
sys.addaudithook(refuse)
from pipeline.cli import main
main()
"""
"""The program with a read-only file system under its data; being root does not matter to it."""


def read_only(data: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", READ_ONLY, str(data), "--data-dir", str(data), *args],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "HOME": str(data.parent)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def tree(data: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}


@pytest.mark.parametrize("made", [True, False], ids=["made", "to be made"])
def test_findings_can_be_read_where_nothing_can_be_written(
    history: Run, data: Path, *, made: bool
) -> None:
    expected = history("findings", "--format", "csv").out
    if not made:
        for path in [*(data / "findings").rglob("*.parquet"), data / "state/policies"]:
            path.unlink()
    before = tree(data)
    ran = read_only(data, "findings", "--format", "csv")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, expected, "")
    assert tree(data) == before
    assert read_only(data, "findings", "--rebuild").returncode == 12


def test_a_dry_run_of_prune_needs_to_write_nothing(history: Run, data: Path) -> None:
    args = ("prune", "--dry-run", "--thin-after", "1")
    expected = history(*args)
    assert "would be removed" in expected.out
    ran = read_only(data, *args)
    assert (ran.returncode, ran.stdout) == (expected.code, expected.out)


def test_a_clock_far_ahead_thins_nothing(history: Run) -> None:
    # By the clock of this machine the history of March 2026 is older than any age.
    ran = history("prune", "--thin-after", "2", "--drop-after", "2")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == "2 snapshots (0.0 MB) removed, 1 day final\n"
    again = history("prune", "--thin-after", "2", "--drop-after", "2")
    assert again.out == "nothing to prune, counted from the newest snapshot (2026-03-04)\n"
    assert history("check").code == 0
