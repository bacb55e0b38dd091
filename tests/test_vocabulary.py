"""One word for one thing: the glossary of docs/architecture.md, held against names and texts."""

from __future__ import annotations

import ast
import html
import io
import re
import tokenize
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipeline.rules import RULES, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent

INSTEAD = {
    "look": "snapshot (noun); read, check, see (verb)",
    "looks": "snapshots; reads, checks, sees",
    "looked": "read, checked, searched",
    "looking": "reading, checking, searching",
    "tell": "report, show, distinguish",
    "tells": "reports, shows, distinguishes",
    "told": "reported, shown; message, as_json",
    "said": "reported; text, message",
    "excuse": "exclude, note_error",
    "excused": "excluded",
    "silence": "exclude",
    "silenced": "excluded",
    "silences": "excludes",
    "standing": "current, peer_prices, stuck",
    "everyone": "all recipients, OutcomeTable",
    "everybody": "all users",
    "somebody": "a user, a recipient",
    "nobody": "no user, no owner, no recipient",
    "crew": "WorkerPool",
    "roster": "record set, clusters",
    "purse": "budget",
    "glimpse": "snapshot",
    "sight": "observation, snapshot",
    "dear": "expensive",
    "dearer": "more expensive, priced above",
    "dearest": "most expensive",
    "door": "interface",
    "room": "package, module group, space",
    "rooms": "packages, module groups",
    "drawer": "module",
    "wording": "text",
    "anew": "again",
    "deaf": "strict",
}
"""Words that are not used, and the words to use instead."""

INSTEAD_OF_PHRASE = {
    "be meant": "invalid",
    "an address that is none": "an invalid address",
    "an answer that is no answer": "an unusable response",
}

INSTEAD_FOR_READERS = {
    "all metered": "all from cost counters",
    "are in findings.csv": "is (or are) listed in findings.csv",
    "at its run rate": "at its recent cost",
    "at most so many": "at most this many",
    "compared with the mean": "more than, less than or the same as the mean",
    "far from any snapshot": "not observed",
    "if the clusters stay as they are": "if the clusters otherwise stay as they are",
    "in no number": "in no figure",
    "in the rule's window": "in the last 14 days",
    "is not above": "is at most",
    "is not at least": "is below",
    "is not at most": "is above",
    "is not below": "is at least",
    "judged only with": "judged if",
    "lowest and the highest that it can": "the lowest and the highest amount that",
    "month elapses": "month passes",
    "more is spent": "more has been spent",
    "of remaining charges": "still charged",
    "on average": "mean",
    "or more is spent": "is spent, at least",
    "printed are": "prints",
    "proven before likely": "proven findings first, then likely ones",
    "robust score": "distance against the usual spread",
    "sampled part of": "the part that was sampled",
    "shifts of a week against the others give": "at 1 of 168 shifts",
    "so many days": "this many days",
    "the larger of": "the larger, after both values",
    "their structure, the certificates": "a verb: reports",
    "undo: none": "undo: not possible",
    "were never busy": "was never seen busy",
    "which of it was wasted": "how much was wasted",
    "without a closed ledger": "not known",
}
"""Phrases that readers stumbled over, and what to write: in no text that customers read."""

READ = ("README.md", "docs/findings.md", "docs/how-a-finding-is-proven.md", "reports/templates/")
SHOWN = ("pipeline/cli/", "pipeline/jobs/", "pipeline/report/", "pipeline/rules/")
"""Packages whose texts are shown; their docstrings only if they are help texts."""
GOLD = (".txt", ".html")
MOST_WORDS = 30
"""Of a rule's sentence."""

INSTEAD_OF_NAME = {
    "one": "the noun: ref, cluster, row, day, record",
    "whole": "the noun: fleet, table, text",
    "found": "the noun: findings, rows, match",
    "given": "the noun: options, values, arguments",
    "say": "print_result, note",
    "lie": "bad_response",
    "lies": "bad_responses",
}
"""Names of variables, arguments, functions and modules that say nothing."""

EXEMPT = {"tests/test_vocabulary.py"}  # names the words

PUBLIC_COLUMNS = ("looks",)
"""Columns of the Parquet tables keep their names; in texts they stand in backquotes."""


def files() -> Iterator[str]:
    patterns = ("*.md", "*.toml", "Makefile")
    for pattern in (*patterns, "deploy/*", "docs/*.md"):
        yield from (str(path.relative_to(ROOT)) for path in ROOT.glob(pattern) if path.is_file())
    for folder in ("benchmarks", "docs", "notebooks", "pipeline", "tests"):
        yield from (str(path.relative_to(ROOT)) for path in (ROOT / folder).rglob("*.py"))
    for path in (ROOT / "reports").rglob("*"):
        if path.suffix in {".html", ".txt", ".j2", ".css", ".js", ".py"}:
            yield str(path.relative_to(ROOT))


FILES = sorted(set(files()) - EXEMPT)


def words(name: str) -> list[str]:
    """``HTTPServer_one`` as http, server, one."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)
    return [part.lower() for part in parts]


def names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """The names that a module defines, each with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id if isinstance(node, ast.Name) else node.attr


