"""What is shown of one cluster: no figure contradicts another without its reason."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from pipeline.report.sections.finding_details import seen
from pipeline.schema import BAND_COLUMNS
from tests.report.reading import plain

LEAD: dict[str, Any] = {
    "rule_id": "idle", "samples": 233, "busy_share_bound": None,
    "since_at": pd.Timestamp("2026-06-06T10:00Z"),
}  # fmt: skip


def facts(lead: dict[str, Any], evidence: dict[str, Any], window: dict[str, Any]) -> dict[str, str]:
    return {fact.term: plain(fact.meaning) for fact in seen(lead, evidence, window)}


@pytest.mark.parametrize(
    ("rule", "busy", "shown"),
    [
        ("idle", None, "not since 6 Jun 2026 10:00 UTC, where its evidence begins"),
        ("idle", "2026-06-07T08:00Z", "7 Jun 2026 08:00 UTC"),
        ("underutilized", "2026-06-07T08:00Z", "7 Jun 2026 08:00 UTC"),
        ("underutilized", None, None),
    ],
)
def test_the_start_of_the_evidence_is_not_called_the_start_of_the_proof(
    rule: str, busy: str | None, shown: str | None
) -> None:
    evidence = {"last_busy_at": busy and pd.Timestamp(busy)}
    got = facts({**LEAD, "rule_id": rule}, evidence, {})
    assert got.get("Last seen busy") == shown
    assert "Since" not in got


def test_running_time_far_from_a_reading_has_its_reason_beside_it() -> None:
    window = {"running_seconds": 1000, BAND_COLUMNS[0]: 830, "band_unseen_seconds": 170}
    text = facts(LEAD, {}, window)["Running time"]
    assert text.endswith("17 % not observed (a reading counts for 30 min before and after it).")
