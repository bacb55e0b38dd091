"""A user's own rules: a named condition over documented columns, parsed, never executed.

Grammar, with ``and`` before ``or`` and parentheses::

    condition  = all { "or" all }
    all        = part { "and" part }
    part       = "(" condition ")" | comparison
    comparison = column ("<" | "<=" | ">" | ">=" | "==" | "!=") number    gpu_mean_pct < 40
               | column ["not"] "in" text { "," text }                    status in 'running'
               | column ["not"] "like" pattern { "," pattern }            name not like 'prod-*'
               | ["not"] column                                           not has_expiry

Limits on money are in the account's currency: ``spend_micros > 100`` means 100 units. An unknown
column that the condition needs makes the outcome INSUFFICIENT_DATA, as in the built-in rules.

The engine judges a list of clauses all of which must hold, each of them alone or as one of several
alternatives. Every condition is equal to such a list, unknown values included: ``a and b or c`` is
``(a or c) and (b or c)``.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline.errors import SettingsError
from pipeline.rules.clauses import LISTED, OPERATORS, Clause, Rule, measures_in, plain_sentence
from pipeline.rules.measures import MEASURES
from pipeline.spelling import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline import settings

    Alternatives = tuple[Clause, ...]
    """Clauses of which one must hold."""

MOST_CLAUSES = 100
"""Of a condition, written as alternatives; a rule that needs more cannot be read by a person."""
DEEPEST = 20
"""Levels of parentheses."""

_TOKEN = re.compile(r"\s*('[^']*'|<=|>=|==|!=|[<>(),]|-?[\w.]+)")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_COLUMN = re.compile(r"[A-Za-z_]\w*")
_ID = re.compile(r"^[a-z][a-z0-9_]{0,39}$")
_WORDS = frozenset({"and", "or", "not", "in", "like"})


def parse_condition(text: str, source: str) -> tuple[Clause, ...]:
    """The clauses of a condition; ``source`` names its place in errors.

    Raises:
        SettingsError: not in the grammar, or a column that does not exist or has another unit.
    """
    parts = _Parser(text, source).condition()
    return tuple(
        replace(clause, or_next=place < len(part))
        for part in parts
        for place, clause in enumerate(part, 1)
    )


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


class _Parser:
    """Reads one condition from left to right; its methods return what must hold, all of it."""

    def __init__(self, text: str, source: str) -> None:
        self._source = source
        self._text = text.strip()
        self._tokens: list[tuple[int, str]] = []
        self._depth = 0
        at = 0
        while at < len(self._text):
            match = _TOKEN.match(self._text, at)
            if match is None:
                raise self._unreadable(len(self._text) - len(self._text[at:].lstrip()))
            self._tokens.append((match.start(1), match[1]))
            at = match.end()
        self._next = 0

    def condition(self) -> list[Alternatives]:
        """The whole text."""
        parts = self._any()
        if self._next < len(self._tokens):
            raise self._unreadable()
        return parts

    def _any(self) -> list[Alternatives]:
        parts = self._all()
        while self._take("or"):
            other = self._all()
            # Each clause once; in the order in which they are written.
            parts = [tuple(dict.fromkeys(left + right)) for left in parts for right in other]
            self._check_size(parts)
        return parts

    def _all(self) -> list[Alternatives]:
        parts = self._part()
        while self._take("and"):
            parts = parts + self._part()
        self._check_size(parts)
        return parts

    def _part(self) -> list[Alternatives]:
        if not self._take("("):
            return [(self._comparison(),)]
        self._depth += 1
        if self._depth > DEEPEST:
            raise SettingsError(
                f"{self._source}: more than {DEEPEST} levels of parentheses; write fewer"
            )
        parts = self._any()
        if not self._take(")"):
            raise self._unreadable()
        self._depth -= 1
        return parts

    def _comparison(self) -> Clause:
        if self._take("not"):
            return Clause(self._column(only="flag"), "is", limit=False)
        start = self._next
        column = self._token()
        if not _COLUMN.fullmatch(column) or column in _WORDS:
            raise self._unreadable()
        self._next += 1
        operator = self._token()
        if operator in OPERATORS:
            self._next += 1
            number = self._token()
            if not _NUMBER.fullmatch(number):
                raise self._unreadable(self._tokens[start][0])
            self._next += 1
            _known(column, self._source, but_not=("text", "flag"))
            return Clause(column, operator, float(number))
        negation = "not " if self._take("not") else ""
        for word in ("in", "like"):
            if self._take(word):
                _known(column, self._source, only="text")
                return Clause(column, negation + word, self._texts(start))
        if negation or operator == "(":
            raise self._unreadable(self._tokens[start][0])
        _known(column, self._source, only="flag")
        return Clause(column, "is", limit=True)

    def _column(self, *, only: str) -> str:
        column = self._token()
        if not _COLUMN.fullmatch(column) or column in _WORDS:
            raise self._unreadable()
        self._next += 1
        _known(column, self._source, only=only)
        return column

    def _texts(self, start: int) -> tuple[str, ...]:
        texts: list[str] = []
        while not texts or self._take(","):
            token = self._token()
            if not token.startswith("'"):
                raise self._unreadable(self._tokens[start][0])
            texts.append(token[1:-1])
            self._next += 1
        return tuple(texts)

    def _token(self) -> str:
        """The next token; empty at the end."""
        return self._tokens[self._next][1] if self._next < len(self._tokens) else ""

    def _take(self, token: str) -> bool:
        """Whether the next token is ``token``, which is then read."""
        is_next = self._token() == token
        self._next += is_next
        return is_next

    def _check_size(self, parts: list[Alternatives]) -> None:
        if sum(map(len, parts)) > MOST_CLAUSES:
            raise SettingsError(
                f"{self._source}: too many alternatives (more than {MOST_CLAUSES} comparisons "
                "when written out); write two rules"
            )

    def _unreadable(self, at: int | None = None) -> SettingsError:
        """The error for the text from ``at`` on, or from the next token on."""
        if at is None:
            is_end = self._next >= len(self._tokens)
            at = len(self._text) if is_end else self._tokens[self._next][0]
        where = repr(self._text[at:][:80]) if at < len(self._text) else f"{self._text[-80:]!r}: "
        if at >= len(self._text):
            where += "it ends too early"
        return SettingsError(
            f"{self._source}: cannot read {where}; write such as "
            "gpu_mean_pct < 40 and (name like 'dev-*' or not has_expiry)"
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
