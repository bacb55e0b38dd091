"""A night of FleetLedger against rescans of the same snapshots by DuckDB and Polars.

    python benchmarks/nightly.py --peer-python PYTHON [--clusters 10000] [--every-hours 1]
                                 [--days 30] [--window DAYS] [--folder FOLDER] [--fold]

The snapshots are of a synthetic fleet; the store writes them once and they are kept in FOLDER. Each
run is a process of its own, imports included; the operating system measures CPU time and memory:

- *ours*: builds the ledger day that the newest snapshots close and the one they begin, reads the
  window's ledger, and derives spend, utilization, idle candidates and all findings.
- *ours: same numbers only*: builds the same days, then derives only what the rescans compute.
- *ours: ledger as it is*: derives the same from days that are already built.
- *rescans* (``rescans.py``, run by PYTHON, which needs duckdb and polars): spend per cluster-day
  by counter differences, idle share, p95 and last busy, from the snapshots of the same window. They
  do not cut at midnight, estimate, bound or judge; with snapshots at full hours the results are
  equal.
- *DuckDB over our ledger*: the same numbers from our files, to measure the cost of Python.

The results are compared, and any difference ends the run with an error: money to the micro, sampled
and busy hours and last busy exactly. The 95th percentile is not compared: ours weighs readings by
the seconds they speak for, the rescans count samples.
"""

# ruff: noqa: PLC0415 - each process imports only what its own part needs: imports are counted

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

START = datetime(2026, 3, 2, tzinfo=UTC)
AFTER = START + timedelta(days=3660)
"""Later than any snapshot here."""
ACCOUNT = "default"
# About as many clusters are created as deleted, so the fleet does not grow with the history.
STEADY = {"births_per_day": 0.0026, "deaths_per_day": 0.0026, "expiry_share": 0.04}
RESCANS = Path(__file__).with_name("rescans.py")


@dataclass(frozen=True)
class Cost:
    """The resources that a process used, and its result."""

    cpu: float
    wall: float
    peak_mb: float
    result: dict[str, object]


def fill(
    folder: str, clusters: int, every_hours: int, days: int, fleet_days: int
) -> dict[str, object]:
    """Write the missing snapshots from START to the end of the last day."""
    import pandas as pd

    from pipeline.model import Certificate, Snapshot, State
    from pipeline.schema import SNAPSHOT
    from pipeline.simulator.fleet import Fleet
    from pipeline.store import Store

    store = Store(folder)
    stored = {ref.started_at for ref in store.snapshots(ACCOUNT)}
    times = [START + timedelta(hours=n) for n in range(0, days * 24 + 1, every_hours)]
    fleet = Fleet(11, clusters, START, fleet_days, **STEADY)
    for when in [when for when in times if when not in stored]:
        frame = fleet.at(when).assign(account=ACCOUNT, observed_at=pd.Timestamp(when))
        missing = [name for name in SNAPSHOT.names if name not in frame.columns]
        table = SNAPSHOT.from_pandas(frame.assign(**dict.fromkeys(missing)))
        certificate = Certificate(
            account=ACCOUNT, state=State.COMPLETE, started_at=when, finished_at=when,
            api_version="v1", base_url="http://127.0.0.1", requests=1, pages=1,
            unique_ids=len(frame), total_count=len(frame), proof="drawn, not walked",
        )  # fmt: skip
        store.publish_snapshot(Snapshot(certificate=certificate, table=table))
    return {"snapshots": len(times)}


def our_night(folder: str, window: int) -> dict[str, object]:
    """What a night does between extract and report; its key figures."""
    from pipeline.jobs import Job
    from pipeline.jobs.ledger import update_ledger
    from pipeline.keys import Secret
    from pipeline.settings import Settings
    from pipeline.store import Store
    from pipeline.transform import idle, spend, utilization
    from pipeline.transform.findings import judge

    settings = Settings()
    store = Store(folder)
    update_ledger(Job(store, settings, lambda *_: Secret(""), lambda: AFTER))
    last = max(ref.day for ref in store.ledger_days(ACCOUNT)) - timedelta(days=1)
    ledger = store.read_ledger(last - timedelta(days=window - 1), last)
    rows = spend.spend_rows(ledger)
    for dimensions in ("date", "project_id", "gpu_type"):
        spend.by(rows, dimensions)
    used = utilization.rank(ledger)
    idle.candidates(used, settings.rules)
    judge.judge_day(ledger, judge.Policy(settings.rules), last)
    return _figures(ledger, used)


