"""What the history says about clusters that one snapshot shows as expensive and little used.

Method: the graded open findings of the last day that has findings, about the same clusters: of
several the one with the best grade, then with most provable waste. One reading is a moment; a
cluster without a finding may have been busy all week.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import schema
from pipeline.rules import GRADES, IDLE, INSUFFICIENT_DATA
from pipeline.transform.findings.by_cluster import open_findings

if TYPE_CHECKING:
    import pandas as pd

NO_HISTORY, NOT_JUDGED, NO_FINDING = "no history", "not judged", "no graded finding"
EXCLUDED = "excluded"
COLUMNS = (
    *schema.CLUSTER_KEY, "rule_id", "outcome", "exclusion", "grade", "provable_waste_micros",
    "found_on",
)  # fmt: skip
"""What is read of the findings."""


def with_history(clusters: pd.DataFrame, findings: pd.DataFrame | None) -> pd.DataFrame:
    """``clusters`` with ``history``, ``grade``, ``provable_waste_micros`` and ``since``.

    Args:
        clusters: rows of ``schema.SNAPSHOT``.
        findings: ``COLUMNS`` of ``schema.FINDINGS``; None: there are none yet.

    Returns:
        The same rows. ``history`` is the rule of the finding, or ``excluded``, ``no graded
        finding``, ``not judged`` (too little data for the rule ``idle``), ``no history``; ``since``
        is the day it was found on.
    """
    key = schema.CLUSTER_KEY
    texts = clusters.astype({"account": "str"})
    if findings is None:
        empty = {"grade": None, "provable_waste_micros": None, "since": None}
        return _typed(texts.assign(history=NO_HISTORY, **empty))
    known = findings.astype(dict.fromkeys((*key, "rule_id", "outcome", "grade"), "object"))
    graded = open_findings(known)
    graded = graded[graded["grade"].isin(GRADES)]
    order = graded["grade"].map({grade: place for place, grade in enumerate(GRADES)})
    best = (
        graded.assign(place=order)
        .sort_values(
            ["place", "provable_waste_micros", "rule_id"],
            ascending=[True, False, True],
            na_position="last",
            kind="stable",
        )
        .drop_duplicates(key)
        .rename(columns={"found_on": "since"})
    )
    columns = [*key, "rule_id", "grade", "provable_waste_micros", "since"]
    out = texts.merge(best[columns], on=key, how="left")
    idle = known[known["rule_id"] == IDLE.id]
    excluded = known[known["exclusion"].notna()].drop_duplicates(key)
    outcomes = {
        **dict(zip(_pairs(idle), idle["outcome"], strict=True)),
        **dict.fromkeys(_pairs(excluded), EXCLUDED),
    }
    names = {INSUFFICIENT_DATA: NOT_JUDGED, None: NO_HISTORY, EXCLUDED: EXCLUDED}
    without = [names.get(outcomes.get(pair), NO_FINDING) for pair in _pairs(out)]
    rule = out["rule_id"].astype("object")
    return _typed(out.assign(history=rule.where(rule.notna(), without)).drop(columns="rule_id"))


def _pairs(rows: pd.DataFrame) -> list[tuple[str, str]]:
    return list(zip(rows["account"], rows["cluster_id"], strict=True))


def _typed(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.astype(
        {"provable_waste_micros": "Int64", "since": "datetime64[s]", "grade": "object"}
    )
