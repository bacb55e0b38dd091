"""CPU seconds of all transforms and rules over a synthetic ledger.

    python benchmarks/findings.py [--clusters 100000] [--days 30]

Prints one line per step; CPU time of this process, so a busy machine changes little.
"""

from __future__ import annotations

import argparse
import os
import time
from datetime import date, timedelta
from typing import TYPE_CHECKING

# One core, as promised: Arrow would use all of them.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline import schema
from pipeline.settings import Rules
from pipeline.transform import changes, findings, forecast, idle, spend, utilization

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST = date(2026, 3, 1)
HOUR = 3600


def synthetic_ledger(clusters: int, days: int, seed: int = 1) -> pd.DataFrame:
    """Running clusters looked at every hour: a fifth idle, a fifth underused, the rest at work."""
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
    busy_hours = np.where(use > schema.BUSY_ABOVE_PCT, (1 << 24) - 1, 0)
    zero = np.zeros(rows, dtype=np.int64)
    columns: dict[str, object] = {
        c.name: zero for c in schema.LEDGER.columns if c.type == schema.INT
    }
    columns |= {c.name: None for c in schema.LEDGER.columns if c.name not in columns}
    money = seconds * rate // HOUR
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
        "status": pd.Categorical.from_codes(np.zeros(rows, int), ["running"]),
        "flags": pd.Categorical.from_codes(np.zeros(rows, int), [""]),
        "gpu_count": np.full(rows, 8),
        "hourly_rate_micros": rate,
        "has_moved": np.zeros(rows, bool),
        **dict.fromkeys(("spend_micros", "spend_low_micros", "spend_high_micros"), money),
        "metered_micros": money,
        "observed_seconds": np.full(rows, 24 * HOUR),
        "running_seconds": seconds,
        "looks": np.full(rows, 24),
        "hours_observed": np.full(rows, (1 << 24) - 1),
        "hours_busy": busy_hours,
        "last_busy_at": pd.Series(at).where(busy_hours > 0),
        "first_observed_at": at,
        "last_observed_at": at + pd.Timedelta(hours=23),
        "created_at": pd.Series(pd.Timestamp(FIRST, tz="UTC"), index=range(rows)),
    }
    for number, name in enumerate(schema.BAND_COLUMNS):
        columns[name] = np.where(band == number, seconds, 0)
    for metric, value in (("gpu", use), ("memory", 10.0), ("cpu", np.minimum(use, 40.0))):
        columns[f"{metric}_weight_seconds"] = seconds
        columns[f"{metric}_sum_mpct_seconds"] = np.floor(seconds * value * 1000).astype(np.int64)
        columns[f"{metric}_max_pct"] = value
    return schema.LEDGER.enforce(pd.DataFrame(columns))


def timed(name: str, function: Callable[[], object]) -> float:
    """CPU seconds of ``function``, printed."""
    start = time.process_time()
    function()
    spent = time.process_time() - start
    print(f"{name:<34} {spent:6.2f} s CPU", flush=True)
    return spent


def main() -> None:
    """Time every step."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--clusters", type=int, default=100_000)
    parser.add_argument("--days", type=int, default=30)
    given = parser.parse_args()
    pa.set_cpu_count(1)
    last = FIRST + timedelta(days=given.days - 1)
    ledger = synthetic_ledger(given.clusters, given.days)
    print(f"{len(ledger):,} ledger rows ({given.clusters:,} clusters x {given.days} days)")
    rows = spend.spend_rows(ledger)
    used = utilization.rank(ledger)
    total = timed("spend rows", lambda: spend.spend_rows(ledger))
    for dims in (("date", "project_id"), ("region",), ("gpu_type",), ("cluster_id",)):
        total += timed(f"spend by {', '.join(dims)}", lambda d=dims: spend.by(rows, *d))
    total += timed("utilization", lambda: utilization.rank(ledger))
    total += timed("idle candidates", lambda: idle.candidates(used, Rules()))
    judged = findings.judge(ledger, Rules(), last)
    total += timed(
        "findings: ten rules, with lives",
        lambda: findings.judge(ledger, Rules(), last, previous=judged),
    )
    middle = FIRST + timedelta(days=given.days // 2)
    total += timed("change bridge", lambda: changes.bridge(ledger, (FIRST, middle), (middle, last)))
    total += timed("forecast", lambda: forecast.forecast(ledger, last))
    print(f"{'all':<34} {total:6.2f} s CPU")


if __name__ == "__main__":
    main()
