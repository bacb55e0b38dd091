"""The rule engine: one rule, all clusters, exactly one outcome each, and the clause that decided.

Method: three-valued logic, vectorised. A clause on an unknown value is neither true nor false. A
list of clauses is false if one clause is false, unknown if one is unknown and none is false, else
true. The first false clause decides, else the first unknown one; with it the limit in force and the
value that was compared are kept, so that a report can state the reason in words.
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pandas as pd
from pandas.api.types import union_categoricals

from pipeline.rules import (
    CLEAR,
    FINDING,
    INSUFFICIENT_DATA,
    NOT_APPLICABLE,
    OUTCOMES,
    Clause,
    Rule,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline import settings
    from pipeline.arrays import Bools, Ints, Texts


_COMPARE = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_CODE = {name: code for code, name in enumerate(OUTCOMES)}
_NO_CLAUSE = -1
_encoder = msgspec.json.Encoder()


@dataclass(frozen=True)
class Truth:
    """The truth of a list of clauses per row, and the clause that made it false or unknown."""

    is_false: Bools
    is_unknown: Bools
    decided_at: Ints
    """The position of that clause in the list."""

    @property
    def is_true(self) -> Bools:
        """Every clause holds."""
        return ~(self.is_false | self.is_unknown)


@dataclass(frozen=True)
class RuleOutcomes:
    """The outcome of one rule (or of several, one after the other) for every row of evidence."""

    outcome: pd.Categorical
    decided_by: pd.Categorical
    """The id of the clause that decided; null for findings, of which all clauses hold."""
    decided_limit: pd.Categorical
    """Its limit in force, as JSON."""
    decided_value: Texts
    """The value that was compared with it, as JSON; null: unknown."""
    grade: Texts

    @property
    def is_finding(self) -> Bools:
        """Which rows are findings."""
        return np.asarray(self.outcome == FINDING)

    @classmethod
    def concat(cls, parts: Sequence[RuleOutcomes]) -> RuleOutcomes:
        """The outcomes of several rules, one after the other."""
        return cls(
            outcome=union_categoricals([part.outcome for part in parts]),
            decided_by=union_categoricals([part.decided_by for part in parts]),
            decided_limit=union_categoricals([part.decided_limit for part in parts]),
            decided_value=np.concatenate([part.decided_value for part in parts]),
            grade=np.concatenate([part.grade for part in parts]),
        )


def evaluate(rule: Rule, evidence: pd.DataFrame, thresholds: settings.Rules) -> RuleOutcomes:
    """Every row's outcome under ``rule``."""
    rows = len(evidence)
    outcome = np.full(rows, _CODE[FINDING], dtype=np.int64)
    decided = np.full(rows, _NO_CLAUSE, dtype=np.int64)
    is_open = np.ones(rows, dtype=bool)
    first = 0
    for clauses, if_false in (
        (rule.applies, NOT_APPLICABLE),
        (rule.needs, INSUFFICIENT_DATA),
        (rule.when, CLEAR),
    ):
        truth = truth_of(clauses, evidence, thresholds)
        outcome[is_open & truth.is_false] = _CODE[if_false]
        outcome[is_open & truth.is_unknown] = _CODE[INSUFFICIENT_DATA]
        stops = is_open & ~truth.is_true
        decided[stops] = first + truth.decided_at[stops]
        is_open &= truth.is_true
        first += len(clauses)
    limits = [
        _encoder.encode(clause.value_in_unit(thresholds)).decode().removesuffix(".0")
        for _, clause in rule.deciding
    ]
    return RuleOutcomes(
        outcome=pd.Categorical.from_codes(outcome, pd.Index(OUTCOMES, dtype="str")),
        decided_by=_chosen([name for name, _ in rule.deciding], decided),
        decided_limit=_chosen(limits, decided),
        decided_value=_values(rule, decided, evidence),
        grade=_grades(rule, evidence, thresholds, is_open),
    )


def truth_of(
    clauses: Sequence[Clause], evidence: pd.DataFrame, thresholds: settings.Rules
) -> Truth:
    """The three-valued truth of ``clauses``, all of which must hold."""
    rows = len(evidence)
    false_at = np.full(rows, len(clauses), dtype=np.int64)
    unknown_at = false_at.copy()
    # Backwards, so that the first clause of each kind is the one that stays.
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
    limit = clause.value_in_unit(thresholds)
    if isinstance(limit, tuple):
        return _is_one_of(values, limit, patterns=clause.op == "like")
    if clause.op == "is":
        return (values == limit).fillna(value=False).to_numpy(bool)
    known = values.to_numpy(np.float64, na_value=np.nan)
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


def _chosen(texts: list[str], position: Ints) -> pd.Categorical:
    """The text at each position; null where there is no clause."""
    code, distinct = pd.factorize(pd.Index(texts, dtype="str"))
    # The last code stands for _NO_CLAUSE, which indexes from the end.
    return pd.Categorical.from_codes(np.append(code, _NO_CLAUSE)[position], distinct)


def _values(rule: Rule, decided: Ints, evidence: pd.DataFrame) -> Texts:
    """The value that the deciding clause of each row compared, as JSON; null where unknown."""
    texts = np.full(len(evidence), None, dtype=object)
    for number, (_, clause) in enumerate(rule.deciding):
        here = decided == number
        if here.any():
            texts[here] = _as_json(evidence[clause.measure][here])
    return texts


def _as_json(values: pd.Series[Any]) -> Texts:
    """Each value as JSON, which has no infinity; equal values are written once."""
    codes, distinct = pd.factorize(values, use_na_sentinel=True)
    scalars = (
        str(value) if isinstance(value, float) and math.isinf(value) else value
        for value in distinct.tolist()
    )
    lines = _encoder.encode_lines(list(scalars)).decode().split("\n")[:-1]
    return np.array([*lines, None], dtype=object)[codes]


def _grades(
    rule: Rule, evidence: pd.DataFrame, thresholds: settings.Rules, is_finding: Bools
) -> Texts:
    grade = np.full(len(evidence), None, dtype=object)
    for name, clauses in reversed(rule.grades):
        grade[is_finding & truth_of(clauses, evidence, thresholds).is_true] = name
    return grade
