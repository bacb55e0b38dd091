"""Histories written out by hand: a snapshot is a time and some clusters."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd

from pipeline.ledger.days import build_day
from pipeline.ledger.inputs import inputs_of
from pipeline.model import SnapshotRef, SnapshotRows, State
from pipeline.schema import SNAPSHOT

UNIT = 1_000_000
"""One unit of the currency, in micros."""

DAY = datetime(2026, 3, 2, tzinfo=UTC)


def at(text: str) -> datetime:
    """'2 10:30' is 10:30 on the second of March 2026, in UTC."""
    day, clock = text.split()
    return datetime.fromisoformat(f"2026-03-{int(day):02d}T{clock}").replace(tzinfo=UTC)


def cluster(cluster_id: str = "c1", **values: object) -> dict[str, object]:
    """A running 8 x A100 at 10.00 an hour, long since created; money in whole units."""
    row: dict[str, object] = {
        "cluster_id": cluster_id,
        "name": f"name-of-{cluster_id}",
        "project_id": "p1",
        "region": "us-east-1",
        "gpu_type": "A100",
        "gpu_count": 8,
        "template_id": "t1",
        "status": "running",
        "gpu_utilization_pct": 50.0,
        "memory_utilization_pct": 40.0,
        "cpu_utilization_pct": 30.0,
        "created_at": at("1 00:00") - timedelta(days=60),
        "updated_at": at("1 00:00"),
    }
    money = {"rate": 10.0, "session": None, "total": None}
    names = {
        "rate": "hourly_rate_micros",
        "session": "current_session_cost_micros",
        "total": "total_cost_micros",
    }
    for name, default in money.items():
        value = values.pop(name, default)
        row[names[name]] = None if value is None else round(float(value) * UNIT)  # type: ignore[arg-type]
    return row | values


def snapshot(
    when: datetime, *clusters: dict[str, object], state: State = State.COMPLETE, minutes: int = 0
) -> SnapshotRows:
    """One snapshot; ``minutes`` is how long its walk took (its rows are of the first page)."""
    rows = [
        dict.fromkeys(SNAPSHOT.names) | {"account": "a", "observed_at": when} | row
        for row in clusters
    ]
    frame = SNAPSHOT.enforce(pd.DataFrame(rows, columns=list(SNAPSHOT.names)))
    return SnapshotRows(
        state=state, started_at=when, finished_at=when + timedelta(minutes=minutes), frame=frame
    )


def refs_of(snapshots: list[SnapshotRows]) -> list[SnapshotRef]:
    return [
        SnapshotRef(
            "a",
            snapshot.started_at,
            snapshot.state,
            f"{snapshot.started_at:%Y%m%dT%H%M%SZ}-{snapshot.state}",
        )
        for snapshot in snapshots
    ]


def ledger(
    snapshots: list[SnapshotRows], day: datetime, rate_card: dict[str, int] | None = None
) -> pd.DataFrame:
    """The day's rows by cluster, from exactly the snapshots the day may read."""
    refs = refs_of(snapshots)
    wanted = inputs_of(refs, day.date())
    chosen = [snapshot for snapshot, ref in zip(snapshots, refs, strict=True) if ref in wanted]
    return build_day(chosen, day.date(), rate_card or {}).set_index("cluster_id", drop=False)
