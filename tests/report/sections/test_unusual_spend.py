from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from pipeline.report.sections import unusual_spend
from tests.report.factories import analyses
from tests.report.factories.clusters import DAY, UNIT
from tests.report.factories.results import full
from tests.report.reading import section_of, sentences

if TYPE_CHECKING:
    from pipeline.report.model import ReportView


def test_unusual_spend_names_the_day_and_what_is_usual(views: dict[str, ReportView]) -> None:
    view = views["full"]
    assert sentences(section_of(view, "unusual")) == [
        "Project team-a cost $900 on 22 Nov; $400 is usual."
    ]
    assert view.numbers.as_json()["anomalies"] == [
        {
            "date": "2026-11-22",
            "cut": "project",
            "group": "team-a",
            "spend_micros": 900 * UNIT,
            "usual_micros": 400 * UNIT,
            "deviation_micros": 500 * UNIT,
            "score": 9.0,
        }
    ]


def test_without_unusual_days_there_is_no_section_but_an_empty_list(
    views: dict[str, ReportView],
) -> None:
    none = analyses.unusual_days("team-a").iloc[:0]
    inputs = replace(full(), unusual_days=none)
    assert unusual_spend.section(inputs, views["full"].totals) is None
    assert unusual_spend.numbers(none) == ()
    assert unusual_spend.numbers(None) is None


def test_the_fleet_and_further_cases_are_named(views: dict[str, ReportView]) -> None:
    days = analyses.unusual_days("team-a")
    fleet = days.assign(cut="fleet", group=None, date=pd.Timestamp(DAY))
    inputs = replace(full(), unusual_days=pd.concat([fleet, days], ignore_index=True))
    section = unusual_spend.section(inputs, views["full"].totals)
    assert sentences(section) == [
        ("The fleet cost $900 on 22 Nov; $400 is usual. 1 other amount was unusual."),
    ]
