"""Outcomes as one table: every cluster under every rule, with details and lifecycles of findings.

Method: row number = number of the rule x clusters + number of the cluster. Columns of clusters and
of rules are read by that number once, in the table's final order. Columns that only findings
have (details), or only current and past findings (lifecycles), are kept for those rows until then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipeline.schema import CLUSTER_KEY
from pipeline.transform.findings import lifecycle
from pipeline.transform.fold import number

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from pipeline.arrays import Ints
    from pipeline.rules import Rule
    from pipeline.transform.findings.rule_engine import RuleOutcomes


_OF_CLUSTER = (
    *CLUSTER_KEY,
    "name",
    "project_id",
    "samples",
    "busy_share_bound",
    "hourly_rate_micros",
)
_OF_LIVES = (
    "trailing_spend_micros", "is_present", "day_spend_micros", "status", "days_to_expiry",
)  # fmt: skip
_OF_OUTCOMES = ("outcome", "decided_by", "decided_limit", "decided_value")
_STOPPED = ("stopped", "stopping")
_IN_ORDER = ("running", *_STOPPED)
"""The statuses in which a cluster does not end by itself."""
_CODES = ("grade", "action", "state", "gone_reason")
_TEXTS = ("evidence", "exclusion")


@dataclass(frozen=True)
class OutcomeTable:
    """Every cluster of the evidence under every rule."""

    evidence: pd.DataFrame
    owner: pd.Series[Any]
    """Of each cluster, as categories."""
    rules: Sequence[tuple[Rule, str]]
    """With their fingerprints."""
    outcomes: RuleOutcomes
    """Of each row."""

    @classmethod
    def of(
        cls,
        evidence: pd.DataFrame,
        owner: pd.Series[Any],
        rules: Sequence[tuple[Rule, str]],
        outcomes: RuleOutcomes,
    ) -> OutcomeTable:
        """The table, with those columns of the evidence that it needs."""
        idle = [f"found_{rule.id}" for rule, _ in rules if rule.is_idle]
        return cls(evidence[[*_OF_CLUSTER, *_OF_LIVES, *idle]], owner, rules, outcomes)

    def cluster(self, rows: Ints) -> Ints:
        """The position of each row's cluster in the evidence."""
        return rows % len(self.evidence)

    def lives(
        self, findings: pd.DataFrame, as_of: date, previous: pd.DataFrame | None
    ) -> pd.DataFrame:
        """The lifecycles of the findings of today and of the day before."""
        past = self._past(previous)
        rows = np.union1d(findings.index.to_numpy(), past.index.to_numpy())
        clusters = self.evidence.take(self.cluster(rows))
        is_present = clusters["is_present"].to_numpy(bool)
        spend = clusters["day_spend_micros"].to_numpy(np.float64)
        idle = [f"found_{rule.id}" for rule, _ in self.rules if rule.is_idle]
        subjects = np.array([rule.subject for rule, _ in self.rules], dtype=object)
        of_claims = ["exclusion", "baseline_micros", "counted_saving_micros"]
        today = lifecycle.DayState(
            rows=findings[of_claims]
            .reindex(rows)
            .assign(
                outcome=self.outcomes.outcome.take(rows),
                hourly_rate_micros=clusters["hourly_rate_micros"].array,
                **self._of_rule(rows),
            ),
            subject=subjects[rows // len(self.evidence)],
            cluster=self.cluster(rows),
            is_present=is_present,
            is_stopped=clusters["status"].isin(_STOPPED).to_numpy(bool),
            has_expired=(clusters["days_to_expiry"] <= 0).to_numpy(bool),
            is_failing=~clusters["status"].isin(_IN_ORDER).to_numpy(bool),
            is_idle=clusters[idle].any(axis=1).to_numpy(bool),
            # A cluster that is no longer listed costs nothing; a missing price is unknown.
            day_spend=np.where(np.isnan(spend) & ~is_present, 0.0, spend),
            day=as_of,
        )
        return lifecycle.advance(today, past.reindex(rows))

    def rows(self, findings: pd.DataFrame, lives: pd.DataFrame) -> pd.DataFrame:
        """All rows, most money first; details and lifecycles are null where a row has none."""
        rows = self._order(findings)
        cluster = self.cluster(rows)
        table = self.evidence[list(_OF_CLUSTER)].take(cluster).reset_index(drop=True)
        table["spend_micros"] = self.evidence["trailing_spend_micros"].take(cluster).array
        table["owner"] = self.owner.take(cluster).array
        for name in _OF_OUTCOMES:
            table[name] = getattr(self.outcomes, name).take(rows)
        few = findings.drop(columns="baseline_micros").reindex(lives.index).join(lives)
        few = few.astype(dict.fromkeys(_CODES, "category") | dict.fromkeys(_TEXTS, "str"))
        return table.assign(**self._of_rule(rows)).join(few.reindex(rows).reset_index(drop=True))

    def _past(self, previous: pd.DataFrame | None) -> pd.DataFrame:
        """What is remembered of the day before, indexed by the row it continues in."""
        if previous is None:
            return lifecycle.nothing_before(pd.RangeIndex(0))
        past = previous[previous["state"].notna()]
        cluster = _find(past, self.evidence)
        ids = pd.Index([rule.id for rule, _ in self.rules])
        rule = ids.get_indexer(pd.Index(past["rule_id"].astype("str")))
        known = (cluster >= 0) & (rule >= 0)
        rows = (rule * len(self.evidence) + cluster)[known]
        return past.loc[known, list(lifecycle.REMEMBERED)].set_axis(rows)

    def _of_rule(self, rows: Ints) -> dict[str, Any]:
        """The columns that have one value per rule."""
        rule = rows // len(self.evidence)
        digests = pd.Index([digest for _, digest in self.rules])
        code, distinct = pd.factorize(digests)
        return {
            "rule_id": pd.Categorical.from_codes(rule, pd.Index([r.id for r, _ in self.rules])),
            "rule_version": np.array([rule.version for rule, _ in self.rules])[rule],
            "rule_digest": pd.Categorical.from_codes(code[rule], distinct),
        }

    def _order(self, findings: pd.DataFrame) -> Ints:
        """Findings by the saving they count and the waste they prove, then all other rows."""
        rows = findings.index.to_numpy()
        by_id = np.argsort(np.argsort([rule.id for rule, _ in self.rules]))
        waste = findings["provable_waste_micros"].to_numpy(np.int64, na_value=-1)
        counts = findings["counted_saving_micros"].to_numpy(np.int64)
        keys = (by_id[rows // len(self.evidence)], self.cluster(rows), -waste, -counts)
        others = np.ones(len(self.outcomes.outcome), dtype=bool)
        others[rows] = False
        return np.concatenate([rows[np.lexsort(keys)], np.flatnonzero(others)])


def _find(rows: pd.DataFrame, clusters: pd.DataFrame) -> Ints:
    """Where the cluster of each of ``rows`` is in ``clusters``; -1 where it is not."""
    both = pd.concat(
        [clusters[CLUSTER_KEY].astype("str"), rows[CLUSTER_KEY].astype("str")], ignore_index=True
    )
    code, size = number(both, CLUSTER_KEY)
    place = np.full(size, -1, dtype=np.int64)
    place[code[: len(clusters)]] = np.arange(len(clusters))
    return place[code[len(clusters) :]]
