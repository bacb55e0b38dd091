from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import msgspec
import pytest

from pipeline import schema
from pipeline.report.output import render
from pipeline.report.text.numbers import MINUS, NBSP, UNKNOWN
from pipeline.report.view import build
from pipeline.settings import Report, Settings
from tests.report.factories.clusters import Cluster
from tests.report.factories.results import LAST_14_DAYS, NORMAL, SETS, full, report_inputs
from tests.report.reading import plain

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.report.model import ReportView


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("normal", "$7,900 provably wasted in 14 days; one cluster accounts for all of it"),
        ("empty_fleet", "The fleet was empty: no cluster from 9 to 22 Nov 2026"),
        ("no_closed_day", "No day is closed yet, so there is nothing to report"),
        ("one_cluster", "$7,900 provably wasted in 14 days; one cluster accounts for all of it"),
        (
            "all_unjudged",
            "Spend of 14 days is unknown; too little data to judge any of 4 clusters",
        ),
    ],
)
def test_the_headline_is_what_was_found(
    views: dict[str, ReportView], name: str, title: str
) -> None:
    assert plain(views[name].headline.title) == title


def test_a_fleet_without_waste_has_a_headline_of_its_own() -> None:
    view = build(report_inputs([NORMAL[0], NORMAL[4]]))
    assert (
        plain(view.headline.title) == "$8,568 spent in 14 days; no waste found in 2 judged clusters"
    )


def test_suspicions_without_proof_are_not_called_waste() -> None:
    view = build(report_inputs([NORMAL[0], NORMAL[3]]))
    assert plain(view.headline.title) == (
        "$12,432 spent in 14 days; no waste is proven, but 1 cluster is worth checking"
    )


def test_only_proven_waste_is_called_proven(views: dict[str, ReportView]) -> None:
    view = views["normal"]
    assert (view.totals.waste_micros, view.totals.wasteful) == (7_900_500_000, 1)
    assert (view.totals.unproven_micros, view.totals.unproven) == (700_250_000, 1)
    assert plain(view.headline.subject) == "$7,900 provably wasted by 1 cluster (2026-11-22)"
    assert "Another $700 on 1 cluster may have been wasted: likely or suspected, not proven." in [
        plain(sentence) for sentence in view.headline.lede
    ]
    (card,) = (card for card in view.cards if card.label.startswith("Proven waste"))
    assert plain(card.note) == "in 1 cluster; $700 more is not proven"
    money = {
        row.name: plain(fact.meaning)
        for row in view.findings.rows
        for fact in row.reasons[0].facts
        if fact.term == "Cost" and "wasted" in fact.meaning
    }
    assert "$7,900.50 of the cost of the last 14 days was provably wasted" in money["forgotten"]
    maybe = "$700.25 of the cost of the last 14 days may have been wasted: likely, not proven"
    assert maybe in money["notebook"]
    assert {row.name: row.waste for row in view.findings.rows if row.name in money} == {
        "forgotten": "$7,900.50",
        "notebook": "($700.25)",
    }
    assert (
        "Waste in parentheses is not proven: this much may have been wasted." in view.findings.note
    )


def test_unproven_waste_is_in_the_lede_but_not_in_the_headline() -> None:
    view = build(report_inputs([NORMAL[0], NORMAL[2]]))
    assert plain(view.headline.title).endswith(
        "no waste is proven, but 1 cluster is worth checking"
    )
    assert plain(view.headline.subject).endswith("spent, no waste proven (2026-11-22)")
    assert "$700 on 1 cluster may have been wasted: likely or suspected, not proven." in [
        plain(sentence) for sentence in view.headline.lede
    ]


def test_the_samples_of_a_cluster_are_of_one_window() -> None:
    inputs = report_inputs([NORMAL[1]])
    inputs = replace(
        inputs,
        evidence=inputs.evidence.assign(busy_samples=250),
        utilization=inputs.utilization.assign(busy_samples=600),  # of a longer window
    )
    (row,) = build(inputs).findings.rows
    (samples,) = (plain(fact.meaning) for fact in row.seen if fact.term == "Samples")
    assert samples.startswith(
        "GPU use was read in 336 running hours and was above 5 % (busy) in 250 of them"
    )


def test_a_damaged_store_is_not_an_empty_fleet() -> None:
    damaged = ("ledger/a", "ledger/b")
    view = build(replace(report_inputs([]), days=LAST_14_DAYS, damaged=damaged))
    assert plain(view.headline.title) == "No result: 2 stored files cannot be read"
    assert view.totals.spend_micros is None


@pytest.mark.parametrize("name", SETS)
def test_no_name_from_outside_is_in_a_headline_or_a_subject(
    views: dict[str, ReportView], name: str
) -> None:
    view = views[name]
    for text in (view.headline.title, view.headline.subject, *view.headline.lede):
        assert text.isprintable() or NBSP in text
        assert not any(word in text for word in ("forgotten", "<", ">", "=", "evil"))


