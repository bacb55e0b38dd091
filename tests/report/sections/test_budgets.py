from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from pipeline.report.sections import budgets
from pipeline.report.text.numbers import Money
from pipeline.transform.budgets import Budgets
from tests.report.factories import analyses
from tests.report.reading import plain, section_of, sentences, table

if TYPE_CHECKING:
    from pipeline.report.model import ReportView


def test_of_a_budgets_spent_parts_only_the_highest_line_is_named(
    views: dict[str, ReportView],
) -> None:
    section = section_of(views["full"], "ahead")
    assert sentences(section)[1:] == [
        "Budget fleet: 80 % of $10,000 is spent ($8,500).",
        "Budget fleet: $10,000 is forecast to be exceeded.",
    ]
    assert [row[0] for row in table(section, "Budgets").rows] == ["fleet", "team-a"]


def test_budgets_beyond_twenty_are_counted_below_the_table() -> None:
    rows = analyses.budgets("team").table
    many = pd.concat([rows.tail(1).assign(group=f"g{n:02}") for n in range(23)])
    shown = budgets.table(many, Money("USD"))
    assert len(shown.rows) == 20
    assert shown.totals == (("3 more with a smaller share", "", "", "", "", ""),)


def test_lines_beyond_twenty_are_counted() -> None:
    alerts = analyses.budgets("team").alerts.tail(1)
    many = pd.concat([alerts.assign(group=f"g{n}") for n in range(22)])
    texts = budgets.sentences(Budgets(many, many, ()), Money("USD"))
    assert len(texts) == 21
    assert texts[-1] == "And 2 more."
    assert [plain(text) for text in budgets.lede(Budgets(many, many, ()), Money("USD"))] == [
        "22 budget thresholds were newly crossed; details are below."
    ]
