"""Snapshots, nights and prunes in any order, over a store and a fleet whose truth is known."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from pipeline.errors import AlreadyStoredError
from pipeline.jobs import Job
from pipeline.jobs.ledger import update_ledger
from pipeline.jobs.prune import Ages, prune
from pipeline.keys import Secret
from pipeline.model import Certificate, Snapshot, State
from pipeline.schema import SNAPSHOT
from pipeline.settings import Settings
from pipeline.simulator.fleet import Fleet
from pipeline.store import Store

START = datetime(2026, 3, 2, tzinfo=UTC)
FLEET = Fleet(5, 12, START, 9, births_per_day=0.2, deaths_per_day=0.1, short_lived_per_day=0.2)


def job_of(store: Store) -> Job:
    return Job(store, Settings(), lambda *_: Secret(""), lambda: START + timedelta(days=30))


def publish(store: Store, when: datetime, state: State, share: float = 1.0) -> None:
    """What the API showed at ``when``; of an incomplete snapshot only some of it."""
    frame = FLEET.at(when).assign(account="a", observed_at=pd.Timestamp(when))
    frame = frame.iloc[: int(np.ceil(share * len(frame)))]
    missing = [name for name in SNAPSHOT.names if name not in frame.columns]
    table = SNAPSHOT.from_pandas(frame.assign(**dict.fromkeys(missing)))
    certificate = Certificate(
        account="a", state=state, started_at=when, finished_at=when, api_version="v1",
        base_url="http://127.0.0.1", requests=1, pages=1, unique_ids=len(frame),
        total_count=len(frame), proof="drawn",
    )  # fmt: skip
    store.publish_snapshot(Snapshot(certificate=certificate, table=table))


def ledger_bytes(store: Store) -> dict[str, bytes]:
    return {ref.key: store.files.read(ref.key) for ref in store.ledger_days("a")}


class AnyOrder(RuleBasedStateMachine):
    """The ledger a store ends up with depends on its snapshots, not on the order of runs."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.store = Store(str(Path(self.folder.name) / "incremental"))
        self.now = START + timedelta(hours=1)
        self.taken: list[tuple[datetime, State, float]] = []
        self.pruned = False
        self.snapshot(State.COMPLETE, 1.0)

    @precondition(lambda self: self.now < START + timedelta(days=8))
    @rule(
        hours=st.sampled_from([1, 5, 12, 23, 24, 40]),
        state=st.sampled_from([State.COMPLETE, State.COMPLETE, State.COMPLETE, State.DRIFTED]),
        share=st.sampled_from([0.0, 0.5, 1.0]),
    )
    def snapshot_later(self, hours: int, state: State, share: float) -> None:
        self.now += timedelta(hours=hours)
        self.snapshot(state, 1.0 if state is State.COMPLETE else share)

    def snapshot(self, state: State, share: float) -> None:
        publish(self.store, self.now, state, share)
        self.taken.append((self.now, state, share))

    @rule(back=st.integers(1, 70), minutes=st.sampled_from([0, 17]))
    def late_snapshot(self, back: int, minutes: int) -> None:
        """One that was taken earlier and arrives now."""
        when = self.now - timedelta(hours=back, minutes=minutes)
        if when < START:
            return
        try:
            publish(self.store, when, State.COMPLETE)
        except AlreadyStoredError:
            return
        self.taken.append((when, State.COMPLETE, 1.0))

    @rule()
    def night(self) -> None:
        update_ledger(job_of(self.store))
        assert update_ledger(job_of(self.store)) == []

    @rule(thin=st.integers(1, 3))
    def prune(self, thin: int) -> None:
        update_ledger(job_of(self.store))
        before = self.money()
        ages = Ages(today=self.now.date(), thin_after_days=thin, drop_after_days=thin + 2)
        done = prune(job_of(self.store), ages)
        self.pruned = self.pruned or bool(done.final)
        assert self.money() == before

    def money(self) -> int:
        rows = self.store.read_ledger(START.date(), self.now.date())
        return int(rows["spend_micros"].fillna(0).sum())

    def teardown(self) -> None:
        if not hasattr(self, "folder"):
            return
        update_ledger(job_of(self.store))
        incremental = ledger_bytes(self.store)
        self.check_rows()
        update_ledger(job_of(self.store), rebuild=True)
        assert ledger_bytes(self.store) == incremental
        if not self.pruned:
            other = Store(str(Path(self.folder.name) / "at-once"))
            for when, state, share in reversed(self.taken):
                publish(other, when, state, share)
            update_ledger(job_of(other))
            assert ledger_bytes(other) == incremental
        self.folder.cleanup()

    def check_rows(self) -> None:
        """Bounds hold, seconds add up, and over a listed life the money is the truth's."""
        rows = self.store.read_ledger(START.date(), self.now.date())
        assert (rows["spend_low_micros"] <= rows["spend_micros"]).all()
        assert (rows["spend_micros"] <= rows["spend_high_micros"]).all()
        assert (rows["observed_seconds"] + rows["gap_seconds"] <= 86_400).all()
        # Counters never show more than was spent, however the snapshots lie.
        metered = rows.groupby("cluster_id")["metered_micros"].sum()
        truth = FLEET.truth(START - timedelta(days=1), self.now).set_index("cluster_id")
        assert (metered <= truth["spend_micros"].reindex(metered.index)).all()


AnyOrder.TestCase.settings = settings(
    max_examples=12,
    stateful_step_count=14,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
TestAnyOrder = AnyOrder.TestCase
