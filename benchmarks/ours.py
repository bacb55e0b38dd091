"""What FleetLedger does in a benchmark: each part is run as a process of its own.

    python -m benchmarks.ours PART TASK.json

- ``fill``: writes the snapshots of a synthetic fleet that are missing in the task's folder.
- ``fold``: builds the stale ledger days: the day that the newest snapshot closes and the one it
  begins, if ``remove_newest_days`` was called.
- ``numbers``: builds them and derives the few numbers of the simplest rescan.
- ``work``: builds them, and writes spend, utilization and the findings of eight rules as CSV.
- ``report``: builds them, and makes the findings of all rules, the report with all its files and
  the mail.
- ``read``: reads with Arrow, on one core, what ``work`` has to read, and does nothing with it.
"""

# ruff: noqa: PLC0415 - each process imports only what its own part needs: imports are counted

from __future__ import annotations

import json
import os
import shutil
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from pipeline.jobs import Job
    from pipeline.settings import Rules

START = datetime(2026, 3, 2, tzinfo=UTC)
AFTER = START + timedelta(days=3660)
"""Later than any snapshot here."""
ACCOUNT = "default"
# About as many clusters are created as deleted, so the fleet does not grow with the history.
STEADY = {"births_per_day": 0.0026, "deaths_per_day": 0.0026, "expiry_share": 0.04}
NOT_ASKED_OF_PEERS = ("off_hours", "spend_anomaly")

SPEND_COLUMNS = [
    "date", "cluster_id", "name", "project_id", "region", "gpu_type", "gpu_count", "template_id",
    "spend_micros", "spend_low_micros", "spend_high_micros", "metered_micros",
    "stopped_spend_micros", "running_seconds", "gpu_seconds",
]  # fmt: skip
UTILIZATION_COLUMNS = [
    "cluster_id", "name", "project_id", "region", "gpu_type", "gpu_count", "template_id",
    "spend_micros", "metered_micros", "stopped_spend_micros", "observed_seconds",
    "running_seconds", "stopped_seconds", "transition_seconds", "error_seconds", "gap_seconds",
    "gpu_mean_pct", "memory_mean_pct", "cpu_mean_pct", "gpu_p95_pct", "gpu_max_pct",
    "idle_share_pct", "samples", "busy_samples", "last_busy_at",
]  # fmt: skip
FINDINGS_COLUMNS = [
    "cluster_id", "rule_id", "grade", "samples", "busy_share_bound", "spend_micros",
    "provable_waste_micros",
]  # fmt: skip


def remove_newest_days(folder: Path, days: int) -> None:
    """Remove what a night makes, as if the newest snapshots had just been taken."""
    for day in sorted(folder.glob(f"ledger/account={ACCOUNT}/date=*"))[-days:]:
        shutil.rmtree(day)
        shutil.rmtree(folder / "findings" / day.name, ignore_errors=True)


def fill(task: dict[str, Any]) -> dict[str, Any]:
    import pandas as pd

    from pipeline.model import Certificate, Snapshot, State
    from pipeline.schema import SNAPSHOT
    from pipeline.simulator.fleet import Fleet
    from pipeline.store import Store

    store = Store(task["folder"])
    stored = {ref.started_at for ref in store.snapshots(ACCOUNT)}
    hours = range(0, task["days"] * 24 + 1, task["every_hours"])
    missing = [when for n in hours if (when := START + timedelta(hours=n)) not in stored]
    fleet = Fleet(11, task["clusters"], START, task["days"], **STEADY) if missing else None
    for when in missing:
        frame = fleet.at(when).assign(account=ACCOUNT, observed_at=pd.Timestamp(when))
        absent = [name for name in SNAPSHOT.names if name not in frame.columns]
        table = SNAPSHOT.from_pandas(frame.assign(**dict.fromkeys(absent)))
        certificate = Certificate(
            account=ACCOUNT, state=State.COMPLETE, started_at=when, finished_at=when,
            api_version="v1", base_url="http://127.0.0.1", requests=1, pages=1,
            unique_ids=len(frame), total_count=len(frame), proof="drawn, not walked",
        )  # fmt: skip
        store.publish_snapshot(Snapshot(certificate=certificate, table=table))
    return {}


