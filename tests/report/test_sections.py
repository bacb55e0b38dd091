"""The sections a report has when the analyses behind them were made."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from pipeline.model import NotObserved
from pipeline.report.text.numbers import MINUS, NBSP, UNKNOWN
from pipeline.report.text.rules import RuleText
from pipeline.report.view import ReportView, build
from pipeline.rules import RULES
from pipeline.settings import Settings
from tests.report.conftest import DAY, NORMAL, UNIT, Forecast, make, results

if TYPE_CHECKING:
    from pipeline.report.model import Section, Table


def plain(text: str) -> str:
    return text.replace(NBSP, " ")


def told(section: Section | None) -> list[str]:
    assert section is not None
    return [plain(sentence) for sentence in section.sentences]


def table(section: Section | None, caption: str) -> Table:
    assert section is not None
    (found,) = (one for one in section.tables if one.caption.startswith(caption))
    return found


def full(**changed: object) -> ReportView:
    return build(**{**make("full"), **changed})


def test_without_analyses_no_section_and_no_number_is_added(views: dict[str, ReportView]) -> None:
    assert views["normal"].sections == ()
    assert views["normal"].more_numbers == {}


def test_the_forecast_says_its_error_and_what_already_runs(views: dict[str, ReportView]) -> None:
    view = views["full"]
    assert told(view.ahead)[0] == (
        "November 2026 is forecast to cost $16,000; forecasts made the same way on 20 earlier "
        "days were off by 3.1 %. If only what runs now goes on, it is $14,000."
    )
    (card,) = (card for card in view.cards if card.label.startswith("Forecast"))
    assert (card.value, plain(card.note)) == ("$16,000", "past ones were off by 3.1 %")
    assert "November 2026 is forecast to cost $16,000 (past forecasts were off by 3.1 %)." in [
        plain(sentence) for sentence in view.lede
    ]


def test_a_refused_forecast_is_a_dash_with_its_reason() -> None:
    view = full(forecast=Forecast((), None, refused="2 days of history"))
    (card,) = (card for card in view.cards if card.label.startswith("Forecast"))
    assert (card.value, card.note, card.tone) == (UNKNOWN, "2 days of history", "warn")
    assert told(view.ahead)[0] == "There is no forecast for November 2026: 2 days of history."


def test_a_forecast_tested_on_few_days_says_on_how_few() -> None:
    given: Any = make("full")["forecast"]
    few = replace(given, best=replace(given.best, origins=1))
    assert "(past forecasts were off by 3.1 %, on 1 day only)" in plain(
        " ".join(full(forecast=few).lede)
    )


def test_of_a_budgets_spent_parts_only_the_highest_line_is_told(
    views: dict[str, ReportView],
) -> None:
    assert told(views["full"].ahead)[1:] == [
        "Budget fleet: 80 % of $10,000 is spent ($8,500).",
        "Budget fleet: $10,000 is forecast to be exceeded.",
    ]
    rows = table(views["full"].ahead, "Budgets").rows
    assert [row[0] for row in rows] == ["fleet", "team-a"]


def test_the_causes_add_up_to_the_difference_to_the_cent(views: dict[str, ReportView]) -> None:
    why = table(views["full"].causes, "Why")
    assert [row[2] for row in why.rows] == ["+$700.00", f"{MINUS}$250.00", "+$50.00"]
    assert why.totals[0] == ("All causes", "", "+$500.00")
    assert told(views["full"].causes)[0].startswith(
        "Spend rose by $500, 16 to 22 Nov 2026 against 9 to 15 Nov 2026: new clusters +$700.00; "
    )


def test_the_bridge_without_clusters_says_the_same_causes() -> None:
    causes = pd.DataFrame(
        {
            "cause": ["new", "gone", "rate"],
            "clusters": [3, 1, 0],
            "micros": [700 * UNIT, -200 * UNIT, 0],
        }
    )
    view = full(bridge=causes)
    assert view.causes is not None
    assert [plain(one.caption) for one in view.causes.tables] == [
        "Why: 16 to 22 Nov 2026 against 9 to 15 Nov 2026"
    ]
    assert table(view.causes, "Why").rows == (
        ("New clusters", "3", "+$700.00"),
        ("Clusters that are gone", "1", f"{MINUS}$200.00"),
    )


def test_both_periods_are_shown_where_the_ledger_holds_them() -> None:
    made = results(NORMAL)
    weeks = [made["ledger"]["date"] > pd.Timestamp(DAY - timedelta(days=7 * n)) for n in (1, 2)]
    spend = made["ledger"]["spend_micros"]
    moved = 2 * int(spend[weeks[0]].sum()) - int(spend[weeks[1]].sum())
    bridge = pd.DataFrame({"cause": ["new"], "clusters": [1], "micros": [moved]})
    totals = table(full(bridge=bridge).causes, "Why").totals
    assert [total[0] for total in totals] == [
        "All causes",
        f"9 to 15{NBSP}Nov{NBSP}2026",
        f"16 to 22{NBSP}Nov{NBSP}2026",
    ]


def test_since_the_last_report_tells_new_gone_and_what_acting_saved(
    views: dict[str, ReportView],
) -> None:
    since = views["full"].since
    assert told(since) == [
        "Clusters: 1 failed, 1 stopped.",
        "1 finding on 1 cluster is new; 1 is back; 1 is gone (resumed work 1).",
        "Acting on 1 cluster was to save $100 by now, and saved $80.00.",
        "Doing nothing about what is open has cost $200 since it was first found.",
    ]
    assert [row[:2] for row in table(since, "New").rows] == [
        ("notebook", "Idle"),
        ("waiting", "Idle but loaded (back)"),
    ]
    acted = table(since, "Acted on")
    assert [row[-2:] for row in acted.rows] == [("$100.00", "$80.00")]
    assert acted.totals == (("All 1", "", "", "", "$100.00", "$80.00"),)


def test_clusters_that_changed_are_told_even_where_findings_have_no_past() -> None:
    view = full(findings=make("normal")["findings"])
    assert told(view.since) == ["Clusters: 1 failed, 1 stopped."]
    assert plain(view.changes.caption) == "Clusters that changed since 21 Nov"
    assert [row[2:] for row in view.changes.rows] == [
        ("failed", "running", "team-a", "$20.00", "$5.00"),
        ("stopped", "running", "stopped", "$20.00", "$5.00"),
    ]
    assert view.more_numbers["status_changes"] == {"failed": 1, "stopped": 1}


def test_unusual_spend_names_the_day_and_what_is_usual(views: dict[str, ReportView]) -> None:
    view = views["full"]
    assert told(view.unusual) == ["Project team-a cost $900 on 22 Nov, where $400 is usual."]
    assert view.more_numbers["anomalies"] == [
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
    calm = full(anomalies=make("full")["anomalies"].iloc[:0])
    assert calm.unusual is None
    assert calm.more_numbers["anomalies"] == []


def test_sums_are_those_of_all_rows_shown_or_not() -> None:
    made = make("full")
    gone = made["findings"][made["findings"]["state"] == "gone"].tail(1)
    many = pd.concat([gone.assign(cluster_id=f"x{n}", promised_micros=UNIT) for n in range(30)])
    view = build(**{**made, "findings": many.assign(gone_on=pd.Timestamp(DAY))})
    lines = table(view.since, "Gone")
    assert len(lines.rows) == 20
    assert [total[-1] for total in lines.totals] == ["$10.00", "$30.00"]


def test_an_older_last_report_makes_more_new() -> None:
    assert told(full(since=date(2026, 11, 1)).since)[1].startswith(
        "2 findings on 2 clusters are new"
    )


def test_what_a_report_lacked_the_next_one_tells() -> None:
    # The last report knew the account to a day before one finding was new and another gone.
    until = DAY - timedelta(days=11)
    life = full(untold=[NotObserved(account="default", until=until)]).more_numbers["life"]
    assert (life["new"], life["gone"]) == (2, {"resumed work": 1, "stopped": 2})
    other = full(untold=[NotObserved(account="other", until=until)]).more_numbers["life"]
    assert (other["new"], other["gone"]) == (1, {"resumed work": 1})


def test_savings_of_an_account_that_is_not_observed_are_due_to_its_last_day_only() -> None:
    until = DAY - timedelta(days=6)
    life = full(not_observed=[NotObserved(account="default", until=until)]).more_numbers["life"]
    assert life["promised_micros"] == 300 * UNIT * 4 // 30
    assert life["realised_micros"] == 80 * UNIT


def test_a_row_says_that_it_is_new_and_its_why_since_when_and_what_waiting_cost(
    views: dict[str, ReportView],
) -> None:
    rows = {row.name: row for row in views["full"].findings.rows}
    assert {name: row.news for name, row in rows.items()} == {
        "forgotten": "",
        "notebook": "new",
        "half-used": "",
        "waiting": "back",
    }
    facts = {fact.term: plain(fact.meaning) for fact in rows["forgotten"].reasons[0].facts}
    assert facts["Found"] == "First on 12 November 2026; doing nothing has cost $200.00 since."


def test_exclusions_say_what_they_cost_and_which_have_run_out(views: dict[str, ReportView]) -> None:
    assert told(views["full"].exclusions) == [
        "1 exclusion in force keeps 2 findings quiet; the dearest forgoes $75.00 over 30 days.",
        "1 has run out and works no more: old-* (2026-11-01).",
    ]
    assert table(views["full"].exclusions, "Exclusions").rows[1][4] == "2026-11-01, has run out"


def test_what_no_list_can_show_is_said_and_in_no_total(views: dict[str, ReportView]) -> None:
    values = {fact.term: fact.value for fact in views["full"].trust}
    assert values["Between two looks"] == "$12.00"
    assert views["full"].facts.spend_micros == views["normal"].facts.spend_micros


def test_the_date_is_compared_without_the_accounts_that_are_not_observed_on_it(
    views: dict[str, ReportView],
) -> None:
    view = views["account_behind"]
    # The other accounts spend the same every day but one that began three days ago.
    assert view.facts.day_micros == views["normal"].facts.day_micros
    assert view.facts.week_before_micros == views["normal"].facts.week_before_micros
    for card in view.cards[:-1]:
        assert "without 2 accounts" in plain(card.note)
    for section in (view.ahead, view.causes, view.unusual, view.since):
        assert "lab (since 20 November 2026)" in told(section)[-1]


def test_a_fleet_is_not_called_empty_while_an_account_is_not_observed() -> None:
    lost = [NotObserved(account="lab", until=DAY - timedelta(days=20))]
    view = build(**make("empty_fleet"), not_observed=lost)
    assert "empty" not in view.title + view.subject
    assert plain(view.title).endswith("; account lab not observed since 2 November 2026")
    assert view.facts.day_micros is None


def test_before_a_day_is_closed_no_section_is_told() -> None:
    assert full(day=None).sections == ()


@pytest.mark.parametrize(("currency", "shown"), [("EUR", "€2.00"), ("JPY", f"JPY{NBSP}2")])
def test_a_finding_is_told_with_its_money_in_the_currency(currency: str, shown: str) -> None:
    wording = RuleText(Settings(currency=currency), RULES)
    evidence = '{"hourly_rate_micros":2000000,"age_days":31.43,"has_expiry":false}'
    assert wording.finding("no_expiry", evidence) == (
        f"Has existed for 31.4{NBSP}days and costs {shown} an hour, without an expiry"
    )
    assert wording.finding("no_expiry", None) == ""
    other_version = f"Hourly rate {shown} and age 31.4{NBSP}days and set to expire no"
    assert wording.finding("gone_rule", evidence) == other_version


def test_a_day_without_a_readable_ledger_is_unknown_not_free() -> None:
    made = results(NORMAL)
    lost = DAY - timedelta(days=3)
    made["ledger"] = made["ledger"][made["ledger"]["date"] != pd.Timestamp(lost)]
    made["days"] = [DAY - timedelta(days=n) for n in range(14) if n != 3]
    view = build(**made)
    assert view.by_day.rows[3] == (f"19{NBSP}Nov", *[UNKNOWN] * (len(view.projects) + 1))
    assert {fact.term: plain(fact.value) for fact in view.trust}["Days"] == "13 of 14 days"
    assert "Spend in 13 days" in [plain(card.label) for card in view.cards]


def with_owners(**owners: str) -> dict[str, Any]:
    """``normal`` with the owners of some projects, told by owner."""
    made = make("normal")
    for name in ("ledger", "findings"):
        projects = made[name]["project_id"].astype("object")
        made[name] = made[name].assign(owner=projects.map(owners).where(projects.notna(), None))
    return {**made, "owned": True}


def test_owners_and_nobody_add_up_to_the_report() -> None:
    view = build(**with_owners(llm="Ana", vision="Ben"))
    assert told(view.owners) == ["2 owners; nobody is named for 3 clusters that cost $1,620."]
    rows = table(view.owners, "By owner")
    assert [row[:3] for row in rows.rows] == [
        ("Ana", "2", "$16,464.00"),
        ("Ben", "2", "$5,208.00"),
        ("nobody named", "3", "$1,620.00"),
    ]
    assert rows.totals[0][:3] == ("All", "7", "$23,292.00")
    assert sum(one["findings"] for one in view.more_numbers["owners"]) == view.facts.found
    everybody = build(**with_owners(llm="Ana", vision="Ana", search="Ana"))
    assert told(everybody.owners)[0].startswith("1 owner; nobody is named for 1 cluster that cost")


def test_an_owners_part_says_whose_it_is() -> None:
    view = full(owner="Ana <script>")
    assert view.kicker.endswith("only what Ana <script> owns")
    assert view.subject.startswith("Ana <script>: $7,900 ")
    assert "<script>owns" not in view.kicker
