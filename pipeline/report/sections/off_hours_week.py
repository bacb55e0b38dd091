"""The week of a cluster that runs in off-hours: when it was busy, and when to switch it off.

Read from the ledger's hour masks of the same four weeks as the finding. An hour without a reading
is never seen, not quiet.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pipeline.report import week_grid
from pipeline.report.model import Chart
from pipeline.report.text import week
from pipeline.report.text.numbers import NBSP, count, count_of
from pipeline.rules import OFF_HOURS
from pipeline.schema import BUSY_ABOVE_PCT, CLUSTER_KEY
from pipeline.transform.findings.off_hours import WEEKS, week_hours
from pipeline.transform.fold import HOURS_OF_WEEK, Fold, between, day_number

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    import pandas as pd

    from pipeline.report.inputs import ReportInputs

    Key = tuple[str, str]
    Record = Mapping[Any, Any]

RULE = OFF_HOURS.id
_NEEDED = [*CLUSTER_KEY, "date", "hours_observed", "hours_busy"]


def weeks(inputs: ReportInputs, findings: pd.DataFrame) -> dict[Key, Chart]:
    """The picture and the sentence of each cluster that has such a finding and off-hours."""
    rows = findings[(findings["rule_id"].astype("str") == RULE).to_numpy(bool)]
    if rows.empty or inputs.day is None:
        return {}
    actions = {
        (str(account), cluster_id): str(action)
        for account, cluster_id, action in rows[[*CLUSTER_KEY, "action"]].itertuples(index=False)
    }
    first = inputs.day - timedelta(weeks=WEEKS) + timedelta(days=1)
    ledger = between(inputs.ledger[_NEEDED], first, inputs.day).astype({"account": "str"})
    fold = Fold.of(ledger.merge(rows[CLUSTER_KEY].astype({"account": "str"}), on=CLUSTER_KEY))
    names = fold.latest(CLUSTER_KEY).itertuples(index=False, name=None)
    hours = week_hours(fold, day_number(inputs.day))
    masks = zip(names, hours.seen.tolist(), hours.busy.tolist(), hours.off.tolist(), strict=True)
    return {
        key: _chart(seen, busy, off, actions[key]) for key, seen, busy, off in masks if any(off)
    }


def _chart(seen: list[int], busy: list[int], off: list[int], action: str) -> Chart:
    times = week.off_times(off)
    return Chart(
        title="Hours of the week, UTC",
        summary=" ".join(_sentences(times, seen, off, action)),
        svg=week_grid.draw(
            seen,
            busy,
            off,
            f"Hours of the week, UTC. {week.described(seen, busy)}. Off-hours: {times}.",
        ),
    )


def _sentences(times: str, seen: list[int], off: list[int], action: str) -> list[str]:
    length = sum(mask.bit_count() for mask in off)
    of_week = f"{count(length)} of the {HOURS_OF_WEEK} hours of the week"
    unseen = HOURS_OF_WEEK - sum(mask.bit_count() for mask in seen)
    proposal = (
        f"Proposed: off {times} (UTC), {of_week}, and on otherwise."
        if action == "schedule"
        else f"Off-hours: {times} (UTC), {of_week}; the evidence is too weak to propose them."
    )
    meaning = (
        f"Busy: GPU use above {BUSY_ABOVE_PCT:g}{NBSP}% in at least one of the last {WEEKS} weeks. "
        "Quiet: read, and never above that."
    )
    sentences = [proposal, meaning]
    if unseen:
        verbs = ("was", "counts") if unseen == 1 else ("were", "count")
        sentences.append(f"{count_of(unseen, 'hour')} {verbs[0]} never seen, and {verbs[1]} as on.")
    return sentences
