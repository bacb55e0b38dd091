"""CPU seconds of all transforms and rules over a synthetic ledger, and beside DuckDB.

    python benchmarks/findings.py [--clusters 100000] [--days 30] [--peer-python PYTHON]

Prints one line per step: the best of three runs in CPU time of one core. ``--peer-python`` is an
interpreter that has duckdb; it runs rules_duckdb.py, which says what it computes, on the same rows.
Its outcomes, grades and provable waste must be ours, or there is no ratio. Two ratios are printed:
ours for the evidence and those eight rules (with their reasons, and the evidence of the other two
rules), and ours for all of it: ten rules, reasons, savings, evidence kept, owners, lives.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

# One core, as promised: Arrow would use all of them.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline import schema
from pipeline.rules import RULES
from pipeline.settings import Rules
from pipeline.transform import changes, forecast, idle, spend, utilization
from pipeline.transform.findings import judge, rule_engine
from pipeline.transform.findings.confidence import busy_share_bound
from pipeline.transform.findings.measures import gather

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST = date(2026, 3, 1)
HOUR = 3600
TIMES = 3
NOT_ASKED_OF_THE_PEER = ("off_hours", "spend_anomaly")


def synthetic_ledger(clusters: int, days: int, seed: int = 1) -> pd.DataFrame:
    """Clusters observed every hour: a fifth idle, a fifth underused, the rest at work.

    One in 20 is stopped and charged for storage, one in 100 is stuck, one in 33 leaves half-way.
    """
    rng = np.random.default_rng(seed)
    rows = clusters * days
    who = np.tile(np.arange(clusters), days)
    kind = rng.integers(0, 5, clusters)[who]
    rate = rng.integers(1, 40, clusters)[who] * 500_000
    use = np.select([kind == 0, kind == 1], [rng.uniform(0, 1, rows), rng.uniform(8, 22, rows)], 80)
    band = np.searchsorted(schema.BAND_EDGES_PCT, use)
    day = np.repeat(np.arange(days), clusters)
    noise = rng.integers(95, 106, rows)
    seconds = 24 * HOUR * noise // 106
    is_stopped, is_stuck = who % 20 == 0, who % 100 == 1
    rests = is_stopped | is_stuck
    running = np.where(rests, 0, seconds)
    seen_hours = np.where(rests, 0, (1 << 24) - 1)
    busy_hours = np.where(use > schema.BUSY_ABOVE_PCT, seen_hours, 0)
    zero = np.zeros(rows, dtype=np.int64)
    columns: dict[str, object] = {
        c.name: zero for c in schema.LEDGER.columns if c.type == schema.INT
    }
    columns |= {c.name: None for c in schema.LEDGER.columns if c.name not in columns}
    money = np.where(is_stopped, 10, 1000) * (seconds * rate // HOUR // 1000)
    at = pd.Timestamp(FIRST, tz="UTC") + pd.to_timedelta(day, unit="D")
    codes = {"project_id": 200, "region": 4, "gpu_type": 5, "template_id": 30}
    columns |= {
        name: pd.Categorical.from_codes(who % n, [f"{name}-{i}" for i in range(n)])
        for name, n in codes.items()
    }
    ids = pa.array([f"cluster_{i:08d}" for i in range(clusters)])
    columns |= {
        "account": pd.Categorical.from_codes(np.zeros(rows, int), ["default"]),
        "date": at.tz_localize(None),
        "cluster_id": pd.Series(ids.take(pa.array(who)), dtype="str"),
        "name": pd.Series(ids.take(pa.array(who)), dtype="str"),
        "status": pd.Categorical.from_codes(
            np.select([is_stopped, is_stuck], [1, 2], 0), ["running", "stopped", "pending"]
        ),
        "flags": pd.Categorical.from_codes(np.zeros(rows, int), [""]),
        "gpu_count": np.full(rows, 8),
        "hourly_rate_micros": rate,
        "has_moved": np.zeros(rows, bool),
        **dict.fromkeys(("spend_micros", "spend_low_micros", "spend_high_micros"), money),
        "metered_micros": money,
        "stopped_spend_micros": np.where(is_stopped, money, 0),
        "observed_seconds": np.full(rows, 24 * HOUR),
        "running_seconds": running,
        "stopped_seconds": np.where(is_stopped, seconds, 0),
        "transition_seconds": np.where(is_stuck, seconds, 0),
        "looks": np.full(rows, 24),
        "hours_observed": seen_hours,
        "hours_busy": busy_hours,
        "last_busy_at": pd.Series(at).where(busy_hours > 0),
        "first_observed_at": at,
        "last_observed_at": at + pd.Timedelta(hours=23),
        "created_at": pd.Series(pd.Timestamp(FIRST, tz="UTC"), index=range(rows)),
    }
    for number, name in enumerate(schema.BAND_COLUMNS):
        columns[name] = np.where(band == number, running, 0)
    for metric, value in (("gpu", use), ("memory", 10.0), ("cpu", np.minimum(use, 40.0))):
        columns[f"{metric}_weight_seconds"] = running
        columns[f"{metric}_sum_mpct_seconds"] = np.floor(running * value * 1000).astype(np.int64)
        columns[f"{metric}_max_pct"] = value
    stays = (who % 33 > 0) | (day < days // 2)
    return schema.LEDGER.enforce(pd.DataFrame(columns)[stays])


def timed(name: str, function: Callable[[], object]) -> float:
    """CPU seconds of the fastest of three runs of ``function``, printed."""
    spent = []
    for _ in range(TIMES):
        start = time.process_time()
        function()
        spent.append(time.process_time() - start)
    print(f"{name:<36} {min(spent):6.2f} s CPU", flush=True)
    return min(spent)


def judge_as_the_peer(ledger: pd.DataFrame, last: date) -> dict[str, list[int]]:
    """Evidence, and outcomes with reasons of the peer's rules: how many there are of each."""
    rules, counts = Rules(), {}
    evidence = gather(ledger, rules, last)
    for rule in RULES:
        if rule.id in NOT_ASKED_OF_THE_PEER:
            continue
        judged = rule_engine.evaluate(rule, evidence, rules)
        evidence[f"found_{rule.id}"] = judged.is_finding
        waste = evidence[rule.waste] if rule.waste else pd.Series(0, evidence.index)
        frame = pd.DataFrame(
            {
                "outcome": judged.outcome.astype("str"),
                "grade": pd.Series(judged.grade, dtype="object").fillna(""),
                "waste": waste.where(judged.is_finding, 0),
            }
        )
        for (outcome, grade), rows in frame.groupby(["outcome", "grade"]):
            name = f"{rule.id} {outcome} {grade}".strip()
            counts[name] = [len(rows), int(rows["waste"].sum())]
    return counts


