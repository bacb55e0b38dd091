"""Rules and outcomes in words: names, thresholds in force, and why each outcome came about.

The only place where outcomes become sentences. A finding's sentence is its rule's, with the values
of its evidence; any other outcome's names the clause that decided, the value and the limit.
"""

from __future__ import annotations

import re
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import pandas as pd

from pipeline.report.model import Column, Table, Tag
from pipeline.report.text import names
from pipeline.report.text.numbers import NBSP, Money, count, percent
from pipeline.report.text.plain_values import plain_pair, plain_value, times
from pipeline.rules import (
    MEASURES,
    NOT_OBSERVED,
    OPERATORS,
    RULES,
    Clause,
    Rule,
    alternatives,
    plain_sentence,
)
from pipeline.schema import MICROS_PER_UNIT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pipeline.settings import Settings

_OPERATORS = {**OPERATORS, "in": "one of", "not in": "none of", "like": "like"} | {
    "not like": "not like"
}
_MISSED = {
    "<": "at least",
    "<=": "above",
    ">": "at most",
    ">=": "below",
    "==": "other than",
    "!=": "equal to",
}
"""What a value is that a comparison is false of."""
_INFINITE = float("inf")
_UNITS = {"hours": "h"}
_BRACES = re.compile(r"\{(\w+)\}")
_DECISION = ("decided_by", "decided_limit", "decided_value", "account")


class _Template(NamedTuple):
    """A text with holes for values of measures."""

    parts: list[str]
    """Texts; every second part is the name of a measure instead."""

    @classmethod
    def of(cls, text: str) -> _Template:
        """A text as the rules have it, with names in braces."""
        return cls(_BRACES.split(text))

    @property
    def measures(self) -> list[str]:
        """The names of the measures."""
        return self.parts[1::2]

    def filled(self, values: Mapping[str, Any], write: Callable[[str, Any], str]) -> str:
        """The text with each value as ``write`` shows it."""
        parts = self.parts.copy()
        parts[1::2] = [write(name, values[name]) for name in self.measures]
        return _capital("".join(parts))


class _FindingText(NamedTuple):
    """What is written of a finding of a rule."""

    sentence: _Template
    detail: _Template
    needs: frozenset[str]
    """The measures in both."""
    compared: frozenset[str]
    """The measures that every finding of the rule has a value of."""

    @classmethod
    def of(cls, sentence: str, detail: str, when: Sequence[Clause] = ()) -> _FindingText:
        """From the texts and the clauses of a rule."""
        templates = _Template.of(sentence), _Template.of(detail)
        needs = frozenset(name for each in templates for name in each.measures)
        groups = [group for group in alternatives(when) if len(group) == 1]
        return cls(*templates, needs, frozenset(group[0].measure for group in groups))


