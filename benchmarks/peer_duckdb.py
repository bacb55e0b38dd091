"""DuckDB does the work of a night from the snapshots: a peer of ``ours.py``.

    python peer_duckdb.py PART TASK.json

Needs duckdb and nothing of ours. The parts:

- ``work``: spend per cluster-day, utilization per cluster, and the findings of eight rules, each
  written as CSV;
- ``numbers``: money per cluster-day, sampled and busy hours, 95th percentile, last busy time;
- ``ledger``: the same numbers from our ledger;
- ``read``: reads the columns of the task, nothing else.

Tuned by its guides: only the needed columns are read; no insertion order is kept; ids become an
ENUM, so that the window function, the groups and the joins work on integers; dimensions come from
the few rows that show a cluster for the first time; only what the window function needs is sorted;
COPY writes the CSV files. It has all cores.

It does what these snapshots need. It skips what our ledger does for others: intervals across a
midnight, cost counters that fall or are missing, unknown prices, clusters that return or change,
failed snapshots. It reads the Clopper-Pearson bounds from a table. It writes no reasons, savings,
lifecycles or exclusions, and judges two rules less (off-hours and unusual spend).
"""

# ruff: noqa: S608 - the SQL is put together from this file's constants alone

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import duckdb

OPTIONS = "SET preserve_insertion_order = false; SET TimeZone = 'UTC'"

IDS = "CREATE TYPE id AS ENUM (SELECT DISTINCT cluster_id FROM read_parquet($files))"

# A cluster is described by the row that shows it first: at the beginning, or after its creation.
FIRSTS = """
CREATE TEMP TABLE firsts AS
SELECT cluster_id::id AS cluster_id, name, project_id, region, gpu_type, gpu_count, template_id,
       epoch(created_at)::INTEGER AS created, expires_at IS NULL AS has_no_expiry,
       epoch(observed_at)::INTEGER AS t, status = 'running' AS runs,
       (gpu_utilization_pct * 1000)::INTEGER AS gpu,
       (memory_utilization_pct * 1000)::INTEGER AS memory,
       (cpu_utilization_pct * 1000)::INTEGER AS cpu,
       total_cost_micros AS total, hourly_rate_micros AS rate, STATUS AS status
FROM read_parquet($files)
WHERE observed_at = to_timestamp($begin)
   OR created_at > greatest(observed_at - to_seconds($cadence), to_timestamp($begin))
"""

# 1 running, 2 stopped, 3 in transition, 4 error, 5 stopping (in transition, but billed).
STATUS = """
(CASE status WHEN 'running' THEN 1 WHEN 'stopped' THEN 2 WHEN 'error' THEN 4
 WHEN 'stopping' THEN 5 ELSE 3 END)::TINYINT"""

