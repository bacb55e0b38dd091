"""Whatever the fleet and the settings: savings never exceed spend, and totals are sums of rows."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import schema
from pipeline.rules import ACTIONS, FINDING, OUTCOMES, RULES
from pipeline.settings import Rules
from pipeline.transform.findings import judge
from pipeline.transform.findings.exclusions import Exclusion
from pipeline.transform.findings.measures import gather

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., Any]

UNIT = schema.MICROS_PER_UNIT
FIRST = date(2026, 3, 1)
LAST = date(2026, 3, 30)

metric = st.one_of(st.none(), st.sampled_from([0.0, 0.5, 4.0, 18.0, 60.0, 100.0]))
clusters = st.fixed_dictionaries(
    {
        "first": st.integers(0, 29),
        "length": st.integers(1, 30),
        "gpu": metric,
        "memory": metric,
        "cpu": metric,
        "hours": st.integers(0, 24),
        "seen": st.sampled_from([range(0), range(2, 3), range(24), range(8, 17)]),
        "gpu_count": st.one_of(st.none(), st.integers(0, 16)),
        "hourly_rate_micros": st.one_of(st.none(), st.integers(0, 100 * UNIT)),
        "spend_micros": st.one_of(st.none(), st.integers(0, 2400 * UNIT)),
        "stopped_spend_micros": st.integers(0, 10 * UNIT),
        "cut_start_micros": st.sampled_from([0, UNIT, 90 * UNIT]),
        "cut_end_micros": st.sampled_from([0, 5 * UNIT]),
        "transition_seconds": st.sampled_from([0, 86400]),
        "status": st.sampled_from(["running", "stopped", "error", "pending", "new-in-2027", None]),
        "gpu_type": st.sampled_from(["A100", "H100", None]),
        "flags": st.sampled_from(["", "vanished"]),
    }
)
thresholds = st.builds(
    Rules,
    idle_window_days=st.integers(1, 40),
    idle_min_running_hours=st.floats(0.1, 100),
    idle_suspected_share_pct=st.floats(0, 100),
    idle_likely_bound=st.floats(0, 1),
    idle_loaded_memory_pct=st.floats(0, 100),
    underutilized_mean_pct=st.floats(0, 100),
    underutilized_p95_pct=st.floats(0, 100),
    off_hours_min_per_week=st.integers(1, 168),
    price_ratio=st.floats(1.01, 3),
    price_min_peers=st.integers(1, 3),
)
some_excluded = st.sampled_from([(), (Exclusion(match="c0", owner="o", reason="r", expires=LAST),)])


@settings(max_examples=60, deadline=None)
@given(drawn=st.lists(clusters, min_size=1, max_size=5), rules=thresholds, exclusions=some_excluded)
def test_counted_savings_never_exceed_trailing_spend(
    row: Make,
    ledger: Make,
    drawn: list[dict[str, Any]],
    rules: Rules,
    exclusions: Any,  # noqa: ANN401
) -> None:
    rows = []
    for number, cluster in enumerate(drawn):
        shape = {k: v for k, v in cluster.items() if k not in ("first", "length")}
        for offset in range(cluster["first"], min(30, cluster["first"] + cluster["length"])):
            day = (FIRST + timedelta(days=offset)).isoformat()
            rows.append(row(day, cluster_id=f"c{number}", **shape))
    frame = judge.judge_day(ledger(*rows), judge.Policy(rules, exclusions=exclusions), LAST)
    evidence = gather(ledger(*rows), rules, LAST)
    least = evidence["spend_low_micros"].fillna(0)
    assert (evidence["provable_waste_micros"] <= least).all()
    assert (evidence["stuck_spend_micros"] <= least).all()

    assert len(frame) == len(drawn) * len(RULES)
    assert set(frame["outcome"]) <= set(OUTCOMES)
    assert frame["decided_by"].isna().equals(frame["outcome"] == FINDING)
    findings = frame[frame["outcome"] == FINDING]
    assert frame["counted_saving_micros"].notna().equals(frame["outcome"] == FINDING)
    assert (findings["action"].isin(list(ACTIONS))).all()
    spend = frame.drop_duplicates("cluster_id").set_index("cluster_id")["spend_micros"].fillna(0)
    counted = findings.groupby("cluster_id")["counted_saving_micros"]
    per_cluster = counted.sum().reindex(spend.index, fill_value=0)
    assert (per_cluster >= 0).all()
    assert (per_cluster <= spend).all()
    assert (counted.apply(lambda values: (values > 0).sum()) <= 1).all()
    assert per_cluster.sum() == frame["counted_saving_micros"].sum() <= spend.sum()
    waste = findings["provable_waste_micros"].fillna(0)
    assert (waste <= findings["spend_micros"].fillna(0)).all()