def our_numbers(folder: str, window: int) -> dict[str, object]:
    """Only the numbers of the rescans: the ledger is updated, then the needed columns are read."""
    import numpy as np

    from pipeline.jobs import Job
    from pipeline.jobs.ledger import update_ledger
    from pipeline.keys import Secret
    from pipeline.schema import BAND_COLUMNS
    from pipeline.settings import Settings
    from pipeline.store import Store
    from pipeline.transform.utilization import percentile

    store = Store(folder)
    update_ledger(Job(store, Settings(), lambda *_: Secret(""), lambda: AFTER))
    last = max(ref.day for ref in store.ledger_days(ACCOUNT)) - timedelta(days=1)
    masks = ["hours_observed", "hours_busy"]
    columns = ["date", "cluster_id", "metered_micros", "last_busy_at", *masks, *BAND_COLUMNS]
    first = last - timedelta(days=window - 1)
    ledger = store.read_ledger(first, last, columns=columns)
    samples, busy = (np.bitwise_count(ledger[mask].to_numpy()).astype(np.int64) for mask in masks)
    counted = ledger.assign(samples=samples, busy_samples=busy)
    clusters = counted.groupby("cluster_id", sort=False)
    sums = clusters[["metered_micros", "samples", "busy_samples", *BAND_COLUMNS]].sum()
    sums["last_busy_at"] = clusters["last_busy_at"].max()
    percentile(sums, 95)
    return _figures(ledger, sums)


def _figures(ledger: pd.DataFrame, used: pd.DataFrame) -> dict[str, object]:
    """Key figures: sums that differ if any row differs."""
    paid = ledger.loc[ledger["metered_micros"] > 0, ["date", "cluster_id", "metered_micros"]]
    n = paid["date"].dt.day * paid["cluster_id"].str.rstrip("0123456789").str.len()
    busy_at = used["last_busy_at"].dropna().astype("int64") // 1_000_000
    return {
        "spend": int(paid["metered_micros"].sum()),
        "mixed": int((paid["metered_micros"].to_numpy() * (n % 1009).to_numpy()).sum()),
        "samples": int(used["samples"].sum()),
        "busy": int(used["busy_samples"].sum()),
        "last_busy": int(busy_at.sum()),
    }


def fold_one(folder: str) -> dict[str, object]:
    """The ledger alone: the newest snapshot folded into its days."""
    from pipeline.jobs import Job
    from pipeline.jobs.ledger import update_ledger
    from pipeline.keys import Secret
    from pipeline.settings import Settings
    from pipeline.store import Store

    job = Job(Store(folder), Settings(), lambda *_: Secret(""), lambda: AFTER)
    return {"days": len(update_ledger(job))}


def columns_read(folder: str) -> dict[str, object]:
    """The snapshot columns the ledger reads."""
    from pipeline.jobs.ledger import COLUMNS

    return {"folder": folder, "columns": COLUMNS}


CHILDREN: dict[str, Callable[..., dict[str, object]]] = {
    "fill": fill,
    "night": our_night,
    "numbers": our_numbers,
    "fold": fold_one,
    "columns": columns_read,
}


def run(command: list[str]) -> Cost:
    """Run a process to its end and measure it."""
    began = time.monotonic()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, stdout=output)
        _, status, usage = os.wait4(process.pid, 0)
        output.seek(0)
        text = output.read()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[1:3]} ended with {process.returncode}")
    return Cost(
        cpu=usage.ru_utime + usage.ru_stime,
        wall=time.monotonic() - began,
        peak_mb=usage.ru_maxrss / 1024,
        result=json.loads(text),
    )


def remove_newest_days(folder: Path) -> None:
    """Remove the two days that a night builds, as if the newest snapshots had just been taken."""
    for day in sorted(folder.glob(f"ledger/account={ACCOUNT}/date=*"))[-2:]:
        shutil.rmtree(day)


def child(verb: str, folder: Path, *words: str) -> Cost:
    return run([sys.executable, __file__, "--child", verb, str(folder), *words])


def night(folder: Path, verb: str, *words: str) -> Cost:
    """A run of ours that builds the newest days first."""
    remove_newest_days(folder)
    return child(verb, folder, *words)


def least(costs: list[Cost]) -> Cost:
    """The run with the least CPU time: the least disturbed one."""
    return min(costs, key=lambda cost: cost.cpu)