# Each observation begins an interval: to the cluster's next observation (b), or to the snapshot
# that misses it. The time from its creation to its first observation is another one. Seconds,
# micros, thousandths of a percent.
INTERVALS = """
CREATE TEMP TABLE days AS
WITH seen AS (
  SELECT cluster_id::id AS cluster_id, epoch(observed_at)::INTEGER AS t, STATUS AS status,
         (gpu_utilization_pct * 1000)::INTEGER AS gpu,
         (memory_utilization_pct * 1000)::INTEGER AS memory,
         (cpu_utilization_pct * 1000)::INTEGER AS cpu,
         hourly_rate_micros AS rate, total_cost_micros AS total,
         current_session_cost_micros AS session, epoch(updated_at)::INTEGER AS updated,
         epoch(created_at)::INTEGER AS created, epoch(expires_at)::INTEGER AS expires
  FROM read_parquet($files)
), linked AS (
  SELECT *, t AS since, lead(t) OVER w AS t_b, lead(status) OVER w AS status_b,
         lead(gpu) OVER w AS gpu_b, lead(memory) OVER w AS memory_b, lead(cpu) OVER w AS cpu_b,
         lead(rate) OVER w AS rate_b, lead(total) OVER w AS total_b,
         lead(session) OVER w AS session_b, lead(updated) OVER w AS updated_b
  FROM seen WINDOW w AS (PARTITION BY cluster_id ORDER BY t)
), compared AS (
  SELECT *, t_b IS NULL AS is_gone, t + $cadence AS missed_at,
         coalesce(t_b, CASE WHEN expires > t AND expires <= t + $cadence THEN expires
                            ELSE t + $cadence END) AS until,
         coalesce(greatest(rate, rate_b), rate) AS highest, total_b - total AS metered,
         coalesce(status = 2 AND status_b = 2 AND session = session_b AND updated = updated_b
                  AND updated_b <= t, false) AS is_still,
         coalesce(status = 2 AND status_b = 2 AND session = session_b AND updated = updated_b
                  AND (updated_b <= t OR t_b - t <= 7200), false) AS is_storage
  FROM linked WHERE t < $end
), interval AS (
  SELECT cluster_id, since, t, is_gone, is_still, is_storage, status, status_b, gpu, gpu_b,
         memory, memory_b, cpu, cpu_b, rate, missed_at, until - t AS elapsed, metered,
         CASE WHEN is_storage THEN 0
              WHEN NOT is_gone THEN
                least((least(metered, (highest * (until - t) + 3599) // 3600) * 3600
                       + highest // 2) // highest, until - t)
              WHEN status NOT IN (1, 5) THEN 0
              WHEN until = expires THEN until - t
              WHEN t - created >= 100 * (until - t) THEN (until - t) // 2
              ELSE TAIL END AS running
  FROM compared
  UNION ALL
  SELECT cluster_id, least(created, t), t, false, false, false, 0, status, NULL, gpu,
         NULL, memory, NULL, cpu, rate, NULL, greatest(t - created, 0), total,
         least((least(total, (rate * greatest(t - created, 0) + 3599) // 3600) * 3600
                + rate // 2) // rate, greatest(t - created, 0))
  FROM firsts WHERE t > $begin
), claimed AS (
  SELECT *, elapsed - running AS rest,
         CASE WHEN status <> 1 THEN 0
              ELSE least(CASE WHEN status_b = 1 THEN running // 2 ELSE running END, 1800)
         END AS run_a,
         CASE WHEN status_b = 1
              THEN least(CASE WHEN status = 1 THEN running - running // 2 ELSE running END, 1800)
              ELSE 0 END AS run_b,
         CASE WHEN is_still THEN elapsed ELSE 1800 END AS reach
  FROM interval
), split AS (
  SELECT *,
         CASE WHEN status > 1
              THEN least(CASE WHEN status_b > 1 THEN rest // 2 ELSE rest END, reach)
              ELSE 0 END AS rest_a,
         CASE WHEN status_b > 1
              THEN least(CASE WHEN status > 1 THEN rest - rest // 2 ELSE rest END, reach)
              ELSE 0 END AS rest_b,
         CASE WHEN is_gone THEN rate * running // 3600 ELSE metered END AS spend
  FROM claimed
)
SELECT cluster_id, since // 86400 AS day,
       sum(spend)::BIGINT AS spend,
       sum(CASE WHEN is_gone THEN 0 ELSE spend END)::BIGINT AS low,
       sum(CASE WHEN is_gone THEN (rate * (missed_at - t) + 3599) // 3600 ELSE spend END)::BIGINT
         AS high,
       sum(CASE WHEN is_gone THEN 0 ELSE metered END)::BIGINT AS metered,
       sum(CASE WHEN is_storage THEN spend ELSE 0 END)::BIGINT AS storage,
       sum(running)::INTEGER AS running,
       sum(CASE WHEN status = 2 THEN rest_a ELSE 0 END
           + CASE WHEN status_b = 2 THEN rest_b ELSE 0 END)::INTEGER AS stopped,
       sum(CASE WHEN status IN (3, 5) THEN rest_a ELSE 0 END
           + CASE WHEN status_b IN (3, 5) THEN rest_b ELSE 0 END)::INTEGER AS transition,
       sum(CASE WHEN status = 4 THEN rest_a ELSE 0 END
           + CASE WHEN status_b = 4 THEN rest_b ELSE 0 END)::INTEGER AS error,
       sum(rest - rest_a - rest_b)::INTEGER AS gap,
       WEIGHTS,
       BANDS,
       coalesce(max(gpu) FILTER (run_a > 0), -1) AS gpu_max_a,
       coalesce(max(gpu_b) FILTER (run_b > 0), -1) AS gpu_max_b,
       bit_or(1 << (t % 86400 // 3600)) FILTER (status = 1 AND gpu IS NOT NULL) AS sampled,
       bit_or(1 << (t % 86400 // 3600)) FILTER (status = 1 AND gpu > 5000) AS busy,
       max(t) FILTER (status = 1 AND gpu > 5000) AS busy_at,
       max(t * 16::BIGINT + CASE WHEN status = 0 THEN status_b ELSE status END) AS latest,
       arg_max(rate, t) AS rate
FROM split GROUP BY ALL
"""
EDGES = (1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100)
WEIGHTS = ",\n       ".join(
    f"sum(CASE WHEN {m} IS NULL THEN 0 ELSE run_a END"
    f" + CASE WHEN {m}_b IS NULL THEN 0 ELSE run_b END)::BIGINT AS {m}_weight,\n"
    f"       sum(coalesce({m}, 0)::BIGINT * run_a + coalesce({m}_b, 0)::BIGINT * run_b)::BIGINT"
    f" AS {m}_sum"
    for m in ("gpu", "memory", "cpu")
)


