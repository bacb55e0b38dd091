"""What could not be judged and why, and every rule's outcomes counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from pipeline.report.model import Column, Table
from pipeline.report.text.numbers import Money, count, known
from pipeline.report.totals import CLUSTER
from pipeline.rules import INSUFFICIENT_DATA, OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.model import NotObserved
    from pipeline.report.text.rules import RuleText

_KINDS = 25
_EVERY = "*"
_WORDS = {
    "FINDING": "Finding",
    "CLEAR": "Clear",
    "INSUFFICIENT_DATA": "Could not judge",
    "NOT_APPLICABLE": "Does not apply",
}


def unjudged(
    findings: pd.DataFrame, currency: str, wording: RuleText, not_observed: Sequence[NotObserved]
) -> Table:
    """INSUFFICIENT_DATA by rule and kind of reason, most clusters first.

    No rule can judge an account that is not observed: that is said once, not once for each.
    """
    rows = findings[findings["outcome"] == INSUFFICIENT_DATA].astype({"rule_id": "object"})
    lost = rows["account"].isin([one.account for one in not_observed]).to_numpy(bool)
    whole = rows[lost].drop_duplicates(CLUSTER).assign(rule_id=_EVERY)
    rows = pd.concat([rows[~lost], whole]) if lost.any() else rows
    groups = (
        rows.assign(rule=rows["rule_id"].astype("str"), kind=wording.kinds_of_reasons(rows))
        .groupby(["rule", "kind"], sort=True)
        .agg(clusters=("cluster_id", "size"), spend=("spend_micros", _known_sum))
        .reset_index()
        .sort_values("clusters", ascending=False, kind="stable")
    )
    money = Money(currency)
    return Table(
        caption="What could not be judged",
        columns=(
            Column(label="Rule"),
            Column(label="Because"),
            Column(label="Clusters", is_number=True),
            Column(label="Their spend", is_number=True),
        ),
        rows=tuple(
            (
                "Every rule" if rule == _EVERY else wording.name(rule),
                kind,
                count(clusters),
                money.exact(known(spend)),
            )
            for rule, kind, clusters, spend in groups.head(_KINDS).itertuples(index=False)
        ),
    )


def _known_sum(values: pd.Series[int]) -> int | None:
    return int(values.sum()) if values.notna().any() else None


def outcome_counts(findings: pd.DataFrame) -> dict[str, dict[str, int]]:
    """How many clusters got each outcome, per rule."""
    sizes = findings.groupby(["rule_id", "outcome"], observed=True).size().reset_index(name="size")
    counts: dict[str, dict[str, int]] = {}
    for rule, outcome, size in sizes.itertuples(index=False):
        counts.setdefault(str(rule), dict.fromkeys(OUTCOMES, 0))[str(outcome)] = int(size)
    return counts


def outcomes(counts: dict[str, dict[str, int]], wording: RuleText) -> Table:
    """The same as a table."""
    return Table(
        caption="Every rule and its outcomes",
        columns=(
            Column(label="Rule"),
            *(Column(label=_WORDS[outcome], is_number=True) for outcome in OUTCOMES),
        ),
        rows=tuple(
            (wording.name(rule), *(count(counts[rule][outcome]) for outcome in OUTCOMES))
            for rule in sorted(counts, key=wording.rank)
        ),
    )
