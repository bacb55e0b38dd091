"""Precision and recall of the rules against the profiles the simulator keeps to itself.

Two fleets: one the thresholds were looked at with, one (``unseen``) whose parameters were fixed
before. Idle counts when it is likely or proven; clusters count that are listed and running at the
end and truly ran 30 hours of the window, whether their metrics can be read or not.

    python benchmarks/precision.py [CLUSTERS]
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

import pandas as pd

from pipeline.ledger.days import build_day
from pipeline.ledger.inputs import days_between, inputs_of
from pipeline.model import Look, SnapshotRef, State
from pipeline.rules import FINDING, LIKELY, PROVEN
from pipeline.schema import SNAPSHOT
from pipeline.settings import Rules
from pipeline.simulator.fleet import Fleet
from pipeline.transform import findings

START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 21
FLEETS: dict[str, dict[str, object]] = {
    "known": {"seed": 5},
    "unseen": {
        "seed": 4711,
        "births_per_day": 0.03,
        "deaths_per_day": 0.02,
        "short_lived_per_day": 0.02,
        "expiry_share": 0.3,
        "error_share": 0.1,
        "reprice_share": 0.1,
        "storage_charged_share": 0.4,
        "half_metrics_share": 0.1,
    },
}
TRUE_PROFILES = {
    "idle": ("idle", "zombie"),
    "idle_loaded": ("loaded",),
    "underutilized": ("underused",),
    "off_hours": ("office",),
}


def look(fleet: Fleet, when: datetime) -> Look:
    """One complete look at the fleet."""
    frame = fleet.at(when).assign(account="a", observed_at=pd.Timestamp(when))
    missing = [name for name in SNAPSHOT.names if name not in frame.columns]
    frame = SNAPSHOT.enforce(frame.assign(**dict.fromkeys(missing)))
    return Look(state=State.COMPLETE, started_at=when, finished_at=when, frame=frame)


def ledger_of(fleet: Fleet, hours: int, at_hour: int = 0) -> pd.DataFrame:
    """The ledger of looks every so many hours."""
    end = DAYS * 24 + 1 + at_hour
    times = [START + timedelta(hours=n) for n in range(at_hour, end, hours)]
    looks = {time: look(fleet, time) for time in times}
    refs = [SnapshotRef("a", time, State.COMPLETE, f"{time:%Y%m%dT%H%M%SZ}") for time in times]
    last = (START + timedelta(days=DAYS)).date()
    days = [day for day in days_between(refs) if day < last]
    built = [build_day([looks[r.started_at] for r in inputs_of(refs, d)], d, {}) for d in days]
    return pd.concat(built, ignore_index=True).assign(account="a").astype({"account": "category"})


def eligible(fleet: Fleet) -> pd.DataFrame:
    """Profiles of the clusters that could be found: running at the end, 30 hours in the window."""
    end = START + timedelta(days=DAYS)
    truth = fleet.truth(end - timedelta(days=14), end).set_index("cluster_id")
    now = fleet.at(end - timedelta(seconds=1)).set_index("cluster_id")["status"]
    ran = truth[truth["running_seconds"] >= 30 * 3600]
    return ran[ran.index.map(now).isin(["running"])]


def measure(fleet: Fleet, hours: int, at_hour: int = 0) -> dict[str, str]:
    """Precision and recall per rule, in words."""
    last = (START + timedelta(days=DAYS - 1)).date()
    ledger = ledger_of(fleet, hours, at_hour)
    frame = findings.judge(ledger, Rules(), last)
    truth = eligible(fleet)
    profile = fleet.truth(START, START + timedelta(days=DAYS)).set_index("cluster_id")["profile"]
    told = {}
    for rule, profiles in TRUE_PROFILES.items():
        mine = frame[(frame["rule_id"] == rule) & (frame["outcome"] == FINDING)]
        strong = mine[mine["grade"].isin([PROVEN, LIKELY])]
        right = strong["cluster_id"].map(profile).isin(profiles)
        wanted = truth.index[truth["profile"].isin(profiles)]
        hit = wanted.isin(strong["cluster_id"]).mean() if len(wanted) else float("nan")
        proven = int((mine["grade"] == PROVEN).sum())
        wrong = strong.loc[~right, "cluster_id"].map(profile).value_counts().to_dict()
        told[rule] = (
            f"precision {right.mean():.3f} of {len(strong)}, recall {hit:.3f} of {len(wanted)}, "
            f"proven {proven}, suspected {len(mine) - len(strong)}, wrong {wrong}"
        )
    return told


def main() -> None:
    """Both fleets, hourly and nightly."""
    clusters = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    for name, parameters in FLEETS.items():
        fleet = Fleet(clusters=clusters, start=START, days=DAYS, **parameters)  # type: ignore[arg-type]
        for cadence, hours, at_hour in (("hourly", 1, 0), ("nightly", 24, 2)):
            for rule, figures in measure(fleet, hours, at_hour).items():
                print(f"{name:<7} {cadence:<8} {rule:<14} {figures}", flush=True)


if __name__ == "__main__":
    main()
