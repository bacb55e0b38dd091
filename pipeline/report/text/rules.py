"""The rules in the reader's words: names, thresholds in force, and reasons that can be counted."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from pipeline.report.model import Column, Table, Tag
from pipeline.report.text import names
from pipeline.report.text.numbers import NBSP, Money, count, known, percent
from pipeline.rules import ACTIONS, MEASURES, RULES, Clause, Rule
from pipeline.schema import MICROS_PER_UNIT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.settings import Settings

_OPERATORS = {
    "<": "below",
    "<=": "at most",
    ">": "above",
    ">=": "at least",
    "==": "equal to",
    "!=": "other than",
    "in": "one of",
    "like": "like",
}
_TAGS = {"idle": "idle", "idle_loaded": "loaded"}
_ACTIONS = {
    "terminate": "Terminate it if nobody needs its storage, else stop it.",
    "stop": "Stop it while nobody uses it; its storage may still cost.",
    "schedule": "Run it on a schedule: it is used at some hours only.",
    "resize": "Give it fewer or smaller GPUs, and watch its use afterwards.",
    "move": "Move it to the cheaper offer.",
    "review": "Ask its owner what it is for.",
}
_BRACES = re.compile(r"\{(\w+)\}")
_VALUE = re.compile(r" is .*?, not ", re.DOTALL)


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
        return Tag(name=self.name(rule_id), css=_TAGS.get(rule_id, "other"))

    def statement(self, rule_id: str) -> str:
        """What the rule looks for, with the thresholds in force."""
        rule = self._rules.get(rule_id)
        if rule is None:
            return ""
        wanted = "; ".join(self._clause(clause) for clause in rule.when)
        needed = "; ".join(self._clause(clause) for clause in rule.needs)
        text = f"{wanted[:1].upper()}{wanted[1:]}."
        return f"{text} Judged only with {needed}." if needed else text

    def told(self, rule_id: str, evidence: str | None) -> str:
        """The sentence of a finding, with money in its currency; empty without its evidence."""
        rule = self._rules.get(rule_id)
        if rule is None or evidence is None or not rule.says:
            return ""
        seen = msgspec.json.decode(evidence)
        try:
            said = _BRACES.sub(lambda hole: self._value(hole[1], seen[hole[1]]), rule.says)
        except KeyError:  # found by another version of the rule, that looked at other things
            return ""
        return said[:1].upper() + said[1:]

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
            return f"{value:,.2f}{NBSP}times"
        figures = f"{value:,.1f}".removesuffix(".0")
        return {"hours": f"{figures}{NBSP}h", "days": f"{figures}{NBSP}days"}.get(unit, figures)

    def table(self) -> Table:
        """Every rule: what it looks for, why, and where its thresholds come from."""
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
        return f"{measure.label} {_OPERATORS[clause.op]} {self._in_units(limit, measure.unit)}"

    def _in_units(self, limit: float, unit: str) -> str:
        if unit in ("pct", "share"):
            return percent(limit if unit == "pct" else 100 * limit)
        if unit == "money":
            return Money(self.settings.currency).exact(round(limit * MICROS_PER_UNIT))
        figures = count(int(limit)) if limit == int(limit) else f"{limit:,.2f}"
        return figures if unit == "count" else f"{figures} {unit}"


def action(name: str | None) -> str:
    """What to do, what it takes, and the way back."""
    key = str(known(name) or "")
    if key not in ACTIONS:
        return ""
    sentence = _ACTIONS.get(key, key)
    if key == "review":
        return sentence
    what = ACTIONS[key]
    risk, _, because = what.risk.partition(": ")
    return (
        f"{sentence} Effort {what.effort}, risk {risk} ({because}); "
        f"way back: {what.rollback.replace(': ', ', ')}."
    )


def kind_of_reason(reason: str | None) -> str:
    """A reason without the cluster's own value, so that equal ones can be counted together."""
    return _VALUE.sub(" is not ", str(known(reason) or "No reason given"), count=1)
