"""The rescans of nightly.py: the same numbers by scanning all snapshots (or our ledger).

    python rescans.py ENGINE TASK_AS_JSON

Needs duckdb and polars and nothing of ours. Tuned by their own guides: only the needed columns and
files are read; DuckDB keeps no insertion order; Polars scans lazily and is run by its streaming and
by its in-memory engine. Both get all cores. They do not cut, estimate, bound or judge: they compute
money per cluster and day from counter differences between neighbouring snapshots (a new cluster
counts from its creation), and per cluster the sampled hours, the busy hours, the 95th percentile of
GPU use and the last busy observation.
"""

# ruff: noqa: PLC0415, S608, PLR2004 - imports are counted, so each engine imports only itself; the SQL is constant

from __future__ import annotations

import json
import sys
from datetime import datetime, timedelta
from pathlib import Path

PAIRS = """
WITH observation AS (
  SELECT cluster_id, observed_at AS seen, epoch(observed_at)::BIGINT AS t, status,
         gpu_utilization_pct AS gpu, total_cost_micros AS total, created_at
  FROM read_parquet($files)
), pair AS (
  SELECT *, lag(total) OVER w AS total_before, lag(t) OVER w AS t_before
  FROM observation WINDOW w AS (PARTITION BY cluster_id ORDER BY t)
)
SELECT cluster_id, seen, status, gpu,
       CASE WHEN t_before = t - $cadence THEN seen - to_seconds($cadence)
            ELSE created_at END AS since,
       CASE WHEN t_before = t - $cadence AND total >= total_before THEN total - total_before
            WHEN t_before = t - $cadence OR t = $begin THEN 0
            WHEN epoch(created_at) >= t - $cadence THEN total ELSE 0 END AS spend
FROM pair
"""

USE = """
SELECT cluster_id, count(*) AS samples, sum((gpu > 5)::INT) AS busy,
       quantile_disc(gpu, 0.95) AS p95, max(seen) FILTER (gpu > 5) AS last_busy
FROM pairs WHERE status = 'running' AND gpu IS NOT NULL AND seen < $end GROUP BY ALL
"""

# The key figures; sums of products differ if any row differs.
SUMMARY = """
WITH paid AS (
  SELECT spend, extract('day' FROM day)::BIGINT
         * length(rtrim(cluster_id, '0123456789')) AS n FROM days
)
SELECT (SELECT sum(spend)::BIGINT FROM paid) AS spend,
       (SELECT sum(spend * (n % 1009))::HUGEINT::VARCHAR FROM paid) AS mixed,
       (SELECT sum(samples)::BIGINT FROM use) AS samples,
       (SELECT sum(busy)::BIGINT FROM use) AS busy,
       (SELECT sum(epoch(last_busy))::BIGINT FROM use) AS last_busy
"""


def by_duckdb(files: list[str], begin: datetime, end: datetime, cadence: int) -> dict[str, object]:
    import duckdb

    duckdb.execute("SET preserve_insertion_order = false; SET TimeZone = 'UTC'")
    seconds = {"begin": int(begin.timestamp()), "cadence": cadence, "files": files}
    duckdb.execute(f"CREATE TEMP TABLE pairs AS {PAIRS}", seconds)
    days = "SELECT cluster_id, date_trunc('day', since) AS day, sum(spend)::BIGINT AS spend"
    duckdb.execute(f"CREATE TEMP TABLE days AS {days} FROM pairs WHERE spend > 0 GROUP BY ALL")
    duckdb.execute(f"CREATE TEMP TABLE use AS {USE}", {"end": end})
    return _result(duckdb.execute(SUMMARY).fetchone())


def by_duckdb_over_ledger(files: list[str]) -> dict[str, object]:
    """From our days: hours are bit masks there, so samples and busy ones are bits."""
    import duckdb

    duckdb.execute("SET preserve_insertion_order = false; SET TimeZone = 'UTC'")
    bands = "band_0_1 band_1_5 band_5_10 band_10_20 band_20_30 band_30_40 band_40_50 band_50_60"
    names = [f"{band}_seconds" for band in f"{bands} band_60_70 band_70_80 band_80_90".split()]
    names.append("band_90_100_seconds")
    sums = ", ".join(f"sum({name}) AS {name}" for name in names)
    duckdb.execute(
        "CREATE TEMP TABLE days AS SELECT cluster_id, date AS day, metered_micros AS spend,"
        " spend_micros, spend_low_micros, spend_high_micros, running_seconds, project_id, gpu_type,"
        f" hours_observed, hours_busy, last_busy_at, {', '.join(names)}"
        " FROM read_parquet($files, hive_partitioning = true)",
        {"files": files},
    )
    duckdb.execute(
        "CREATE TEMP TABLE use AS SELECT cluster_id, sum(bit_count(hours_observed)) AS samples,"
        " sum(bit_count(hours_busy)) AS busy, max(last_busy_at) AS last_busy, sum(running_seconds),"
        f" sum(spend_micros), sum(spend_low_micros), sum(spend_high_micros), {sums}"
        " FROM days GROUP BY ALL"
    )
    for dims in ("day", "project_id", "gpu_type"):
        duckdb.execute(f"SELECT {dims}, sum(spend_micros) FROM days GROUP BY ALL").fetchall()
    return _result(duckdb.execute(SUMMARY).fetchone())


