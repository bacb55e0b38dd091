"""Tickets: what they hold, and that no text from outside has a meaning in Markdown."""

from __future__ import annotations

import re

import msgspec
import pytest
from markdown_it import MarkdownIt

from pipeline.report.output.tickets import INDEX, code, plain, tickets
from pipeline.report.text import names
from pipeline.report.view import build
from tests.hostile.corpus import corpus
from tests.report.factories.results import SETS

MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
HARMLESS = {"text", "code_inline", "softbreak", "code_block", "fence"}
OURS = {
    *("heading_open", "heading_close", "paragraph_open", "paragraph_close", "inline"),
    *("bullet_list_open", "bullet_list_close", "list_item_open", "list_item_close"),
}


def kinds(text: str) -> set[str]:
    """The kinds of tokens in a Markdown text."""
    tokens = MARKDOWN.parse(text)
    return {token.type for each in tokens for token in (each, *(each.children or ()))}


@pytest.mark.parametrize("name", ["full", "normal"])
def test_each_first_action_has_a_ticket_and_the_list_names_the_rest(name: str) -> None:
    inputs = SETS[name]()
    view = build(inputs)
    files = tickets(inputs, view)
    assert files.keys() == {INDEX, *(row.ticket for row in view.first.rows)}
    index = files[INDEX].decode()
    for row in view.first.rows:
        text = files[row.ticket].decode()
        assert text.startswith(f"# {plain(row.action)} {code(row.name)}\n")
        for part in (row.saving, row.grade, f"fleetledger why {row.cluster_id}", str(inputs.day)):
            assert part in text.replace("\\", "")
        for call in row.calls:
            assert f"    {call.value}\n" in text
        assert f"]({row.ticket})" in index
        assert kinds(text) <= OURS | HARMLESS
    assert (plain(view.first.more) in index) if view.first.more else "each with its ticket" in index


def test_a_finding_has_the_same_file_in_every_report() -> None:
    names = [[row.ticket for row in build(SETS["normal"]()).first.rows] for _ in range(2)]
    assert names[0] == names[1]
    assert all(re.fullmatch(r"ticket-[a-z0-9-]{1,49}\.md", name) for name in names[0])


def test_before_a_day_is_closed_there_is_none() -> None:
    inputs = SETS["no_closed_day"]()
    files = tickets(inputs, build(inputs))
    assert files == {}


@pytest.mark.parametrize("write", [code, plain])
def test_no_text_has_a_meaning_in_markdown(write: object) -> None:
    for text in corpus():
        line = names.shown(text, 200)
        for where in ("- What: {}", "{}", "# Stop: {}", "- a, {}"):
            written = where.format(write(line))
            assert kinds(written) <= OURS | HARMLESS, (line, written)
            shown = "".join(
                token.content for each in MARKDOWN.parse(written) for token in each.children or ()
            )
            assert shown.endswith(line.strip()), (line, written, shown)


def test_a_ticket_of_a_hostile_fleet_is_plain() -> None:
    inputs = SETS["hostile"]()
    view = build(inputs)
    rows = view.first.rows or build(SETS["normal"]()).first.rows
    for text in corpus():
        shown = names.shown(text)
        row = msgspec.structs.replace(
            rows[0], name=shown, cluster_id=shown, where=f"project {shown}", why=shown
        )
        first = msgspec.structs.replace(view.first, rows=(row,))
        files = tickets(inputs, msgspec.structs.replace(view, first=first))
        assert kinds(files[row.ticket].decode()) <= OURS | HARMLESS, text
        assert kinds(files[INDEX].decode()) <= OURS | HARMLESS | {"link_open", "link_close"}