def compare(options: argparse.Namespace) -> None:
    """Run all of them and print their costs and ratios."""
    folder = Path(options.folder)
    end = START + timedelta(days=options.days)
    window = min(options.window or options.days, options.days)
    # In its own process: a child's peak memory includes its parent's memory when it was started.
    fleet_days = max(options.fleet_days, options.days)
    shape = [str(options.clusters), str(options.every_hours), str(options.days), str(fleet_days)]
    child("fill", folder, *shape)
    night(folder, "fold")  # builds the missing days of history
    count = len(list(folder.glob("snapshots/account=*/date=*/*.parquet")))
    print(f"{options.clusters:,} clusters, {count} snapshots, a window of {window} days")
    print(f"{'':24} {'CPU s':>7} {'wall s':>7} {'MB':>6} {'CPU/ours':>9} {'MB/ours':>8}  result")
    task: dict[str, object] = {
        "folder": str(folder),
        "begin": (end - timedelta(days=window)).isoformat(),
        "end": end.isoformat(),
        "cadence": options.every_hours * 3600,
    }
    words, repeats = str(window), range(options.repeats)
    ours = least([night(folder, "night", words) for _ in repeats])
    show("ours", ours, ours)
    costs = {"numbers": least([night(folder, "numbers", words) for _ in repeats])}
    show("ours: same numbers only", costs["numbers"], ours)
    costs["ledger"] = least([child("numbers", folder, words) for _ in repeats])
    show("ours: ledger as it is", costs["ledger"], ours)
    if options.fold:
        task["columns"] = child("columns", folder).result["columns"]
        costs["fold"] = least([night(folder, "fold") for _ in repeats])
        show("ours: fold one snapshot", costs["fold"], ours, is_result=False)
    if not options.peer_python:
        print("no --peer-python given: an interpreter with duckdb and polars runs the rescans")
        return
    for engine in [*options.engines, "duckdb-ledger"] + ["duckdb-read"] * options.fold:
        command = [options.peer_python, str(RESCANS), engine, json.dumps(task)]
        costs[engine] = least([run(command) for _ in repeats])
        show(engine, costs[engine], ours, is_result=engine != "duckdb-read")
    conclude(options, ours, costs)


def conclude(options: argparse.Namespace, ours: Cost, costs: dict[str, Cost]) -> None:
    """Print the ratios; an error if any results differ."""
    best = least([costs[engine] for engine in options.engines])
    lightest = min(costs[engine].peak_mb for engine in options.engines)
    print(f"best rescan / ours: CPU {best.cpu / ours.cpu:.1f}", end="")
    print(f", with the same numbers only {best.cpu / costs['numbers'].cpu:.1f}")
    print(f"ours / lightest rescan: memory {ours.peak_mb / lightest:.2f}", end="")
    print(f", with the same numbers only {costs['numbers'].peak_mb / lightest:.2f}")
    language = costs["ledger"].cpu / costs["duckdb-ledger"].cpu
    print(f"our language / DuckDB over our ledger: CPU {language:.1f}")
    if options.fold:
        read = costs["duckdb-read"]
        print(f"fold of a snapshot / DuckDB's read of it: CPU {costs['fold'].cpu / read.cpu:.1f}")
    compared = [name for name in costs if name not in ("fold", "duckdb-read")]
    different = [name for name in compared if costs[name].result != ours.result]
    if different:
        raise SystemExit(f"other numbers than ours: {', '.join(different)}")


def show(name: str, cost: Cost, ours: Cost, *, is_result: bool = True) -> None:
    same = "same" if is_result and cost.result == ours.result else f"{cost.result}"
    print(
        f"{name:24} {cost.cpu:7.2f} {cost.wall:7.2f} {cost.peak_mb:6.0f}"
        f" {cost.cpu / ours.cpu:9.1f} "
        f"{cost.peak_mb / ours.peak_mb:8.1f}  {same if cost is not ours else cost.result}",
        flush=True,
    )


def main() -> None:
    """Compare; or, as a child process of that, run one of ours."""
    if sys.argv[1:2] == ["--child"]:
        verb, folder, *words = sys.argv[2:]
        print(json.dumps(CHILDREN[verb](folder, *map(int, words))))
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clusters", type=int, default=10_000)
    parser.add_argument("--every-hours", type=int, default=1)
    parser.add_argument("--days", type=int, default=30, help="days of history")
    parser.add_argument(
        "--fleet-days", type=int, default=0, help="days the fleet lives (default: the history's)"
    )
    parser.add_argument("--window", type=int, help="days the report covers (default: all)")
    parser.add_argument("--folder", default="data/benchmark", help="where the snapshots are kept")
    parser.add_argument("--peer-python", help="an interpreter with duckdb and polars")
    parser.add_argument(
        "--engines", nargs="+", default=["duckdb", "polars-streaming", "polars-in-memory"]
    )
    parser.add_argument("--repeats", type=int, default=2, help="runs of each; the least CPU counts")
    parser.add_argument("--fold", action="store_true", help="also the ledger of one snapshot alone")
    compare(parser.parse_args())


if __name__ == "__main__":
    main()
