"""A writer to be killed: a process of its own, run by the crash tests, light enough to start often.

``steps FOLDER WRITER`` publishes five things one after the other and says each on its standard
output once it is acknowledged. ``rounds FOLDER WRITER COUNT SEED`` forks such a writer COUNT times,
kills it at a random moment, checks what it left, and prints the result as JSON.

WRITER is ``real``, or a mutant that the tests must catch.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import time
import types
from pathlib import Path

import pipeline
from pipeline.errors import AlreadyStoredError, FleetLedgerError

# The store's package imports pyarrow; what publishes files does not need it.
_package = types.ModuleType("pipeline.store")
_package.__path__ = [str(Path(next(iter(pipeline.__path__))) / "store")]
sys.modules["pipeline.store"] = _package

from pipeline.store import atomic_write  # noqa: E402
from pipeline.store.local import LocalFiles  # noqa: E402

PAYLOAD = 100_000


def content(name: str) -> bytes:
    return (name.encode() * PAYLOAD)[:PAYLOAD]


def in_place(path: Path, data: bytes) -> None:
    """A mutant: the final name exists before its content does."""
    with path.open("xb") as file:
        file.write(data)
        os.fsync(file.fileno())


def unlink_first(path: Path, data: bytes) -> None:
    """A mutant: for a moment there is neither the old nor the new."""
    path.unlink(missing_ok=True)
    atomic_write.put_new(path, data)


MUTANTS = {"in-place": ("put_new", in_place), "unlink-first": ("replace", unlink_first)}


def mutate(writer: str) -> None:
    if writer in MUTANTS:
        name, mutant = MUTANTS[writer]
        setattr(atomic_write, name, mutant)


REPORT = {"report.html": content("r"), "SHA256SUMS": b"sums"}


def steps(files: LocalFiles) -> list[tuple[str, object]]:
    """What is published, in order: name, and how."""
    return [
        ("snapshots/account=a/date=2026-10-20/one", lambda k: files.put_new(k, content("1"))),
        ("snapshots/account=a/date=2026-10-20/two", lambda k: files.put_new(k, content("2"))),
        ("state/resume", lambda k: files.replace(k, content("3"))),
        ("state/resume", lambda k: files.replace(k, content("4"))),
        ("reports/2026-10-20", lambda k: files.put_folder(k, REPORT)),
        ("reports/2026-10-20", lambda k: files.put_folder(k, REPORT | {"more.csv": b"1"})),
        ("reports/latest", lambda k: files.set_pointer(k, "2026-10-20")),
    ]


def run_steps(root: Path) -> int:
    for key, write in steps(LocalFiles(root)):
        try:
            write(key)  # type: ignore[operator]
        except AlreadyStoredError:
            pass
        except FleetLedgerError as error:
            os.writev(2, [str(error).encode()])
            return int(error.exit_code)
        os.writev(1, [b"."])  # not write, whose calls the tests count and break
    return 0


def one_round(root: Path, chance: random.Random) -> tuple[int, bool]:
    """Fork, kill, check: how many were acknowledged, and whether the kill came in time."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        files = LocalFiles(root)
        for number in range(1000):
            files.put_new(f"snapshots/account=a/date=2026-10-20/{number:04}", content(str(number)))
            files.replace("state/resume", content(str(number)))
            os.write(writing, b".")
        os._exit(0)
    os.close(writing)
    time.sleep(chance.uniform(0.0005, 0.008))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    acknowledged = b""
    while piece := os.read(reading, 4096):
        acknowledged += piece
    os.close(reading)
    return len(acknowledged), os.WIFSIGNALED(status)


def rounds(root: Path, count: int, seed: int) -> dict[str, int]:
    chance = random.Random(seed)  # noqa: S311
    counts = dict.fromkeys(("killed", "acknowledged", "lost", "half", "temporaries", "unswept"), 0)
    for _ in range(count):
        shutil.rmtree(root, ignore_errors=True)
        acknowledged, killed = one_round(root, chance)
        counts["killed"] += killed
        counts["acknowledged"] += acknowledged
        folder = root / "snapshots/account=a/date=2026-10-20"
        names = {path.name for path in folder.glob("[0-9]*")}
        wanted = {f"{number:04}" for number in range(acknowledged)}
        counts["lost"] += len(wanted - names)
        counts["half"] += sum(
            (folder / name).read_bytes() != content(str(int(name))) for name in names
        )
        state = root / "state/resume"
        allowed = [content(str(n)) for n in (acknowledged - 1, acknowledged) if n >= 0]
        if state.exists():
            counts["half"] += state.read_bytes() not in allowed
        else:
            counts["lost"] += acknowledged > 0
        counts["temporaries"] += len(list(root.rglob(".tmp-*")))
        LocalFiles(root).sweep()
        counts["unswept"] += len(list(root.rglob(".tmp-*")))
    return counts


if __name__ == "__main__":
    task, folder_name, writer_name, *rest = sys.argv[1:]
    mutate(writer_name)
    if task == "steps":
        sys.exit(run_steps(Path(folder_name)))
    json.dump(rounds(Path(folder_name), int(rest[0]), int(rest[1])), sys.stdout)