def test_money_of_the_window_day_and_month_adds_up() -> None:
    early = Cluster("c1", "early", "p", 1.0, 50.0, days=40)
    view = build(report_inputs([early], settings=Settings(report=Report(window="30d"))))
    totals = view.totals
    assert totals.day_micros == 24_000_000
    assert totals.week_before_micros == 24_000_000
    assert totals.month_micros == 22 * 24_000_000
    assert totals.spend_micros == 30 * 24_000_000
    assert totals.first == date(2026, 10, 24)
    assert totals.days_known == 30


def test_gpu_use_weighs_each_hour_by_its_gpus() -> None:
    small = Cluster("c1", "small", "p", 1.0, 100.0, gpus=1)
    large = Cluster("c2", "large", "p", 1.0, 20.0, gpus=3)
    unread = Cluster("c3", "unread", "p", 1.0, None, gpus=8)
    totals = build(report_inputs([small, large, unread])).totals
    assert totals.gpu_use_pct == pytest.approx(40.0)
    assert totals.gpu_clusters == 2


def test_bounds_widen_by_the_outer_two_midnights_only() -> None:
    inputs = report_inputs([Cluster("c1", "c1", "p", 1.0, 50.0)])
    ledger = inputs.ledger.assign(cut_start_micros=5, cut_end_micros=7)
    totals = build(replace(inputs, ledger=ledger)).totals
    assert totals.low_micros == 14 * 24_000_000 - 12
    assert totals.high_micros == 14 * 24_000_000 + 12


def test_a_cluster_counts_once_with_its_largest_finding(views: dict[str, ReportView]) -> None:
    (row, *_) = views["normal"].findings.rows
    assert (row.name, row.more, row.waste) == ("forgotten", "and 1 more", "$7,900.50")
    assert [reason.rule for reason in row.reasons] == ["Idle", "Expensive and little used"]


def test_an_excluded_finding_is_in_no_number_but_is_counted() -> None:
    inputs = report_inputs([NORMAL[1], NORMAL[2]])
    findings = inputs.findings
    excluded = (findings["cluster_id"] == "cluster_a2") & (findings["outcome"] == "FINDING")
    findings = findings.assign(exclusion=findings["exclusion"].mask(excluded, "prod: standby"))
    view = build(replace(inputs, findings=findings))
    assert view.totals.waste_micros == 0
    assert view.totals.unproven_micros == 700_250_000
    assert [row.name for row in view.findings.rows] == ["notebook"]
    assert [f.value for f in view.data_quality if f.term == "Excluded findings"] == ["2"]


def test_rows_beyond_the_limit_are_summed_and_left_to_the_csv() -> None:
    inputs = report_inputs(NORMAL, settings=Settings(report=Report(window="14d", max_rows=1)))
    saves = inputs.findings["cluster_id"] == "cluster_a2"  # so that no other is to act on first
    saving = inputs.findings["counted_saving_micros"].where(saves, 0)
    findings = inputs.findings.assign(counted_saving_micros=saving)
    table = build(replace(inputs, findings=findings)).findings
    assert len(table.rows) == 1
    labels = [plain(total[0]) for total in table.totals]
    assert labels == ["1 shown", "1 more in findings.csv", "All 2 clusters", "Proven part"]
    assert [total[-3] for total in table.totals] == [
        *("$7,900.50", "$700.25", "$8,600.75", "$7,900.50"),
    ]


def test_a_first_action_is_among_the_rows_wherever_its_waste_ranks() -> None:
    inputs = report_inputs(NORMAL, settings=Settings(report=Report(window="14d", max_rows=1)))
    proven = (inputs.findings["cluster_id"] == "cluster_a4") & inputs.findings["grade"].notna()
    grades = inputs.findings["grade"].astype("object").mask(proven, "proven")
    saves_nothing = inputs.findings["cluster_id"] == "cluster_a3"
    counted = inputs.findings["counted_saving_micros"].mask(saves_nothing, 0)
    findings = inputs.findings.assign(grade=grades, counted_saving_micros=counted)
    view = build(replace(inputs, findings=schema.FINDINGS.enforce(findings)))
    assert [row.name for row in view.first.rows] == ["forgotten", "half-used"]
    assert [row.name for row in view.findings.rows] == ["forgotten", "half-used"]
    assert view.findings.note.endswith(
        " 2 are shown, those to act on first among them; findings.csv lists all."
    )
    assert [total[-3] for total in view.findings.totals][:3] == [
        *("$7,900.50", "$700.25", "$8,600.75"),
    ]


