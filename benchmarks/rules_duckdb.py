"""The peer of findings.py: eight of the ten rules as DuckDB SQL over the same ledger.

    python rules_duckdb.py LEDGER.parquet BOUNDS.parquet THRESHOLDS.json RUNS

Needs duckdb and nothing of ours. One thread. The ledger is loaded into a native table before the
clock starts; timed is what makes the outcomes: the fold of the rules' window into evidence per
cluster (sums, 95th percentile from bands, hours of the week observed, stuck streaks, peers'
prices), and the outcome, grade and provable waste of every cluster under the rules idle,
idle_loaded, underutilized, stuck_paid, stopped_charged, price_outlier, no_expiry and
seed_candidate. Not asked of it: off-hours and anomalies, reasons, savings, lives, and the
Clopper-Pearson bounds, which it reads from a table.

Prints JSON: CPU seconds of the fastest run, and how many clusters have each outcome and grade.
"""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path

import duckdb

SUMS = (
    "spend_micros", "spend_low_micros", "stopped_spend_micros", "observed_seconds", "gap_seconds",
    "running_seconds", "stopped_seconds", "gpu_weight_seconds", "gpu_sum_mpct_seconds",
    "memory_weight_seconds", "memory_sum_mpct_seconds", "cpu_weight_seconds",
    "cpu_sum_mpct_seconds",
)  # fmt: skip
LATEST = ("status", "flags", "gpu_type", "region", "gpu_count", "expires_at", "created_at")
EDGES = (1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100)
BANDS = tuple(f"band_{low}_{high}_seconds" for low, high in zip((0, *EDGES), EDGES, strict=False))
SAMPLED = " + ".join(
    f"coalesce(bit_count(bit_or(hours_observed) FILTER (weekday = {day}))::INT, 0)"
    for day in range(1, 8)
)
P95 = "CASE " + " ".join(
    f"WHEN ({' + '.join(BANDS[: n + 1])}) * 100 >= seen * 95 THEN {edge}"
    for n, edge in enumerate(EDGES)
) + " END"  # fmt: skip

