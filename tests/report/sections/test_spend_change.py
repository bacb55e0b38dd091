from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import TYPE_CHECKING

import pandas as pd

from pipeline.report.sections import spend_change
from pipeline.report.text.numbers import MINUS, NBSP
from tests.report.factories import analyses
from tests.report.factories.clusters import DAY, UNIT
from tests.report.factories.results import normal
from tests.report.reading import plain, section_of, sentences, table

if TYPE_CHECKING:
    from pipeline.report.model import ReportView


def test_the_causes_add_up_to_the_difference_to_the_cent(views: dict[str, ReportView]) -> None:
    section = section_of(views["full"], "causes")
    why = table(section, "Causes")
    assert [row[2] for row in why.rows] == ["+$700.00", f"{MINUS}$250.00", "+$50.00"]
    assert why.totals[0] == ("All causes", "", "+$500.00")
    assert sentences(section)[0].startswith(
        "Spend from 16 to 22 Nov 2026 was $500 higher than from 9 to 15 Nov 2026: new clusters "
    )


def test_the_clusters_with_the_largest_changes_come_first(views: dict[str, ReportView]) -> None:
    moved = table(section_of(views["full"], "causes"), "Clusters with")
    assert [(row[0], row[3]) for row in moved.rows] == [
        ("team-a", "+$700.00"),
        ("b", f"{MINUS}$250.00"),
        ("c", "+$50.00"),
    ]


def test_spend_that_did_not_change_has_no_table(views: dict[str, ReportView]) -> None:
    same = replace(normal(), spend_change=analyses.spend_change(("a", "rate", 0)))
    section = spend_change.section(same, views["normal"].totals)
    assert section is not None
    assert section.tables == ()
    assert [plain(text) for text in section.sentences] == [
        "Spend from 16 to 22 Nov 2026 was the same as from 9 to 15 Nov 2026."
    ]


def test_both_periods_are_shown_where_the_ledger_holds_them(views: dict[str, ReportView]) -> None:
    inputs = normal()
    ledger = inputs.ledger
    weeks = [ledger["date"] > pd.Timestamp(DAY - timedelta(days=7 * n)) for n in (1, 2)]
    spend = ledger["spend_micros"]
    moved = 2 * int(spend[weeks[0]].sum()) - int(spend[weeks[1]].sum())
    change = analyses.spend_change(("a", "new", moved // UNIT))
    section = spend_change.section(replace(inputs, spend_change=change), views["normal"].totals)
    assert [total[0] for total in table(section, "Causes").totals] == [
        "All causes",
        f"9 to 15{NBSP}Nov{NBSP}2026",
        f"16 to 22{NBSP}Nov{NBSP}2026",
    ]


def test_the_waterfall_has_the_figures_of_the_table_and_meets_both_periods(
    views: dict[str, ReportView],
) -> None:
    inputs = normal()
    week = inputs.ledger["date"] > pd.Timestamp(DAY - timedelta(days=7))
    spend = inputs.ledger["spend_micros"]
    after, before = (int(spend[rows].sum()) for rows in (week, ~week))
    rest = (after - before) // UNIT - 700 + 250
    change = analyses.spend_change(("a", "new", 700), ("b", "gone", -250), ("c", "rate", rest))
    section = spend_change.section(replace(inputs, spend_change=change), views["normal"].totals)
    assert section is not None
    assert section.chart is not None
    why = table(section, "Causes")
    money = inputs.money
    figures = [money.exact(before), *(row[2] for row in why.rows), money.exact(after)]
    for drawn in (section.chart.svg, section.chart.narrow):
        texts = [unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", drawn)]
        assert [text for text in texts if text in figures] == figures
    assert "does not begin at 0" in section.chart.summary
    assert 320 <= float(section.chart.narrow.split('"', 2)[1].split()[2]) <= 340


def test_without_the_spend_of_both_periods_there_is_no_waterfall(
    views: dict[str, ReportView],
) -> None:
    assert section_of(views["full"], "causes").chart is None
