"""What a day costs by the size of the fleet, for docs/scaling.md.

    python -m benchmarks.scaling [--folder FOLDER] [--fleets 1000 10000 100000] [--repeats 3]

For each fleet, daily and hourly, it fills a store with synthetic snapshots (``ours.py``) and
measures, each in a process of its own and without its imports:

- *day*: builds one closed ledger day from its snapshots, as ``ledger`` does.
- *judge*: reads the look-back of the last closed day and makes its findings. Daily fleets only: a
  ledger day has one row per cluster, however many snapshots it is made from.
- *window*: reads 30 and 90 days of ledger and derives spend and utilization.

It prints CPU seconds (medians), peak memory, rows and bytes, and per measure the exponent of the
fit ``CPU = a * rows ** b`` over the fleets. A busy machine changes CPU seconds less than time.
"""

# ruff: noqa: PLC0415 - each process imports only what its own part needs

from __future__ import annotations

import argparse
import json
import math
import resource
import statistics
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import ours
from benchmarks.processes import ROOT, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from pipeline.jobs import Job

DAYS = {24: 90, 1: 3}
"""Days of history by the hours between snapshots: a day reads its neighbours only."""
BIG, BIG_DAYS = 50_000, 30
"""From this fleet on the daily history is shorter."""


def job_of(folder: str) -> Job:
    from pipeline.jobs import Job
    from pipeline.keys import Secret
    from pipeline.settings import Settings
    from pipeline.store import Store

    return Job(Store(folder), Settings(), lambda *_: Secret(""), lambda: ours.AFTER)


def measured(work: Callable[[], dict[str, int]]) -> dict[str, float]:
    began = time.process_time()
    result = work()
    cpu = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"cpu": cpu, "peak_mb": peak, **result}


def build(folder: str) -> dict[str, float]:
    """Build the missing ledger days; not measured."""
    from pipeline.jobs.ledger import update_ledger

    return {"days": len(update_ledger(job_of(folder)))}


def day(folder: str) -> dict[str, float]:
    from pipeline.jobs import ledger
    from pipeline.jobs.ledger_inputs import InputReader
    from pipeline.ledger.inputs import inputs_by_day
    from pipeline.store import layout

    job = job_of(folder)
    refs = job.store.snapshots(ours.ACCOUNT)
    days = inputs_by_day(refs)
    # The last day but one has complete snapshots on both sides.
    built = sorted(days)[-3]
    task = ledger.DayTask(layout.ledger(ours.ACCOUNT, built, "0" * 16), tuple(days[built]))
    read = sum(Path(job.store.url(ref.key)).stat().st_size for ref in task.inputs)

    def work() -> dict[str, int]:
        made = ledger.build_file(InputReader(), {}, job.store, task)
        return {"rows": made.rows, "snapshots": len(task.inputs), "bytes": len(made.data)}

    return {**measured(work), "read": read}


def judge(folder: str) -> dict[str, float]:
    from pipeline.jobs.judge_days import lookback, outcomes_of_days
    from pipeline.schema import FINDINGS
    from pipeline.store import tables
    from pipeline.transform.findings.judge import Policy, with_lifecycles

    job = job_of(folder)
    last = last_day(job)
    policy, until = Policy(job.settings.rules), {ours.ACCOUNT: last}

    def work() -> dict[str, int]:
        (judged,) = outcomes_of_days(job, {last: policy}, until)
        made = with_lifecycles(judged.outcomes, policy, None, until)
        data = tables.encode(FINDINGS.from_pandas(made), FINDINGS, {"date": last.isoformat()})
        return {"findings": len(made), "bytes": len(data)}

    return {**measured(work), "rows": rows_of(job, lookback(last, last).oldest, last)}


