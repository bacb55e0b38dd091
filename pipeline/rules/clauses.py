"""What a rule is made of.

A rule consists of lists of clauses over documented measures, which one engine evaluates:

- ``applies``: a false clause means NOT_APPLICABLE;
- ``needs``: a false or unknown clause means INSUFFICIENT_DATA;
- ``when``: all true is a FINDING, one false is CLEAR, else INSUFFICIENT_DATA (unknown is not 0);
- ``grades``: the first grade whose clauses are all true is the finding's.

Limits are names of settings (``[rules]``), so a report can print the one that decided.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pipeline.rules.measures import MEASURES
from pipeline.schema import MICROS_PER_UNIT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline import settings

Subject = Literal["use", "price", "state"]

FINDING = "FINDING"
CLEAR = "CLEAR"
INSUFFICIENT_DATA = "INSUFFICIENT_DATA"
NOT_APPLICABLE = "NOT_APPLICABLE"
OUTCOMES = (FINDING, CLEAR, INSUFFICIENT_DATA, NOT_APPLICABLE)

PROVEN, LIKELY, SUSPECTED = "proven", "likely", "suspected"
GRADES = (PROVEN, LIKELY, SUSPECTED)

APPLIES, NEEDS, WHEN = "applies", "needs", "when"

NOT_OBSERVED = "account:observed_until"
"""What decides where the cluster's account is not observed on the day: no clause of any rule. The
limit is the day, the value the last day on which the account is observed."""

OPERATORS = {
    "<": "below",
    "<=": "at most",
    ">": "above",
    ">=": "at least",
    "==": "equal to",
    "!=": "other than",
}
"""Comparisons with a number. ``in`` and ``like`` take texts, and ``not in`` and ``not like``;
``is`` takes a flag."""


@dataclass(frozen=True)
class Clause:
    """``measure op limit``; the limit is a number, a flag, texts, or the name of a setting.

    Limits on money are written in the account's currency. ``like`` takes a pattern with ``*``.
    """

    measure: str
    op: str
    limit: float | bool | str | tuple[str, ...]
    or_next: bool = False
    """Whether it is enough that the next clause of its list holds: alternatives in a row."""

    @property
    def id(self) -> str:
        """The clause as stable text: it names the setting that limits it, not that one's value."""
        if isinstance(self.limit, bool):
            return self.measure if self.limit else f"not {self.measure}"
        if isinstance(self.limit, tuple):
            texts = ", ".join(f"'{text}'" for text in self.limit)
            return f"{self.measure} {self.op} {texts}"
        limit = self.limit if isinstance(self.limit, str) else f"{self.limit:.12g}"
        return f"{self.measure}{self.op}{limit}"

    def value(self, thresholds: settings.Rules) -> float | bool | tuple[str, ...]:
        """The limit in force."""
        if isinstance(self.limit, str):
            return float(getattr(thresholds, self.limit))
        return self.limit

    def value_in_unit(self, thresholds: settings.Rules) -> float | bool | tuple[str, ...]:
        """The limit in force, in the unit of the measure: money in micros."""
        limit = self.value(thresholds)
        if isinstance(limit, bool | tuple) or MEASURES[self.measure].unit != "money":
            return limit
        return limit * MICROS_PER_UNIT

    def describe(self, thresholds: settings.Rules | None = None) -> str:
        """The clause in words, its limit as the setting's name and (if given) its value."""
        label = MEASURES[self.measure].label
        if isinstance(self.limit, bool):
            return label if self.limit else f"not {label}"
        if isinstance(self.limit, tuple):
            verb = {"in": "is", "not in": "is not"}.get(self.op, self.op)
            return f"{label} {verb} {' or '.join(self.limit)}"
        limit = f"{self.limit:g}" if not isinstance(self.limit, str) else f"`{self.limit}`"
        if isinstance(self.limit, str) and thresholds is not None:
            limit += f" ({self.value(thresholds):g})"
        return f"{label} is {OPERATORS[self.op]} {limit}"


