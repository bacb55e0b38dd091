"""The engine: one rule, all clusters, exactly one outcome each, with its reason in a sentence.

Method: three-valued logic, vectorised. A clause on an unknown value is neither true nor false; a
list of clauses is false if one is, unknown if one is and none is false, else true. The reason names
the first clause that decided.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipeline.rules import (
    CLEAR,
    FINDING,
    INSUFFICIENT_DATA,
    MEASURES,
    NOT_APPLICABLE,
    Clause,
    Rule,
)
from pipeline.rules.clauses import OPERATORS
from pipeline.schema import MICROS_PER_UNIT
from pipeline.transform.findings import sentences
from pipeline.transform.findings.sentences import capital

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pipeline import settings
    from pipeline.arrays import Bools


_COMPARE = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


@dataclass(frozen=True)
class Truth:
    """The truth of a list of clauses per row, and the clause that decided against it."""

    is_false: Bools
    is_unknown: Bools
    decided_at: NDArray[np.int64]

    @property
    def is_true(self) -> Bools:
        """Every clause holds."""
        return ~(self.is_false | self.is_unknown)


@dataclass(frozen=True)
class RuleOutcomes:
    """One rule's outcome for every row of the evidence."""

    outcome: pd.Categorical
    reason: NDArray[np.object_]
    grade: NDArray[np.object_]

    @property
    def found(self) -> Bools:
        """Which rows are findings."""
        return np.asarray(self.outcome == FINDING)


def evaluate(rule: Rule, evidence: pd.DataFrame, thresholds: settings.Rules) -> RuleOutcomes:
    """Every row's outcome under ``rule``."""
    rows = len(evidence)
    outcome = np.full(rows, FINDING, dtype=object)
    reason = np.full(rows, "", dtype=object)
    open_rows = np.ones(rows, dtype=bool)
    steps = (
        (rule.applies, NOT_APPLICABLE, INSUFFICIENT_DATA),
        (rule.needs, INSUFFICIENT_DATA, INSUFFICIENT_DATA),
        (rule.when, CLEAR, INSUFFICIENT_DATA),
    )
    for clauses, if_false, if_unknown in steps:
        truth = truth_of(clauses, evidence, thresholds)
        for stopped, name in ((truth.is_false, if_false), (truth.is_unknown, if_unknown)):
            rows_here = open_rows & stopped
            outcome[rows_here] = name
            told = _Told(clauses, evidence, thresholds)
            told.write(reason, rows_here, truth.decided_at)
        open_rows &= truth.is_true
    reason[open_rows] = sentences.fill(rule.says, evidence, open_rows)
    order = [FINDING, CLEAR, INSUFFICIENT_DATA, NOT_APPLICABLE]
    return RuleOutcomes(
        pd.Categorical(outcome, categories=order),
        reason,
        _grades(rule, evidence, thresholds, open_rows),
    )


def truth_of(
    clauses: Sequence[Clause], evidence: pd.DataFrame, thresholds: settings.Rules
) -> Truth:
    """The three-valued truth of ``clauses``, all of which must hold."""
    rows = len(evidence)
    false_at = np.full(rows, len(clauses), dtype=np.int64)
    unknown_at = false_at.copy()
    for number, clause in reversed(list(enumerate(clauses))):
        values = evidence[clause.measure]
        unknown = values.isna().to_numpy(bool)
        holds = _holds(clause, values, thresholds)
        false_at[~unknown & ~holds] = number
        unknown_at[unknown] = number
    is_false = false_at < len(clauses)
    is_unknown = ~is_false & (unknown_at < len(clauses))
    return Truth(is_false, is_unknown, np.where(is_false, false_at, unknown_at))


def _holds(clause: Clause, values: pd.Series[Any], thresholds: settings.Rules) -> Bools:
    """Where a clause is true; an unknown value may come out either way."""
    limit = clause.value(thresholds)
    if isinstance(limit, tuple):
        return _is_one_of(values, limit, patterns=clause.op == "like")
    if clause.op == "is":
        return (values == limit).fillna(value=False).to_numpy(bool)
    known = values.to_numpy(np.float64, na_value=np.nan)
    if MEASURES[clause.measure].unit == "money":
        limit = limit * MICROS_PER_UNIT
    with np.errstate(invalid="ignore"):
        return np.asarray(_COMPARE[clause.op](known, limit), dtype=bool)


def _is_one_of(values: pd.Series[Any], texts: tuple[str, ...], *, patterns: bool) -> Bools:
    """Where a text is one of ``texts``, or matches one as a pattern; distinct ones tried once."""
    codes, distinct = pd.factorize(values, use_na_sentinel=True)
    if patterns:
        hit = [any(fnmatchcase(str(value), text) for text in texts) for value in distinct]
    else:
        hit = [value in texts for value in distinct]
    return np.array([*hit, False], dtype=bool)[codes]


@dataclass(frozen=True)
class _Told:
    """Why rows stopped at a clause: the value that decided, and the limit it met."""

    clauses: Sequence[Clause]
    evidence: pd.DataFrame
    thresholds: settings.Rules

    def write(
        self, reason: NDArray[np.object_], rows: Bools, decided_at: NDArray[np.int64]
    ) -> None:
        for number, clause in enumerate(self.clauses):
            here = rows & (decided_at == number)
            if here.any():
                reason[here] = self._words(clause, self.evidence[clause.measure][here])

    def _words(self, clause: Clause, values: pd.Series[Any]) -> NDArray[np.object_]:
        label = capital(MEASURES[clause.measure].label)
        if clause.otherwise:
            told = np.full(len(values), capital(clause.otherwise), dtype=object)
        else:
            told = label + " is " + sentences.words(clause.measure, values) + self._unlike(clause)
        told[values.isna().to_numpy(bool)] = f"{label} is unknown"
        return told

    def _unlike(self, clause: Clause) -> str:
        limit = clause.value(self.thresholds)
        if isinstance(limit, tuple):
            return f", not {' or '.join(limit)}"
        if MEASURES[clause.measure].unit == "money":
            limit = limit * MICROS_PER_UNIT
        return f", not {OPERATORS[clause.op]} {sentences.one(clause.measure, limit)}"


def _grades(
    rule: Rule, evidence: pd.DataFrame, thresholds: settings.Rules, found: Bools
) -> NDArray[np.object_]:
    grade = np.full(len(evidence), None, dtype=object)
    for name, clauses in reversed(rule.grades):
        grade[found & truth_of(clauses, evidence, thresholds).is_true] = name
    return grade
