from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pandas as pd

from pipeline.model import NotObserved
from pipeline.report.sections import finding_changes
from pipeline.report.view import build
from tests.report.factories.clusters import DAY, UNIT
from tests.report.factories.results import full, normal
from tests.report.reading import fact, plain, section_of, sentences, table

if TYPE_CHECKING:
    from pipeline.report.model import ReportView
    from pipeline.report.summary import LifeNumbers


def life(**changes: object) -> LifeNumbers:
    numbers = finding_changes.numbers(replace(full(), **changes))  # type: ignore[arg-type]
    assert numbers is not None
    return numbers


def test_since_the_last_report_shows_new_gone_and_what_acting_saved(
    views: dict[str, ReportView],
) -> None:
    since = section_of(views["full"], "since")
    assert sentences(since) == [
        "Clusters: 1 failed, 1 stopped.",
        "1 new finding on 1 cluster, 1 reopened, 1 gone (resumed work 1).",
        (
            "1 cluster ended or stopped after a finding (the API does not show by whom): $80.00 of "
            "the $100 promised by now was not spent."
        ),
        "Clusters whose findings would save money have cost $200 since they were first found.",
    ]
    assert [row[:2] for row in table(since, "New").rows] == [
        ("notebook", "Idle"),
        ("waiting", "Idle but loaded (reopened)"),
    ]
    acted = table(since, "Realised")
    assert [row[-2:] for row in acted.rows] == [("$100.00", "$80.00")]
    assert acted.totals == (("All 1", "", "", "", "$100.00", "$80.00"),)


def test_clusters_that_changed_are_named_where_findings_have_no_past() -> None:
    view = build(replace(full(), findings=normal().findings))
    assert sentences(section_of(view, "since")) == ["Clusters: 1 failed, 1 stopped."]
    assert view.numbers.life is None


def test_sums_are_those_of_all_rows_shown_or_not(views: dict[str, ReportView]) -> None:
    inputs = full()
    gone = inputs.findings[inputs.findings["state"] == "gone"].tail(1)
    many = pd.concat([gone.assign(cluster_id=f"x{n}", promised_micros=UNIT) for n in range(30)])
    inputs = replace(inputs, findings=many.assign(gone_on=pd.Timestamp(DAY)))
    lines = table(finding_changes.section(inputs, views["full"].totals), "Findings that")
    assert len(lines.rows) == 20
    assert [total[-1] for total in lines.totals] == ["$10.00", "$30.00"]


def test_an_older_last_report_makes_more_findings_new() -> None:
    assert life(previous_report=date(2026, 11, 1)).new == 2


def test_what_a_report_lacked_is_new_in_the_next_one() -> None:
    # The last report knew the account to a day before one finding was new and another gone.
    until = DAY - timedelta(days=11)
    default = life(not_observed_before=(NotObserved(account="default", until=until),))
    assert (default.new, default.gone) == (2, {"resumed work": 1, "stopped": 2})
    other = life(not_observed_before=(NotObserved(account="other", until=until),))
    assert (other.new, other.gone) == (1, {"resumed work": 1})


def test_savings_of_an_account_not_observed_count_to_its_last_day_only() -> None:
    until = DAY - timedelta(days=6)
    numbers = life(not_observed=(NotObserved(account="default", until=until),))
    assert numbers.promised_micros == 300 * UNIT * 4 // 30
    assert numbers.realised_micros == 80 * UNIT


def test_a_row_says_that_it_is_new_and_its_why_what_it_cost_since(
    views: dict[str, ReportView],
) -> None:
    rows = {row.name: row for row in views["full"].findings.rows}
    assert {name: row.news for name, row in rows.items()} == {
        "forgotten": "",
        "notebook": "new",
        "half-used": "",
    }
    first_found = fact(rows["forgotten"].reasons[0].facts, "Found")
    assert plain(first_found.meaning) == (
        "First on 12 November 2026. The cluster has cost $200.00 since."
    )
