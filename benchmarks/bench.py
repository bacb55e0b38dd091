"""All benchmarks: ``make bench`` (minutes) and ``make bench-full`` (hours).

    python -m benchmarks.bench --data FOLDER --peer-python PYTHON [--full] [--only PART]

Every row is a process of its own, imports included. The rows of a comparison run in turn, several
times; what counts are medians, and ratios of runs that followed each other. Peers write the same
CSV files as we do, which are compared (``same_results.py``); any difference ends the run with an
error. Snapshots are of a synthetic fleet; they and the ledger are kept in FOLDER.

The results go to ``benchmarks/results/``, and docs/benchmarks.md is made of them (``page.py``).
Without ``--only`` all parts run; the results of the other parts stay as they are.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import extract, starts
from benchmarks.ours import START, remove_newest_days
from benchmarks.page import RESULTS
from benchmarks.processes import ROOT, Cost, in_turn, ratio, run, summary

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

PEERS = ("duckdb", "polars-streaming")
PARTS = ("nights", "growth", "snapshots", "extract", "starts")


@dataclass(frozen=True)
class Fleet:
    """A fleet with a history of snapshots."""

    clusters: int
    every_hours: int
    days: int

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.clusters}x{self.every_hours}hx{self.days}d"


@dataclass(frozen=True)
class Night:
    """A comparison of nights: a fleet, and the days that the report covers."""

    fleet: Fleet
    window: int
    runs: int
    has_report: bool = False
    engines: tuple[str, ...] = PEERS


@dataclass(frozen=True)
class Plan:
    """What is measured."""

    nights: tuple[Night, ...]
    history: tuple[Fleet, ...]
    """Growth with the history, at a window of 30 days."""
    fleets: tuple[Fleet, ...]
    """Growth with the fleet, at a window of 7 days."""
    snapshots: tuple[Fleet, ...]
    """Where the fold of one snapshot is compared with reading it."""
    lists: tuple[tuple[int, int], ...]
    """Clusters and runs of extractions."""


_HOURLY = Fleet(10_000, 1, 90)
QUICK = Plan(
    nights=(
        Night(_HOURLY, 30, 5, has_report=True),
        Night(_HOURLY, 90, 2),
        Night(Fleet(100_000, 24, 30), 30, 3),
    ),
    history=tuple(Fleet(10_000, 24, days) for days in (30, 90, 365, 1095)),
    fleets=(
        *(Fleet(clusters, 24, 30) for clusters in (1_000, 10_000, 100_000)),
        Fleet(1_000_000, 24, 7),
    ),
    snapshots=(Fleet(100_000, 24, 30), Fleet(1_000_000, 24, 7)),
    lists=((20_000, 5), (100_000, 1)),
)
FULL = Plan(
    nights=(
        Night(Fleet(1_000_000, 24, 7), 7, 2),
        Night(Fleet(10_000, 1, 365), 365, 2),
        Night(_HOURLY, 30, 5, has_report=True, engines=(*PEERS, "polars-memory")),
        Night(_HOURLY, 90, 5, has_report=True),
        Night(Fleet(100_000, 24, 30), 30, 5, has_report=True),
    ),
    history=(*QUICK.history, _HOURLY, Fleet(10_000, 1, 365)),
    fleets=QUICK.fleets,
    snapshots=QUICK.snapshots,
    lists=((2_000, 5), (20_000, 5), (100_000, 5)),
)


@dataclass
class Bench:
    """Where benchmarks run."""

    data: Path
    peer_python: str
    constants: dict[str, Any] = field(default_factory=dict)
    """What the peers need to know of the rules and the ledger."""
    _tasks: dict[tuple[Fleet, int], Path] = field(default_factory=dict)
    _filled: set[Fleet] = field(default_factory=set)

    def task(self, fleet: Fleet, window: int) -> Path:
        """The file that describes the work on a fleet; its snapshots and ledger exist."""
        if (fleet, window) in self._tasks:
            return self._tasks[fleet, window]
        folder = self.data / fleet.name
        folder.mkdir(parents=True, exist_ok=True)
        path = self.data / f"{fleet.name}-{window}.json"
        begin, end = START + timedelta(days=fleet.days - window), START + timedelta(fleet.days)
        task: dict[str, Any] = {
            "folder": str(folder),
            "clusters": fleet.clusters,
            "every_hours": fleet.every_hours,
            "days": fleet.days,
            "window": window,
            "begin": int(begin.timestamp()),
            "end": int(end.timestamp()),
            "last": int(end.timestamp()) // 86_400 - 1,
            "cadence": fleet.every_hours * 3600,
            "bounds": str(self.data / "bounds.parquet"),
        }
        path.write_text(json.dumps(task))
        if fleet not in self._filled:
            note(f"data of {fleet.name}")
            ours("fill", path)
            ours("fold", path)
            self._filled.add(fleet)
        self.constants = self.constants or ours("columns", path).result
        task |= self.constants
        days = {f"date={(begin + timedelta(days=n)).date()}" for n in range(window)}
        last_days = {f"date={(end - timedelta(days=n)).date()}" for n in (1, 2)}
        snapshots = sorted(folder.glob("snapshots/account=*/date=*/*.parquet"))
        newest = [p for p in snapshots if p.name.startswith(f"{end:%Y%m%dT%H%M%SZ}")]
        task |= {
            "files": [str(p) for p in snapshots if p.parent.name in days] + [str(*newest)],
            "newest": [str(*newest)],
            "inputs": [str(p) for p in snapshots if p.parent.name in last_days] + [str(*newest)],
            "ledger": [
                str(p)
                for p in sorted(folder.glob("ledger/account=*/date=*/*.parquet"))
                if p.parent.name in days
            ],
        }
        path.write_text(json.dumps(task))
        self._tasks[fleet, window] = path
        return path

    def peer(self, engine: str, part: str, task: Path) -> Cost:
        """A run of a peer; its CSV files go to a folder of its own."""
        name, _, kind = engine.partition("-")
        script = Path(__file__).with_name(f"peer_{name}.py")
        return run([self.peer_python, str(script), f"{part}-{kind}".strip("-"), str(task)])

    def writes(self, task: Path, who: str) -> Path:
        """The task with a folder for the CSV files of ``who``."""
        out = task.with_suffix("") / who
        out.mkdir(parents=True, exist_ok=True)
        path = out / "task.json"
        path.write_text(json.dumps(json.loads(task.read_text()) | {"out": str(out)}))
        return path


def note(text: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S} {text}", flush=True)


def ours(part: str, task: Path) -> Cost:
    return run([sys.executable, "-m", "benchmarks.ours", part, str(task)])


def a_night(part: str, task: Path, days: int = 2) -> Cost:
    """A run of ours that first builds the newest ledger days, as after a new snapshot."""
    remove_newest_days(Path(json.loads(task.read_text())["folder"]), days)
    return ours(part, task)


def compare_nights(bench: Bench, night: Night) -> dict[str, Any]:
    """The same work, and the same numbers only, by us and by the peers."""
    task = bench.task(night.fleet, night.window)
    note(f"nights of {night.fleet.name}, window of {night.window} days")
    own = bench.writes(task, "ours")
    rows: dict[str, Callable[[], Cost]] = {"ours": lambda: a_night("work", own)}
    for engine in night.engines:
        written = bench.writes(task, engine)
        rows[engine] = lambda e=engine, t=written: bench.peer(e, "work", t)
    work = in_turn(rows, night.runs)
    for engine in night.engines:
        folders = [str(path.parent) for path in (own, bench.writes(task, engine))]
        run([sys.executable, "-m", "benchmarks.same_results", *folders])
    rows = {"ours": lambda: a_night("numbers", task)}
    for engine in night.engines:
        rows[engine] = lambda e=engine: bench.peer(e, "numbers", task)
    rows["duckdb over our ledger"] = lambda: bench.peer("duckdb", "ledger", task)
    numbers = in_turn(rows, night.runs)
    figures = {name: _figures(costs[-1]) for name, costs in numbers.items()}
    if any(each != figures["ours"] for each in figures.values()):
        raise SystemExit(f"other numbers than ours: {figures}")
    result = {
        "clusters": night.fleet.clusters,
        "every_hours": night.fleet.every_hours,
        "days": night.fleet.days,
        "window": night.window,
        "snapshots": len(json.loads(task.read_text())["files"]),
        "work": _table(work, night.engines),
        "numbers": _table(numbers, night.engines),
        "floor": floor(task),
        "csv_bytes": {p.name: p.stat().st_size for p in sorted(own.parent.glob("*.csv"))},
    }
    if night.has_report:
        a_night("report", task)  # the findings of the days before
        costs = in_turn({"report": lambda: a_night("report", task)}, min(night.runs, 3))
        result["report"] = summary(costs["report"]) | costs["report"][-1].result
    return result


def _figures(cost: Cost) -> dict[str, Any]:
    return {name: value for name, value in cost.result.items() if name != "version"}


def _table(costs: dict[str, list[Cost]], engines: tuple[str, ...]) -> dict[str, Any]:
    """The rows, and the ratios of each peer to ours."""
    best = min(engines, key=lambda engine: summary(costs[engine])["cpu_s"])
    return {
        "rows": {name: summary(row) for name, row in costs.items()},
        "to_ours": {name: ratio(costs[name], costs["ours"]) for name in costs if name != "ours"},
        "best": best,
    }


def floor(task: Path) -> dict[str, Any]:
    """Reading what a night of ours has to read, on one core."""
    cost = ours("read", task)
    return {"process_cpu_s": round(cost.cpu, 3)} | cost.result


def growth(bench: Bench, fleet: Fleet, window: int) -> dict[str, Any]:
    """Our night with the CSV files of ``work``, and its floor."""
    task = bench.task(fleet, window)
    note(f"growth: {fleet.name}, window of {window} days")
    own = bench.writes(task, "ours")
    costs = [a_night("work", own) for _ in range(3)]
    return {
        "clusters": fleet.clusters,
        "every_hours": fleet.every_hours,
        "days": fleet.days,
        "window": window,
        "night": summary(costs),
        "floor": floor(task),
    }


def compare_folds(bench: Bench, fleet: Fleet) -> dict[str, Any]:
    """The fold of the newest snapshot, against DuckDB's read of the columns it uses."""
    task = bench.task(fleet, min(fleet.days, 7))
    note(f"folds of {fleet.name}")
    costs = in_turn(
        {
            "begin a day": lambda: a_night("fold", task, days=1),
            "close a day and begin the next": lambda: a_night("fold", task),
            "duckdb reads the snapshot": lambda: bench.peer("duckdb", "read", task),
        },
        3,
    )
    read = costs["duckdb reads the snapshot"]
    return {
        "clusters": fleet.clusters,
        "rows": {name: summary(row) for name, row in costs.items()},
        "to_read": {name: ratio(row, read) for name, row in costs.items() if row is not read},
    }