def _band(number: int, low: int, high: int) -> str:
    """Claimed seconds with a reading in the band; upper edges belong to it."""
    above = f"> {low * 1000}" if number else ">= 0"
    top = f" AND {{0}} <= {high * 1000}" if number < len(EDGES) - 1 else ""
    parts = [
        f"CASE WHEN {name} {above}{top.format(name)} THEN {run} ELSE 0 END"
        for name, run in (("gpu", "run_a"), ("gpu_b", "run_b"))
    ]
    return f"sum({' + '.join(parts)})::INTEGER AS band_{number}"


BANDS = ",\n       ".join(
    _band(n, low, high) for n, (low, high) in enumerate(zip((0, *EDGES), EDGES, strict=False))
)
# What a cluster of this age is expected to have lived of the interval in which it ended.
AGE = "greatest(t - created, 1)"
LIVES = f"greatest(least((until - t) / {AGE}, 700), 1e-6)"
EXPECTED = f"round_even({AGE} * (1 - {LIVES} / (exp({LIVES}) - 1)), 0)::INTEGER"
TAIL = f"least({EXPECTED}, (until - t) // 2)"
BAND = [f"band_{n}" for n in range(len(EDGES))]
SEEN = " + ".join(BAND)
P95 = "CASE " + " ".join(
    f"WHEN ({' + '.join(BAND[: n + 1])}) * 100 >= seen * 95 THEN {edge}"
    for n, edge in enumerate(EDGES)
) + " END"  # fmt: skip


MONEY = "({0} * 0.000001::DECIMAL(7, 6))::DECIMAL(18, 6)"
INSTANT = "strftime(to_timestamp({0}), '%Y-%m-%dT%H:%M:%SZ')"
SPEND = """
COPY (
  SELECT DATE '1970-01-01' + day::INTEGER AS date, cluster_id, name, project_id, region, gpu_type,
         gpu_count, template_id, MONEY(d.spend) AS spend, MONEY(low) AS spend_low,
         MONEY(high) AS spend_high, MONEY(metered) AS metered, MONEY(storage) AS stopped_spend,
         running AS running_seconds, running * gpu_count AS gpu_seconds
  FROM days d JOIN firsts USING (cluster_id)
) TO '$out/spend.csv' (HEADER)
"""

TOTALS = ("spend", "low", "high", "metered", "storage", "running", "stopped", "transition", "error",
          "gap", "gpu_weight", "gpu_sum", "memory_weight", "memory_sum", "cpu_weight", "cpu_sum",
          *BAND)  # fmt: skip
SUMS = ", ".join(f"sum({name})::BIGINT AS {name}" for name in TOTALS)
FACTS = f"""
  SELECT cluster_id, {SUMS}, {" + ".join(f"sum({band})" for band in BAND)} AS seen,
         greatest(max(gpu_max_a), max(gpu_max_b)) AS gpu_max,
         coalesce(sum(bit_count(sampled)), 0)::BIGINT AS samples,
         coalesce(sum(bit_count(busy)), 0)::BIGINT AS busy, max(busy_at) AS busy_at
"""
MEANS = ", ".join(
    f"{m}_sum / (nullif({m}_weight, 0) * 1000.0::DOUBLE) AS {m}_mean"
    for m in ("gpu", "memory", "cpu")
)
UTILIZATION = f"""
COPY (
  WITH facts AS ({FACTS} FROM days GROUP BY ALL)
  SELECT cluster_id, name, project_id, region, gpu_type, gpu_count, template_id,
         MONEY(u.spend) AS spend, MONEY(metered) AS metered, MONEY(storage) AS stopped_spend,
         running + stopped + transition + error AS observed_seconds, running AS running_seconds,
         stopped AS stopped_seconds, transition AS transition_seconds, error AS error_seconds,
         gap AS gap_seconds, {MEANS.replace("mean", "mean_pct")},
         CASE WHEN seen > 0 THEN {P95} END AS gpu_p95_pct,
         CASE WHEN gpu_max >= 0 THEN gpu_max / 1000 END AS gpu_max_pct,
         100.0::DOUBLE * (band_0 + band_1) / nullif(seen, 0) AS idle_share_pct,
         samples, busy AS busy_samples, INSTANT(busy_at) AS last_busy_at
  FROM facts u JOIN firsts USING (cluster_id)
) TO '$out/utilization.csv' (HEADER)
"""

