"""Exclusions: what they cost, and which files are refused."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from pipeline import schema
from pipeline.errors import SettingsError
from pipeline.settings import Rules
from pipeline.transform.findings.exclusions import Exclusion, costs, parse_exclusions
from pipeline.transform.findings.judge import Policy, judge_day

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., Any]

UNIT = schema.MICROS_PER_UNIT
LAST = date(2026, 3, 15)
FIRST = "2026-03-02"


def test_excluded_findings_count_nothing_and_show_what_that_costs(days: Make, ledger: Make) -> None:
    wide = Exclusion(match="*", owner="ops", reason="demo", expires=date(2026, 12, 31))
    past = Exclusion(match="c1", owner="ops", reason="old", expires=date(2026, 1, 1))
    rows = ledger(*days(FIRST, 14), *days(FIRST, 14, cluster_id="c2", gpu=18.0))
    frame = judge_day(rows, Policy(Rules(), exclusions=(past, wide)), LAST)
    assert frame["counted_saving_micros"].sum() == 0
    assert set(frame["state"].dropna()) == {"excluded"}
    got = costs((past, wide), frame, LAST)
    assert got["is_expired"].tolist() == [True, False]
    assert got["cost_micros"].tolist() == [0, (3360 + 3360 * 6 // 8) * UNIT]


def test_a_wrong_exclusions_file_is_refused_with_its_name() -> None:
    good = {"match": "a", "owner": "o", "reason": "r", "expires": "2026-05-01", "rule": "idle"}
    assert parse_exclusions({"exclude": [good]}, "f", {"idle"})[0].works_on(date(2026, 5, 1))
    for bad in (
        {"exclude": [good | {"rule": "idel"}]},
        {"exclude": [{k: v for k, v in good.items() if k != "expires"}]},
        {"exclude": [good | {"colour": 1}]},
        {"exlcude": [good]},
    ):
        with pytest.raises(SettingsError, match=r"^f: "):
            parse_exclusions(bad, "f", {"idle"})
