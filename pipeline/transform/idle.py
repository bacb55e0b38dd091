"""Idle candidates: clusters whose GPUs do nothing, most provable waste first.

Method: the rule ``idle`` on a utilization table. A candidate is graded suspected, likely or proven
by the share of its running time without work, by the busy share its samples leave possible, and by
the hours of the week that were looked at. The ranking key is the money those samples prove wasted
(``evidence.provable_waste``), so a dear cluster that was looked at twice does not outrank a cheaper
one that was watched all week.

Assumption: the table covers the rules' window (``rules.idle_window_days``), as in the findings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline import rules as catalogue
from pipeline import schema
from pipeline.transform.findings.measures import derive, provable_waste
from pipeline.transform.findings.rule_engine import evaluate

if TYPE_CHECKING:
    import pandas as pd

    from pipeline import settings


def of_findings(utilization: pd.DataFrame, findings: pd.DataFrame) -> pd.DataFrame:
    """The same of findings that are already made: their grades and their money, to the micro.

    ``utilization`` covers the rules' window.
    """
    found = findings[
        (findings["rule_id"].astype("str") == catalogue.IDLE.id)
        & (findings["outcome"].astype("str") == catalogue.FINDING)
    ]
    told = found[[*schema.CLUSTER_KEY, "grade", "provable_waste_micros"]].astype({"account": "str"})
    rows = utilization.astype({"account": "str"}).merge(told, on=schema.CLUSTER_KEY, how="inner")
    return schema.IDLE.enforce(_ranked(rows))


def _ranked(found: pd.DataFrame) -> pd.DataFrame:
    return found.sort_values(
        ["provable_waste_micros", *schema.CLUSTER_KEY],
        ascending=[False, True, True],
        kind="stable",
    )


def candidates(utilization: pd.DataFrame, rules: settings.Rules) -> pd.DataFrame:
    """The findings of the rule ``idle`` with their evidence, most provable waste first."""
    if utilization.empty:
        return schema.IDLE.empty()
    evidence = derive(utilization)
    outcomes = evaluate(catalogue.IDLE, evidence, rules)
    found = evidence.assign(grade=outcomes.grade, provable_waste_micros=provable_waste(evidence))
    return schema.IDLE.enforce(_ranked(found[outcomes.found]))
