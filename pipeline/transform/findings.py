"""Findings: every cluster under every rule, exactly one outcome each, with money that adds up.

Method: one fold of the rules' window (``rules.idle_window_days`` days up to ``as_of``) gives the
evidence; each rule is judged on all clusters at once; savings of one cluster are alternatives, of
which the best counts. Findings graded suspected, and excluded ones, count nothing.

Every cluster of the trailing 30 days is judged; one that is no longer listed is NOT_APPLICABLE.
Nothing but the arguments matters: findings of a day are a function of the ledger up to that day,
the findings of the day before, and the settings, exclusions and owners in force.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pandas.api.types import union_categoricals

from pipeline import rules as catalogue
from pipeline import schema
from pipeline.transform import claims, judgement, life, savings
from pipeline.transform import evidence as measures
from pipeline.transform import exclusions as silenced
from pipeline.transform.anomalies import HISTORY_DAYS
from pipeline.transform.fold import Fold, between, day_number
from pipeline.transform.owners import owner_of
from pipeline.transform.standing import prices
from pipeline.transform.utilization import facts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from numpy.typing import NDArray

    from pipeline import settings
    from pipeline.transform.exclusions import Exclusion
    from pipeline.transform.owners import Owner

    Ints = NDArray[np.int64]

_KEY = ["account", "cluster_id"]
_OF_CLUSTER = (*_KEY, "name", "project_id", "samples", "busy_share_bound", "hourly_rate_micros")
_OF_LIFE = ("is_present", "status", "hourly_rate_micros", "day_spend_micros")
_IDLE = ("found_idle", "found_idle_loaded")
_STOPPED = ("stopped", "stopping")

TRAILING_DAYS = savings.DAYS_AHEAD
LOOK_BACK_DAYS = HISTORY_DAYS + 1
"""Ledger days before the date (itself included) that can make a difference."""


@dataclass(frozen=True)
class Policy:
    """What findings are judged by, besides the ledger."""

    rules: settings.Rules
    rulebook: Sequence[catalogue.Rule] = catalogue.RULES
    exclusions: Sequence[Exclusion] = ()
    owners: Sequence[Owner] = ()

    @classmethod
    def of(
        cls,
        given: settings.Settings,
        exclusions: Sequence[Exclusion] = (),
        owners: Sequence[Owner] = (),
    ) -> Policy:
        """What the settings file says: thresholds, and its own rules after the built-in ones."""
        taken = tuple(rule.id for rule in catalogue.RULES)
        own = catalogue.own_rules(given.own_rules, taken)
        return cls(given.rules, (*catalogue.RULES, *own), exclusions, owners)


def judge(
    ledger: pd.DataFrame,
    rules: settings.Rules,
    as_of: date,
    *,
    previous: pd.DataFrame | None = None,
    rulebook: Sequence[catalogue.Rule] = catalogue.RULES,
    exclusions: Sequence[Exclusion] = (),
    owners: Sequence[Owner] = (),
) -> pd.DataFrame:
    """The outcome of every rule for every cluster of the trailing 30 days.

    Args:
        ledger: days up to ``as_of``; later ones are ignored, as are those more than
            ``LOOK_BACK_DAYS`` old.
        rules: the thresholds.
        as_of: the report's date, the last closed day.
        previous: the findings of the day before, for their lives; None starts them anew.
        rulebook: the rules, in the order in which they are judged.
        exclusions: the exclusions file; those that have expired on ``as_of`` do nothing.
        owners: the owners file.
    """
    return judge_day(ledger, Policy(rules, rulebook, exclusions, owners), as_of, previous)


def history(
    ledger: pd.DataFrame,
    policy: Policy,
    first: date,
    last: date,
    previous: pd.DataFrame | None = None,
) -> Iterator[tuple[date, pd.DataFrame]]:
    """The findings of each day from ``first`` to ``last``, each from those of the day before."""
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        previous = judge_day(ledger, policy, day, previous)
        yield day, previous


def judge_day(
    ledger: pd.DataFrame, policy: Policy, as_of: date, previous: pd.DataFrame | None = None
) -> pd.DataFrame:
    """One day of :func:`judge`."""
    evidence = gather(ledger, policy.rules, as_of)
    if evidence.empty:
        return schema.FINDINGS.empty()
    outcomes, reasons, found = [], [], []
    for number, rule in enumerate(policy.rulebook):
        judged = judgement.judge(rule, evidence, policy.rules)
        evidence[f"found_{rule.id}"] = judged.found
        claimed = claims.of_rule(rule, judged, evidence)
        silent = silenced.apply(policy.exclusions, evidence, rule.id, as_of)
        claimed["exclusion"] = pd.Series(silent[claimed.index], claimed.index, dtype="object")
        outcomes.append(judged.outcome)
        reasons.append(judged.reason)
        found.append(claimed.set_axis(claimed.index + number * len(evidence)))
    claimed = pd.concat(found)
    claimed["counted_saving_micros"] = claims.counted(
        claimed, claimed.index.to_numpy() % len(evidence)
    )
    everyone = _Everyone(evidence, policy, pd.Categorical(union_categoricals(outcomes)))
    claimed = _with_lives(everyone, claimed, as_of, previous)
    return schema.FINDINGS.enforce(everyone.table(claimed, np.concatenate(reasons)))


def gather(ledger: pd.DataFrame, rules: settings.Rules, as_of: date) -> pd.DataFrame:
    """The evidence of ``as_of``: every measure, one row per cluster of the trailing 30 days."""
    past = between(ledger, as_of - timedelta(days=HISTORY_DAYS), as_of)
    trailing = between(past, as_of - timedelta(days=TRAILING_DAYS - 1), as_of)
    if trailing.empty:
        return pd.DataFrame()
    whole = Fold.of(trailing)
    is_recent = whole.day > day_number(as_of) - rules.idle_window_days
    in_window = whole.any_of(is_recent)
    # A cluster that left before the window is described by its last days.
    chosen = is_recent | ~in_window[whole.code]
    window = whole.only(chosen)
    frame = measures.derive(facts(window, last_day=as_of), as_of)
    frame = frame.join(measures.of_days(window)).assign(**prices(frame))
    frame["trailing_spend_micros"] = whole.total(["spend_micros"])["spend_micros"]
    frame["provable_waste_micros"] = measures.provable_waste(frame)
    history = whole if len(past) == len(trailing) else _same_clusters(past, whole)
    return frame.join(measures.unusual(history, as_of))


def _same_clusters(past: pd.DataFrame, whole: Fold) -> Fold:
    """A longer past of exactly the clusters of ``whole``, numbered alike."""
    code = _keys(whole.latest(_KEY)).get_indexer(_keys(past))
    return Fold(past[code >= 0], code[code >= 0].astype(np.int64), whole.size)


def _keys(frame: pd.DataFrame) -> pd.MultiIndex:
    """Account and id of each row, comparable between frames."""
    return pd.MultiIndex.from_frame(frame[_KEY].astype("str"))


@dataclass(frozen=True)
class _Everyone:
    """Every cluster under every rule: row = number of the rule x clusters + the cluster."""

    evidence: pd.DataFrame
    policy: Policy
    outcome: pd.Categorical

    def of_cluster(self, columns: Sequence[str], rows: Ints) -> pd.DataFrame:
        """The clusters' ``columns`` on ``rows``."""
        return self.evidence[list(columns)].take(rows % len(self.evidence)).set_axis(rows)

    def of_rule(self, rows: Ints) -> pd.DataFrame:
        """The rules' own columns on ``rows``."""
        rulebook, number = self.policy.rulebook, rows // len(self.evidence)
        ids = [rule.id for rule in rulebook]
        digests = [rule.fingerprint(self.policy.rules) for rule in rulebook]
        return pd.DataFrame(
            {
                "rule_id": pd.Categorical.from_codes(number, pd.Index(ids)),
                "rule_version": np.array([rule.version for rule in rulebook])[number],
                "rule_digest": pd.Series(np.array(digests, dtype=object)[number], rows, "category"),
            },
            index=rows,
        )

    def table(self, claimed: pd.DataFrame, reasons: NDArray[np.object_]) -> pd.DataFrame:
        """All rows, most money first; what is not ``claimed`` of a row is null."""
        rows = self._order(claimed)
        owner = owner_of(self.policy.owners, self.evidence).astype("category")
        told = self.of_cluster(_OF_CLUSTER, rows).assign(
            spend_micros=self.evidence["trailing_spend_micros"].take(rows % len(owner)).array,
            owner=owner.take(rows % len(owner)).array,
            outcome=self.outcome.take(rows),
            reason=reasons[rows],
        )
        claimed = claimed.drop(columns=[c for c in claimed if c in told])
        whole = pd.concat([told, self.of_rule(rows), claimed.reindex(rows)], axis=1)
        return whole.reset_index(drop=True)

    def _order(self, claimed: pd.DataFrame) -> Ints:
        """Findings by the saving they count and the waste they prove, then all other rows."""
        found = claimed[claimed["counted_saving_micros"].notna().to_numpy()]
        rows = found.index.to_numpy()
        rule = np.argsort(np.argsort([rule.id for rule in self.policy.rulebook], kind="stable"))
        waste = found["provable_waste_micros"].to_numpy(np.int64, na_value=-1)
        counts = found["counted_saving_micros"].to_numpy(np.int64)
        ranked = np.lexsort((rule[rows // len(self.evidence)], rows % len(self.evidence),
                             -waste, -counts))  # fmt: skip
        others = np.ones(len(self.outcome), dtype=bool)
        others[rows] = False
        return np.concatenate([rows[ranked], np.flatnonzero(others)])


def _with_lives(
    everyone: _Everyone, claimed: pd.DataFrame, as_of: date, previous: pd.DataFrame | None
) -> pd.DataFrame:
    """``claimed``, and the rows that were found before, with their lives so far."""
    lived = _lived(everyone, previous)
    rows = np.union1d(claimed.index.to_numpy(), lived.index.to_numpy())
    claimed = claimed.reindex(rows)
    idle = [name for name in _IDLE if name in everyone.evidence]
    state = everyone.of_cluster([*_OF_LIFE, *idle], rows)
    is_present = state["is_present"].to_numpy(bool)
    spend = state["day_spend_micros"].to_numpy(np.float64, na_value=np.nan)
    today = life.Today(
        rows=pd.concat([everyone.of_rule(rows), claimed], axis=1).assign(
            outcome=everyone.outcome.take(rows), hourly_rate_micros=state["hourly_rate_micros"]
        ),
        cluster=rows % len(everyone.evidence),
        is_present=is_present,
        is_stopped=state["status"].isin(_STOPPED).to_numpy(bool),
        is_idle=state[idle].any(axis=1).to_numpy(bool),
        # Who is not listed any more costs nothing; what nobody could price is not known.
        day_spend=np.where(np.isnan(spend) & ~is_present, 0.0, spend),
        day=as_of,
    )
    lives = life.carry(today, lived.reindex(rows))
    return claimed.drop(columns=["baseline_micros"]).join(lives)


def _lived(everyone: _Everyone, previous: pd.DataFrame | None) -> pd.DataFrame:
    """What is remembered of the day before, on the rows it lives on in."""
    if previous is None:
        return life.nothing_before(pd.RangeIndex(0))
    lived = previous[previous["state"].notna()]
    cluster = _keys(everyone.evidence).get_indexer(_keys(lived))
    ids = pd.Index([rule.id for rule in everyone.policy.rulebook])
    rule = ids.get_indexer(pd.Index(lived["rule_id"].astype("str")))
    known = (cluster >= 0) & (rule >= 0)
    rows = (rule * len(everyone.evidence) + cluster)[known]
    return lived.loc[known, list(life.REMEMBERED)].set_axis(rows)