CELLS = " + ".join(
    f"coalesce(bit_count(bit_or(sampled) FILTER (day % 7 = {day})), 0)::INTEGER" for day in range(7)
)
ABOVE = " + ".join(
    band
    for band, low in zip(BAND, (0, *EDGES), strict=False)
    if low >= 50  # noqa: PLR2004 - $underutilized_p95_pct, by which bands are chosen
)
EVIDENCE = f"""
CREATE TEMP TABLE evidence AS
WITH month AS (
  SELECT *, day > $last - $window AS is_recent FROM days WHERE day > $last - 30
), chosen AS (
  SELECT * FROM month WHERE is_recent
  UNION ALL
  SELECT * FROM month ANTI JOIN (SELECT cluster_id FROM month WHERE is_recent) USING (cluster_id)
), spent AS (
  SELECT cluster_id, sum(spend)::BIGINT AS month_spend FROM month GROUP BY ALL
), facts AS (
  {FACTS}, {CELLS} AS cells, max(latest) AS latest, arg_max(rate, latest) AS rate,
         max(day) FILTER (running > 0 OR stopped > 0) AS moved_on,
         max(day) FILTER (running > 0) AS ran_on
  FROM chosen GROUP BY ALL
), streaks AS (
  SELECT cluster_id,
         sum(transition + error) FILTER (moved_on IS NULL OR day > moved_on) / 3600 AS stuck_hours,
         sum(c.low) FILTER (moved_on IS NULL OR day > moved_on) AS stuck_spend,
         sum(c.stopped) FILTER (ran_on IS NULL OR day > ran_on) / 3600 AS streak_hours,
         sum(c.storage) FILTER (ran_on IS NULL OR day > ran_on) AS streak_spend
  FROM chosen c JOIN (SELECT cluster_id, moved_on, ran_on FROM facts
                      WHERE ran_on IS NULL OR ran_on < $last) USING (cluster_id) GROUP BY ALL
), listed AS (
  SELECT cluster_id::id AS cluster_id, STATUS AS status FROM read_parquet($newest)
), derived AS (
  SELECT f.*, month_spend, l.cluster_id IS NOT NULL AS present, latest % 16 AS status,
         gpu_type, region, gpu_count, has_no_expiry, ($end - created) / 86400 AS age,
         coalesce(stuck_hours, 0) AS stuck_hours,
         least(greatest(coalesce(stuck_spend, 0), 0), f.low) AS stuck_spend,
         coalesce(streak_hours, 0) AS streak_hours, coalesce(streak_spend, 0) AS streak_spend,
         running / 3600 AS running_hours, {MEANS},
         100.0::DOUBLE * (band_0 + band_1) / nullif(seen, 0) AS idle_share,
         CASE WHEN seen > 0 THEN {P95} END AS p95,
         f.rate / nullif(gpu_count, 0) AS per_gpu,
         f.spend / avg(CASE WHEN f.spend > 0 THEN f.spend END) OVER () AS share,
         least(cells / least(greatest(ceil(running / 3600 / greatest(
           (running + stopped + transition + error + gap) / 86400 / 7, 1)), 1), 168), 1)
           AS coverage,
         ceil(({ABOVE}) / nullif(seen, 0) * samples - 1e-9)::BIGINT AS above
  FROM facts f JOIN spent USING (cluster_id) JOIN firsts USING (cluster_id)
  LEFT JOIN streaks USING (cluster_id) LEFT JOIN listed l USING (cluster_id)
), peers AS (
  SELECT gpu_type, region, median(per_gpu) AS peer_rate, count(per_gpu) AS peers
  FROM derived WHERE present AND status = 1 GROUP BY ALL
)
SELECT d.*, peers, round(per_gpu / nullif(peer_rate, 0), 6) AS ratio, h.bound AS high_bound,
       least(samples * 3600 / nullif(running, 0), 1) * b.bound
         + (1 - least(samples * 3600 / nullif(running, 0), 1)) AS busy_bound,
       floor(greatest(low - storage, 0) * (1 - coalesce(busy_bound, 1)))::BIGINT AS waste
FROM derived d LEFT JOIN peers USING (gpu_type, region)
LEFT JOIN read_parquet('$bounds') b ON b.k = d.busy AND b.n = d.samples
LEFT JOIN read_parquet('$bounds') h ON h.k = d.above AND h.n = d.samples
"""

