"""Against the truth: two simulated fleets, one with parameters that were never tuned for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from pipeline.ledger.days import build_day
from pipeline.ledger.inputs import days_between, inputs_of
from pipeline.model import SnapshotRef, SnapshotRows, State
from pipeline.schema import SNAPSHOT
from pipeline.simulator.fleet import Fleet
from pipeline.transform import spend

if TYPE_CHECKING:
    from collections.abc import Mapping

START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 8
CLUSTERS = 150
KNOWN: dict[str, object] = {"seed": 11}
UNSEEN: dict[str, object] = {
    "seed": 77,
    "births_per_day": 0.03,
    "deaths_per_day": 0.02,
    "short_lived_per_day": 0.02,
    "expiry_share": 0.3,
    "error_share": 0.1,
    "reprice_share": 0.1,
    "storage_charged_share": 0.4,
    "storage_rate_share": 0.05,
}


def snapshot(fleet: Fleet, when: datetime) -> SnapshotRows:
    frame = fleet.at(when).assign(account="a", observed_at=pd.Timestamp(when))
    missing = [name for name in SNAPSHOT.names if name not in frame.columns]
    frame = SNAPSHOT.enforce(frame.assign(**dict.fromkeys(missing)))
    return SnapshotRows(state=State.COMPLETE, started_at=when, finished_at=when, frame=frame)


def listed(fleet: Fleet, hours: int) -> pd.DataFrame:
    """Per listed cluster: truth, our spend and its bounds."""
    times = [START + timedelta(hours=n) for n in range(0, DAYS * 24 + 1, hours)]
    snapshots = {time: snapshot(fleet, time) for time in times}
    refs = [SnapshotRef("a", time, State.COMPLETE, f"{time:%Y%m%dT%H%M%SZ}") for time in times]
    ledger = pd.concat(
        [
            build_day([snapshots[ref.started_at] for ref in inputs_of(refs, day)], day, {})
            for day in days_between(refs)[:-1]
        ],
        ignore_index=True,
    )
    ours = spend.by(spend.spend_rows(ledger.assign(account="a")), "cluster_id")
    truth = fleet.truth(START, times[-1]).set_index("cluster_id")["spend_micros"]
    return ours.set_index("cluster_id").join(truth.rename("truth"))


def repriced(fleet: Fleet) -> set[str]:
    """The clusters whose rate changed in their life, whether or not a snapshot showed it."""
    lives = pd.DataFrame({"cluster": fleet.lifecycles.cluster, "rate": fleet.lifecycles.rate})
    spread = lives.groupby("cluster")["rate"].agg(np.ptp)
    return set(fleet.clusters.cluster_id[spread.index[spread > 0]])


@pytest.mark.parametrize("parameters", [KNOWN, UNSEEN], ids=["known", "unseen"])
@pytest.mark.parametrize(("hours", "limit"), [(3, 0.0005), (24, 0.002)], ids=["3h", "nightly"])
def test_the_fleets_spend_is_near_the_truth_and_inside_its_bounds(
    parameters: Mapping[str, object], hours: int, limit: float
) -> None:
    fleet = Fleet(clusters=CLUSTERS, start=START, days=DAYS, **parameters)  # type: ignore[arg-type]
    clusters = listed(fleet, hours)
    truth = int(clusters["truth"].sum())
    assert abs(int(clusters["spend_micros"].sum()) - truth) <= limit * truth
    inside = (clusters["spend_low_micros"] <= clusters["truth"]) & (
        clusters["truth"] <= clusters["spend_high_micros"]
    )
    # No bound can include a rate that rose between two snapshots.
    outside = set(clusters.index[~inside.to_numpy(dtype=np.bool_)])
    assert outside <= repriced(fleet)
    assert len(outside) <= len(clusters) / 100
