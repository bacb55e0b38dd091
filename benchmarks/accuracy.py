"""The accuracy of the ledger, from hourly and from nightly snapshots.

Two fleets with fixed parameters: one used while the ledger was written, and one (``unseen``) that
was first used after the arithmetic was finished. The true spend is the simulated fleet's own, to
the micro. Run: ``python benchmarks/accuracy.py [CLUSTERS]``.
"""

from __future__ import annotations

import math
import sys
from datetime import UTC, datetime, timedelta

import pandas as pd

from pipeline.ledger.days import build_day
from pipeline.ledger.inputs import days_between, inputs_of
from pipeline.model import SnapshotRef, SnapshotRows, State
from pipeline.schema import LEDGER, SNAPSHOT
from pipeline.simulator.fleet import Fleet
from pipeline.transform import spend, unobserved_spend

START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 30
FLEETS: dict[str, dict[str, object]] = {
    "known": {"seed": 11},
    "unseen": {
        "seed": 77,
        "births_per_day": 0.03,
        "deaths_per_day": 0.02,
        "short_lived_per_day": 0.02,
        "expiry_share": 0.3,
        "error_share": 0.1,
        "reprice_share": 0.1,
        "storage_charged_share": 0.4,
        "storage_rate_share": 0.05,
    },
}


def take_snapshot(fleet: Fleet, when: datetime) -> SnapshotRows:
    """The rows of a complete snapshot at ``when``."""
    frame = fleet.at(when).assign(account="a", observed_at=pd.Timestamp(when))
    missing = [name for name in SNAPSHOT.names if name not in frame.columns]
    frame = SNAPSHOT.enforce(frame.assign(**dict.fromkeys(missing)))
    return SnapshotRows(state=State.COMPLETE, started_at=when, finished_at=when, frame=frame)


def measure(fleet: Fleet, hours: int) -> dict[str, float]:
    """The error of the fleet's spend, and how many clusters' true spend is inside its bounds."""
    times = [START + timedelta(hours=n) for n in range(0, DAYS * 24 + 1, hours)]
    snapshots = {time: take_snapshot(fleet, time) for time in times}
    refs = [SnapshotRef("a", time, State.COMPLETE, f"{time:%Y%m%dT%H%M%SZ}") for time in times]
    days = [day for day in days_between(refs) if day < times[-1].date()]
    built = [
        build_day([snapshots[ref.started_at] for ref in inputs_of(refs, day)], day, {})
        for day in days
    ]
    ledger = LEDGER.enforce(pd.concat(built, ignore_index=True).assign(account="a"))
    rows = spend.spend_rows(ledger)
    measured = spend.by(rows, "cluster_id").set_index("cluster_id")
    truth = fleet.truth(START, times[-1]).set_index("cluster_id")
    listed = truth[truth.index.isin(measured.index)]
    joined = listed[["spend_micros"]].join(measured[["spend_low_micros", "spend_high_micros"]])
    inside = (joined["spend_micros"] >= joined["spend_low_micros"]) & (
        joined["spend_micros"] <= joined["spend_high_micros"]
    )
    unseen = truth[~truth.index.isin(measured.index)]
    total = int(listed["spend_micros"].sum())
    guess = unobserved_spend.estimate(ledger, hours * 3600)
    return {
        "clusters": len(listed),
        "fleet_error_pct": 100 * (int(measured["spend_micros"].sum()) - total) / total,
        "inside_bounds_pct": 100 * float(inside.mean()),
        "outside": int((~inside).sum()),
        "never_listed": len(unseen),
        "never_listed_spend_pct": 100 * int(unseen["spend_micros"].sum()) / total,
        "estimate_of_it_pct": math.nan if guess is None else 100 * guess / total,
    }


def main() -> None:
    clusters = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    for name, parameters in FLEETS.items():
        fleet = Fleet(clusters=clusters, start=START, days=DAYS, **parameters)  # type: ignore[arg-type]
        for cadence, hours in (("hourly", 1), ("nightly", 24)):
            figures = measure(fleet, hours)
            print(name, cadence, {key: round(value, 4) for key, value in figures.items()})


if __name__ == "__main__":
    main()