def ask_the_peer(ledger: pd.DataFrame, python: str) -> dict[str, Any]:
    """What rules_duckdb.py says of the same ledger."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pq.write_table(schema.LEDGER.from_pandas(ledger), folder / "ledger.parquet")
        most = 24 * Rules().idle_window_days
        n, k = np.divmod(np.arange((most + 1) ** 2), most + 1)
        n, k = n[(k <= n) & (n > 0)], k[(k <= n) & (n > 0)]
        bounds = pa.table({"k": k, "n": n, "bound": busy_share_bound(k, n)})
        pq.write_table(bounds, folder / "bounds.parquet")
        limits = msgspec.to_builtins(Rules())
        limits["window"] = limits["idle_window_days"]
        (folder / "limits.json").write_text(json.dumps(limits))
        script = Path(__file__).with_name("rules_duckdb.py")
        files = [str(folder / each) for each in ("ledger.parquet", "bounds.parquet", "limits.json")]
        done = subprocess.run(
            [python, str(script), *files, str(TIMES)], check=True, capture_output=True, text=True
        )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def compare(ledger: pd.DataFrame, last: date, python: str, seconds: float) -> None:
    """The ratios of our CPU seconds to the peer's."""
    ours = timed("evidence and the peer's eight rules", lambda: judge_as_the_peer(ledger, last))
    peer = ask_the_peer(ledger, python)
    mine = judge_as_the_peer(ledger, last)
    if mine != peer["outcomes"]:
        wrong = sorted(set(map(str, mine.items())) ^ set(map(str, peer["outcomes"].items())))
        raise SystemExit(f"the peer disagrees: {wrong}")
    print(f"{'DuckDB ' + peer['version'] + ', the same eight':<36} {peer['seconds']:6.2f} s CPU")
    print(f"ratio {ours / peer['seconds']:.2f} for the same eight rules (target: at most 1.5)")
    print(f"ratio {seconds / peer['seconds']:.2f} for all ten, with savings, evidence and lives")


def main() -> None:
    """Time every step."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--clusters", type=int, default=100_000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--peer-python", help="an interpreter that has duckdb")
    options = parser.parse_args()
    pa.set_cpu_count(1)
    last = FIRST + timedelta(days=options.days - 1)
    ledger = synthetic_ledger(options.clusters, options.days)
    print(f"{len(ledger):,} ledger rows ({options.clusters:,} clusters x {options.days} days)")
    rows = spend.spend_rows(ledger)
    used = utilization.rank(ledger)
    total = timed("spend rows", lambda: spend.spend_rows(ledger))
    for dims in (("date", "project_id"), ("region",), ("gpu_type",), ("cluster_id",)):
        total += timed(f"spend by {', '.join(dims)}", lambda d=dims: spend.by(rows, *d))
    total += timed("utilization", lambda: utilization.rank(ledger))
    total += timed("idle candidates", lambda: idle.candidates(used, Rules()))
    judged = judge.judge_day(ledger, judge.Policy(Rules()), last)
    seconds = timed(
        "findings: ten rules, with lives",
        lambda: judge.judge_day(ledger, judge.Policy(Rules()), last, judged),
    )
    total += seconds
    middle = FIRST + timedelta(days=options.days // 2)
    total += timed(
        "change bridge", lambda: changes.bridge_rows(ledger, (FIRST, middle), (middle, last))
    )
    total += timed("forecast", lambda: forecast.forecast(ledger, last))
    print(f"{'all':<36} {total:6.2f} s CPU (target: at most 10)")
    if options.peer_python:
        compare(ledger, last, options.peer_python, seconds)


if __name__ == "__main__":
    main()
