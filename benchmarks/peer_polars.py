"""Polars does the work of a night from the snapshots: a peer of ``ours.py``.

    python peer_polars.py PART-ENGINE TASK.json

Needs polars and nothing of ours. ``work`` and ``numbers`` are those of ``peer_duckdb.py``, which
also says what a peer skips. ENGINE is ``streaming`` or ``memory``.

Tuned by its guide: lazy scans of the needed columns; ids become the codes of an Enum, and code and
time one integer, so that one sort of integers brings each cluster's observations together and
``shift`` finds the next one, which is cheaper than a window; dimensions come from the few rows that
show a cluster for the first time; CSV files are written by ``write_csv``, in no order. It has all
cores.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import polars as pl
from polars import col, lit, when

RUNNING, STOPPED, TRANSITION, ERROR, STOPPING = 1, 2, 3, 4, 5
DAY, REACH = 86_400, 1800
SHIFT = 2**32
"""Id and time in one integer: id x SHIFT + Unix seconds."""
EDGES = (1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100)
BANDS = [f"band_{number}" for number in range(len(EDGES))]
METRICS = ("gpu", "memory", "cpu")
SECONDS = ("running", "stopped", "transition", "error", "gap")
SUMS = [f"{m}_{kind}" for m in METRICS for kind in ("weight", "sum")]
TOTALS = ("spend", "low", "high", "metered", "storage", *SECONDS, *SUMS, *BANDS)
DIMENSIONS = ("name", "project_id", "region", "gpu_type", "gpu_count", "template_id")
Task = dict[str, Any]


def seconds(name: str) -> pl.Expr:
    return col(name).dt.epoch("s").cast(pl.Int64)


def milli(name: str) -> pl.Expr:
    return (col(f"{name}_utilization_pct") * 1000).round().cast(pl.Int32).alias(name)


def status() -> pl.Expr:
    codes = {"running": RUNNING, "stopped": STOPPED, "error": ERROR, "stopping": STOPPING}
    return (
        col("status").cast(pl.String)
        .replace_strict(codes, default=TRANSITION, return_dtype=pl.Int8).alias("status")
    )  # fmt: skip


def at_most(value: pl.Expr, limit: pl.Expr | int) -> pl.Expr:
    return pl.min_horizontal(value, limit if isinstance(limit, pl.Expr) else lit(limit))


def ids_of(task: Task) -> pl.Enum:
    """All ids of the window."""
    ids = pl.scan_parquet(task["files"]).select(col("cluster_id").unique())
    return pl.Enum(ids.collect(engine="streaming")["cluster_id"].sort())


def firsts_of(task: Task, ids: pl.Enum, engine: str) -> pl.DataFrame:
    """The row that shows each cluster first: at the beginning, or after its creation."""
    born, t = seconds("created_at"), seconds("observed_at")
    is_first = (t == task["begin"]) | (
        born > pl.max_horizontal(t - task["cadence"], lit(task["begin"]))
    )
    return (
        pl.scan_parquet(task["files"]).filter(is_first)
        .select(
            col("cluster_id").cast(ids).to_physical().alias("id"), "cluster_id", *DIMENSIONS,
            seconds("created_at").alias("created"), col("expires_at").is_null().alias("endless"),
            t.alias("t"), status(), *map(milli, METRICS), col("total_cost_micros").alias("total"),
            col("hourly_rate_micros").alias("rate"),
        ).collect(engine=engine)
    )  # fmt: skip


def intervals(task: Task, ids: pl.Enum, firsts: pl.DataFrame) -> pl.LazyFrame:
    """Each observation up to the cluster's next one (b), or to the snapshot that misses it; and the
    time from its creation to its first observation.
    """
    t = seconds("observed_at")
    id_and_time = col("cluster_id").cast(ids).to_physical().cast(pl.Int64) * SHIFT + t
    names = ["key", "status", *METRICS, "rate", "total", "session", "updated"]
    seen = (
        pl.scan_parquet(task["files"])
        .select(
            id_and_time.alias("key"), status(), *map(milli, METRICS),
            col("hourly_rate_micros").alias("rate"), col("total_cost_micros").alias("total"),
            col("current_session_cost_micros").alias("session"),
            seconds("updated_at").cast(pl.Int32).alias("updated"),
            seconds("created_at").cast(pl.Int32).alias("created"),
            seconds("expires_at").cast(pl.Int32).alias("expires"),
        )
        .sort("key")
        .with_columns(col(name).shift(-1).alias(f"{name}_b") for name in names)
    )  # fmt: skip
    seen = seen.with_columns(
        id=(col("key") // SHIFT).cast(pl.UInt32),
        t=col("key") % SHIFT,
        follows=((col("key") // SHIFT) == (col("key_b") // SHIFT)).fill_null(value=False),
    ).filter(col("t") < task["end"])
    follows, t, missed = col("follows"), col("t"), col("t") + task["cadence"]
    t_b = col("key_b") % SHIFT
    expires = col("expires").cast(pl.Int64)
    expiry = when((expires > t) & (expires <= missed)).then(expires)
    until = when(follows).then(t_b).otherwise(pl.coalesce(expiry, missed))
    is_same = (
        follows & (col("status") == STOPPED) & (col("status_b") == STOPPED)
        & (col("session") == col("session_b")) & (col("updated") == col("updated_b"))
    )  # fmt: skip
    linked = seen.select(
        "id", "t", "follows", "status", "rate", *METRICS,
        when(follows).then(col("status_b")).otherwise(0).alias("status_b"),
        *(when(follows).then(col(f"{m}_b")).alias(f"{m}_b") for m in METRICS),
        (until - t).alias("elapsed"),
        expiry.is_not_null().alias("expired"),
        (t - col("created")).alias("age"),
        when(follows).then(pl.max_horizontal("rate", "rate_b")).otherwise(col("rate"))
        .alias("highest"),
        when(follows).then(col("total_b") - col("total")).otherwise(0).alias("metered"),
        (is_same & (col("updated_b") <= t)).alias("still"),
        (is_same & ((col("updated_b") <= t) | (t_b - t <= 7200))).alias("stored"),  # noqa: PLR2004
    )  # fmt: skip
    elapsed, age = col("elapsed"), pl.max_horizontal(col("age"), lit(1))
    lives = (elapsed / age).clip(1e-6, 700.0)
    tail = (age * (1 - lives / (lives.exp() - 1))).round(mode="half_to_even").cast(pl.Int64)
    ended = (
        when(~col("status").is_in([RUNNING, STOPPING])).then(0)
        .when(col("expired")).then(elapsed)
        .when(col("age") >= 100 * elapsed).then(elapsed // 2)
        .otherwise(at_most(tail, elapsed // 2))
    )  # fmt: skip
    running = when(col("stored")).then(0).when(col("follows")).then(bought()).otherwise(ended)
    pairs = linked.with_columns(since=t, running=running)
    born = (
        firsts.lazy().filter(col("t") > task["begin"])
        .with_columns(since=pl.min_horizontal("created", "t"), highest=col("rate"))
        .with_columns(elapsed=col("t") - col("since"), metered=col("total"))
        .select(
            "id", "t", lit(value=True).alias("follows"), lit(0, pl.Int8).alias("status"), "rate",
            *(lit(None, pl.Int32).alias(m) for m in METRICS), col("status").alias("status_b"),
            *(col(m).alias(f"{m}_b") for m in METRICS), "elapsed",
            lit(value=False).alias("expired"), lit(0, pl.Int64).alias("age"), "highest", "metered",
            lit(value=False).alias("still"), lit(value=False).alias("stored"), "since",
            bought().alias("running"),
        )
    )  # fmt: skip
    return pl.concat([pairs, born], how="vertical_relaxed")


def bought() -> pl.Expr:
    """The seconds that the metered money buys at the highest rate, at most those elapsed."""
    highest, elapsed = col("highest"), col("elapsed")
    capped = pl.min_horizontal(col("metered"), (highest * elapsed + 3599) // 3600)
    return pl.min_horizontal((capped * 3600 + highest // 2) // highest, elapsed)


def claims(total: str, by_a: pl.Expr, by_b: pl.Expr, reach: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """The seconds that the observations at both ends speak for."""
    half = col(total) // 2
    first = when(by_b).then(half).otherwise(col(total))
    second = when(by_a).then(col(total) - half).otherwise(col(total))
    return (
        when(by_a).then(pl.min_horizontal(first, reach)).otherwise(0),
        when(by_b).then(pl.min_horizontal(second, reach)).otherwise(0),
    )


def latest_of(task: Task, parts: pl.LazyFrame) -> pl.LazyFrame:
    """Status and rate as of each cluster's last observation before the end, else at the end."""
    end, t = task["end"], col("t")
    described_by = when(t < end).then(col("status")).otherwise(col("status_b"))
    is_last = (t + col("elapsed") == end) & (t < end) | ~col("follows") | (t == end)
    return parts.filter(is_last).select("id", "rate", described_by.alias("status"))


