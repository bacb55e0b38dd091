"""Finding rules as data: what each applies to, needs and finds, its sentence, and its sources.

``actions``: what can be done, and what that takes. ``measures``: the documented columns that a rule
may use. ``clauses``: what a rule is made of. ``catalogue``: the built-in rules. ``conditions``: a
user's own rules, parsed from text, never executed. ``markdown``: docs/findings.md.
"""

from pipeline.rules.actions import ACTIONS, Action, Call
from pipeline.rules.catalogue import IDLE, IDLE_LOADED, OFF_HOURS, RULES, SPEND_ANOMALY
from pipeline.rules.clauses import (
    CLEAR,
    FINDING,
    GRADES,
    INSUFFICIENT_DATA,
    LIKELY,
    NO_LONGER_LISTED,
    NOT_APPLICABLE,
    NOT_OBSERVED,
    OPERATORS,
    OUTCOMES,
    PROVEN,
    SUSPECTED,
    Basis,
    Clause,
    Rule,
    alternatives,
    plain_sentence,
)
from pipeline.rules.conditions import own_rules, parse_condition
from pipeline.rules.markdown import to_markdown
from pipeline.rules.measures import MEASURES, Measure

__all__ = [
    "ACTIONS",
    "CLEAR",
    "FINDING",
    "GRADES",
    "IDLE",
    "IDLE_LOADED",
    "INSUFFICIENT_DATA",
    "LIKELY",
    "MEASURES",
    "NOT_APPLICABLE",
    "NOT_OBSERVED",
    "NO_LONGER_LISTED",
    "OFF_HOURS",
    "OPERATORS",
    "OUTCOMES",
    "PROVEN",
    "RULES",
    "SPEND_ANOMALY",
    "SUSPECTED",
    "Action",
    "Basis",
    "Call",
    "Clause",
    "Measure",
    "Rule",
    "alternatives",
    "own_rules",
    "parse_condition",
    "plain_sentence",
    "to_markdown",
]