def machine() -> dict[str, Any]:
    """Where the results are from."""
    info = Path("/proc/cpuinfo")
    models = [line for line in info.read_text().splitlines() if "model name" in line]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": models[0].split(":", 1)[1].strip() if models else platform.machine(),
        "cores": os.cpu_count(),
        "memory_gb": round(memory / 2**30),
        "system": platform.system(),
        "load": round(os.getloadavg()[0], 1),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "versions": {
            "Python": platform.python_version(),
            **{name: version(name) for name in ("pandas", "pyarrow", "numpy", "msgspec")},
        },
    }


def peer_versions(python: str) -> dict[str, str]:
    names = ("duckdb", "polars")
    versions = f"[version(name) for name in {names}]"
    script = f"import json; from importlib.metadata import version; print(json.dumps({versions}))"
    return dict(zip(names, json.loads(run([python, "-c", script]).output), strict=True))


def measure(bench: Bench, plan: Plan, parts: Collection[str]) -> Iterator[dict[str, Any]]:
    """The results of each part, as soon as there are some."""
    yield {"machine": machine() | {"peers": peer_versions(bench.peer_python)}}
    if "starts" in parts:
        fleet = plan.nights[0].fleet
        task = bench.task(fleet, 30)
        ours("fold", task)
        ours("report", task)
        note("starts")
        yield {"starts": starts.compare(bench.data / fleet.name, 5)}
    if "extract" in parts:
        note("extract")
        yield {"extract": [extract.compare(*each) for each in plan.lists]}
    if "snapshots" in parts:
        yield {"folds": [compare_folds(bench, fleet) for fleet in plan.snapshots]}
    if "growth" in parts:
        yield {"history": [growth(bench, fleet, 30) for fleet in plan.history]}
        yield {"fleets": [growth(bench, fleet, 7) for fleet in plan.fleets]}
    if "nights" in parts:
        nights: list[dict[str, Any]] = []
        for night in plan.nights:
            nights.append(compare_nights(bench, night))
            yield {"nights": nights}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=ROOT / "build" / "bench")
    parser.add_argument("--peer-python", required=True, help="an interpreter with peers.lock")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--only", action="append", choices=PARTS, help="a part; repeatable")
    options = parser.parse_args()
    plan, name = (FULL, "full") if options.full else (QUICK, "quick")
    options.data.mkdir(parents=True, exist_ok=True)
    bench = Bench(options.data.resolve(), options.peer_python)
    path = RESULTS / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    results = json.loads(path.read_text()) if path.exists() else {}
    for part in measure(bench, plan, options.only or PARTS):
        results |= part
        path.write_text(json.dumps(results, indent=1) + "\n")
        # In a process of its own: a process that starts others must be small, since the peak
        # memory of each includes its parent's at the start.
        run([sys.executable, "-m", "benchmarks.page"])
    note(f"wrote {path.relative_to(ROOT)} and docs/benchmarks.md")


if __name__ == "__main__":
    main()
