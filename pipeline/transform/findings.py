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
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pandas as pd

from pipeline import rules as catalogue
from pipeline import schema
from pipeline.transform import evidence as measures
from pipeline.transform import exclusions as silenced
from pipeline.transform import judgement, life, savings
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
    owner = owner_of(policy.owners, evidence)
    outcomes = []
    for rule in policy.rulebook:
        judged = judgement.judge(rule, evidence, policy.rules)
        evidence[f"found_{rule.id}"] = judged.found
        rows = _rows(rule, judged, evidence)
        rows["exclusion"] = silenced.apply(policy.exclusions, evidence, rule.id, as_of)
        rows["exclusion"] = rows["exclusion"].where(judged.found, None)
        rows["owner"] = owner
        outcomes.append(rows)
    rows = pd.concat(outcomes, ignore_index=True)
    cluster = np.tile(np.arange(len(evidence)), len(outcomes))
    rows["counted_saving_micros"] = _counted(rows, cluster)
    rows = _with_lives(rows, evidence, policy, as_of, previous)
    return schema.FINDINGS.enforce(_most_money_first(rows))


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


def _rows(rule: catalogue.Rule, judged: judgement.Judged, evidence: pd.DataFrame) -> pd.DataFrame:
    """The rows of one rule, with what its action would save."""
    found = judged.found
    action, gross, remaining = _savings(rule, judged, evidence)
    nothing = pd.Series(pd.NA, index=evidence.index, dtype="Int64")
    waste = nothing if rule.waste is None else evidence[rule.waste].astype("Int64").where(found)
    since = evidence["last_busy_at"].fillna(evidence["first_observed_at"])
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
            "provable_waste_micros": waste,
            "action": action,
            "since_at": since.where(found),
            "hourly_rate_micros": evidence["hourly_rate_micros"],
            "evidence": _as_json(rule, evidence, found),
            "gross_saving_micros": gross,
            "remaining_micros": remaining,
            "net_saving_micros": gross - remaining,
            "baseline_micros": pd.Series(
                savings.expected_spend(evidence), index=evidence.index, dtype="Int64"
            ).where(found),
        }
    )


def _savings(
    rule: catalogue.Rule, judged: judgement.Judged, evidence: pd.DataFrame
) -> tuple[NDArray[np.object_], pd.Series[Any], pd.Series[Any]]:
    """The action of each finding, and what it ends and leaves to pay; null without a finding."""
    found = judged.found
    action = np.full(len(evidence), None, dtype=object)
    gross = pd.Series(pd.NA, index=evidence.index, dtype="Int64")
    remaining = gross.copy()
    for grade in (None, *catalogue.GRADES):
        graded = found & (pd.isna(judged.grade) if grade is None else judged.grade == grade)
        if graded.any():
            action[graded] = rule.action(grade)
            saving = savings.of_action(rule.action(grade), evidence, rule.basis)
            gross[graded], remaining[graded] = saving.gross[graded], saving.remaining[graded]
    return action, gross, remaining


def _as_json(
    rule: catalogue.Rule, evidence: pd.DataFrame, found: NDArray[np.bool_]
) -> NDArray[np.object_]:
    """What the rule looked at, for the findings: enough to judge them again."""
    texts = np.full(len(evidence), None, dtype=object)
    names = rule.measures
    seen = evidence.loc[found, list(names)].astype("object")
    columns = [values.where(values.notna(), None).tolist() for _, values in seen.items()]
    texts[found] = [
        msgspec.json.encode(dict(zip(names, row, strict=True))).decode()
        for row in zip(*columns, strict=True)
    ]
    return texts


def _counted(rows: pd.DataFrame, cluster: Ints) -> pd.Series[Any]:
    """What each finding counts towards the fleet's saving; null for the other outcomes."""
    found = (rows["outcome"] == catalogue.FINDING).to_numpy(bool)
    counts = found & rows["exclusion"].isna().to_numpy(bool)
    counts &= (rows["grade"] != catalogue.SUSPECTED).to_numpy(bool)
    counted = pd.Series(pd.NA, index=rows.index, dtype="Int64")
    counted[found] = 0
    counted[counts] = savings.count(
        rows["net_saving_micros"][counts].to_numpy(np.int64),
        rows["action"].to_numpy(object)[counts],
        cluster[counts],
    )
    return counted


def _with_lives(
    rows: pd.DataFrame,
    evidence: pd.DataFrame,
    policy: Policy,
    as_of: date,
    previous: pd.DataFrame | None,
) -> pd.DataFrame:
    """``rows`` (rule by rule, in the order of the evidence) with their lives so far."""
    number_of_rules = len(policy.rulebook)
    position = None
    if previous is not None:
        lived = previous[previous["state"].notna()]
        previous = lived
        cluster = _keys(evidence).get_indexer(_keys(lived))
        rules = pd.Index([rule.id for rule in policy.rulebook])
        rule = rules.get_indexer(pd.Index(lived["rule_id"].astype("str")))
        position = np.where((cluster < 0) | (rule < 0), -1, rule * len(evidence) + cluster)
    today = life.Today(
        rows=rows,
        is_present=np.tile(evidence["is_present"].to_numpy(bool), number_of_rules),
        is_running=np.tile((evidence["status"] == "running").to_numpy(bool), number_of_rules),
        day_spend=np.tile(
            np.nan_to_num(evidence["day_spend_micros"].to_numpy(np.float64)).astype(np.int64),
            number_of_rules,
        ),
        day=as_of,
    )
    return life.carry(today, previous, position)


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