EVIDENCE = f"""
CREATE OR REPLACE TABLE evidence AS
WITH span AS (SELECT max(date) AS last, min(date) AS first FROM ledger),
month AS (
  SELECT ledger.*, isodow(date) AS weekday, date > last - to_days($window) AS is_recent,
         CASE WHEN date = last THEN cut_end_micros ELSE 0 END AS cut_end
  FROM ledger, span WHERE date > last - to_days(30)
), chosen AS (
  SELECT * FROM month WHERE is_recent
  UNION ALL
  SELECT * FROM month ANTI JOIN (SELECT DISTINCT account, cluster_id FROM month
                                    WHERE is_recent) USING (account, cluster_id)
), sums AS (
  SELECT account, cluster_id, max(date) AS last_date,
         max(date) FILTER (running_seconds > 0 OR stopped_seconds > 0) AS moved_on,
         arg_max(hourly_rate_micros, date) AS rate, min(first_observed_at) AS first_seen,
         {", ".join(f"sum({c})::BIGINT AS {c}" for c in (*SUMS, *BANDS))},
         {" + ".join(f"sum({band})" for band in BANDS)} AS seen,
         sum(bit_count(hours_observed))::BIGINT AS samples,
         sum(bit_count(hours_busy))::BIGINT AS busy, {SAMPLED} AS cells,
         sum(CASE WHEN date = (SELECT min(date) FROM chosen) THEN cut_start_micros ELSE 0 END
             + cut_end)::BIGINT AS cut
  FROM chosen GROUP BY account, cluster_id
), folded AS (
  SELECT s.*, {", ".join(f"c.{c}" for c in LATEST)} FROM sums s JOIN ledger c
  ON c.account = s.account AND c.cluster_id = s.cluster_id AND c.date = s.last_date
), stuck AS (
  SELECT account, cluster_id, sum(transition_seconds + error_seconds) / 3600.0 AS stuck_hours,
         greatest(sum(coalesce(c.spend_low_micros, 0) - cut_end)
                  - arg_min(cut_start_micros, date), 0) AS stuck_money
  FROM chosen c JOIN folded f USING (account, cluster_id)
  WHERE f.moved_on IS NULL OR c.date > f.moved_on GROUP BY ALL
), derived AS (
  SELECT f.*, coalesce(stuck_hours, 0) AS stuck_hours,
         least(coalesce(stuck_money, 0), greatest(spend_low_micros - cut, 0)) AS stuck_spend,
         last_date = last AND NOT contains(flags, 'vanished') AS present,
         running_seconds / 3600.0 AS running_hours, stopped_seconds / 3600.0 AS stopped_hours,
         (observed_seconds + gap_seconds) / 86400.0 AS listed,
         gpu_sum_mpct_seconds / 1000 / nullif(gpu_weight_seconds, 0) AS gpu_mean,
         memory_sum_mpct_seconds / 1000 / nullif(memory_weight_seconds, 0) AS memory_mean,
         cpu_sum_mpct_seconds / 1000 / nullif(cpu_weight_seconds, 0) AS cpu_mean,
         100.0 * (band_0_1_seconds + band_1_5_seconds) / nullif(seen, 0) AS idle_share,
         CASE WHEN seen > 0 THEN {P95} END AS p95, rate / nullif(gpu_count, 0) AS per_gpu,
         spend_micros / avg(CASE WHEN spend_micros > 0 THEN spend_micros END) OVER () AS share,
         epoch(last + to_days(1) - coalesce(created_at, first_seen)::TIMESTAMP) / 86400 AS age
  FROM folded f LEFT JOIN stuck USING (account, cluster_id), span
), peers AS (
  SELECT gpu_type, region, median(per_gpu) AS peer_rate, count(per_gpu) AS peers
  FROM derived WHERE present AND status = 'running' GROUP BY ALL
)
SELECT d.*, bound, peers, per_gpu / nullif(peer_rate, 0) AS ratio,
       least(cells / least(greatest(ceil(running_hours / greatest(listed / 7, 1)), 1), 168), 1)
         AS coverage,
       floor(greatest(greatest(spend_low_micros - cut, 0) - stopped_spend_micros, 0)
             * least(seen, running_seconds) / nullif(running_seconds, 0) * (1 - bound)) AS waste
FROM derived d LEFT JOIN bounds b ON b.k = d.busy AND b.n = d.samples
LEFT JOIN peers USING (gpu_type, region)
"""  # noqa: S608 (put together from this file alone; the next too)

RAN = "running_hours >= $idle_min_running_hours AND samples >= $idle_min_samples"
QUIET = "idle_share >= $idle_suspected_share_pct AND cpu_mean < $idle_max_cpu_mean_pct"
IDLE_GRADE = """
CASE WHEN idle_share >= $idle_share_pct AND bound <= $idle_proven_bound
      AND coverage >= $idle_proven_coverage AND listed >= $idle_proven_days THEN 'proven'
     WHEN idle_share >= $idle_likely_share_pct AND bound <= $idle_likely_bound
      AND coverage >= $idle_likely_coverage THEN 'likely' ELSE 'suspected' END"""
UNDER_GRADE = """
CASE WHEN samples >= $underutilized_proven_samples AND coverage >= $idle_proven_coverage
      AND listed >= $idle_proven_days THEN 'proven'
     WHEN coverage >= $idle_likely_coverage THEN 'likely' ELSE 'suspected' END"""