def window(folder: str, days: int) -> dict[str, float]:
    from pipeline.jobs.coverage import coverage
    from pipeline.jobs.ledger_window import Window, read_window, utilization_of
    from pipeline.jobs.spend import LEDGER_COLUMNS
    from pipeline.transform import spend

    job = job_of(folder)
    last = last_day(job)
    asked = Window(last - timedelta(days=days - 1), last, coverage(job))

    def work() -> dict[str, int]:
        spend.by(spend.spend_rows(read_window(job, asked, LEDGER_COLUMNS)), "date")
        return {"clusters": len(utilization_of(job, asked))}

    return {**measured(work), "rows": rows_of(job, asked.first, last)}


def last_day(job: Job) -> date:
    """The last closed day."""
    return max(ref.day for ref in job.store.ledger_days()) - timedelta(days=1)


def rows_of(job: Job, first: date, last: date) -> int:
    """The cluster-days from ``first`` to ``last``."""
    from pipeline.store import tables

    refs = job.store.ledger_days(None, first, last)
    return sum(tables.read_totals(job.store.files, ref.key).rows for ref in refs)


CHILDREN: dict[str, Callable[..., dict[str, float]]] = {
    "build": build,
    "day": day,
    "judge": judge,
    "window": window,
}


def child(verb: str, folder: Path, *words: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.scaling", "--child", verb, str(folder)]
    result = run([*command, *map(str, words)]).result
    return {name: float(str(value)) for name, value in result.items()}


def median(repeats: int, verb: str, folder: Path, *words: int) -> dict[str, float]:
    runs = [child(verb, folder, *words) for _ in range(repeats)]
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def exponent(points: list[dict[str, float]]) -> float:
    """The slope of log CPU over log rows, by least squares."""
    x = [math.log(point["rows"]) for point in points]
    y = [math.log(point["cpu"]) for point in points]
    return statistics.linear_regression(x, y).slope


def show(name: str, fleet: int, cost: dict[str, float]) -> None:
    more = ", ".join(f"{key} {value:,.0f}" for key, value in cost.items() if key != "cpu")
    per = cost["cpu"] / cost["rows"] * 1e6
    print(f"{name:16} {fleet:>9,} {cost['cpu']:8.3f} CPU s {per:8.2f} us a row  {more}", flush=True)


def folder_of(options: argparse.Namespace, fleet: int, every_hours: int) -> Path:
    folder = (Path(options.folder) / f"{fleet}-{every_hours}h").resolve()
    days = BIG_DAYS if every_hours > 1 and fleet >= BIG else DAYS[every_hours]
    folder.mkdir(parents=True, exist_ok=True)
    task = {"folder": str(folder), "clusters": fleet, "every_hours": every_hours, "days": days}
    file = folder.with_suffix(".json")
    file.write_text(json.dumps(task))
    run([sys.executable, "-m", "benchmarks.ours", "fill", str(file)])
    return folder


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        verb, folder, *words = sys.argv[2:]
        print(json.dumps(CHILDREN[verb](folder, *map(int, words))))
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--folder", default=ROOT / "build" / "scaling", help="where the snapshots are kept"
    )
    parser.add_argument("--fleets", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--repeats", type=int, default=3, help="runs of each; the median counts")
    options = parser.parse_args()
    points: dict[str, list[dict[str, float]]] = {}

    def measure(name: str, fleet: int, verb: str, folder: Path, *words: int) -> None:
        cost = median(options.repeats, verb, folder, *words)
        points.setdefault(name, []).append(cost)
        show(name, fleet, cost)

    for fleet in options.fleets:
        hourly = folder_of(options, fleet, 1)
        measure("day, hourly", fleet, "day", hourly)
        daily = folder_of(options, fleet, 24)
        measure("day, daily", fleet, "day", daily)
        child("build", daily)
        measure("judge", fleet, "judge", daily)
        for days in (30, 90) if fleet < BIG else (30,):
            measure(f"window of {days}", fleet, "window", daily, days)
    for name, costs in points.items():
        if len(costs) > 1:
            print(f"{name}: CPU ~ rows ^ {exponent(costs):.2f}")


if __name__ == "__main__":
    main()
