"""The details of findings: grade, action, saving and evidence.

Only findings have them, so they are computed for findings alone, rule by rule. The evidence is JSON
of the measures that the rule read, so that a stored finding can be judged again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pandas as pd

from pipeline import rules as catalogue
from pipeline.transform.findings import savings
from pipeline.transform.findings.rule_engine import truth_of

if TYPE_CHECKING:
    from pipeline import settings
    from pipeline.arrays import Bools, Ints
    from pipeline.transform.findings.rule_engine import RuleOutcomes


def of_rule(
    rule: catalogue.Rule,
    outcomes: RuleOutcomes,
    evidence: pd.DataFrame,
    thresholds: settings.Rules,
) -> pd.DataFrame:
    """One row per finding of ``rule``; the index is its cluster's position in ``evidence``."""
    rows = np.flatnonzero(outcomes.is_finding)
    measures = evidence[list(rule.measures)].take(rows)
    since = evidence["last_busy_at"].fillna(evidence["first_observed_at"])
    grade = outcomes.grade[rows]
    action = np.full(len(rows), rule.action(None), dtype=object)
    for name, _ in rule.grades:
        action[grade == name] = rule.action(name)
    if rule.terminate_if:
        may_end = truth_of(rule.terminate_if, evidence, thresholds).is_true[rows]
        action[(action == "terminate") & ~may_end] = "stop"
    if "resize" in action:
        action[(action == "resize") & (savings.spare_share(evidence)[rows] <= 0)] = "review"
    at_run_rate = savings.run_rate(evidence, rule.basis)
    expected = savings.capped(at_run_rate, evidence)
    gross, remaining, run_rate = np.zeros((3, len(rows)), dtype=np.int64)
    for name in {*action}:
        here = action == name
        saving = savings.of_action(name, evidence, expected)
        gross = np.where(here, saving.gross[rows], gross)
        remaining = np.where(here, saving.remaining[rows], remaining)
        run_rate = np.where(
            here, savings.of_action(name, evidence, at_run_rate).net[rows], run_rate
        )
    # What a suspicion may save is what would be done if it were likely.
    if_likely = savings.of_action(rule.action(catalogue.LIKELY), evidence, expected).net[rows]
    unknown = pd.Series(pd.NA, index=rows, dtype="Int64")
    return pd.DataFrame(
        {
            "grade": pd.Series(grade, rows, dtype="object"),
            "action": pd.Series(action, rows, dtype="object"),
            "since_at": since.take(rows),
            "provable_waste_micros": unknown
            if rule.waste is None
            else evidence[rule.waste].take(rows),
            "gross_saving_micros": gross,
            "remaining_micros": remaining,
            "net_saving_micros": gross - remaining,
            "run_rate_saving_micros": run_rate,
            "suspected_saving_micros": np.where(grade == catalogue.SUSPECTED, if_likely, 0),
            "baseline_micros": expected[rows],
            "evidence": pd.Series(_as_json(rule.measures, measures), rows, dtype="str"),
        },
        index=rows,
    ).astype({"provable_waste_micros": "Int64"})


def counted(findings: pd.DataFrame, cluster: Ints) -> Ints:
    """What each finding counts towards the fleet's saving: 0 for suspicions and excluded ones."""
    is_sure = findings["grade"] != catalogue.SUSPECTED
    counts = (findings["exclusion"].isna() & is_sure).to_numpy(bool)
    return _best(findings, "net_saving_micros", cluster, counts)


def suspected(findings: pd.DataFrame, cluster: Ints) -> Ints:
    """What each suspicion may save, where nothing of its cluster is counted."""
    saves = cluster[findings["counted_saving_micros"].to_numpy(np.int64) > 0]
    counts = findings["exclusion"].isna().to_numpy(bool) & ~np.isin(cluster, saves)
    return _best(findings, "suspected_saving_micros", cluster, counts)


def _best(findings: pd.DataFrame, column: str, cluster: Ints, counts: Bools) -> Ints:
    micros = np.zeros(len(findings), dtype=np.int64)
    micros[counts] = savings.count(
        findings[column].to_numpy(np.int64)[counts],
        findings["action"].to_numpy(object)[counts],
        cluster[counts],
    )
    return micros


def _as_json(names: tuple[str, ...], measures: pd.DataFrame) -> list[str]:
    """The measures that the rule read, one JSON object for each of its findings."""
    seen = measures[list(names)].astype("object")
    columns = [values.where(values.notna(), None).tolist() for _, values in seen.items()]
    rows = zip(*columns, strict=True)
    lines = msgspec.json.Encoder().encode_lines(
        [dict(zip(names, row, strict=True)) for row in rows]
    )
    return lines.decode().split("\n")[:-1]  # JSON has no line break in a text
