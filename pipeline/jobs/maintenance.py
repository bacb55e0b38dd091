"""Check and prune: is everything stored what was written, and what of it may go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from pipeline.jobs import provenance, staleness
from pipeline.jobs import prune as pruning
from pipeline.jobs.ledger import rate_card, read_snapshot_rows
from pipeline.ledger import inputs
from pipeline.ledger.days import build_day
from pipeline.store import check as checking

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    import pandas as pd

    from pipeline.jobs import Job
    from pipeline.model import SnapshotRef
    from pipeline.store import Store


def check(job: Job, *, read_data: bool = False) -> checking.Checked:
    """Everything stored, against what it should be; ``read_data``: to the last bit."""
    expected = provenance.expected_ledger(job, rate_card(job.settings))
    checked = checking.check(job.store.files, read_data=read_data, expected=expected)
    stale = [*staleness.findings(job), *staleness.reports(job.store)]
    return msgspec.structs.replace(checked, problems=tuple(sorted([*checked.problems, *stale])))


def ages(job: Job, thin_after_days: int, drop_after_days: int) -> pruning.Ages:
    """Ages as of the newest snapshot: a clock that runs ahead makes nothing old."""
    today = max((ref.day for ref in job.snapshots()), default=job.now().date())
    return pruning.Ages(
        today=min(today, job.now().date()),
        thin_after_days=thin_after_days,
        drop_after_days=drop_after_days,
    )


def plan_prune(job: Job, ages: pruning.Ages) -> pruning.Plan:
    """What a prune would do; nothing is changed."""
    return pruning.plan(job.store.files, _Rule(job.store, rate_card(job.settings)), ages)


def prune(job: Job, ages: pruning.Ages) -> pruning.Pruned:
    """Record the verified days as final, then remove the snapshots only they needed."""
    rule = _Rule(job.store, rate_card(job.settings))
    return pruning.execute(job.store.files, rule, ages, job.now())


@dataclass(frozen=True)
class _Rule:
    """The ledger's own rules, as the store asks for them."""

    store: Store
    card: Mapping[str, int]

    def days_between(self, refs: Sequence[SnapshotRef]) -> list[date]:
        return inputs.days_between(refs)

    def inputs_of(self, refs: Sequence[SnapshotRef], day: date) -> list[SnapshotRef]:
        return inputs.inputs_of(refs, day)

    def digest_of(self, refs: Sequence[SnapshotRef]) -> str:
        return inputs.digest_of(refs, self.card)

    def is_closed(self, refs: Sequence[SnapshotRef], day: date) -> bool:
        return inputs.is_closed(refs, day)

    def build(self, refs: Sequence[SnapshotRef], day: date) -> pd.DataFrame:
        return build_day([read_snapshot_rows(self.store, ref) for ref in refs], day, self.card)
