"""A user's own rules: a named condition over documented columns, parsed, never executed.

Grammar: ``CLAUSE and CLAUSE and …``, each of them one of::

    measure <|<=|>|>=|==|!= number      gpu_mean_pct < 40
    measure in 'text', 'text'           status in 'running', 'starting'
    measure like 'pattern'              name like 'dev-*'
    measure | not measure               not has_expiry

Limits on money are in the account's currency: ``spend_micros > 100`` means 100 units. An unknown
column that the condition needs makes the outcome INSUFFICIENT_DATA, as in the built-in rules.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipeline.errors import SettingsError
from pipeline.rules.clauses import LISTED, Clause, Rule, measures_in, plain_sentence
from pipeline.rules.measures import MEASURES
from pipeline.spelling import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline import settings

_COMPARISON = re.compile(r"^(\w+)\s*(<=|>=|==|!=|<|>)\s*(-?\d+(?:\.\d+)?)$")
_TEXTS = re.compile(r"^(\w+)\s+(in|like)\s+('[^']*'(?:\s*,\s*'[^']*')*)$")
_FLAG = re.compile(r"^(not\s+)?(\w+)$")
_SPLIT = re.compile(r"\s+and\s+(?=(?:[^']*'[^']*')*[^']*$)")
_ID = re.compile(r"^[a-z][a-z0-9_]{0,39}$")


def parse_condition(text: str, source: str) -> tuple[Clause, ...]:
    """The clauses of a condition; ``source`` names its place in errors.

    Raises:
        SettingsError: not in the grammar, or a column that does not exist or has another unit.
    """
    return tuple(_clause(part.strip(), source) for part in _SPLIT.split(text.strip()))


def own_rules(
    rules: Mapping[str, settings.OwnRule], taken: tuple[str, ...], source: str = "own_rules"
) -> tuple[Rule, ...]:
    """The rules a settings file adds; ``taken`` are ids it may not use."""
    return tuple(_rule(name, rule, taken, f"{source}.{name}") for name, rule in rules.items())


def _rule(name: str, definition: settings.OwnRule, taken: tuple[str, ...], source: str) -> Rule:
    if not _ID.match(name) or name in taken:
        raise SettingsError(
            f"{source}: a rule's name is lower-case letters, digits and '_' (at most 40), "
            "and not a built-in rule's"
        )
    when = parse_condition(definition.when, f"{source}.when")
    sentence = definition.reason or plain_sentence(clause.measure for clause in when)
    for measure in measures_in(sentence):
        _known(measure, f"{source}.reason")
    return Rule(
        id=name,
        version=1,
        title=definition.title or name,
        applies=(LISTED,),
        needs=(),
        when=when,
        sentence=sentence,
        actions=((None, definition.action),),
        source="The settings file.",
        comment="",
    )


def _clause(text: str, source: str) -> Clause:
    if match := _COMPARISON.match(text):
        measure, op, limit = match.groups()
        _known(measure, source, but_not=("text", "flag"))
        return Clause(measure, op, float(limit))
    if match := _TEXTS.match(text):
        measure, op, listed = match.groups()
        _known(measure, source, only="text")
        return Clause(measure, op, tuple(re.findall(r"'([^']*)'", listed)))
    if match := _FLAG.match(text):
        negated, measure = match.groups()
        _known(measure, source, only="flag")
        return Clause(measure, "is", not negated)
    raise SettingsError(
        f"{source}: cannot read {text!r}; write e.g. gpu_mean_pct < 40 and name like 'dev-*'"
    )


def _known(
    measure: str, source: str, *, only: str | None = None, but_not: tuple[str, ...] = ()
) -> None:
    if measure not in MEASURES:
        near = nearest(measure, MEASURES)
        hint = f"did you mean {near}?" if near else "docs/findings.md has all of them"
        raise SettingsError(f"{source}: unknown column {measure}; {hint}")
    unit = MEASURES[measure].unit
    if unit in but_not or (only is not None and unit != only):
        wanted = "numbers" if but_not else f"{only}s"
        raise SettingsError(f"{source}: {measure} holds {unit}, this comparison is for {wanted}")
