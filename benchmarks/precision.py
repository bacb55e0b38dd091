"""Precision and recall of the rules against the profiles the simulator keeps to itself.

Snapshots are taken on the hour, and at a random instant of every hour (or day). Two fleets: one on
which thresholds were checked, one (``unseen``) whose parameters were fixed before. A claim counts
when it is likely or proven; ``any grade`` counts suspicions too. Clusters count that are listed and
running at the end and truly ran 30 hours of the window, whether their metrics can be read or not;
of the office clusters those that truly run at least 40 hours a week more than the office is open
(the others have a schedule already).

What a rule declines to judge (INSUFFICIENT_DATA) is a miss in ``recall``; how many those are, and
the recall of the others, is shown beside it. They are clusters that report no metrics, or in half
of the hours only, and for off_hours those younger than its two weeks: limits of the data.

    python benchmarks/precision.py [CLUSTERS]
"""

from __future__ import annotations

import random
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd

from pipeline.ledger.days import build_day
from pipeline.ledger.inputs import days_between, inputs_of
from pipeline.model import SnapshotRef, SnapshotRows, Spread, State
from pipeline.rules import FINDING, INSUFFICIENT_DATA, LIKELY, PROVEN
from pipeline.schema import SNAPSHOT
from pipeline.settings import Rules
from pipeline.simulator.fleet import Fleet
from pipeline.transform.findings import judge

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

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
SEED = 1
WINDOW_DAYS = 14
CADENCES = (
    ("hourly", 1, 0, False),
    ("nightly", 24, 2, False),
    ("hourly, random", 1, 0, True),
    ("daily, random", 24, 0, True),
)
"""Name, hours between snapshots, hour of the first one, whether at random instants."""
OFFICE_HOURS = 55
"""A week, as the simulator's offices are open."""
TRUE_PROFILES = {
    "idle": ("idle", "zombie"),
    "idle_loaded": ("loaded",),
    "underutilized": ("underused",),
    "off_hours": ("office",),
}


def snapshot_of(fleet: Fleet, when: datetime, spread: Spread | None = None) -> SnapshotRows:
    """One complete snapshot of the fleet, at a random instant of ``spread`` if that is given."""
    frame = fleet.at(when).assign(account="a", observed_at=pd.Timestamp(when))
    missing = [name for name in SNAPSHOT.names if name not in frame.columns]
    frame = SNAPSHOT.enforce(frame.assign(**dict.fromkeys(missing)))
    return SnapshotRows(
        state=State.COMPLETE, started_at=when, finished_at=when, spread=spread, frame=frame
    )


def ledger_of(
    fleet: Fleet, hours: int, at_hour: int = 0, days: int = DAYS, *, at_random: bool = False
) -> pd.DataFrame:
    """The ledger of snapshots every so many hours: on the hour, or at random instants."""
    end = days * 24 + 1 + at_hour
    starts = [START + timedelta(hours=n) for n in range(at_hour, end, hours)]
    draws = random.Random(SEED)  # noqa: S311 - a simulation
    snapshots = {}
    for start in starts:
        spread = Spread(start=start, seconds=hours * 3600) if at_random else None
        wait = draws.randrange(hours * 3600) if at_random else 0
        when = start + timedelta(seconds=wait)
        snapshots[when] = snapshot_of(fleet, when, spread)
    times = sorted(snapshots)
    refs = [SnapshotRef("a", time, State.COMPLETE, f"{time:%Y%m%dT%H%M%SZ}") for time in times]
    last = (START + timedelta(days=days)).date()
    closed = [day for day in days_between(refs) if day < last]
    built = [
        build_day([snapshots[r.started_at] for r in inputs_of(refs, d)], d, {}) for d in closed
    ]
    return pd.concat(built, ignore_index=True).assign(account="a").astype({"account": "category"})


def eligible(fleet: Fleet) -> pd.DataFrame:
    """Profiles of the clusters that could be found: running at the end, 30 hours in the window."""
    end = START + timedelta(days=DAYS)
    begin = end - timedelta(days=WINDOW_DAYS)
    truth = fleet.truth(begin, end).set_index("cluster_id")
    now = fleet.at(end - timedelta(seconds=1)).set_index("cluster_id")["status"]
    ran = truth[truth["running_seconds"] >= 30 * 3600]
    ran = ran[ran.index.map(now).isin(["running"])]
    listed = (end - ran["created_at"].clip(lower=begin)).dt.total_seconds()
    a_week = ran["running_seconds"] / listed * 168
    scheduled = a_week < OFFICE_HOURS + Rules().off_hours_min_per_week
    return ran[~((ran["profile"] == "office") & scheduled)]


def share(right: pd.Series[bool] | NDArray[np.bool_]) -> str:
    """Share of the true ones, and of how many."""
    return f"{right.mean():.3f} of {len(right)}" if len(right) else "of none"


def measure(fleet: Fleet, hours: int, at_hour: int, *, at_random: bool) -> dict[str, str]:
    """Precision and recall per rule, in words."""
    last = (START + timedelta(days=DAYS - 1)).date()
    ledger = ledger_of(fleet, hours, at_hour, at_random=at_random)
    frame = judge.judge_day(ledger, judge.Policy(Rules()), last)
    truth = eligible(fleet)
    profile = fleet.truth(START, START + timedelta(days=DAYS)).set_index("cluster_id")["profile"]
    results = {}
    for rule, profiles in TRUE_PROFILES.items():
        judged = frame[frame["rule_id"] == rule].set_index("cluster_id")
        findings = judged[judged["outcome"] == FINDING]
        strong = findings[findings["grade"].isin([PROVEN, LIKELY])]
        wanted = truth.index[truth["profile"].isin(profiles)]
        declined = judged.index[judged["outcome"] == INSUFFICIENT_DATA]
        judgeable = wanted[~wanted.isin(declined)]
        right = profile.reindex(strong.index).isin(profiles)
        wrong = profile.reindex(strong.index)[~right].value_counts().to_dict()
        results[rule] = (
            f"precision {share(right)}, recall {share(wanted.isin(strong.index))} "
            f"({share(judgeable.isin(strong.index))} not declined), "
            f"proven {(findings['grade'] == PROVEN).sum()}, wrong {wrong}; any grade: "
            f"precision {share(profile.reindex(findings.index).isin(profiles))}, "
            f"recall {share(wanted.isin(findings.index))}"
        )
    return results


def main() -> None:
    """Both fleets, hourly and nightly, at fixed minutes and at random instants."""
    clusters = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    for name, parameters in FLEETS.items():
        fleet = Fleet(clusters=clusters, start=START, days=DAYS, **parameters)  # type: ignore[arg-type]
        for cadence, hours, at_hour, at_random in CADENCES:
            for rule, figures in measure(fleet, hours, at_hour, at_random=at_random).items():
                print(f"{name:<7} {cadence:<14} {rule:<14} {figures}", flush=True)


if __name__ == "__main__":
    main()