RUNS = "present AND status = 1"
STILL = "present AND status = 2 AND streak_hours >= $stopped_min_hours"
RAN = "running_hours >= $idle_min_running_hours AND samples >= $idle_min_samples"
QUIET = "idle_share >= $idle_suspected_share_pct AND cpu_mean < $idle_max_cpu_mean_pct"
# Proven needs samples at random instants, which these snapshots are not.
IDLE_GRADE = """
CASE WHEN idle_share >= $idle_likely_share_pct AND busy_bound <= $idle_likely_bound THEN 'likely'
     ELSE 'suspected' END"""
UNDER_GRADE = """
CASE WHEN samples >= $underutilized_likely_samples AND high_bound <= $underutilized_likely_bound
      AND coverage >= $idle_likely_coverage THEN 'likely' ELSE 'suspected' END"""
IDLE = f"{RAN} AND {QUIET} AND memory_mean < $idle_loaded_memory_pct"
LOADED = f"{RAN} AND {QUIET} AND memory_mean >= $idle_loaded_memory_pct"
UNDERUTILIZED = f"""
NOT coalesce(({IDLE}) OR ({LOADED}), false) AND running_hours >= $idle_min_running_hours
AND samples >= $underutilized_min_samples AND gpu_mean <= $underutilized_mean_pct
AND p95 < $underutilized_p95_pct AND share >= $underutilized_min_spend_share"""
RULES = {
    "idle": (f"{RUNS} AND {IDLE}", IDLE_GRADE, "waste"),
    "idle_loaded": (f"{RUNS} AND {LOADED}", IDLE_GRADE, "NULL"),
    "underutilized": (f"{RUNS} AND {UNDERUTILIZED}", UNDER_GRADE, "NULL"),
    "stuck_paid": (
        "present AND status IN (3, 4, 5) AND stuck_hours >= $stuck_min_hours AND stuck_spend > 0",
        "'proven'",
        "stuck_spend",
    ),
    "stopped_charged": (
        f"{STILL} AND streak_spend >= $stopped_min_spend * 1e6",
        "'proven'",
        "NULL",
    ),
    "price_outlier": (
        f"{RUNS} AND peers >= $price_min_peers AND ratio >= $price_ratio",
        "'suspected'",
        "NULL",
    ),
    "no_expiry": (f"{RUNS} AND has_no_expiry AND age >= $no_expiry_min_days", "NULL", "NULL"),
    "seed_candidate": (
        f"{RUNS} AND rate > $seed_hourly_rate * 1e6 AND gpu_mean < $seed_utilization_pct",
        "NULL",
        "NULL",
    ),
}
FINDINGS = (
    "COPY ("
    + " UNION ALL ".join(
        f"""
  SELECT cluster_id, '{rule}' AS rule_id, {grade} AS grade, samples, busy_bound AS busy_share_bound,
         MONEY(month_spend) AS spend, MONEY({waste}) AS provable_waste
  FROM evidence WHERE {condition}"""
        for rule, (condition, grade, waste) in RULES.items()
    )
    + ") TO '$out/findings.csv' (HEADER)"
)