def days_of(task: Task, parts: pl.LazyFrame) -> pl.LazyFrame:
    """One row per cluster and day."""
    a, b = col("status"), col("status_b")
    run_a, run_b = claims("running", a == RUNNING, b == RUNNING, lit(REACH))
    reach = when(col("still")).then(col("elapsed")).otherwise(REACH)
    rest_a, rest_b = claims("rest", a > RUNNING, b > RUNNING, reach)
    gone, rate, running = ~col("follows"), col("rate"), col("running")
    split = (
        parts.with_columns(rest=col("elapsed") - running, run_a=run_a, run_b=run_b)
        .with_columns(rest_a=rest_a, rest_b=rest_b)
        .with_columns(
            day=(col("since") // DAY).cast(pl.Int32),
            spend=when(gone).then(rate * running // 3600).otherwise(col("metered")),
            high=when(gone).then((rate * task["cadence"] + 3599) // 3600)
            .otherwise(col("metered")),
            hour=lit(2, pl.Int32).pow((col("t") % DAY // 3600).cast(pl.UInt32)),
            sampled=(a == RUNNING) & col("gpu").is_not_null(),
        )
    )  # fmt: skip
    is_busy = col("sampled") & (col("gpu") > 5000)  # noqa: PLR2004 - 5 %

    def rest(*statuses: int) -> pl.Expr:
        at_a = when(a.is_in(statuses)).then(col("rest_a")).otherwise(0)
        return (at_a + when(b.is_in(statuses)).then(col("rest_b")).otherwise(0)).sum()

    def band(number: int) -> pl.Expr:
        low, high = (0, *EDGES)[number] * 1000, EDGES[number] * 1000
        total = []
        for name, claim in (("gpu", "run_a"), ("gpu_b", "run_b")):
            inside = col(name) >= 0 if number == 0 else col(name) > low
            if number < len(EDGES) - 1:
                inside &= col(name) <= high
            total.append(when(inside).then(col(claim)).otherwise(0))
        return (total[0] + total[1]).sum().alias(BANDS[number])

    def weight(name: str) -> pl.Expr:
        known = when(col(name).is_not_null()).then(col("run_a")).otherwise(0)
        return (known + when(col(f"{name}_b").is_not_null()).then(col("run_b")).otherwise(0)).sum()

    def weighted(name: str) -> pl.Expr:
        first = col(name).fill_null(0).cast(pl.Int64) * col("run_a")
        return (first + col(f"{name}_b").fill_null(0).cast(pl.Int64) * col("run_b")).sum()

    metered = when(gone).then(0).otherwise(col("metered"))
    return split.group_by("id", "day").agg(
        col("spend").sum(), metered.sum().alias("low"), col("high").sum(),
        metered.sum().alias("metered"),
        when(col("stored")).then(col("spend")).otherwise(0).sum().alias("storage"),
        running.sum(), rest(STOPPED).alias("stopped"),
        rest(TRANSITION, STOPPING).alias("transition"), rest(ERROR).alias("error"),
        (col("rest") - col("rest_a") - col("rest_b")).sum().alias("gap"),
        *(weight(m).alias(f"{m}_weight") for m in METRICS),
        *(weighted(m).alias(f"{m}_sum") for m in METRICS),
        *map(band, range(len(EDGES))),
        pl.max_horizontal(
            when(col("run_a") > 0).then(col("gpu")), when(col("run_b") > 0).then(col("gpu_b"))
        ).max().alias("gpu_max"),
        when(col("sampled")).then(col("hour")).otherwise(0).bitwise_or().alias("sampled"),
        when(is_busy).then(col("hour")).otherwise(0).bitwise_or().alias("busy"),
        when(is_busy).then(col("t")).max().alias("busy_at"),
    )  # fmt: skip


def facts_of(days: pl.DataFrame) -> pl.DataFrame:
    """One row per cluster."""
    samples, busy = col("sampled").bitwise_count_ones(), col("busy").bitwise_count_ones()
    facts = days.group_by("id").agg(
        *(col(name).sum() for name in TOTALS), col("gpu_max").max(), samples.sum().alias("samples"),
        busy.sum().alias("busy_samples"), col("busy_at").max(),
    )  # fmt: skip
    seen = pl.sum_horizontal(BANDS)
    p95 = when(seen == 0).then(None)
    for number, edge in enumerate(EDGES):
        p95 = p95.when(pl.sum_horizontal(BANDS[: number + 1]) * 100 >= seen * 95).then(edge)
    return facts.with_columns(
        seen=seen, p95=p95,
        idle_share=100.0 * (col("band_0") + col("band_1")) / when(seen > 0).then(seen),
        listed=pl.sum_horizontal("running", "stopped", "transition", "error"),
        **{
            f"{m}_mean": col(f"{m}_sum")
            / (when(col(f"{m}_weight") > 0).then(col(f"{m}_weight")) * 1000.0)
            for m in METRICS
        },
    )  # fmt: skip


def money(name: str, alias: str | None = None) -> pl.Expr:
    """Micros as a decimal with six digits."""
    units = col(name).cast(pl.Decimal(38, 0)) * lit("0.000001").cast(pl.Decimal(7, 6))
    return units.cast(pl.Decimal(38, 6)).alias(alias or name)


def write_spend(days: pl.DataFrame, firsts: pl.DataFrame, out: Path) -> None:
    rows = days.join(firsts.select("id", "cluster_id", *DIMENSIONS), on="id").select(
        col("day").cast(pl.Date).alias("date"), "cluster_id", *DIMENSIONS, money("spend"),
        money("low", "spend_low"), money("high", "spend_high"), money("metered"),
        money("storage", "stopped_spend"), col("running").alias("running_seconds"),
        (col("running") * col("gpu_count")).alias("gpu_seconds"),
    )  # fmt: skip
    rows.write_csv(out / "spend.csv")


def write_utilization(facts: pl.DataFrame, firsts: pl.DataFrame, out: Path) -> None:
    busy_at = (col("busy_at") * 1_000_000).cast(pl.Datetime("us"))
    rows = facts.join(firsts.select("id", "cluster_id", *DIMENSIONS), on="id").select(
        "cluster_id", *DIMENSIONS, money("spend"), money("metered"),
        money("storage", "stopped_spend"), col("listed").alias("observed_seconds"),
        *(
            col(name).alias(f"{name}_seconds")
            for name in SECONDS
        ),
        *(col(f"{m}_mean").alias(f"{m}_mean_pct") for m in METRICS),
        col("p95").alias("gpu_p95_pct"), (col("gpu_max") / 1000).alias("gpu_max_pct"),
        col("idle_share").alias("idle_share_pct"), "samples", "busy_samples",
        busy_at.dt.strftime("%Y-%m-%dT%H:%M:%SZ").alias("last_busy_at"),
    )  # fmt: skip
    rows.write_csv(out / "utilization.csv")


def evidence_of(
    days: pl.DataFrame, latest: pl.DataFrame, firsts: pl.DataFrame, task: Task
) -> pl.DataFrame:
    """What the rules judge: one row per cluster of the last 30 days."""
    rules, last = task["rules"], task["last"]
    month = days.filter(col("day") > last - 30)
    is_recent = col("day") > last - rules["idle_window_days"]
    recent = month.filter(is_recent)
    chosen = pl.concat([recent, month.join(recent, on="id", how="anti")])
    spent = month.group_by("id").agg(col("spend").sum().alias("month_spend"))
    cells = (
        chosen.group_by("id", col("day") % 7).agg(col("sampled").bitwise_or())
        .group_by("id").agg(col("sampled").bitwise_count_ones().sum().alias("cells"))
    )  # fmt: skip
    ends = chosen.group_by("id").agg(
        when((col("running") > 0) | (col("stopped") > 0)).then(col("day")).max().alias("moved_on"),
        when(col("running") > 0).then(col("day")).max().alias("ran_on"),
    )
    still = ends.filter(col("ran_on").is_null() | (col("ran_on") < last))
    is_stuck, is_stopped = (
        col(name).is_null() | (col("day") > col(name)) for name in ("moved_on", "ran_on")
    )
    streaks = chosen.join(still, on="id").group_by("id").agg(
        ((col("transition") + col("error")).filter(is_stuck).sum() / 3600).alias("stuck_hours"),
        col("low").filter(is_stuck).sum().alias("stuck_spend"),
        (col("stopped").filter(is_stopped).sum() / 3600).alias("streak_hours"),
        col("storage").filter(is_stopped).sum().alias("streak_spend"),
    )  # fmt: skip
    newest = pl.scan_parquet(task["newest"]).select("cluster_id").collect()
    listed = newest.with_columns(present=lit(value=True))
    described = firsts.select("id", "cluster_id", "region", "gpu_type", "gpu_count", "created",
                              "endless")  # fmt: skip
    frame = (
        facts_of(chosen).join(latest, on="id").join(spent, on="id").join(described, on="id")
        .join(cells, on="id")
        .join(streaks, on="id", how="left").join(listed, on="cluster_id", how="left")
        .with_columns(
            col("present").fill_null(value=False),
            (col("rate") / when(col("gpu_count") > 0).then(col("gpu_count"))).alias("per_gpu"),
            (col("spend") / when(col("spend") > 0).then(col("spend")).mean()).alias("share"),
            pl.min_horizontal(col("stuck_spend"), col("low")).alias("stuck_spend"),
        )
    )  # fmt: skip
    runs = col("present") & (col("status") == RUNNING)
    peers = frame.filter(runs).group_by("gpu_type", "region").agg(
        col("per_gpu").median().alias("peer_rate"), col("per_gpu").count().alias("peers")
    )  # fmt: skip
    bounds = pl.read_parquet(task["bounds"])
    lows = (0, *EDGES)
    high_bands = [b for b, low in zip(BANDS, lows, strict=False)
                  if low >= rules["underutilized_p95_pct"]]  # fmt: skip
    above = pl.sum_horizontal(high_bands) / when(col("seen") > 0).then(col("seen"))
    frame = frame.join(peers, on=["gpu_type", "region"], how="left").with_columns(
        above=(above * col("samples") - 1e-9).ceil().cast(pl.Int64),
        samples=col("samples").cast(pl.Int64), busy_samples=col("busy_samples").cast(pl.Int64),
    )  # fmt: skip
    frame = frame.join(bounds, left_on=["busy_samples", "samples"], right_on=["k", "n"],
                       how="left")  # fmt: skip
    frame = frame.join(bounds.rename({"bound": "high_bound"}), left_on=["above", "samples"],
                       right_on=["k", "n"], how="left")  # fmt: skip
    running = when(col("running") > 0).then(col("running"))
    sampled = pl.min_horizontal(col("samples") * 3600 / running, lit(1.0))
    sampled = when(running.is_not_null()).then(sampled)
    bound = sampled * col("bound") + (1 - sampled)
    weeks = pl.max_horizontal((col("listed") + col("gap")) / DAY / 7, lit(1.0))
    ran_in = (col("running") / 3600 / weeks).ceil().clip(1, 168)
    return frame.with_columns(
        bound=bound, coverage=pl.min_horizontal(col("cells") / ran_in, lit(1.0)),
        waste=(pl.max_horizontal(col("low") - col("storage"), lit(0)) * (1 - bound.fill_null(1.0)))
        .floor().cast(pl.Int64),
        ratio=(col("per_gpu") / when(col("peer_rate") > 0).then(col("peer_rate"))).round(6),
        age=(task["end"] - col("created")) / DAY,
        hours=col("running") / 3600,
    )  # fmt: skip


def write_findings(evidence: pl.DataFrame, r: dict[str, float], out: Path) -> None:
    runs = col("present") & (col("status") == RUNNING)
    ran = col("hours") >= r["idle_min_running_hours"]
    quiet = (
        ran & (col("samples") >= r["idle_min_samples"])
        & (col("idle_share") >= r["idle_suspected_share_pct"])
        & (col("cpu_mean") < r["idle_max_cpu_mean_pct"])
    )  # fmt: skip
    is_idle = quiet & (col("memory_mean") < r["idle_loaded_memory_pct"])
    is_loaded = quiet & (col("memory_mean") >= r["idle_loaded_memory_pct"])
    # Proven needs samples at random instants, which these snapshots are not.
    likely = (col("idle_share") >= r["idle_likely_share_pct"]) & (
        col("bound") <= r["idle_likely_bound"]
    )
    idle_grade = when(likely).then(lit("likely")).otherwise(lit("suspected"))
    is_under = (
        ~(is_idle | is_loaded).fill_null(value=False) & ran
        & (col("samples") >= r["underutilized_min_samples"])
        & (col("gpu_mean") <= r["underutilized_mean_pct"])
        & (col("p95") < r["underutilized_p95_pct"])
        & (col("share") >= r["underutilized_min_spend_share"])
    )  # fmt: skip
    under_likely = (
        (col("samples") >= r["underutilized_likely_samples"])
        & (col("high_bound") <= r["underutilized_likely_bound"])
        & (col("coverage") >= r["idle_likely_coverage"])
    )
    under_grade = when(under_likely).then(lit("likely")).otherwise(lit("suspected"))
    is_stuck = (
        col("present") & col("status").is_in([TRANSITION, ERROR, STOPPING])
        & (col("stuck_hours") >= r["stuck_min_hours"]) & (col("stuck_spend") > 0)
    )  # fmt: skip
    is_charged = (
        col("present") & (col("status") == STOPPED)
        & (col("streak_hours") >= r["stopped_min_hours"])
        & (col("streak_spend") >= r["stopped_min_spend"] * 1e6)
    )  # fmt: skip
    is_expensive = (col("peers") >= r["price_min_peers"]) & (col("ratio") >= r["price_ratio"])
    is_endless = col("endless") & (col("age") >= r["no_expiry_min_days"])
    is_candidate = (col("rate") > r["seed_hourly_rate"] * 1e6) & (
        col("gpu_mean") < r["seed_utilization_pct"]
    )
    none = lit(None, pl.Int64)
    no_grade = lit(None, pl.String)
    rules = {
        "idle": (runs & is_idle, idle_grade, col("waste")),
        "idle_loaded": (runs & is_loaded, idle_grade, none),
        "underutilized": (runs & is_under, under_grade, none),
        "stuck_paid": (is_stuck, lit("proven"), col("stuck_spend")),
        "stopped_charged": (is_charged, lit("proven"), none),
        "price_outlier": (runs & is_expensive, lit("suspected"), none),
        "no_expiry": (runs & is_endless, no_grade, none),
        "seed_candidate": (runs & is_candidate, no_grade, none),
    }
    rows = pl.concat(
        evidence.filter(holds).select(
            "cluster_id", lit(rule).alias("rule_id"), grade.alias("grade"), "samples",
            col("bound").alias("busy_share_bound"), money("month_spend", "spend"),
            waste.cast(pl.Int64).alias("provable_waste"),
        )
        for rule, (holds, grade, waste) in rules.items()
    )  # fmt: skip
    rows.with_columns(money("provable_waste")).write_csv(out / "findings.csv")


def work(task: Task, engine: str) -> dict[str, Any]:
    out, ids = Path(task["out"]), ids_of(task)
    firsts = firsts_of(task, ids, engine)
    parts = intervals(task, ids, firsts)
    # Together, so that the scan and the sort are done once.
    days, latest = pl.collect_all([days_of(task, parts), latest_of(task, parts)], engine=engine)
    write_spend(days, firsts, out)
    write_utilization(facts_of(days), firsts, out)
    write_findings(evidence_of(days, latest, firsts, task), task["rules"], out)
    return {}


def numbers(task: Task, engine: str) -> dict[str, Any]:
    t = seconds("observed_at")
    ids = ids_of(task)
    cadence, begin, end = task["cadence"], task["begin"], task["end"]
    seen = pl.scan_parquet(task["files"]).select(
        ((col("cluster_id").cast(ids).to_physical().cast(pl.Int64) * SHIFT) + t).alias("key"),
        (col("status").cast(pl.String) == "running").alias("runs"),
        col("gpu_utilization_pct").alias("gpu"), col("total_cost_micros").alias("total"),
        seconds("created_at").alias("born"),
    )  # fmt: skip
    total, key = col("total"), col("key")
    follows = (key - key.shift()) == cadence
    gained = total - total.shift()
    t = key % SHIFT
    spend = (
        when(follows & (gained >= 0)).then(gained)
        .when(follows).then(0)
        .when((col("born") >= t - cadence) & (t != begin)).then(total)
        .otherwise(0)
    )  # fmt: skip
    pairs = seen.sort("key").select(
        "runs", "gpu", (key // SHIFT).alias("id"), t.alias("t"), spend.alias("spend"),
        (when(follows).then(t - cadence).otherwise(col("born")) // DAY).alias("day"),
    )  # fmt: skip
    days = pairs.filter(col("spend") > 0).group_by("id", "day").agg(col("spend").sum())
    gpu = col("gpu")
    is_busy = gpu > 5  # noqa: PLR2004 - percent
    used = (
        pairs.filter(col("runs") & gpu.is_not_null() & (col("t") < end)).group_by("id")
        .agg(
            samples=pl.len(), busy=is_busy.sum(), p95=gpu.quantile(0.95, "higher"),
            last_busy=col("t").filter(is_busy).max(),
        )
    )  # fmt: skip
    days, used = pl.collect_all([days, used], engine=engine)
    names = ids.categories
    stem = names.str.strip_chars_end("0123456789").str.len_chars().cast(pl.Int64)
    n = (days["day"] % 31 + 1) * stem.gather(days["id"])
    return {
        "spend": days["spend"].sum(),
        "mixed": (days["spend"] * (n % 1009)).sum(),
        "samples": int(used["samples"].sum()),
        "busy": int(used["busy"].sum()),
        "last_busy": int(used["last_busy"].sum()),
    }


def main() -> None:
    part, engine = sys.argv[1].split("-")
    task = json.loads(Path(sys.argv[2]).read_text())
    engine = {"memory": "in-memory"}.get(engine, engine)
    result = {"work": work, "numbers": numbers}[part](task, engine)
    print(json.dumps(result | {"version": pl.__version__}))


if __name__ == "__main__":
    main()
