"""The rules in the reader's words: names, thresholds in force, and reasons that can be counted."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from pipeline.report.numbers import Money, count, known, percent
from pipeline.rules import GRADES, MEASURES, RULES, Clause, Rule
from pipeline.schema import MICROS_PER_UNIT

if TYPE_CHECKING:
    from pipeline.settings import Settings

__all__ = ["GRADES", "action", "kind_of_reason", "rule_name", "statement", "tag_class"]

_OPERATORS = {
    "<": "below",
    "<=": "at most",
    ">": "above",
    ">=": "at least",
    "==": "equal to",
    "in": "one of",
}
_TAGS = {"idle": "idle", "idle_loaded": "loaded"}
_ACTIONS = {
    "terminate": "Terminate it if nobody needs its storage, else stop it. What it holds is gone "
    "after that: ask its owner first.",
    "stop": "Stop it while nobody uses it; its storage may still cost. It can be started again.",
    "schedule": "Run it on a schedule: it is used at some hours only.",
    "resize": "Give it fewer or smaller GPUs, and watch its use afterwards.",
    "review": "Ask its owner what it is for.",
}
_VALUE = re.compile(r" is .*?, not ", re.DOTALL)


def rule_name(rule_id: str) -> str:
    """The rule's title; its id if this version does not know it."""
    rule = _rules().get(rule_id)
    return rule.title if rule else rule_id


def tag_class(rule_id: str) -> str:
    """The style of its tag."""
    return _TAGS.get(rule_id, "other")


def action(name: str | None) -> str:
    """What to do, in a sentence."""
    return _ACTIONS.get(str(known(name) or ""), "")


def statement(rule_id: str, settings: Settings) -> str:
    """What the rule looks for, with the thresholds in force, and where they come from."""
    rule = _rules().get(rule_id)
    if rule is None:
        return ""
    wanted = "; ".join(_clause(clause, settings) for clause in rule.when)
    needed = "; ".join(_clause(clause, settings) for clause in rule.needs)
    text = f"{_first_up(wanted)}. "
    if needed:
        text += f"Judged only with {needed}. "
    return f"{text}{rule.comment} Source: {rule.source}"


def _clause(clause: Clause, settings: Settings) -> str:
    measure = MEASURES[clause.measure]
    limit = clause.value(settings.rules)
    if isinstance(limit, bool):
        return measure.label if limit else f"not {measure.label}"
    if isinstance(limit, tuple):
        return f"{measure.label} {_OPERATORS[clause.op]} {', '.join(limit)}"
    return f"{measure.label} {_OPERATORS[clause.op]} {_in_units(limit, measure.unit, settings)}"


def _in_units(limit: float, unit: str, settings: Settings) -> str:
    if unit in ("pct", "share"):
        return percent(limit if unit == "pct" else 100 * limit)
    if unit == "money":
        return Money(settings.currency).exact(round(limit * MICROS_PER_UNIT))
    figures = count(int(limit)) if limit == int(limit) else f"{limit:,.1f}"
    return figures if unit == "count" else f"{figures} {unit}"


def kind_of_reason(reason: str | None) -> str:
    """A reason without the cluster's own value, so that equal ones can be counted together."""
    return _VALUE.sub(" is not ", str(known(reason) or "No reason given"), count=1)


def _first_up(text: str) -> str:
    return text[:1].upper() + text[1:]


@cache
def _rules() -> dict[str, Rule]:
    return {rule.id: rule for rule in RULES}
