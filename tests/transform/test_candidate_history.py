"""What the history says beside one reading."""

from __future__ import annotations

from typing import Any

import pandas as pd

from pipeline import schema
from pipeline.transform.candidate_history import COLUMNS, with_history

FOUND = pd.Timestamp("2026-03-02")


def outcome(cluster: str, rule: str, name: str, **more: object) -> dict[str, Any]:
    return {"account": "default", "cluster_id": cluster, "rule_id": rule, "outcome": name, **more}


def clusters(*ids: str) -> pd.DataFrame:
    return pd.DataFrame({"account": "default", "cluster_id": list(ids)})


def test_each_candidate_has_its_best_graded_finding_or_why_it_has_none() -> None:
    since = {"found_on": FOUND}
    findings = pd.DataFrame(
        [
            outcome("a", "idle", "FINDING", grade="likely", provable_waste_micros=5, **since),
            outcome("a", "underutilized", "FINDING", grade="suspected", **since),
            outcome("b", "idle", "INSUFFICIENT_DATA"),
            outcome("c", "idle", "CLEAR"),
            outcome("c", "no_expiry", "FINDING", **since),
            outcome("d", "idle", "FINDING", grade="proven", exclusion="standby", **since),
            outcome("e", "idle", "CLEAR"),
            outcome("e", "off_hours", "FINDING", grade="suspected", **since),
        ],
        columns=list(COLUMNS),
    )
    got = with_history(clusters("e", "a", "b", "c", "d", "f"), findings)
    assert dict(zip(got["cluster_id"], got["history"], strict=True)) == {
        "e": "off_hours",
        "a": "idle",
        "b": "not judged",
        "c": "no graded finding",
        "d": "excluded",
        "f": "no history",
    }
    of_a = got.set_index("cluster_id").loc["a"]
    assert (of_a["grade"], of_a["provable_waste_micros"]) == ("likely", 5)
    assert of_a["since"] == FOUND
    assert got["grade"].isna().tolist() == [False, False, True, True, True, True]


def test_an_account_with_the_same_id_has_its_own_history() -> None:
    other = outcome("a", "idle", "FINDING", grade="proven", found_on=FOUND) | {"account": "other"}
    findings = pd.DataFrame([other], columns=list(COLUMNS))
    assert with_history(clusters("a"), findings)["history"].tolist() == ["no history"]


def test_before_the_first_findings_and_without_candidates() -> None:
    got = with_history(clusters("a"), None)
    assert got["history"].tolist() == ["no history"]
    assert got["since"].isna().all()
    none = with_history(schema.SNAPSHOT.empty(), schema.FINDINGS.empty()[list(COLUMNS)])
    assert none.empty
    assert {"history", "grade", "provable_waste_micros", "since"} <= {*none.columns}
