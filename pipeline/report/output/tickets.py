"""A ticket for each action that a report shows first, as Markdown, and a list of them.

Only these: a ticket is for someone to act on, and a fleet of any size has at most ten a day. A file
is named by account, cluster and rule, so a finding has the same file every day.

Texts from outside stand in code spans and code blocks, in which no renderer reads markup, links,
mentions or HTML. In sentences, punctuation is escaped; one that could hold a mention or an address
is a code span as a whole, since some renderers find these after the escapes are gone.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from pipeline.report.text.numbers import UNKNOWN, count_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.report.inputs import ReportInputs
    from pipeline.report.model import FirstAction, ReportView

INDEX = "tickets.md"
_MARKUP = re.compile(r"([!-/:-@\[-`{-~])")
"""Every punctuation mark of ASCII: Markdown allows each of them to be escaped."""
_HARMLESS = frozenset("$%,.:;/'\"?=&()")
"""Left as they are, since sentences are full of them. A link needs its brackets, which are escaped;
"&" is left before a blank only.
"""
_NUMBERED = re.compile(r"^(\s*\d+)([.)])")
"""What begins a numbered list."""
_MENTIONS = re.compile(r"[@#]|://|www\.|&\S|\.\S*/", re.IGNORECASE)
_PLAIN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def tickets(inputs: ReportInputs, view: ReportView) -> dict[str, bytes]:
    """The files by name; none before a day is closed."""
    if inputs.day is None:
        return {}
    files = {
        row.ticket: _text(_ticket(row, inputs, view.headline.kicker)) for row in view.first.rows
    }
    return files | {INDEX: _text(_index(view))}


def code(text: str) -> str:
    """``text`` as a code span, whatever it holds."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    ticks = "`" * (longest + 1)
    blank = " " if text.startswith(("`", " ")) or text.endswith(("`", " ")) else ""
    return f"{ticks}{blank}{text}{blank}{ticks}"


def plain(sentence: str) -> str:
    """A sentence that may quote a name, without a meaning in Markdown."""
    if _MENTIONS.search(sentence):
        return code(sentence)
    text = _MARKUP.sub(lambda m: m[0] if m[0] in _HARMLESS else f"\\{m[0]}", sentence)
    return _NUMBERED.sub(r"\1\\\2", text)


def _ticket(row: FirstAction, inputs: ReportInputs, kicker: str) -> Iterator[str]:
    yield f"# {plain(row.action)} {code(row.name)}"
    yield ""
    yield f"{plain(row.why)}."
    yield ""
    yield f"- Cluster: {code(row.cluster_id)}" + (f", {code(row.where)}" if row.where else "")
    run_rate = f"; {row.run_rate} at its recent cost" if row.run_rate else ""
    yield (
        f"- Saving: {plain(row.saving)} over the next 30 days, at most what the cluster cost in "
        f"the last 30{plain(run_rate)}"
    )
    yield f"- Grade: {row.grade}"
    since = f"; {row.since}" if row.since else ""
    days = inputs.settings.rules.idle_window_days
    yield f"- Window: the {days} days up to {inputs.day}{plain(since)}"
    for fact in row.facts:
        yield f"- {fact.term}: {plain(fact.meaning)}"
    yield f"- Effort and risk: {plain(row.takes)}"
    yield f"- Undo: {plain(row.undo)}"
    for call in row.calls:
        yield ""
        yield f"{plain(call.term)}:"
        yield ""
        yield from (f"    {line}" for line in call.value.splitlines())
    yield ""
    if _PLAIN_ID.fullmatch(row.cluster_id):
        yield f"All that is known about it: `fleetledger why {shlex.quote(row.cluster_id)}`"
        yield ""
    yield plain(f"{kicker}. Proven: measured, with 95 % confidence where it rests on samples.")


def _index(view: ReportView) -> Iterator[str]:
    first = view.first
    yield f"# Tickets: {plain(view.headline.kicker)}"
    yield ""
    yield plain(first.summary) if first.rows else plain(first.summary or UNKNOWN)
    yield ""
    for row in first.rows:
        yield f"- [{plain(row.action)}]({row.ticket}) {code(row.name)}: {plain(row.saving)}"
    yield ""
    left = f"{first.more} They have no ticket; findings.csv has them." if first.more else ""
    yield plain(left or f"{count_of(len(first.rows), 'action')}, each with its ticket.")


def _text(lines: Iterator[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode("utf-8", "replace")
