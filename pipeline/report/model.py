"""The pieces a report is laid out from: frozen, sorted, rounded and worded.

Templates only place them. Whatever is text here is ready to be shown; the numbers kept as numbers
are for machines (``summary.json``) and for sorting in the browser.
"""

from __future__ import annotations

from datetime import date  # noqa: TC003  # msgspec reads the annotations
from typing import Any, Literal

import msgspec

from pipeline.model import NotObserved  # noqa: TC001  # msgspec reads the annotations

Tone = Literal["plain", "good", "bad", "warn"]


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Base of every piece."""


class Totals(Part, frozen=True):
    """The report's numbers, unrounded: what every sentence and card is written from."""

    currency: str
    day: date | None
    """The report's date: the last closed day."""
    first: date | None
    """First day of the window."""
    damaged: int = 0
    """Stored files that were skipped: without them, nothing seen does not mean nothing there."""
    days_known: int = 0
    """Days of the window that have a ledger."""
    clusters: int = 0
    """Clusters seen in the window."""
    day_micros: int | None = None
    """Spend on the report's date."""
    week_before_micros: int | None = None
    """Mean daily spend of the (up to 7) known days before it."""
    week_before_days: int = 0
    month_micros: int | None = None
    """Spend of the date's month up to and with the date, as far as it is known."""
    month_first: date | None = None
    """The first day of the month that is known."""
    spend_micros: int | None = None
    """Spend of the window."""
    low_micros: int | None = None
    high_micros: int | None = None
    metered_micros: int = 0
    waste_micros: int = 0
    """Proven waste: per cluster the largest of its proven findings, summed."""
    wasteful: int = 0
    """Clusters with proven waste."""
    unproven_micros: int = 0
    """What the other findings would add to it, likely and suspected ones."""
    unproven: int = 0
    """Clusters with waste of which none is proven."""
    found: int = 0
    """Clusters with at least one finding."""
    judged: int = 0
    """Clusters at least one rule could judge."""
    unjudged: int = 0
    """Clusters that no rule could judge, and at least one could not for want of data."""
    saving_micros: int | None = None
    """Counted savings of the next 30 days; null while nothing estimates them."""
    gpu_use_pct: float | None = None
    """Mean GPU use weighted by running GPU time that has a reading."""
    gpu_read_seconds: int = 0
    gpu_clusters: int = 0
    """Clusters behind that mean."""
    not_observed: tuple[NotObserved, ...] = ()
    """Accounts of which nothing is known on the date: no number has what they cost on it."""


class Inputs(Part, frozen=True):
    """What a report was made from: tells later whether it is still current."""

    findings: str
    """The digest of the day's findings."""
    findings_version: int
    incomplete: tuple[str, ...] = ()
    """What was damaged, missing or not whole, each with what is wrong with it."""


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
    """A part of the report that some reports have: sentences that hold its numbers, and tables."""

    key: str
    """Its place in the page."""
    title: str
    sentences: tuple[str, ...]
    tables: tuple[Table, ...] = ()


class Chart(Part, frozen=True):
    """A picture and the sentence that says the same."""

    title: str
    summary: str
    svg: str = ""
    """Empty where there is nothing to draw."""
    legend: tuple[tuple[str, str], ...] = ()
    """(CSS class of the swatch, words)."""


class Swatch(Part, frozen=True):
    """One project of the spend chart, with its colour and its money."""

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
    """Why one rule speaks about one cluster: the opened row."""

    rule: str
    statement: str
    """The rule's own reason, with its numbers."""
    facts: tuple[Fact, ...]


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
    """One line that says why, always shown."""
    reasons: tuple[Reason, ...]
    seen: tuple[Fact, ...]
    """What was seen of the cluster, for all of its findings."""
    sort: tuple[str, ...]
    """Sort keys of the columns, in their order, for the browser."""


class FindingsTable(Part, frozen=True):
    """The findings, cut at the settings' number of rows."""

    columns: tuple[Column, ...]
    rows: tuple[FindingRow, ...]
    totals: tuple[tuple[str, ...], ...]
    note: str
    has_savings: bool = False


class ReportView(Part, frozen=True):
    """Everything a report says. Renderers add nothing and leave out only what they cannot show."""

    facts: Totals
    title: str
    """The headline: the finding, every number in it computed."""
    subject: str
    """The headline's short form, for a mail's subject; it holds no name from outside."""
    kicker: str
    lede: tuple[str, ...]
    cards: tuple[Card, ...]
    spend_chart: Chart
    projects: tuple[Swatch, ...]
    by_day: Table
    waste_chart: Chart
    use_chart: Chart
    findings: FindingsTable
    changes: Table
    unjudged: Table
    outcomes: Table
    rules: Table
    trust: tuple[Fact, ...]
    method: tuple[Fact, ...]
    footer: str
    outcome_counts: dict[str, dict[str, int]] = {}
    """Per rule, how many clusters got each outcome."""
    ahead: Section | None = None
    """Forecast and budgets."""
    causes: Section | None = None
    """Why spend changed."""
    unusual: Section | None = None
    since: Section | None = None
    """The life of findings since the last report."""
    owners: Section | None = None
    """Who answers for what."""
    exclusions: Section | None = None
    more_numbers: dict[str, Any] = {}
    """What the sections above say, for ``summary.json``."""

    @property
    def sections(self) -> tuple[Section, ...]:
        """The sections this report has, in their order."""
        every = (self.ahead, self.causes, self.unusual, self.since, self.owners, self.exclusions)
        return tuple(section for section in every if section)
