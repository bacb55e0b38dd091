"""One word for one thing: the glossary of docs/architecture.md, held against names and texts."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

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
