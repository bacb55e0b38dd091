"""One night of ours against rescans of the same snapshots by DuckDB and Polars, side by side.

    python benchmarks/nightly.py --peer-python PYTHON [--clusters 10000] [--every-hours 1]
                                 [--days 30] [--window DAYS] [--folder FOLDER] [--fold]

The snapshots are a synthetic fleet's, written by the store once and kept in FOLDER. Each contestant
is a process of its own, imports included; the operating system counts its CPU time and memory:

- *ours*: the ledger day that the newest looks close, and the one they begin, are built; then the
  window's ledger is read, and spend, utilization, idle candidates and all findings are derived.
- *ours: same numbers only*: the ledger days likewise, then just what the rescans compute.
- *ours: ledger as it is*: the same from days that are already there.
- *rescans* (``rescans.py``, run by PYTHON, which needs duckdb and polars): spend per cluster-day
  by counter differences, idle share, p95 and last busy, from the looks of the same window. They do
  not cut at midnight, estimate, bound or judge; looks at full hours make that no difference.
- *DuckDB over our ledger*: the same numbers from our files, to see what our language costs.

The answers are compared, and any difference ends the run with an error: money to the micro, sampled
and busy hours and last busy exactly. Not the 95th percentile: ours weighs readings by the seconds
they stand for, theirs counts samples.
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
"""Later than any look here."""
ACCOUNT = "default"
# About as many come as go, so that a long history is not a larger fleet.
STEADY = {"births_per_day": 0.0026, "deaths_per_day": 0.0026, "expiry_share": 0.04}
RESCANS = Path(__file__).with_name("rescans.py")


@dataclass(frozen=True)
class Cost:
    """What a process took."""

    cpu: float
    wall: float
    peak_mb: float
    answer: dict[str, object]


def fill(
    folder: str, clusters: int, every_hours: int, days: int, fleet_days: int
) -> dict[str, object]:
    """Write the looks that are not there yet, from START to the end of the last day."""
    import pandas as pd

    from pipeline.model import Certificate, Snapshot, State
    from pipeline.schema import SNAPSHOT
    from pipeline.simulator.fleet import Fleet
    from pipeline.store import Store

    store = Store(folder)
    there = {ref.started_at for ref in store.snapshots(ACCOUNT)}
    times = [START + timedelta(hours=n) for n in range(0, days * 24 + 1, every_hours)]
    fleet = Fleet(11, clusters, START, fleet_days, **STEADY)
    for when in [when for when in times if when not in there]:
        frame = fleet.at(when).assign(account=ACCOUNT, observed_at=pd.Timestamp(when))
        missing = [name for name in SNAPSHOT.names if name not in frame.columns]
        table = SNAPSHOT.from_pandas(frame.assign(**dict.fromkeys(missing)))
        certificate = Certificate(
            account=ACCOUNT, state=State.COMPLETE, started_at=when, finished_at=when,
            api_version="v1", base_url="http://127.0.0.1", requests=1, pages=1,
            unique_ids=len(frame), total_count=len(frame), proof="drawn, not walked",
        )  # fmt: skip
        store.publish_snapshot(Snapshot(certificate=certificate, table=table))
    return {"looks": len(times)}


def our_night(folder: str, window: int) -> dict[str, object]:
    """What a night does between the walk and the report; the answer's key figures."""
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
    """The peers' numbers and no more: the ledger kept up, then the columns these need."""
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
    """Sums that differ if any row does."""
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
    """The ledger alone: the newest look folded into its days."""
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
    """A process from birth to death; the system's own account of it."""
    began = time.monotonic()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, stdout=said)
        _, status, usage = os.wait4(process.pid, 0)
        said.seek(0)
        text = said.read()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[1:3]} ended with {process.returncode}")
    return Cost(
        cpu=usage.ru_utime + usage.ru_stime,
        wall=time.monotonic() - began,
        peak_mb=usage.ru_maxrss / 1024,
        answer=json.loads(text),
    )


def forget_newest(folder: Path) -> None:
    """Take away the two days a night builds, as if the newest looks had just come."""
    for day in sorted(folder.glob(f"ledger/account={ACCOUNT}/date=*"))[-2:]:
        shutil.rmtree(day)


def child(verb: str, folder: Path, *words: str) -> Cost:
    return run([sys.executable, __file__, "--child", verb, str(folder), *words])


