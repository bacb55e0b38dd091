"""What could not be judged and why, and every rule's outcomes counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from pipeline.report.model import Column, Outcomes, Table
from pipeline.report.text.numbers import Money, count, known
from pipeline.rules import INSUFFICIENT_DATA, OUTCOMES
from pipeline.schema import CLUSTER_KEY
from pipeline.transform.totals import known_sum

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.model import NotObserved
    from pipeline.report.inputs import ReportInputs
    from pipeline.report.text.numbers import Money
    from pipeline.report.text.rules import RuleText

_KINDS = 25
_EVERY = "*"
_WORDS = {
    "FINDING": "Finding",
    "CLEAR": "Clear",
    "INSUFFICIENT_DATA": "Not enough data",
    "NOT_APPLICABLE": "Not applicable",
}


def outcomes(inputs: ReportInputs) -> Outcomes:
    """Both tables."""
    return Outcomes(
        unjudged=_unjudged(inputs.findings, inputs.not_observed, inputs.rule_text, inputs.money),
        by_rule=_by_rule(numbers(inputs.findings), inputs.rule_text),
    )


def _unjudged(
    findings: pd.DataFrame, not_observed: Sequence[NotObserved], rule_text: RuleText, money: Money
) -> Table:
    """INSUFFICIENT_DATA by rule and kind of reason, most clusters first.

    No rule can judge an account that is not observed: each of its clusters is counted once.
    """
    rows = findings[findings["outcome"] == INSUFFICIENT_DATA].astype({"rule_id": "object"})
    lost = rows["account"].isin([account.account for account in not_observed]).to_numpy(bool)
    once = rows[lost].drop_duplicates(CLUSTER_KEY).assign(rule_id=_EVERY)
    rows = pd.concat([rows[~lost], once]) if lost.any() else rows
    groups = (
        rows.assign(rule=rows["rule_id"].astype("str"), kind=rule_text.kinds_of_reasons(rows))
        .groupby(["rule", "kind"], sort=True)
        .agg(clusters=("cluster_id", "size"), spend=("spend_micros", known_sum))
        .reset_index()
        .sort_values("clusters", ascending=False, kind="stable")
    )
    return Table(
        caption="What could not be judged",
        columns=(
            Column(label="Rule"),
            Column(label="Reason"),
            Column(label="Clusters", is_number=True),
            Column(label="Spend", is_number=True),
        ),
        rows=tuple(
            (
                "Every rule" if rule == _EVERY else rule_text.name(rule),
                kind,
                count(clusters),
                money.exact(known(spend)),
            )
            for rule, kind, clusters, spend in groups.head(_KINDS).itertuples(index=False)
        ),
    )


def numbers(findings: pd.DataFrame) -> dict[str, dict[str, int]]:
    """How many clusters got each outcome, per rule."""
    sizes = findings.groupby(["rule_id", "outcome"], observed=True).size().reset_index(name="size")
    counts: dict[str, dict[str, int]] = {}
    for rule, outcome, size in sizes.itertuples(index=False):
        counts.setdefault(str(rule), dict.fromkeys(OUTCOMES, 0))[str(outcome)] = int(size)
    return counts


def _by_rule(counts: dict[str, dict[str, int]], rule_text: RuleText) -> Table:
    return Table(
        caption="Outcomes by rule",
        columns=(
            Column(label="Rule"),
            *(Column(label=_WORDS[outcome], is_number=True) for outcome in OUTCOMES),
        ),
        rows=tuple(
            (rule_text.name(rule), *(count(counts[rule][outcome]) for outcome in OUTCOMES))
            for rule in sorted(counts, key=rule_text.rank)
        ),
    )
