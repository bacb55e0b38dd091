"""Findings: every cluster under every rule, exactly one outcome each, with money that adds up.

Method: one fold of the rules' window (``rules.idle_window_days`` days up to ``as_of``) gives the
evidence; each rule is judged on all clusters at once; savings of one cluster are alternatives, of
which the best counts. Only findings that are likely or proven count a saving, or that carry no
grade; a suspicion counts nothing.

Every cluster of the trailing 30 days is judged; one that is no longer listed is NOT_APPLICABLE.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pipeline import rules as catalogue
from pipeline import schema
from pipeline.transform import evidence as measures
from pipeline.transform import judgement, savings
from pipeline.transform.fold import Fold, between, day_number
from pipeline.transform.utilization import facts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from numpy.typing import NDArray

    from pipeline import settings

    Ints = NDArray[np.int64]

TRAILING_DAYS = savings.DAYS_AHEAD


def judge(
    ledger: pd.DataFrame,
    rules: settings.Rules,
    as_of: date,
    *,
    catalogue_of_rules: Sequence[catalogue.Rule] = catalogue.RULES,
) -> pd.DataFrame:
    """The outcome of every rule for every cluster of the trailing 30 days."""
    evidence = gather(ledger, rules, as_of)
    if evidence.empty:
        return schema.FINDINGS.empty()
    waste = measures.provable_waste(evidence)
    outcomes = []
    for rule in catalogue_of_rules:
        judged = judgement.judge(rule, evidence, rules)
        evidence[f"found_{rule.id}"] = judged.found
        outcomes.append(_rows(rule, judged, evidence, waste))
    rows = pd.concat(outcomes, ignore_index=True)
    cluster = np.tile(np.arange(len(evidence)), len(outcomes))
    rows["counted_saving_micros"] = _counted(rows, cluster)
    return schema.FINDINGS.enforce(_most_money_first(rows))


def gather(ledger: pd.DataFrame, rules: settings.Rules, as_of: date) -> pd.DataFrame:
    """The evidence of ``as_of``: one row per cluster of the trailing 30 days."""
    trailing = between(ledger, as_of - timedelta(days=TRAILING_DAYS - 1), as_of)
    if trailing.empty:
        return pd.DataFrame()
    whole = Fold.of(trailing)
    is_recent = whole.day > day_number(as_of) - rules.idle_window_days
    in_window = whole.any_of(is_recent)
    recent = facts(Fold.of(trailing[is_recent]), last_day=as_of)
    earlier = facts(Fold.of(trailing[~in_window[whole.code]]), last_day=as_of)
    # Both folds number clusters by account and id, as the whole does.
    recent.index, earlier.index = np.flatnonzero(in_window), np.flatnonzero(~in_window)
    parts = [part for part in (recent, earlier) if len(part)]
    frame = measures.derive(pd.concat(parts).sort_index())
    frame["trailing_spend_micros"] = whole.total(["spend_micros"])["spend_micros"]
    return frame


def _rows(
    rule: catalogue.Rule, judged: judgement.Judged, evidence: pd.DataFrame, waste: pd.Series[int]
) -> pd.DataFrame:
    """The rows of one rule, with what its action would save."""
    action = np.full(len(evidence), None, dtype=object)
    saving = np.zeros(len(evidence), dtype=np.int64)
    for grade in (None, *catalogue.GRADES):
        graded = judged.found & (judged.grade == grade)
        if not graded.any():
            continue
        todo = rule.action(grade)
        action[graded] = todo
        if grade != catalogue.SUSPECTED:
            saving[graded] = savings.of_action(todo, evidence).net[graded]
    proven = waste.astype("Int64").where(judged.found & rule.proves_waste)
    return pd.DataFrame(
        {
            "account": evidence["account"],
            "cluster_id": evidence["cluster_id"],
            "name": evidence["name"],
            "project_id": evidence["project_id"],
            "rule_id": rule.id,
            "rule_version": rule.version,
            "outcome": judged.outcome,
            "reason": judged.reason,
            "grade": judged.grade,
            "samples": evidence["samples"],
            "busy_share_bound": evidence["busy_share_bound"],
            "spend_micros": evidence["trailing_spend_micros"],
            "provable_waste_micros": proven,
            "action": action,
            "net_saving_micros": saving,
            "since_at": _since(evidence).where(judged.found),
        }
    )


def _since(evidence: pd.DataFrame) -> pd.Series[pd.Timestamp]:
    """Since when the evidence holds: the last work seen, else the first look of the window."""
    return evidence["last_busy_at"].fillna(evidence["first_observed_at"])


def _counted(rows: pd.DataFrame, cluster: Ints) -> pd.Series[int]:
    """What each finding counts towards the fleet's saving; null for the other outcomes."""
    found = (rows["outcome"] == catalogue.FINDING).to_numpy(bool)
    counted = pd.Series(pd.NA, index=rows.index, dtype="Int64")
    counted[found] = savings.count(
        rows["net_saving_micros"].to_numpy(np.int64)[found],
        rows["action"].to_numpy(object)[found],
        cluster[found],
    )
    return counted


def _most_money_first(rows: pd.DataFrame) -> pd.DataFrame:
    """Findings first, by the saving they count and the waste they prove; then all the others."""
    found = rows["outcome"] == catalogue.FINDING
    ranked = rows[found].sort_values(
        ["counted_saving_micros", "provable_waste_micros", "account", "cluster_id", "rule_id"],
        ascending=[False, False, True, True, True],
        na_position="last",
        kind="stable",
    )
    return pd.concat([ranked, rows[~found]], ignore_index=True)