def fold(task: dict[str, Any]) -> dict[str, Any]:
    return {"days": len(_update_ledger(_job(task)))}


def numbers(task: dict[str, Any]) -> dict[str, Any]:
    import numpy as np

    from pipeline.schema import BAND_COLUMNS
    from pipeline.transform.fold import day_numbers
    from pipeline.transform.utilization import percentile

    job = _job(task)
    _update_ledger(job)
    masks = ["hours_observed", "hours_busy"]
    columns = ["date", "cluster_id", "metered_micros", "last_busy_at", *masks, *BAND_COLUMNS]
    ledger = job.store.read_ledger(*_window(task), columns=columns)
    samples, busy = (np.bitwise_count(ledger[mask].to_numpy()).astype(np.int64) for mask in masks)
    clusters = ledger.assign(samples=samples, busy_samples=busy).groupby("cluster_id", sort=False)
    used = clusters[["metered_micros", "samples", "busy_samples", *BAND_COLUMNS]].sum()
    used["last_busy_at"] = clusters["last_busy_at"].max()
    percentile(used, 95)
    paid = ledger["metered_micros"] > 0
    n = day_numbers(ledger["date"]) % 31 + 1
    n = n * ledger["cluster_id"].str.rstrip("0123456789").str.len().to_numpy()
    busy_at = used["last_busy_at"].dropna().astype("int64") // 1_000_000
    return {
        "spend": int(ledger["metered_micros"].sum()),
        "mixed": int((ledger["metered_micros"].to_numpy() * (n % 1009))[paid].sum()),
        "samples": int(used["samples"].sum()),
        "busy": int(used["busy_samples"].sum()),
        "last_busy": int(busy_at.sum()),
    }


def work(task: dict[str, Any]) -> dict[str, Any]:
    from pipeline.jobs.ledger_rows import Span, id_ranges, read_rows
    from pipeline.jobs.spend import LEDGER_COLUMNS
    from pipeline.report.output.csv_files import table_csv
    from pipeline.transform import spend, utilization
    from pipeline.transform.findings.measures import EvidenceRows, compared, of_clusters
    from pipeline.transform.fold import Fold, stacked

    job = _job(task)
    _update_ledger(job)
    (first, last), rules = _window(task), job.settings.rules
    evidence, utilized = [], []
    span = Span(first, first, last)
    refs = span.refs(job.store)
    ranges = id_ranges(job.store, span, refs)
    for ids in ranges:
        rows = read_rows(job.store, span, refs, [], ids=ids)  # as findings and reports do
        utilized.append(utilization.facts(Fold.of(rows.recent), last))
        evidence.append(of_clusters(EvidenceRows.of(rows.recent, last), rules, last))
    if len(ranges) == 1:
        ledger = rows.recent[list(LEDGER_COLUMNS)]
    del rows
    if len(ranges) > 1:
        ledger = job.store.read_ledger(first, last, columns=LEDGER_COLUMNS)
    written = {
        "findings": lambda: _findings(compared(evidence), rules),
        "utilization": lambda: utilization.ranked(stacked(utilized))[UTILIZATION_COLUMNS],
        "spend": lambda: spend.spend_rows(ledger)[SPEND_COLUMNS],
    }
    for name, make in written.items():
        Path(task["out"], f"{name}.csv").write_bytes(table_csv(make()))
    return {}


