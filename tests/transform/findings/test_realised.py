"""What acting saved on the days of a period is the sum of what each day added."""

from __future__ import annotations

import pandas as pd

from pipeline.transform.findings.realised import COLUMNS, realised

DAY = 86_400_000


def day(**saved: int | None) -> pd.DataFrame:
    """The findings of a day: what each cluster's finding has saved so far."""
    rows = [
        {
            "account": "lab", "cluster_id": name, "rule_id": "idle", "name": name,
            "gone_on": pd.Timestamp("2026-05-01"), "gone_reason": "stopped", "state": "gone",
            "realised_micros": micros,
        }
        for name, micros in saved.items()
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=[*COLUMNS])
    return frame.astype({"realised_micros": "Int64", "account": "category"})


def saved(before: pd.DataFrame | None, *days: pd.DataFrame) -> dict[str, int]:
    table = realised(before, days)
    return dict(zip(table["cluster_id"], table["realised_micros"], strict=True))


def test_only_what_the_days_added_counts() -> None:
    assert saved(day(a=100, b=50), day(a=130, b=50, c=7), day(a=160, b=50, c=14)) == {
        "a": 60,
        "c": 14,
    }


def test_a_finding_that_is_followed_no_longer_keeps_what_it_saved_in_the_period() -> None:
    assert saved(day(a=100), day(a=130), day(), day(b=5)) == {"a": 30, "b": 5}


def test_a_finding_that_begins_again_saved_nothing_before() -> None:
    assert saved(day(a=100), day(a=None), day(a=0), day(a=-20)) == {"a": -20}


def test_the_history_may_begin_in_the_period() -> None:
    assert saved(None, day(), day(a=None), day(a=10)) == {"a": 10}
    assert saved(None) == {}
    assert saved(None, day()) == {}
