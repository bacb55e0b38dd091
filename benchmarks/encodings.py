"""How to write each column: size, and CPU to write and read, on the product's own tables.

``python benchmarks/encodings.py [clusters]`` simulates a fleet, takes a snapshot of it, builds a
ledger day, and writes both with each choice of encodings. Every time is the best of several runs in
this process; sizes are exact.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.ledger.days import build_day
from pipeline.model import SnapshotRows, State
from pipeline.schema import AT, INT, LEDGER, REAL, SNAPSHOT, Table
from pipeline.simulator.fleet import Fleet
from pipeline.store import tables

REPEATS = 7
START = datetime(2026, 10, 1, tzinfo=UTC)
DAY = date(2026, 10, 20)
DELTA = "DELTA_BINARY_PACKED"
SOME = {
    SNAPSHOT: ["cluster_id", "status", "total_cost_micros", "hourly_rate_micros", "observed_at"],
    LEDGER: ["cluster_id", "project_id", "spend_micros", "spend_low_micros", "running_seconds"],
}


def choices(schema: pa.Schema) -> dict[str, dict[str, object]]:
    """The writer options that are compared, by name."""
    ints = [f.name for f in schema if f.type == INT]
    times = [f.name for f in schema if f.type == AT]
    reals = [f.name for f in schema if f.type == REAL]
    money = [name for name in ints if name.endswith("_micros")]

    def zstd(encoding: dict[str, str], level: int | None = None) -> dict[str, object]:
        plain = [f.name for f in schema if f.name not in encoding]
        return {
            "compression": "zstd",
            "compression_level": level,
            "use_dictionary": plain,
            "column_encoding": encoding,
        }

    ids = {"cluster_id": "DELTA_BYTE_ARRAY"}
    return {
        "snappy, pyarrow's defaults": {"compression": "snappy"},
        "zstd": zstd({}),
        "zstd 9": zstd({}, 9),
        "delta ids": zstd(ids),
        "delta money": zstd(dict.fromkeys(money, DELTA)),
        "delta times": zstd(dict.fromkeys(times, DELTA)),
        "delta integers and times": zstd(dict.fromkeys(ints + times, DELTA)),
        "delta ids, integers, times": zstd(ids | dict.fromkeys(ints + times, DELTA)),
        "the same, reals split": zstd(
            ids | dict.fromkeys(ints + times, DELTA) | dict.fromkeys(reals, "BYTE_STREAM_SPLIT")
        ),
        "as the store writes": tables.encodings(schema),
    }


def written(table: pa.Table, options: dict[str, object]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, **(options | {"write_page_checksum": True}))
    return sink.getvalue().to_pybytes()


def cpu(work: object) -> float:
    """Milliseconds of CPU, the best of several."""
    best = float("inf")
    for _ in range(REPEATS):
        start = time.process_time()
        work()  # type: ignore[operator]
        best = min(best, time.process_time() - start)
    return best * 1000


def compare(kind: Table, table: pa.Table) -> None:
    print(f"\n{kind.name}: {table.num_rows} rows, {table.num_columns} columns")
    print(f"{'':32} {'kB':>8} {'write ms':>9} {'all ms':>7} {'some ms':>8}")
    for name, options in choices(table.schema).items():
        data = written(table, options)

        def read(columns: list[str] | None, data: bytes = data) -> None:
            file = pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True)
            file.read(columns, use_threads=False)

        print(
            f"{name:32} {len(data) / 1000:8.0f} {cpu(lambda o=options: written(table, o)):9.1f} "
            f"{cpu(lambda r=read: r(None)):7.1f} {cpu(lambda r=read: r(SOME[kind])):8.1f}"
        )


def snapshot_of(fleet: Fleet, moment: datetime) -> SnapshotRows:
    frame = fleet.at(moment).assign(account="default", observed_at=moment, extra=None)
    missing = {n: None for n in SNAPSHOT.names if n not in frame.columns}
    frame = SNAPSHOT.enforce(frame.assign(**missing))
    return SnapshotRows(state=State.COMPLETE, started_at=moment, finished_at=moment, frame=frame)


def sorted_table(kind: Table, table: pa.Table) -> pa.Table:
    return table.select(kind.stored.names).sort_by("cluster_id").unify_dictionaries()


def main() -> None:
    clusters = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    fleet = Fleet(1, clusters, START, 31)
    midnight = datetime.combine(DAY, datetime.min.time(), UTC)
    snapshots = [snapshot_of(fleet, midnight + timedelta(hours=h)) for h in range(-1, 26)]
    compare(SNAPSHOT, sorted_table(SNAPSHOT, SNAPSHOT.from_pandas(snapshots[12].frame)))
    rows = build_day(snapshots, DAY, {})
    day = rows.assign(account="default", date=midnight.replace(tzinfo=None))
    compare(LEDGER, sorted_table(LEDGER, LEDGER.from_pandas(day)))


if __name__ == "__main__":
    main()