class RuleText:
    """Rules as a report names and explains them."""

    def __init__(self, settings: Settings, rulebook: Sequence[Rule] = RULES) -> None:
        self.settings = settings
        self.rulebook = tuple(rulebook)

    @cached_property
    def _rules(self) -> dict[str, Rule]:
        return {rule.id: rule for rule in self.rulebook}

    @cached_property
    def _rank(self) -> dict[str, int]:
        return {rule.id: place for place, rule in enumerate(self.rulebook)}

    def rank(self, rule_id: str) -> int:
        """The rule's place in the rulebook; unknown ones come last."""
        return self._rank.get(rule_id, len(self._rank))

    def name(self, rule_id: str) -> str:
        """The rule's title; its id if the rulebook does not know it."""
        rule = self._rules.get(rule_id)
        return rule.title if rule else rule_id

    def tag(self, rule_id: str) -> Tag:
        """The rule as a mark on a row."""
        rule = self._rules.get(rule_id)
        return Tag(name=self.name(rule_id), css=rule.tag if rule else "other")

    def statement(self, rule_id: str) -> str:
        """What the rule finds, with the thresholds in force."""
        rule = self._rules.get(rule_id)
        if rule is None:
            return ""
        wanted = "; ".join(
            " or ".join(self._clause(clause) for clause in group)
            for group in alternatives(rule.when)
        )
        needed = "; ".join(self._clause(clause) for clause in rule.needs)
        text = f"{wanted[:1].upper()}{wanted[1:]}."
        return f"{text} Judged if {needed}." if needed else text

    def finding(self, rule_id: str, evidence: str | None) -> str:
        """The sentence of a finding, with money in its currency; empty without its evidence."""
        return self._sentences(rule_id, evidence, self._value)[0]

    def detail(self, rule_id: str, evidence: str | None) -> str:
        """The rest of a finding's evidence; empty if its sentence has all of it."""
        return self._sentences(rule_id, evidence, self._value)[1]

    def with_reasons(self, rows: pd.DataFrame) -> pd.DataFrame:
        """``rows`` of ``schema.FINDINGS`` with their :meth:`reasons` after the outcome."""
        out = rows.copy(deep=False)
        out.insert(list(rows.columns).index("outcome") + 1, "reason", self.reasons(rows))
        return out

    def reasons(self, rows: pd.DataFrame) -> pd.Series[Any]:
        """Why each of the ``rows`` has its outcome, in plain text; null where it is not known."""

        @cache
        def text(rule_id: str, evidence: str | None, *decision: str | None) -> str | None:
            if decision[0] is not None:
                return self._decision(*decision)
            sentences = self._sentences(rule_id, evidence, plain_value)
            return ". ".join(part for part in sentences if part) or None

        return _each(text, rows, "rule_id", "evidence", *_DECISION)

    def kinds_of_reasons(self, rows: pd.DataFrame) -> pd.Series[Any]:
        """The reasons without the cluster's own value, so that equal ones can be counted."""

        @cache
        def text(*decision: str | None) -> str:
            if decision[0] is None:
                return "No reason given"
            return self._decision(*decision, is_kind=True)

        return _each(text, rows, *_DECISION)

    @cached_property
    def _clauses(self) -> dict[str, Clause]:
        return dict(each for rule in self.rulebook for each in rule.deciding)

    def _sentences(
        self, rule_id: str, evidence: str | None, write: Callable[[str, Any], str]
    ) -> tuple[str, str]:
        """What the rule found and its detail, with each value as ``write`` shows it."""
        if evidence is None:
            return "", ""
        values = msgspec.json.decode(evidence)
        texts = self._finding_texts.get(rule_id)
        if texts is None or not values.keys() >= texts.needs:
            # Found by a rule, or a version of it, that the rulebook does not have.
            texts = _FindingText.of(plain_sentence(name for name in values if name in MEASURES), "")
        else:
            # JSON has no infinity, and what a finding's clauses compared is not unknown.
            values |= {name: _INFINITE for name in texts.compared if values.get(name, 0) is None}
        return texts.sentence.filled(values, write), texts.detail.filled(values, write)

    @cached_property
    def _finding_texts(self) -> dict[str, _FindingText]:
        return {
            rule.id: _FindingText.of(rule.sentence, rule.detail, rule.when)
            for rule in self.rulebook
        }

    def _decision(
        self,
        decided_by: str | None,
        limit_json: str | None,
        value_json: str | None,
        account: str | None,
        *,
        is_kind: bool = False,
    ) -> str:
        """What decided an outcome; as a kind of reason, without the cluster's own value."""
        limit, value = (
            None if text is None else msgspec.json.decode(text) for text in (limit_json, value_json)
        )
        if decided_by == NOT_OBSERVED:
            return f"Account {account} not observed since {value}"
        clause = self._clauses.get(str(decided_by))
        if clause is None:  # of a rule, or a version of it, that the rulebook does not have
            seen = "" if is_kind else f"value {value_json or 'unknown'}, "
            return f"{decided_by}: {seen}limit {limit_json}"
        measure = MEASURES[clause.measure]
        if value is None:
            return f"{_capital(measure.label)} is unknown"
        if isinstance(limit, bool):
            return _capital(measure.if_true if value else measure.if_false)
        if isinstance(limit, list):
            seen = "" if is_kind else f"{plain_value(measure.name, value)}, "
            missed = {"not in": "one of", "not like": "like"}.get(clause.op, "not")
            return f"{_capital(measure.label)} is {seen}{missed} {' or '.join(limit)}"
        has, needs = plain_pair(measure.name, value, limit)
        seen = "" if is_kind else f"{has}, "
        missed = f"{_MISSED[clause.op]} {plain_value(measure.name, limit) if is_kind else needs}"
        return f"{_capital(measure.label)} is {seen}{missed}"

    def _value(self, name: str, value: object) -> str:
        """A measure's value as it is read in a sentence."""
        unit = MEASURES[name].unit
        if isinstance(value, bool):
            return "yes" if value else "no"
        if not isinstance(value, int | float):
            return "unknown" if value is None else names.shown(str(value))
        if unit == "money":
            return Money(self.settings.currency).exact(round(value))
        if unit in ("pct", "share"):
            return percent(value if unit == "pct" else 100 * value)
        if unit == "times":
            return times(value, ",.2f", NBSP)
        figures = f"{value:,.1f}".removesuffix(".0")
        days = "day" if figures == "1" else "days"
        return {"hours": f"{figures}{NBSP}h", "days": f"{figures}{NBSP}{days}"}.get(unit, figures)

    def table(self) -> Table:
        """Every rule: what it finds, why, and where its thresholds come from."""
        return Table(
            caption="Every rule and its thresholds",
            columns=(
                Column(label="Rule"),
                Column(label="Finds"),
                Column(label="Remark"),
                Column(label="Source of the thresholds"),
            ),
            rows=tuple(
                (self._titled(rule), self.statement(rule.id), rule.comment, rule.source)
                for rule in self.rulebook
            ),
        )

    @staticmethod
    def _titled(rule: Rule) -> str:
        return f"{rule.title} (version {rule.version})"

    def _clause(self, clause: Clause) -> str:
        measure = MEASURES[clause.measure]
        limit = clause.value(self.settings.rules)
        if isinstance(limit, bool):
            return measure.label if limit else f"not {measure.label}"
        if isinstance(limit, tuple):
            return f"{measure.label} {_OPERATORS[clause.op]} {', '.join(limit)}"
        return f"{measure.label} is {_OPERATORS[clause.op]} {self._in_units(limit, measure.unit)}"

    def _in_units(self, limit: float, unit: str) -> str:
        if unit in ("pct", "share"):
            return percent(limit if unit == "pct" else 100 * limit)
        if unit == "money":
            return Money(self.settings.currency).exact(round(limit * MICROS_PER_UNIT))
        figures = count(int(limit)) if limit == int(limit) else f"{limit:,.2f}".rstrip("0")
        return figures if unit == "count" else f"{figures}{NBSP}{_UNITS.get(unit, unit)}"


def _each(text: Callable[..., str | None], rows: pd.DataFrame, *columns: str) -> pd.Series[Any]:
    """``text`` of each row's values of ``columns``, nulls as None."""
    cells = (rows[name].astype("object") for name in columns)
    values = (each.where(each.notna(), None) for each in cells)
    return pd.Series([text(*row) for row in zip(*values, strict=True)], rows.index, dtype="object")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
