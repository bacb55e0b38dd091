from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from pipeline.report.sections import budgets
from pipeline.report.text.numbers import Money
from pipeline.transform.budgets import Budgets
from tests.report.factories import analyses
from tests.report.factories.clusters import UNIT
from tests.report.reading import plain, section_of, sentences, table

if TYPE_CHECKING:
    from pipeline.report.model import ReportView


def test_of_a_budgets_spent_parts_only_the_highest_line_is_named(
    views: dict[str, ReportView],
) -> None:
    section = section_of(views["full"], "ahead")
    assert sentences(section)[2:] == [
        "Budget fleet: 85 % of $10,000 is spent ($8,500).",
    ]
    assert [row[0] for row in table(section, "Budgets").rows] == ["fleet", "team-a"]


def test_budgets_beyond_twenty_are_counted_below_the_table() -> None:
    rows = analyses.budgets("team").table
    many = pd.concat([rows.tail(1).assign(group=f"g{n:02}") for n in range(23)])
    shown = budgets.table(many, Money("USD"))
    assert len(shown.rows) == 20
    assert shown.totals == (("3 more with a smaller share", "", "", "", "", "", ""),)


def test_lines_beyond_twenty_are_counted() -> None:
    alerts = analyses.budgets("team").alerts.tail(1)
    many = pd.concat([alerts.assign(group=f"g{n}") for n in range(22)])
    texts = budgets.sentences(Budgets(many, many, ()), Money("USD"))
    assert len(texts) == 21
    assert texts[-1] == "And 2 more."


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "The budget of $10,000 for November 2026 is forecast to be used up on 27 Nov and exceeded by $6,000."),  # noqa: E501
        ({"reached_on": pd.Timestamp("2026-11-20"), "spent_micros": 10_500 * UNIT},
         "The budget of $10,000 for November 2026 was used up on 20 Nov; $500 more has been spent."),  # noqa: E501
        ({"reached_on": pd.NaT, "forecast_micros": 9_100 * UNIT},
         "The budget of $10,000 for November 2026 is forecast to last, with $900 left."),
        ({"reached_on": pd.NaT, "forecast_micros": pd.NA},
         "85 % of the budget of $10,000 for November 2026 is spent."),
    ],
    ids=["exceeded", "used up", "lasts", "no forecast"],
)  # fmt: skip
def test_the_first_sentences_say_when_the_fleets_budget_is_used_up(
    values: dict[str, object], expected: str
) -> None:
    fleet = analyses.budgets("team").table.head(1).assign(**values)  # type: ignore[arg-type]
    assert [plain(text) for text in lede(fleet)] == [expected]


def test_the_first_sentences_count_the_other_budgets_and_name_the_first() -> None:
    team = analyses.budgets("team").table.tail(1)
    many = pd.concat(
        [
            team.assign(group=group, reached_on=pd.to_datetime(day))
            for group, day in (("b", "2026-11-29"), ("a", "2026-11-25"), ("c", None))
        ]
    )
    assert [plain(text) for text in lede(many)] == [
        "2 of 3 budgets are used up this month or forecast to be: the first is team of a, on 25 Nov."  # noqa: E501
    ]


@pytest.mark.parametrize(
    ("reached_on", "expected"),
    [
        (pd.NaT, "At least 85 % of the budget of $10,000 for November 2026 is spent, with 8 days of the month unknown."),  # noqa: E501
        (pd.Timestamp("2026-11-27"), "The budget of $10,000 for November 2026 is forecast to be used up by 27 Nov at the latest and exceeded by at least $6,000."),  # noqa: E501
    ],
    ids=["not reached", "reached"],
)  # fmt: skip
def test_with_unknown_days_only_what_is_known_is_claimed(
    reached_on: pd.Timestamp, expected: str
) -> None:
    rows = analyses.budgets("team").table.head(1).assign(reached_on=reached_on)
    known = Budgets(rows, rows.iloc[:0], ())
    (text,) = budgets.outlook(known, date(2026, 11, 22), Money("USD"), unknown_days=8)
    assert plain(text) == expected


def test_a_month_that_is_over_is_not_forecast() -> None:
    rows = analyses.budgets("team").table.head(1).assign(reached_on=pd.NaT)
    ended = Budgets(rows, rows.iloc[:0], ())
    (text,) = budgets.outlook(ended, date(2026, 11, 30), Money("USD"))
    assert plain(text).endswith("for November 2026 was not used up: $1,500 was left.")


def lede(rows: pd.DataFrame) -> list[str]:
    return budgets.outlook(Budgets(rows, rows.iloc[:0], ()), date(2026, 11, 22), Money("USD"))