NUMBERS_PAIRS = """
CREATE TEMP TABLE pairs AS
WITH seen AS (
  SELECT cluster_id, epoch(observed_at)::INTEGER AS t, status = 'running' AS runs,
         gpu_utilization_pct AS gpu, total_cost_micros AS total, epoch(created_at)::INTEGER AS born
  FROM read_parquet($files)
), pair AS (
  SELECT *, lag(total) OVER w AS total_before, lag(t) OVER w AS t_before
  FROM seen WINDOW w AS (PARTITION BY cluster_id ORDER BY t)
)
SELECT cluster_id, t, runs, gpu,
       CASE WHEN t_before = t - $cadence THEN t_before ELSE born END AS since,
       CASE WHEN t_before = t - $cadence AND total >= total_before THEN total - total_before
            WHEN t_before = t - $cadence OR t = $begin THEN 0
            WHEN born >= t - $cadence THEN total ELSE 0 END AS spend
FROM pair
"""
NUMBERS_DAYS = """
CREATE TEMP TABLE days AS
SELECT cluster_id, since // 86400 AS day, sum(spend)::BIGINT AS spend
FROM pairs WHERE spend > 0 GROUP BY ALL
"""
NUMBERS_USE = """
CREATE TEMP TABLE used AS
SELECT cluster_id, count(*) AS samples, sum((gpu > 5)::INT) AS busy,
       quantile_disc(gpu, 0.95) AS p95, max(t) FILTER (gpu > 5) AS busy_at
FROM pairs WHERE runs AND gpu IS NOT NULL AND t < $end GROUP BY ALL
"""
LEDGER_DAYS = """
CREATE TEMP TABLE days AS
SELECT cluster_id, date - DATE '1970-01-01' AS day, metered_micros AS spend, hours_observed,
       hours_busy, epoch(last_busy_at)::INTEGER AS busy_at, BANDS
FROM read_parquet($ledger, hive_partitioning = true)
"""
LEDGER_USE = """
CREATE TEMP TABLE used AS
SELECT cluster_id, sum(bit_count(hours_observed)) AS samples, sum(bit_count(hours_busy)) AS busy,
       max(busy_at) AS busy_at, SUMS
FROM days GROUP BY ALL
"""
LEDGER_BANDS = [f"band_{low}_{high}_seconds" for low, high in zip((0, *EDGES), EDGES, strict=False)]
# Sums of products differ if any row differs.
SUMMARY = """
WITH paid AS (SELECT spend, (day % 31 + 1) * length(rtrim(cluster_id, '0123456789')) AS n FROM days)
SELECT (SELECT sum(spend)::BIGINT FROM paid) AS spend,
       (SELECT sum(spend * (n % 1009))::HUGEINT::VARCHAR FROM paid) AS mixed,
       (SELECT sum(samples)::BIGINT FROM used) AS samples,
       (SELECT sum(busy)::BIGINT FROM used) AS busy,
       (SELECT sum(busy_at)::BIGINT FROM used) AS last_busy
"""


def spell(statement: str, task: dict[str, Any]) -> str:
    """``statement`` with its shorthands and the task's values in it.

    A statement that makes a table or a type takes no parameters.
    """
    shorthands = {"STATUS": STATUS, "TAIL": TAIL, "WEIGHTS": WEIGHTS, "BANDS": BANDS}
    for name, text in shorthands.items():
        statement = re.sub(rf"\b{name}\b", text, statement)
    for name, text in (("MONEY", MONEY), ("INSTANT", INSTANT)):
        statement = re.sub(rf"\b{name}\(([\w.]+)\)", lambda m, t=text: t.format(m[1]), statement)
    values = task | task["rules"] | {"window": task["rules"]["idle_window_days"]}
    return re.sub(r"\$(\w+)", lambda match: str(values[match[1]]), statement)


def work(task: dict[str, Any]) -> dict[str, Any]:
    for statement in (IDS, FIRSTS, INTERVALS, SPEND, UTILIZATION, EVIDENCE, FINDINGS):
        duckdb.execute(spell(statement, task))
    return {}


def numbers(task: dict[str, Any]) -> dict[str, Any]:
    for statement in (NUMBERS_PAIRS, NUMBERS_DAYS, NUMBERS_USE):
        duckdb.execute(spell(statement, task))
    return _figures()


def ledger(task: dict[str, Any]) -> dict[str, Any]:
    names = ", ".join(LEDGER_BANDS)
    sums = ", ".join(f"sum({name})" for name in LEDGER_BANDS)
    duckdb.execute(spell(LEDGER_DAYS.replace("BANDS", names), task))
    duckdb.execute(LEDGER_USE.replace("SUMS", sums))
    return _figures()


def read(task: dict[str, Any]) -> dict[str, Any]:
    columns = ", ".join(task["columns"])
    duckdb.execute(
        spell(f"CREATE TEMP TABLE t AS SELECT {columns} FROM read_parquet($newest)", task)
    )
    return {}


def _figures() -> dict[str, Any]:
    row = duckdb.execute(SUMMARY).fetchone()
    names = ("spend", "mixed", "samples", "busy", "last_busy")
    return dict(zip(names, map(int, row), strict=True))


def main() -> None:
    part, path = sys.argv[1:3]
    task = json.loads(Path(path).read_text())
    duckdb.execute(OPTIONS)
    result = {"work": work, "numbers": numbers, "ledger": ledger, "read": read}[part](task)
    print(json.dumps(result | {"version": duckdb.__version__}))


if __name__ == "__main__":
    main()
