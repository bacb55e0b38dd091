"""The pieces a report is laid out from: frozen, sorted, rounded and worded.

Templates only place them. Whatever is text here is ready to be shown; the numbers kept as numbers
are for machines (``summary.json``) and for sorting in the browser.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from pipeline.report.summary import Numbers  # noqa: TC001  # msgspec reads the annotations
from pipeline.transform.totals import Totals  # noqa: TC001  # msgspec reads the annotations

Tone = Literal["plain", "good", "bad", "warn"]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Base of every piece."""


class Card(Part, frozen=True):
    """One figure at the top."""

    label: str
    value: str
    note: str = ""
    tone: Tone = "plain"


class Column(Part, frozen=True):
    """A table's column."""

    label: str
    is_number: bool = False


class Table(Part, frozen=True):
    """A plain table: its cells are what is read."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    totals: tuple[tuple[str, ...], ...] = ()


class Section(Part, frozen=True):
    """A part that some reports have: sentences that hold its numbers, tables, perhaps a chart.

    The text and the mail show the sentences only; a section without any is on the page alone.
    """

    key: str
    """Its anchor in the page."""
    title: str
    sentences: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    chart: Chart | None = None


class Chart(Part, frozen=True):
    """A picture and a sentence with its content."""

    title: str
    summary: str
    svg: str = ""
    """Empty where there is nothing to draw."""
    narrow: str = ""
    """The same, drawn for a phone; empty where the one picture suits both."""
    legend: tuple[tuple[str, str], ...] = ()
    """(CSS class of the swatch, words)."""


class Swatch(Part, frozen=True):
    """One project of the spend chart, with its colour and spend."""

    css: str
    name: str
    spend: str
    share: str


class Fact(Part, frozen=True):
    """A term and what is known about it."""

    term: str
    value: str
    meaning: str = ""
    tone: Tone = "plain"


class Reason(Part, frozen=True):
    """One finding of a cluster, as the opened row shows it."""

    rule: str
    rule_id: str
    statement: str
    """The rule's own reason, with its numbers."""
    facts: tuple[Fact, ...]
    week: Chart | None = None
    """Of a cluster that runs in off-hours: the hours of its week."""


class Tag(Part, frozen=True):
    """A rule's short name on a row."""

    name: str
    css: str


class FindingRow(Part, frozen=True):
    """One cluster with findings, most provable money first."""

    anchor: str
    name: str
    cluster_id: str
    account: str
    project: str
    gpus: str
    rate: str
    use: str
    spark: str
    """Path of the small line of daily GPU use, empty where there are no readings."""
    spark_label: str
    tag: Tag
    """The finding with most money."""
    news: str
    """``new`` or ``back`` since the last report; else empty."""
    more: str
    """How many others there are."""
    rules: str
    """All of them."""
    spend: str
    waste: str
    saving: str
    grade: str
    evidence: str
    why: str
    """The reason in one line, always shown."""
    reasons: tuple[Reason, ...]
    seen: tuple[Fact, ...]
    """What was seen of the cluster, for all of its findings."""
    sort: tuple[str, ...]
    """Sort keys of the columns, in their order, for the browser."""
    words: str
    """What a filter finds besides the row's own text: owner, rules, actions, grades."""
    pattern: str
    """Matches its id alone in the exclusions file."""


class FirstAction(Part, frozen=True):
    """One action that saves money."""

    anchor: str
    """Of the cluster's row among the findings."""
    ticket: str
    """The file of its ticket, the same every day."""
    action: str
    """In the imperative, with its figures; the cluster's name follows."""
    name: str
    cluster_id: str
    where: str
    """Project, and owner if one is named."""
    saving: str
    run_rate: str
    """The saving at the cluster's present rate, where it differs; else empty."""
    grade: str
    why: str
    """The finding's sentence."""
    since: str
    takes: str
    """``low effort, high risk``."""
    undo: str
    """How it is undone, or that this is not possible."""
    is_final: bool
    """It cannot be undone."""
    instead: str
    """When another action is right, and which; else empty."""
    facts: tuple[Fact, ...]
    """What to do, risk, what stays charged, evidence, arithmetic."""
    calls: tuple[Fact, ...]
    """What a command does, and the command to copy; never run."""


class FirstActions(Part, frozen=True):
    """The actions that save most, proven ones first."""

    summary: str
    """What all of them save, by grade."""
    rows: tuple[FirstAction, ...]
    more: str
    """How many others there are, and what those save; empty where there are none."""
    owners: str
    """Whom to ask where no owners are named; else empty."""


class FindingsTable(Part, frozen=True):
    """The findings, cut at the settings' number of rows."""

    columns: tuple[Column, ...]
    rows: tuple[FindingRow, ...]
    totals: tuple[tuple[str, ...], ...]
    note: str
    folded: str
    """How many clusters have only findings without an amount; empty if none has."""
    open_rows: int = 20
    """So many are shown at once; the others are folded."""


class SpendByDay(Part, frozen=True):
    """Spend by day and project: as a chart with its legend, and as a table."""

    chart: Chart
    projects: tuple[Swatch, ...]
    by_day: Table


class Headline(Part, frozen=True):
    """The first sentences."""

    title: str
    """The main finding; every number in it is computed."""
    subject: str
    """Its short form, for a mail's subject; it holds no name from outside but the owner's."""
    kicker: str
    """The line above the title: what this is, and of which day."""
    lede: tuple[str, ...]


class Outcomes(Part, frozen=True):
    """What every rule concluded, and what could not be judged."""

    unjudged: Table
    by_rule: Table


class Failure(Part, frozen=True):
    """A night in which no account could be read."""

    subject: str
    title: str
    reasons: tuple[str, ...]
    """What failed, with the remedy: one sentence for each account."""
    known: str
    """What the last report found; empty where there is none."""
    link: str


class ReportView(Part, frozen=True):
    """The content of a report. Renderers add nothing and leave out only what they cannot show."""

    totals: Totals
    headline: Headline
    first: FirstActions
    cards: tuple[Card, ...]
    spend: SpendByDay
    before_findings: tuple[Section, ...]
    """The sections between the spend by day and the findings, in their order."""
    waste_chart: Chart
    use_chart: Chart
    findings: FindingsTable
    after_findings: tuple[Section, ...]
    outcomes: Outcomes
    rules: Table
    rule_ids: tuple[str, ...]
    """The anchors of its rows."""
    data_quality: tuple[Fact, ...]
    method: tuple[Fact, ...]
    footer: str
    numbers: Numbers
    """What ``summary.json`` adds to the totals."""

    @property
    def title(self) -> str:
        """The headline."""
        return self.headline.title
