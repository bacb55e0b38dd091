"""One day's findings: exactly one outcome for every cluster under every rule.

Method: one fold of the rules' window (``rules.idle_window_days`` days up to ``as_of``) gives the
evidence. Each rule is evaluated for all clusters at once. Savings of one cluster are alternatives,
of which the best counts; suspected and excluded findings count no saving.

Every cluster of the trailing 30 days is judged; one that is no longer listed is NOT_APPLICABLE.
Clusters of an account that is not observed on the day are INSUFFICIENT_DATA, and their findings
wait. The findings of a day are a pure function of the ledger up to that day, the findings of the
day before, and the settings, exclusions and owners in force.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pandas as pd

from pipeline import rules as catalogue
from pipeline import schema
from pipeline.transform import observed
from pipeline.transform.anomalies import HISTORY_DAYS
from pipeline.transform.findings import details, exclusions, rule_engine, savings
from pipeline.transform.findings.measures import EvidenceRows, compared, of_clusters
from pipeline.transform.findings.outcomes import OutcomeTable
from pipeline.transform.findings.owners import owner_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from datetime import date

    from pipeline import settings
    from pipeline.transform.findings.exclusions import Exclusion
    from pipeline.transform.findings.owners import Owner
    from pipeline.transform.observed import Until

TRAILING_DAYS = savings.DAYS_AHEAD
LOOKBACK_DAYS = HISTORY_DAYS + 1
"""Ledger days, the judged one included, that can influence its findings."""


@dataclass(frozen=True)
class Policy:
    """What findings are judged by, besides the ledger."""

    rules: settings.Rules
    rulebook: Sequence[catalogue.Rule] = catalogue.RULES
    exclusions: Sequence[Exclusion] = ()
    owners: Sequence[Owner] = ()
    accounts: Collection[str] = ()
    """The accounts the settings name; empty means all there are."""

    @classmethod
    def of(
        cls,
        values: settings.Settings,
        exclusions: Sequence[Exclusion] = (),
        owners: Sequence[Owner] = (),
        accounts: Collection[str] = (),
    ) -> Policy:
        """The policy of a settings file: thresholds, and its own rules after the built-in ones."""
        taken = tuple(rule.id for rule in catalogue.RULES)
        own = catalogue.own_rules(values.own_rules, taken)
        return cls(values.rules, (*catalogue.RULES, *own), exclusions, owners, accounts)

    @property
    def fingerprints(self) -> tuple[tuple[catalogue.Rule, str], ...]:
        """The rules, each with the digest of all that decides whether it finds."""
        return tuple((rule, rule.fingerprint(self.rules)) for rule in self.rulebook)


def judge_days(
    outcomes: Iterable[DayOutcomes],
    policy: Policy,
    previous: pd.DataFrame | None = None,
    until: Until | None = None,
) -> Iterator[tuple[date, pd.DataFrame]]:
    """The findings of consecutive days, each from those of the day before."""
    for day in outcomes:
        previous = with_lifecycles(day, policy, previous, until)
        yield day.day, previous


def judge_day(
    ledger: pd.DataFrame,
    policy: Policy,
    as_of: date,
    previous: pd.DataFrame | None = None,
    until: Until | None = None,
) -> pd.DataFrame:
    """The outcome of every rule for every cluster of the trailing 30 days.

    Args:
        ledger: days up to ``as_of``; later ones are ignored, as are those more than
            ``LOOKBACK_DAYS`` old.
        policy: thresholds, rules in the order in which they are judged, exclusions and owners.
        as_of: the date to judge, a closed day.
        previous: the findings of the day before, which this day's lifecycles continue; None: all
            lifecycles are new.
        until: the last day on which each account is observed; None: all are on every day.
    """
    outcomes = judge_outcomes(ledger, policy, as_of, until)
    return with_lifecycles(outcomes, policy, previous, until)


@dataclass(frozen=True)
class DayOutcomes:
    """What the rules say of a day, from the ledger alone: the findings but for their lifecycles."""

    day: date
    table: OutcomeTable | None
    """None: no clusters to judge."""
    findings: pd.DataFrame
    """The details of the findings among its rows."""


def judge_outcomes(
    ledger: pd.DataFrame, policy: Policy, as_of: date, until: Until | None = None
) -> DayOutcomes:
    """The part of :func:`judge_day` that does not depend on the day before."""
    return judge_evidence(
        [evidence_of(EvidenceRows.of(ledger, as_of), policy, as_of, until)], policy, as_of
    )


def evidence_of(
    rows: EvidenceRows, policy: Policy, as_of: date, until: Until | None = None
) -> pd.DataFrame:
    """The evidence of some clusters, but for the measures that compare them with others."""
    if until is not None:
        trailing, history = (
            observed.observed_on(each, until, as_of) for each in (rows.trailing, rows.history)
        )
        rows = replace(rows, trailing=trailing, history=history)
    return of_clusters(rows, policy.rules, as_of)


def judge_evidence(parts: Sequence[pd.DataFrame], policy: Policy, as_of: date) -> DayOutcomes:
    """The outcomes of a day from :func:`evidence_of` all clusters, each in one of the ``parts``."""
    evidence = compared(parts)
    if evidence.empty:
        return DayOutcomes(as_of, None, pd.DataFrame())
    results, parts = [], []
    for number, rule in enumerate(policy.rulebook):
        result = rule_engine.evaluate(rule, evidence, policy.rules)
        evidence[f"found_{rule.id}"] = result.is_finding
        part = details.of_rule(rule, result, evidence, policy.rules)
        excluded = exclusions.apply(policy.exclusions, evidence, rule.id, as_of)
        part["exclusion"] = pd.Series(excluded[part.index], part.index, dtype="object")
        results.append(result)
        parts.append(part.set_axis(part.index + number * len(evidence)))
    findings = pd.concat(parts)
    table = OutcomeTable.of(
        evidence,
        owner_of(policy.owners, evidence).astype("category"),
        policy.fingerprints,
        rule_engine.RuleOutcomes.concat(results),
    )
    cluster = table.cluster(findings.index.to_numpy())
    findings["counted_saving_micros"] = details.counted(findings, cluster)
    findings["suspected_saving_micros"] = details.suspected(findings, cluster)
    return DayOutcomes(as_of, table, findings)


def with_lifecycles(
    outcomes: DayOutcomes,
    policy: Policy,
    previous: pd.DataFrame | None = None,
    until: Until | None = None,
) -> pd.DataFrame:
    """The findings of a day, whose lifecycles continue those of the day before."""
    judged = _with_lives(outcomes, previous)
    if until is None:
        return judged
    waiting = observed.waiting(previous, policy.fingerprints, policy.accounts, until, outcomes.day)
    if waiting.empty:
        return judged
    return schema.FINDINGS.enforce(pd.concat([judged, waiting], ignore_index=True))


def _with_lives(outcomes: DayOutcomes, previous: pd.DataFrame | None) -> pd.DataFrame:
    table, findings = outcomes.table, outcomes.findings
    if table is None:
        return schema.FINDINGS.empty()
    lives = table.lives(findings, outcomes.day, previous)
    return schema.FINDINGS.enforce(table.rows(findings, lives))