def texts(source: str, tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Comments, docstrings and every other text with a blank in it, each with its line."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.lineno, node.value


def in_text(line: int, text: str) -> Iterator[str]:
    for column in PUBLIC_COLUMNS:
        text = text.replace(f"`{column}`", "")
    for offset, part in enumerate(text.split("\n")):
        for word in re.findall(r"[A-Za-z]+", part):
            if word.lower() in INSTEAD and not re.search(rf"--{word}|{word}-\w", part):
                yield f"line {line + offset}: {word!r}: write {INSTEAD[word.lower()]}"
    flat = " ".join(text.split()).lower()
    for phrase, instead in INSTEAD_OF_PHRASE.items():
        if phrase in flat:
            yield f"line {line}: {phrase!r}: write {instead}"


def in_name(line: int, name: str) -> Iterator[str]:
    for word in words(name):
        if word in INSTEAD:
            yield f"line {line}: {name}: write {INSTEAD[word]}"
    if name.strip("_") in INSTEAD_OF_NAME:
        yield f"line {line}: {name}: write {INSTEAD_OF_NAME[name.strip('_')]}"


def violations(path: str) -> list[str]:
    """The words of a file that have a better one."""
    source = (ROOT / path).read_text(encoding="utf-8")
    bad = list(in_name(0, Path(path).stem))
    if not path.endswith(".py"):
        return bad + list(in_text(1, source))
    tree = ast.parse(source)
    for line, text in texts(source, tree):
        bad += in_text(line, text)
    for line, name in names(tree):
        bad += in_name(line, name)
    return bad


def shown_texts(source: str, *, is_help: bool) -> Iterator[tuple[int, str]]:
    """The texts of a module, each with its line: an f-string as one, without docstrings."""
    tree = ast.parse(source)
    parts = {id(each) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)
             for each in node.values}  # fmt: skip
    skipped = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if id(node) in parts or (id(node) in skipped and not is_help):
            continue
        if isinstance(node, ast.JoinedStr):
            values = (v.value if isinstance(v, ast.Constant) else "{}" for v in node.values)
            yield node.lineno, "".join(map(str, values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def read_by_customers() -> Iterator[tuple[str, list[tuple[int, str]]]]:
    """Each file with texts that customers read, and those texts."""
    for path in FILES:
        source = (ROOT / path).read_text(encoding="utf-8")
        if path.startswith(READ):
            yield path, [(1, source)]
        elif path.startswith(SHOWN):
            yield path, list(shown_texts(source, is_help=path.startswith("pipeline/cli/")))
    for gold in sorted((ROOT / "tests/gold").iterdir()):
        if gold.suffix in GOLD:
            text = html.unescape(re.sub(r"<[^>]*>", " ", gold.read_text(encoding="utf-8")))
            yield f"tests/gold/{gold.name}", [(1, text)]


def stumbling(line: int, text: str) -> Iterator[str]:
    flat = " ".join(text.split()).lower()
    for phrase, instead in INSTEAD_FOR_READERS.items():
        if phrase in flat:
            yield f"line {line}: {phrase!r}: write {instead}"


def test_what_customers_read_has_no_phrase_that_the_style_sheet_replaced() -> None:
    shown = list(read_by_customers())
    assert len(shown) > 130
    bad = [f"{path}: {b}" for path, parts in shown for part in parts for b in stumbling(*part)]
    assert not bad, "\n".join(bad)


@pytest.mark.parametrize("phrase", INSTEAD_FOR_READERS)
def test_a_replaced_phrase_is_noticed_however_it_is_written(phrase: str) -> None:
    head, _, tail = phrase.capitalize().partition(" ")
    for source in (f'x = "{head} "\\\n    "{tail}"', f'x = f"{{y}} {head} {tail} {{z}}"'):
        bad = [b for part in shown_texts(source, is_help=False) for b in stumbling(*part)]
        assert any(repr(phrase) in b for b in bad)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rules_sentence_is_one_short_sentence(rule: Rule) -> None:
    assert rule.sentence[0].isupper() or rule.sentence.startswith("{")
    assert not re.search(r"; |\. |[.;]$", rule.sentence)
    assert len(rule.sentence.split()) <= MOST_WORDS
    assert not rule.detail.endswith(".")


@pytest.mark.parametrize("path", FILES)
def test_names_and_texts_use_the_words_of_the_glossary(path: str) -> None:
    bad = violations(path)
    assert not bad, "\n".join([path, *bad])


def test_the_glossary_uses_its_own_words() -> None:
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    glossary = page.partition("## Glossary")[2].partition("\n## ")[0]
    terms = re.findall(r"^\| ([^|]+?) \|", glossary, re.MULTILINE)[2:]
    assert len(terms) > 30
    assert not [term for term in terms if words(term)[0] in INSTEAD]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def tell_all(): pass", "tell_all"),
        ("class Roster: pass", "Roster"),
        ("x = [one for one in ()]", "one"),
        ("# as the door said\n", "door"),
        ('"""A value that cannot be meant."""', "be meant"),
        ('print(f"no look since {x}")', "look"),
        ("lookup = outlook = 1", None),
        ('"""The column `looks` counts them."""', None),
    ],
)
def test_the_check_finds_names_comments_and_texts(source: str, expected: str | None) -> None:
    tree = ast.parse(source)
    bad = [text for line, name in names(tree) for text in in_name(line, name)]
    bad += [text for line, part in texts(source, tree) for text in in_text(line, part)]
    assert bool(bad) == (expected is not None)
    assert expected is None or expected in bad[0]
