"""docs/findings.md, generated from the rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.rules.catalogue import RULES
from pipeline.rules.clauses import FINDING, GRADES, OUTCOMES, Clause, Rule, alternatives
from pipeline.rules.measures import MEASURES
from pipeline.settings import Rules

if TYPE_CHECKING:
    from collections.abc import Sequence

_OUTCOME_MEANING = {
    "FINDING": "all conditions hold",
    "CLEAR": "one of them is known not to hold",
    "INSUFFICIENT_DATA": "not judged: too few samples, an unknown value, or an account that is not "
    "observed on the day",
    "NOT_APPLICABLE": "the rule does not apply to this cluster now",
}
_INTRODUCTION = """# Findings

Every rule gives every cluster exactly one outcome, with a reason. An unknown value is never taken
for zero: it makes the outcome INSUFFICIENT_DATA. The report lists such clusters in their own table.
"""
_GRADING = """
Grades state how sure a finding is. n samples without work only exclude a busy share above
1 - 0.05^(1/n) (95 % confidence): 7 samples leave 35 % possible, the 336 of two weeks 0.9 %.
Running time without a sample counts as busy. Proven needs snapshots at random instants
(`extract --spread`): a job that works at the same minutes of every hour is never seen at a fixed
minute. [How a finding is proven](how-a-finding-is-proven.md) has the method.

Savings are for the next 30 days, estimated from what the cluster really cost. Actions on one
cluster exclude each other: only the best one counts, and never more than the cluster's spend of the
last 30 days. Suspected findings count no saving.
"""


def to_markdown(rules: Sequence[Rule] = RULES, thresholds: Rules | None = None) -> str:
    """The page: outcomes, grades, rules, and the columns that rules may use."""
    limits = thresholds or Rules()
    parts = [_INTRODUCTION, "| outcome | meaning |", "|---|---|"]
    parts += [f"| {name} | {_OUTCOME_MEANING[name]} |" for name in OUTCOMES]
    parts += [_GRADING, "## Rules", ""]
    parts += [f"- [{rule.title}](#{_anchor(rule.title)}) (`{rule.id}`)" for rule in rules]
    for rule in rules:
        parts += ["", *_of(rule, limits)]
    parts += ["", *_own(), "", "## Columns", "", "| column | unit | meaning |", "|---|---|---|"]
    parts += [f"| `{m.name}` | {m.unit} | {m.meaning} |" for m in MEASURES.values()]
    return "\n".join(parts) + "\n"


def _of(rule: Rule, limits: Rules) -> list[str]:
    lines = [f"### {rule.title}", ""]
    lines += [f"`{rule.id}`, version {rule.version}.", ""]
    for label, clauses in (
        ("Applies if", rule.applies),
        ("Needs", rule.needs),
        (f"{FINDING} if", rule.when),
    ):
        if clauses:
            lines.append(f"- {label}: {_all(clauses, limits)}.")
    for grade, clauses in rule.grades:
        lines.append(f"- {grade}: {_all(clauses, limits) if clauses else 'otherwise'}.")
    lines += [f"- Action: {_actions(rule, limits)}.", f"- Thresholds: {rule.source}"]
    return [*lines, *(["", rule.comment] if rule.comment else [])]


def _anchor(heading: str) -> str:
    """The anchor that Git hosts and Sphinx give a heading of words and hyphens."""
    return heading.lower().replace(" ", "-")


def _all(clauses: Sequence[Clause], limits: Rules) -> str:
    return "; ".join(
        " or ".join(clause.describe(limits) for clause in group) for group in alternatives(clauses)
    )


def _actions(rule: Rule, limits: Rules) -> str:
    if not rule.grades:
        return rule.action(None)
    graded = [name for name, _ in rule.grades]
    text = ", ".join(f"{rule.action(grade)} if {grade}" for grade in GRADES if grade in graded)
    if rule.terminate_if:
        text += f"; stop instead of terminate unless {_all(rule.terminate_if, limits)}"
    return text


_OWN_RULES = """## Your own rules

A settings file may add rules: named conditions over the columns below. They are parsed, never
executed. A rule's name is its id: lower-case letters, digits and `_`, and not a built-in rule's.

```toml
[own_rules.weekend_dev]
when = "name like 'dev-*' and running_hours > 100 and gpu_mean_pct < 40"
reason = "a development box that ran {running_hours} at {gpu_mean_pct}"   # {column}: its value
title = "Development box left on"                                         # default: the name
action = "stop"             # review (the default), stop, terminate, schedule, resize, move

[own_rules.expensive_strangers]
when = "hourly_rate_micros > 10 and gpu_type not in 'H100', 'H200' and name not like 'prod-*'"

[own_rules.left_on]
when = "status in 'running' and (not has_expiry or running_hours > 300)"
```

A condition is made of comparisons:

| comparison | true if | example |
|---|---|---|
| `column < number`, also `<=` `>` `>=` `==` `!=` | the number is so | `gpu_mean_pct < 40` |
| `column in 'text', 'text'` | the text is one of these | `status in 'running', 'starting'` |
| `column not in 'text', 'text'` | it is none of these | `gpu_type not in 'H100'` |
| `column like 'pattern'` | it matches a pattern; `*` and `?` match anything | `name like 'dev-*'` |
| `column not like 'pattern'` | it matches no pattern | `name not like 'prod-*', 'eval-*'` |
| `column` | the flag is set | `has_expiry` |
| `not column` | the flag is not set | `not has_expiry` |

`and` and `or` join them. `and` binds more strongly: `a and b or c` is `(a and b) or c`; parentheses
change that. `not` stands before a flag, `in` or `like` only. Limits on money are in the account's
currency: `spend_micros > 100` means 100 units. Case counts in texts.

An unknown value makes a comparison neither true nor false. If the condition depends on it, the
outcome is INSUFFICIENT_DATA: `gpu_mean_pct < 40 or running_hours > 100` is a finding if the second
is true, whether or not GPU use is known. If all alternatives are false, the reason names the first.
`fleetledger replay` tries a rule on past days before it is used."""


def _own() -> list[str]:
    return _OWN_RULES.split("\n")