IDLE_WHEN = f"{QUIET} AND memory_mean < $idle_loaded_memory_pct"
LOADED_WHEN = f"{QUIET} AND memory_mean >= $idle_loaded_memory_pct"
UNDER_WHEN = """gpu_mean <= $underutilized_mean_pct AND p95 < $underutilized_p95_pct
AND share >= $underutilized_min_spend_share"""
STOPPED_WHEN = """stopped_hours >= $stopped_min_hours
AND stopped_spend_micros >= $stopped_min_spend * 1e6"""
FOUND = f"coalesce({RAN} AND {QUIET} AND memory_mean IS NOT NULL, false)"
RUNS = "present AND status = 'running'"
RULES = {
    "idle": (RUNS, RAN, IDLE_WHEN, IDLE_GRADE, "waste"),
    "idle_loaded": (RUNS, RAN, LOADED_WHEN, IDLE_GRADE, "NULL"),
    "underutilized": (
        f"{RUNS} AND NOT {FOUND}",
        "running_hours >= $idle_min_running_hours AND samples >= $underutilized_min_samples",
        UNDER_WHEN,
        UNDER_GRADE,
        "NULL",
    ),
    "stuck_paid": (
        "present AND status IN ('starting', 'stopping', 'pending', 'error')",
        "true",
        "stuck_hours >= $stuck_min_hours AND stuck_spend > 0",
        "NULL",
        "stuck_spend",
    ),
    "stopped_charged": (
        "present AND status = 'stopped'",
        "true",
        STOPPED_WHEN,
        "NULL",
        "NULL",
    ),
    "price_outlier": (RUNS, "peers >= $price_min_peers", "ratio >= $price_ratio", "NULL", "NULL"),
    "no_expiry": (
        RUNS, "true", "expires_at IS NULL AND age >= $no_expiry_min_days", "NULL", "NULL",
    ),
    "seed_candidate": (
        RUNS,
        "true",
        "rate > $seed_hourly_rate * 1e6 AND gpu_mean < $seed_utilization_pct",
        "NULL",
        "NULL",
    ),
}  # fmt: skip

OUTCOMES = "CREATE OR REPLACE TABLE outcomes AS " + " UNION ALL ".join(  # noqa: S608
    f"""
SELECT account, cluster_id, '{rule}' AS rule, outcome, spend_micros, samples, bound,
       CASE WHEN outcome = 'FINDING' THEN {grade} END AS grade,
       CASE WHEN outcome = 'FINDING' THEN {waste} END AS waste
FROM (SELECT *, CASE WHEN NOT ({applies}) THEN 'NOT_APPLICABLE'
                     WHEN ({applies}) IS NULL THEN 'INSUFFICIENT_DATA'
                     WHEN ({needs}) IS NOT TRUE THEN 'INSUFFICIENT_DATA'
                     WHEN ({when}) THEN 'FINDING'
                     WHEN NOT ({when}) THEN 'CLEAR'
                     ELSE 'INSUFFICIENT_DATA' END AS outcome FROM evidence)
"""  # noqa: S608
    for rule, (applies, needs, when, grade, waste) in RULES.items()
)


def _with(limits: dict[str, float], statement: str) -> str:
    """``statement`` with its thresholds: what makes a table takes no parameters."""
    return re.sub(r"\$(\w+)", lambda name: str(limits[name[1]]), statement)


def main() -> None:
    """Load, judge, print."""
    ledger, bounds, thresholds, runs = sys.argv[1:5]
    base = duckdb.connect()
    base.execute("SET threads = 1; SET TimeZone = 'UTC'; SET preserve_insertion_order = false")
    base.execute("CREATE TABLE ledger AS SELECT * FROM read_parquet(?)", [ledger])
    base.execute("CREATE TABLE bounds AS SELECT * FROM read_parquet(?)", [bounds])
    limits = json.loads(Path(thresholds).read_text())
    spent = []
    statements = [_with(limits, statement) for statement in (EVIDENCE, OUTCOMES)]
    for _ in range(int(runs)):
        start = time.process_time()
        for statement in statements:
            base.execute(statement)
        spent.append(time.process_time() - start)
    count = base.execute(
        "SELECT rule, outcome, coalesce(grade, ''), count(*), coalesce(sum(waste), 0)::BIGINT "
        "FROM outcomes GROUP BY ALL"
    ).fetchall()
    outcomes = {
        f"{rule} {outcome} {grade}".strip(): [n, int(w)] for rule, outcome, grade, n, w in count
    }
    print(json.dumps({"seconds": min(spent), "version": duckdb.__version__, "outcomes": outcomes}))


if __name__ == "__main__":
    main()
