"""Outcomes as one table: every cluster under every rule, findings with what they claim and live.

Method: row = number of the rule x clusters + the cluster. What clusters and rules have of their own
is looked up by that number once, in the table's final order; what only findings have (their claims)
and what only open or past findings have (their lives) is kept for those rows alone until then.
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
_OF_OUTCOMES = ("outcome", "decided_by", "decided_limit", "decided_value")
_STOPPED = ("stopped", "stopping")
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

    def cluster(self, rows: Ints) -> Ints:
        """The position of each row's cluster in the evidence."""
        return rows % len(self.evidence)

    def lives(
        self, claimed: pd.DataFrame, as_of: date, previous: pd.DataFrame | None
    ) -> pd.DataFrame:
        """The lives of what is found and of what was found before."""
        lived = self._lived(previous)
        rows = np.union1d(claimed.index.to_numpy(), lived.index.to_numpy())
        clusters = self.evidence.take(self.cluster(rows))
        is_present = clusters["is_present"].to_numpy(bool)
        spend = clusters["day_spend_micros"].to_numpy(np.float64)
        idle = [f"found_{rule.id}" for rule, _ in self.rules if rule.is_idle]
        subjects = np.array([rule.subject for rule, _ in self.rules], dtype=object)
        of_claims = ["exclusion", "baseline_micros", "counted_saving_micros"]
        today = lifecycle.DayState(
            rows=claimed[of_claims]
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
            is_idle=clusters[idle].any(axis=1).to_numpy(bool),
            # What is not listed any more costs nothing; what nobody could price is not known.
            day_spend=np.where(np.isnan(spend) & ~is_present, 0.0, spend),
            day=as_of,
        )
        return lifecycle.advance(today, lived.reindex(rows))

    def rows(self, claimed: pd.DataFrame, lives: pd.DataFrame) -> pd.DataFrame:
        """All rows, most money first; what a row has no claim or life for is null."""
        rows = self._order(claimed)
        cluster = self.cluster(rows)
        told = self.evidence[list(_OF_CLUSTER)].take(cluster).reset_index(drop=True)
        told["spend_micros"] = self.evidence["trailing_spend_micros"].take(cluster).array
        told["owner"] = self.owner.take(cluster).array
        for name in _OF_OUTCOMES:
            told[name] = getattr(self.outcomes, name).take(rows)
        few = claimed.drop(columns="baseline_micros").reindex(lives.index).join(lives)
        few = few.astype(dict.fromkeys(_CODES, "category") | dict.fromkeys(_TEXTS, "str"))
        return told.assign(**self._of_rule(rows)).join(few.reindex(rows).reset_index(drop=True))

    def _lived(self, previous: pd.DataFrame | None) -> pd.DataFrame:
        """What is remembered of the day before, on the rows it lives on in."""
        if previous is None:
            return lifecycle.nothing_before(pd.RangeIndex(0))
        lived = previous[previous["state"].notna()]
        cluster = _find(lived, self.evidence)
        ids = pd.Index([rule.id for rule, _ in self.rules])
        rule = ids.get_indexer(pd.Index(lived["rule_id"].astype("str")))
        known = (cluster >= 0) & (rule >= 0)
        rows = (rule * len(self.evidence) + cluster)[known]
        return lived.loc[known, list(lifecycle.REMEMBERED)].set_axis(rows)

    def _of_rule(self, rows: Ints) -> dict[str, Any]:
        """The columns that each rule has one value of."""
        which = rows // len(self.evidence)
        digests = pd.Index([digest for _, digest in self.rules])
        code, distinct = pd.factorize(digests)
        return {
            "rule_id": pd.Categorical.from_codes(which, pd.Index([r.id for r, _ in self.rules])),
            "rule_version": np.array([rule.version for rule, _ in self.rules])[which],
            "rule_digest": pd.Categorical.from_codes(code[which], distinct),
        }

    def _order(self, claimed: pd.DataFrame) -> Ints:
        """Findings by the saving they count and the waste they prove, then all other rows."""
        rows = claimed.index.to_numpy()
        by_id = np.argsort(np.argsort([rule.id for rule, _ in self.rules]))
        waste = claimed["provable_waste_micros"].to_numpy(np.int64, na_value=-1)
        counts = claimed["counted_saving_micros"].to_numpy(np.int64)
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