def _findings(evidence: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    """The findings of the rules that the peers judge too."""
    import pandas as pd

    from pipeline.rules import RULES
    from pipeline.transform.findings import rule_engine

    parts = []
    evidence["spend_micros"] = evidence["trailing_spend_micros"]
    for rule in RULES:
        if rule.id in NOT_ASKED_OF_PEERS:
            continue
        judged = rule_engine.evaluate(rule, evidence, rules)
        evidence[f"found_{rule.id}"] = judged.is_finding
        part = evidence[judged.is_finding].assign(
            rule_id=rule.id, grade=judged.grade[judged.is_finding]
        )
        part["provable_waste_micros"] = part[rule.waste] if rule.waste else None
        parts.append(part[FINDINGS_COLUMNS].astype({"provable_waste_micros": "Int64"}))
    return pd.concat(parts, ignore_index=True)


def report(task: dict[str, Any]) -> dict[str, Any]:
    from pipeline.jobs.report import make_report

    job = _job(task)
    _update_ledger(job)
    stored = make_report(job, window=f"{task['window']}d")
    folder = Path(stored.folder)
    return {"bytes": {path.name: path.stat().st_size for path in sorted(folder.iterdir())}}


def read(task: dict[str, Any]) -> dict[str, Any]:
    import time

    import pyarrow as pa
    import pyarrow.parquet as pq

    pa.set_cpu_count(1)
    files = [(path, task["columns"]) for path in task["inputs"]]
    files += [(path, None) for path in task["ledger"]]
    pq.ParquetFile(files[0][0]).read(use_threads=False)  # what only the first read needs
    began = time.process_time()
    size = 0
    for path, columns in files:
        file = pq.ParquetFile(path)
        file.read(columns, use_threads=False)
        size += _stored_bytes(file, columns)
    return {"decode_cpu": round(time.process_time() - began, 3), "bytes": size}


def _stored_bytes(file: Any, columns: list[str] | None) -> int:  # noqa: ANN401 - pyarrow has no types
    """The compressed size of the columns (None: all) in a Parquet file."""
    meta = file.metadata
    chunks = (
        meta.row_group(group).column(number)
        for group in range(meta.num_row_groups)
        for number in range(meta.num_columns)
    )
    wanted = [c for c in chunks if columns is None or c.path_in_schema in columns]
    return sum(chunk.total_compressed_size for chunk in wanted)


def columns(task: dict[str, Any]) -> dict[str, Any]:
    """The columns the ledger reads, the rules' thresholds, and the peers' table of bounds."""
    import msgspec
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from pipeline.jobs.ledger_inputs import COLUMNS
    from pipeline.settings import Rules
    from pipeline.transform.findings.confidence import busy_share_bound

    most = 24 * Rules().idle_window_days
    n, k = np.divmod(np.arange((most + 1) ** 2), most + 1)
    n, k = n[(k <= n) & (n > 0)], k[(k <= n) & (n > 0)]
    pq.write_table(pa.table({"k": k, "n": n, "bound": busy_share_bound(k, n)}), task["bounds"])
    return {"columns": list(COLUMNS), "rules": msgspec.to_builtins(Rules())}


def _job(task: dict[str, Any]) -> Job:
    from pipeline.jobs import Job
    from pipeline.keys import Secret
    from pipeline.settings import Settings
    from pipeline.store import Store

    return Job(Store(task["folder"]), Settings(), lambda *_: Secret(""), lambda: AFTER)


def _update_ledger(job: Job) -> list[date]:
    from pipeline.jobs.ledger import update_ledger

    return update_ledger(job)


def _last(task: dict[str, Any]) -> date:
    """The last closed day."""
    return START.date() + timedelta(days=task["days"] - 1)


def _window(task: dict[str, Any]) -> tuple[date, date]:
    last = _last(task)
    return last - timedelta(days=task["window"] - 1), last


PARTS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    part.__name__: part for part in (fill, fold, numbers, work, report, read, columns)
}


def main() -> None:
    # As the command line does, before numpy is imported.
    os.environ.setdefault("NUMPY_MADVISE_HUGEPAGE", "0")
    part, path = sys.argv[1:3]
    print(json.dumps(PARTS[part](json.loads(Path(path).read_text()))))


if __name__ == "__main__":
    main()
