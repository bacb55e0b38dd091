"""Kill the writer anywhere: what was acknowledged is there, whole; the rest is there whole or not.

``THOROUGH=1`` (make test-crash) kills at 10,000 random moments instead of a few.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

WRITER = Path(__file__).with_name("crash_writer.py")
CALLS = ("mkdir", "openat", "flock", "write", "fsync", "link", "rename", "unlink", "symlink")
KILLS = 10_000 if os.environ.get("THOROUGH") == "1" else 200
RESUME = "state/resume"

needs_strace = pytest.mark.skipif(
    shutil.which("strace") is None, reason="strace injects the faults; it is not installed"
)


def strace(root: Path, injection: str, writer: str = "real") -> subprocess.CompletedProcess[bytes]:
    call = injection.partition(":")[0]
    command = ["strace", "-f", "-qq", "-o", "/dev/null"]
    command += ["-e", f"trace={call}", "-e", f"inject={injection}"]
    command += [sys.executable, "-S", str(WRITER), "steps", str(root), writer]
    environment = {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, capture_output=True, check=False, env=environment)  # noqa: S603


def opened_before_the_first_step(root: Path) -> int:
    """Importing opens files too; kills there would only test Python."""
    log = root.with_suffix(".log")
    command = ["strace", "-f", "-qq", "-o", str(log), "-e", "trace=openat,mkdir"]
    command += [sys.executable, "-S", str(WRITER), "steps", str(root), "real"]
    environment = {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)  # noqa: S603
    calls = log.read_text().splitlines()
    shutil.rmtree(root)
    return next(n for n, call in enumerate(calls) if "mkdir(" in call)


def problems(root: Path, acknowledged: int) -> list[str]:
    """What a reader could hold against the store after ``acknowledged`` steps were."""
    messages = []
    day = root / "snapshots/account=a/date=2026-10-20"
    for step, name, letter in ((1, "one", b"1"), (2, "two", b"2")):
        path = day / name
        if path.exists():
            messages += [f"{name} is half"] * (path.read_bytes() != letter * 100_000)
        elif acknowledged >= step:
            messages.append(f"{name} is lost")
    state, report = root / RESUME, root / "reports/2026-10-20"
    if state.exists():
        letters = [b"3"] * (acknowledged < 4) + [b"4"] * (acknowledged >= 3)
        messages += ["state is half"] * (state.read_bytes() not in [x * 100_000 for x in letters])
    elif acknowledged >= 3:
        messages.append("state is lost")
    if report.exists():
        files = {"report.html", "SHA256SUMS"}
        allowed = [files] * (acknowledged < 6) + [files | {"more.csv"}] * (acknowledged >= 5)
        messages += ["report is half"] * ({path.name for path in report.iterdir()} not in allowed)
    elif acknowledged >= 5:
        messages.append("report is lost")
    if acknowledged == 7 and not (root / "reports/latest/report.html").exists():
        messages.append("latest is lost")
    return messages


def kill_everywhere(root: Path, call: str, writer: str = "real", start: int = 1) -> list[str]:
    """Kill at the N-th ``call``, for every N, and let the next run finish; the first problems."""
    messages: list[str] = []
    for number in range(start, 500):
        run = strace(root, f"{call}:signal=KILL:when={number}", writer)
        acknowledged = run.stdout.count(b".")
        messages += [f"{call} {number}: {problem}" for problem in problems(root, acknowledged)]
        if messages:
            return messages
        if run.returncode == 0:
            assert number > start or call in ("symlink", "rename"), f"{call} was never called"
            return messages
        subprocess.run(  # noqa: S603
            [sys.executable, str(WRITER), "steps", str(root), "real"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        messages += [f"{call} {number}, next run: {problem}" for problem in problems(root, 7)]
        shutil.rmtree(root)
    raise AssertionError(f"{call}: more calls than expected")


@needs_strace
@pytest.mark.parametrize("call", CALLS)
def test_a_kill_at_any_system_call_loses_no_file_and_halves_none(call: str, tmp_path: Path) -> None:
    root = tmp_path / "data"
    start = 1 + opened_before_the_first_step(root) if call == "openat" else 1
    assert kill_everywhere(root, call, start=start) == []


@needs_strace
@pytest.mark.parametrize(("writer", "call"), [("in-place", "write"), ("unlink-first", "link")])
def test_the_kills_detect_a_faulty_writer(writer: str, call: str, tmp_path: Path) -> None:
    assert kill_everywhere(tmp_path / "data", call, writer) != []


@needs_strace
@pytest.mark.parametrize("when", ["1", "2+"])
@pytest.mark.parametrize("call", ["write", "fsync", "link", "rename"])
@pytest.mark.parametrize("error", ["ENOSPC", "EIO", "EDQUOT"])
def test_a_failing_disk_is_a_one_line_error_and_loses_nothing(
    error: str, call: str, when: str, tmp_path: Path
) -> None:
    root = tmp_path / "data"
    run = strace(root, f"{call}:error={error}:when={when}")
    assert problems(root, run.stdout.count(b".")) == []
    if run.returncode != 0:
        assert run.returncode == 12
        assert not list(root.rglob(".tmp-*"))


@needs_strace
def test_a_write_that_returns_a_wrong_length_is_not_acknowledged(tmp_path: Path) -> None:
    run = strace(tmp_path / "data", "write:retval=100:when=1")
    assert (run.returncode, run.stdout) == (12, b"")
    assert not [path for path in (tmp_path / "data").rglob("*") if path.is_file()]


def test_a_kill_at_a_random_moment_loses_no_file_and_halves_none(tmp_path: Path) -> None:
    command = [sys.executable, str(WRITER), "rounds", str(tmp_path / "data"), "real", str(KILLS)]
    run = subprocess.run([*command, "1"], check=True, capture_output=True)  # noqa: S603
    counts = json.loads(run.stdout)
    assert counts["killed"] == KILLS
    assert counts["acknowledged"] > 0
    assert (counts["lost"], counts["half"], counts["unswept"]) == (0, 0, 0)