def tonight(folder: Path, verb: str, *words: str) -> Cost:
    """One night of ours, as a process."""
    forget_newest(folder)
    return child(verb, folder, *words)


def least(costs: list[Cost]) -> Cost:
    """The one that was disturbed least."""
    return min(costs, key=lambda cost: cost.cpu)


def compare(given: argparse.Namespace) -> None:
    """Run everyone, print what each took and how the peers compare."""
    folder = Path(given.folder)
    end = START + timedelta(days=given.days)
    window = min(given.window or given.days, given.days)
    # In a process of its own: a child's peak memory includes what its parent held at its birth.
    fleet_days = max(given.fleet_days, given.days)
    shape = [str(given.clusters), str(given.every_hours), str(given.days), str(fleet_days)]
    child("fill", folder, *shape)
    tonight(folder, "fold")  # the days of history that are not there yet
    count = len(list(folder.glob("snapshots/account=*/date=*/*.parquet")))
    print(f"{given.clusters:,} clusters, {count} looks, a window of {window} days")
    print(f"{'':24} {'CPU s':>7} {'wall s':>7} {'MB':>6} {'CPU/ours':>9} {'MB/ours':>8}  answer")
    task: dict[str, object] = {
        "folder": str(folder),
        "begin": (end - timedelta(days=window)).isoformat(),
        "end": end.isoformat(),
        "cadence": given.every_hours * 3600,
    }
    words, again = str(window), range(given.repeats)
    ours = least([tonight(folder, "night", words) for _ in again])
    show("ours", ours, ours)
    kept = {"numbers": least([tonight(folder, "numbers", words) for _ in again])}
    show("ours: same numbers only", kept["numbers"], ours)
    kept["ledger"] = least([child("numbers", folder, words) for _ in again])
    show("ours: ledger as it is", kept["ledger"], ours)
    if given.fold:
        task["columns"] = child("columns", folder).answer["columns"]
        kept["fold"] = least([tonight(folder, "fold") for _ in again])
        show("ours: fold one look", kept["fold"], ours, is_answer=False)
    if not given.peer_python:
        print("no --peer-python given: an interpreter with duckdb and polars runs the rescans")
        return
    for engine in [*given.engines, "duckdb-ledger"] + ["duckdb-read"] * given.fold:
        command = [given.peer_python, str(RESCANS), engine, json.dumps(task)]
        kept[engine] = least([run(command) for _ in again])
        show(engine, kept[engine], ours, is_answer=engine != "duckdb-read")
    conclude(given, ours, kept)


def conclude(given: argparse.Namespace, ours: Cost, kept: dict[str, Cost]) -> None:
    """What it comes to; an error if anyone has other numbers."""
    best = least([kept[engine] for engine in given.engines])
    lightest = min(kept[engine].peak_mb for engine in given.engines)
    print(f"best rescan / ours: CPU {best.cpu / ours.cpu:.1f}", end="")
    print(f", with the same numbers only {best.cpu / kept['numbers'].cpu:.1f}")
    print(f"ours / lightest rescan: memory {ours.peak_mb / lightest:.2f}", end="")
    print(f", with the same numbers only {kept['numbers'].peak_mb / lightest:.2f}")
    language = kept["ledger"].cpu / kept["duckdb-ledger"].cpu
    print(f"our language / DuckDB over our ledger: CPU {language:.1f}")
    if given.fold:
        read = kept["duckdb-read"]
        print(f"fold of a look / DuckDB's read of it: CPU {kept['fold'].cpu / read.cpu:.1f}")
    others = [n for n in kept if n not in ("fold", "duckdb-read") and kept[n].answer != ours.answer]
    if others:
        raise SystemExit(f"other numbers than ours: {', '.join(others)}")


def show(name: str, cost: Cost, ours: Cost, *, is_answer: bool = True) -> None:
    same = "same" if is_answer and cost.answer == ours.answer else f"{cost.answer}"
    print(
        f"{name:24} {cost.cpu:7.2f} {cost.wall:7.2f} {cost.peak_mb:6.0f}"
        f" {cost.cpu / ours.cpu:9.1f} "
        f"{cost.peak_mb / ours.peak_mb:8.1f}  {same if cost is not ours else cost.answer}",
        flush=True,
    )


def main() -> None:
    """Compare; or, as a child of that, be one of ours."""
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
    parser.add_argument("--fold", action="store_true", help="also the ledger of one look alone")
    compare(parser.parse_args())


if __name__ == "__main__":
    main()