def by_polars(
    files: list[str], begin: datetime, end: datetime, cadence: int, engine: str
) -> dict[str, object]:
    import polars as pl

    col, step = pl.col, pl.duration(seconds=cadence)
    columns = ["cluster_id", "observed_at", "status", "gpu_utilization_pct", "total_cost_micros"]
    observations = pl.scan_parquet(files).select(*columns, "created_at")
    follows = col("before") == col("observed_at") - step
    gained = col("total_cost_micros") - col("total_before")
    born = (col("created_at") >= col("observed_at") - step) & (col("observed_at") != begin)
    spend = (
        pl.when(follows & (gained >= 0)).then(gained)
        .when(follows).then(0)
        .when(born).then(col("total_cost_micros"))
        .otherwise(0)
    )  # fmt: skip
    since = pl.when(follows).then(col("before")).otherwise(col("created_at"))
    pairs = (
        observations.sort("cluster_id", "observed_at")
        .with_columns(
            # Sorted, so the row before is the previous one of the same id: cheaper than a window.
            before=pl.when(col("cluster_id") == col("cluster_id").shift()).then(
                col("observed_at").shift()
            ),
            total_before=col("total_cost_micros").shift(),
        )
        .with_columns(spend=spend, day=since.dt.truncate("1d"))
    )
    days = pairs.filter(col("spend") > 0).group_by("cluster_id", "day").agg(col("spend").sum())
    gpu = col("gpu_utilization_pct")
    use = (
        pairs.filter((col("status") == "running") & gpu.is_not_null() & (col("observed_at") < end))
        .group_by("cluster_id")
        .agg(
            samples=pl.len(),
            busy=(gpu > 5).sum(),
            p95=gpu.quantile(0.95, "higher"),
            last_busy=col("observed_at").filter(gpu > 5).max(),
        )
    )
    # Together, so that the scan and the sort are done once.
    days, use = pl.collect_all([days, use], engine=engine)
    stem = days["cluster_id"].str.strip_chars_end("0123456789").str.len_chars()
    n = days["day"].dt.day().cast(pl.Int64) * stem.cast(pl.Int64)
    mixed = (days["spend"] * (n % 1009)).sum()
    busy_at = use["last_busy"].dt.epoch("s").sum()
    return _result((days["spend"].sum(), mixed, use["samples"].sum(), use["busy"].sum(), busy_at))


def read_columns(files: list[str], columns: list[str]) -> dict[str, object]:
    """DuckDB reads the columns that the ledger reads, and does nothing else: the least any scan
    takes.
    """
    import duckdb

    named = ", ".join(columns)
    duckdb.execute(
        f"CREATE TEMP TABLE t AS SELECT {named} FROM read_parquet($files)", {"files": files}
    )
    return {"rows": duckdb.execute("SELECT count(*) FROM t").fetchone()[0]}


def _result(row: tuple) -> dict[str, object]:
    return dict(zip(("spend", "mixed", "samples", "busy", "last_busy"), map(int, row), strict=True))


def main() -> None:
    engine, task = sys.argv[1], json.loads(sys.argv[2])
    folder = Path(task["folder"])
    begin, end = (datetime.fromisoformat(task[name]) for name in ("begin", "end"))
    days = {f"date={(begin + timedelta(days=n)).date()}" for n in range((end - begin).days)}
    snapshots = [
        str(path)
        for path in sorted(folder.glob("snapshots/account=*/date=*/*.parquet"))
        if path.parent.name in days or path.name.startswith(f"{end:%Y%m%dT%H%M%SZ}")
    ]
    ledger = [
        str(path)
        for path in sorted(folder.glob("ledger/account=*/date=*/*.parquet"))
        if path.parent.name in days
    ]
    cadence = task["cadence"]
    if engine == "duckdb":
        result = by_duckdb(snapshots, begin, end, cadence)
    elif engine == "duckdb-ledger":
        result = by_duckdb_over_ledger(ledger)
    elif engine == "duckdb-read":
        result = read_columns(snapshots[-1:], task["columns"])
    else:
        result = by_polars(snapshots, begin, end, cadence, engine.removeprefix("polars-"))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