@dataclass(frozen=True)
class Basis:
    """What a rule's expected spend comes from, instead of the window's whole spend."""

    money: str
    """The measure of money, charged in..."""
    hours: str
    """...these hours."""
    lasts: str | None = None
    """The measure of hours that it is expected to last at most; None: 30 days."""


@dataclass(frozen=True)
class Rule:
    """One rule. Its id is stable; a change of meaning raises its version."""

    id: str
    version: int
    title: str
    applies: tuple[Clause, ...]
    needs: tuple[Clause, ...]
    when: tuple[Clause, ...]
    sentence: str
    """The evidence that decides, in one short sentence; ``{measure}`` is that cluster's value."""
    actions: tuple[tuple[str | None, str], ...]
    """What to do, by grade (None: any other)."""
    source: str
    """Where the thresholds come from."""
    comment: str
    detail: str = ""
    """The rest of the evidence, in further sentences, as ``sentence``."""
    terminate_if: tuple[Clause, ...] = ()
    """What must also hold before it is terminated; else it is stopped."""
    grades: tuple[tuple[str, tuple[Clause, ...]], ...] = ()
    subject: Subject = "state"
    """What it judges. It says why a finding can be gone: work resumed (use), cheaper (price)."""
    is_idle: bool = False
    """Whether a finding means that the cluster does no work."""
    tag: str = "other"
    """The style of its mark on a row of the report."""
    waste: str | None = None
    """The measure that holds the waste a finding proves, in micros."""
    basis: Basis | None = None
    """What the expected spend comes from; None: the window's whole spend."""

    def action(self, grade: str | None) -> str:
        """What to do about a finding of ``grade``."""
        actions = dict(self.actions)
        return actions.get(grade, actions[None])

    @property
    def clauses(self) -> tuple[Clause, ...]:
        """All of them."""
        graded = (clause for _, clauses in self.grades for clause in clauses)
        return (*self.applies, *self.needs, *self.when, *graded, *self.terminate_if)

    @property
    def deciding(self) -> tuple[tuple[str, Clause], ...]:
        """The clauses that decide an outcome, in order, each with its id: its list and its text."""
        lists = ((APPLIES, self.applies), (NEEDS, self.needs), (WHEN, self.when))
        return tuple((f"{name}:{clause.id}", clause) for name, each in lists for clause in each)

    def fingerprint(self, thresholds: settings.Rules) -> str:
        """Short digest of all that decides an outcome: version, window, clauses in force.

        Grades are not in it: they do not decide whether a cluster is found.
        """
        clauses = [(c.measure, c.op, c.value(thresholds)) for _, c in self.deciding]
        ors = [place for place, (_, clause) in enumerate(self.deciding) if clause.or_next]
        values = (self.version, thresholds.idle_window_days, clauses, *([ors] if ors else []))
        deciding = repr(values)
        return hashlib.sha256(deciding.encode()).hexdigest()[:8]

    @property
    def measures(self) -> tuple[str, ...]:
        """The measures that the rule reads, each once, in order."""
        return tuple(
            dict.fromkeys(
                [*(c.measure for c in self.clauses), *measures_in(self.sentence + self.detail)]
            )
        )


def alternatives(clauses: Iterable[Clause]) -> list[tuple[Clause, ...]]:
    """The clauses of a list in groups: one clause of each group must hold."""
    groups: list[tuple[Clause, ...]] = []
    is_open = False
    for clause in clauses:
        if is_open:
            groups[-1] += (clause,)
        else:
            groups.append((clause,))
        is_open = clause.or_next
    return groups


def measures_in(sentence: str) -> list[str]:
    """The measures in the braces of a rule's sentences, in order."""
    return [part.split("}")[0] for part in sentence.split("{")[1:]]


def plain_sentence(measures: Iterable[str]) -> str:
    """The sentence of a rule that has none of its own: each measure and its value."""
    return " and ".join(f"{MEASURES[name].label} {{{name}}}" for name in measures)


LISTED = Clause("is_present", "is", True)  # noqa: FBT003 - the limit of a flag
"""Every rule is only about clusters that are still listed."""
NO_LONGER_LISTED = f"{APPLIES}:{LISTED.id}"