def test_a_first_action_links_to_its_row_where_another_account_has_the_id_too() -> None:
    idle = Cluster("same", "a", "p", 9.0, 0.0, grades={"idle": "likely"}, waste=9.0)
    busy = Cluster("same", "b", "p", 9.0, 90.0, account="second")
    view = build(report_inputs([idle, busy]))
    assert [row.anchor for row in view.first.rows] == [row.anchor for row in view.findings.rows]


@pytest.mark.slow
def test_the_page_of_a_large_fleet_is_small_and_says_what_it_leaves_out() -> None:
    clusters = [
        Cluster(
            *(f"cluster_{n}", f"training-run-{n}", f"project-{n % 40}", 20.0 + n % 7, 0.2),
            days=1,
            grades={"idle": "likely", "underutilized": "likely", "seed_candidate": ""},
            waste=10.0 + n,
        )
        for n in range(5000)
    ]
    view = build(report_inputs(clusters))
    assert len(render.html(view).encode()) <= 600_000
    assert len(view.findings.rows) == 100
    assert [plain(total[0]) for total in view.findings.totals] == [
        *("100 shown", "4,900 more in findings.csv", "All 5,000 clusters", "Proven part"),
    ]
    shown, rest, everything = (
        round(100 * float(total[-3].strip("()").replace("$", "").replace(",", "")))
        for total in view.findings.totals[:3]
    )
    assert shown + rest == everything
    anchors = {row.anchor for row in view.findings.rows}
    assert all(row.anchor in anchors for row in view.first.rows)


def test_the_same_id_in_two_accounts_keeps_two_rows() -> None:
    first, second = (
        Cluster(
            "same", account, "p", 9.0, 0.0, grades={"idle": "likely"}, waste=9.0, account=account
        )
        for account in ("first", "second")
    )
    rows = build(report_inputs([first, second])).findings.rows
    assert len({row.anchor for row in rows}) == 2


def test_projects_beyond_six_are_added_up_and_nothing_is_lost() -> None:
    clusters = [Cluster(f"c{n}", f"c{n}", f"p{n}", 1.0 + n, 50.0) for n in range(12)]
    view = build(report_inputs(clusters))
    assert [plain(p.name) for p in view.spend.projects][-1] == "6 other projects"
    assert view.spend.by_day.totals[0][-1] == "$26,208.00"
    assert view.totals.spend_micros == 26_208_000_000


def test_what_could_not_be_judged_is_counted_by_reason_not_by_number() -> None:
    clusters = [
        Cluster(
            *(f"c{n}", None, "p", 1.0, 50.0),
            insufficient={"idle": ("applies:running_hours>=30", "30", str(n))},
        )
        for n in range(3)
    ]
    (row,) = build(report_inputs(clusters)).outcomes.unjudged.rows
    assert row[:3] == ("Idle", "Running time is below 30 h", "3")


def test_a_version_2_account_says_which_values_are_unknown(views: dict[str, ReportView]) -> None:
    terms = {fact.term: fact for fact in views["all_unjudged"].data_quality}
    assert "not zero" in terms["API version 2"].meaning
    assert terms["Quarantined records"].value == "6"
    assert terms["Damaged files"].tone == "bad"
    values = {card.label: card.value for card in views["all_unjudged"].cards}
    assert values["GPU use"] == values["Proven waste"] == UNKNOWN


def test_yesterday_is_compared_with_the_days_before_it() -> None:
    inputs = report_inputs([Cluster("c1", "c1", "p", 1.0, 50.0)])
    ledger = inputs.ledger
    today = ledger["date"] == ledger["date"].max()
    ledger = ledger.assign(spend_micros=ledger["spend_micros"].mask(today, 12_000_000))
    assert (
        build(replace(inputs, ledger=ledger)).cards[0].note == f"{MINUS}50{NBSP}% vs the 7-day mean"
    )


@pytest.mark.parametrize("name", SETS)
def test_a_view_is_a_pure_function_of_its_frames(views: dict[str, ReportView], name: str) -> None:
    def shuffled(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.sample(frac=1, random_state=7).reset_index(drop=True)

    inputs = SETS[name]()
    other_order = replace(
        inputs,
        ledger=shuffled(inputs.ledger),
        utilization=shuffled(inputs.utilization),
        evidence=shuffled(inputs.evidence),
        findings=shuffled(inputs.findings),
    )
    assert msgspec.json.encode(build(other_order)) == msgspec.json.encode(views[name])


def test_without_analyses_a_report_has_no_section_and_no_number_of_one(
    views: dict[str, ReportView],
) -> None:
    view = views["normal"]
    assert view.before_findings == view.after_findings == ()
    assert list(view.numbers.as_json()) == ["outcomes"]


def test_before_a_day_is_closed_there_is_no_section() -> None:
    view = build(replace(full(), day=None))
    assert view.before_findings == view.after_findings == ()
    assert list(view.numbers.as_json()) == ["outcomes"]
