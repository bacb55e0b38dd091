from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import msgspec
import pytest

from pipeline.report.text.numbers import MINUS, NBSP, UNKNOWN
from pipeline.report.view import ReportView, build
from pipeline.settings import Report, Settings
from tests.report.conftest import DAY, NORMAL, SETS, Cluster, make, results


def plain(text: str) -> str:
    return text.replace(NBSP, " ")


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("normal", "$7,900 provably wasted in 14 days; one cluster holds all of it"),
        ("empty_fleet", "The fleet was empty: no cluster from 9 to 22 Nov 2026"),
        ("no_closed_day", "No day is closed yet, so there is nothing to report"),
        ("one_cluster", "$7,900 provably wasted in 14 days; one cluster holds all of it"),
        (
            "all_unjudged",
            "What 14 days cost is unknown; too little was seen to judge any of 4 clusters",
        ),
    ],
)
def test_the_headline_is_what_was_found(
    views: dict[str, ReportView], name: str, title: str
) -> None:
    assert plain(views[name].title) == title


def test_a_fleet_without_waste_is_told_so() -> None:
    view = build(**results([NORMAL[0], NORMAL[4]]))
    assert plain(view.title) == "$8,568 spent in 14 days, and no waste among 2 judged clusters"


def test_suspicions_without_proof_are_not_called_waste() -> None:
    view = build(**results([NORMAL[0], NORMAL[3]]))
    assert plain(view.title) == (
        "$12,432 spent in 14 days; no waste is proven, but 1 cluster deserves a look"
    )


def test_only_what_is_proven_is_called_so(views: dict[str, ReportView]) -> None:
    view = views["normal"]
    assert (view.facts.waste_micros, view.facts.wasteful) == (7_900_500_000, 1)
    assert (view.facts.unproven_micros, view.facts.unproven) == (700_250_000, 1)
    assert plain(view.subject) == "$7,900 provably wasted by 1 cluster (2026-11-22)"
    assert "Another $700 on 1 cluster may have been wasted: likely or suspected, not proven." in [
        plain(sentence) for sentence in view.lede
    ]
    (card,) = (card for card in view.cards if card.label.startswith("Proven waste"))
    assert plain(card.note) == "1 cluster with proof; $700 more not proven"
    money = {
        row.name: plain(fact.meaning)
        for row in view.findings.rows
        for fact in row.reasons[0].facts
        if fact.term == "Money" and "wasted" in fact.meaning
    }
    assert "provably wasted $7,900.50" in money["forgotten"]
    assert "likely wasted $700.25" in money["notebook"]


def test_without_proof_the_headline_claims_no_waste_but_the_doubt_is_told() -> None:
    view = build(**results([NORMAL[0], NORMAL[2]]))
    assert plain(view.title).endswith("no waste is proven, but 1 cluster deserves a look")
    assert plain(view.subject).endswith("spent, no waste proven (2026-11-22)")
    assert "$700 on 1 cluster may have been wasted: likely or suspected, not proven." in [
        plain(sentence) for sentence in view.lede
    ]


def test_what_was_seen_of_a_cluster_is_of_one_window() -> None:
    made = results([NORMAL[3]])
    busy = made["evidence"].assign(busy_samples=250)
    made["utilization"] = made["utilization"].assign(busy_samples=600)  # of a longer window
    (row,) = build(**{**made, "evidence": busy}).findings.rows
    (looks,) = (plain(fact.meaning) for fact in row.seen if fact.term == "Looks")
    assert looks.startswith("GPU read in 336 running hours, above 5 % in 250")


def test_a_damaged_store_is_not_an_empty_fleet() -> None:
    days = [DAY - timedelta(days=n) for n in range(14)]
    view = build(**results([], days=days, damaged=["ledger/a", "ledger/b"]))
    assert plain(view.title) == "Nothing can be said: 2 stored files cannot be read"
    assert view.facts.spend_micros is None


@pytest.mark.parametrize("name", SETS)
def test_no_name_from_outside_is_in_a_headline_or_a_subject(
    views: dict[str, ReportView], name: str
) -> None:
    view = views[name]
    for text in (view.title, view.subject, *view.lede):
        assert text.isprintable() or NBSP in text
        assert not any(word in text for word in ("forgotten", "<", ">", "=", "evil"))


def test_money_of_the_window_day_and_month_adds_up() -> None:
    early = Cluster("c1", "early", "p", 1.0, 50.0, days=40)
    view = build(**results([early], settings=Settings(report=Report(window="30d"))))
    facts = view.facts
    assert facts.day_micros == 24_000_000
    assert facts.week_before_micros == 24_000_000
    assert facts.month_micros == 22 * 24_000_000
    assert facts.spend_micros == 30 * 24_000_000
    assert facts.first == date(2026, 10, 24)
    assert facts.days_known == 30


def test_gpu_use_weighs_each_hour_by_its_gpus() -> None:
    small = Cluster("c1", "small", "p", 1.0, 100.0, gpus=1)
    large = Cluster("c2", "large", "p", 1.0, 20.0, gpus=3)
    unread = Cluster("c3", "unread", "p", 1.0, None, gpus=8)
    facts = build(**results([small, large, unread])).facts
    assert facts.gpu_use_pct == pytest.approx(40.0)
    assert facts.gpu_clusters == 2


def test_bounds_widen_by_the_outer_two_midnights_only() -> None:
    made = results([Cluster("c1", "c1", "p", 1.0, 50.0)])
    made["ledger"] = made["ledger"].assign(cut_start_micros=5, cut_end_micros=7)
    facts = build(**made).facts
    assert facts.low_micros == 14 * 24_000_000 - 12
    assert facts.high_micros == 14 * 24_000_000 + 12


def test_a_cluster_counts_once_with_its_largest_finding(views: dict[str, ReportView]) -> None:
    (row, *_) = views["normal"].findings.rows
    assert (row.name, row.more, row.waste) == ("forgotten", "and 1 more", "$7,900.50")
    assert [reason.rule for reason in row.reasons] == ["Idle", "Expensive and little used"]


def test_an_excluded_finding_is_in_no_number_but_is_said() -> None:
    made = results([NORMAL[1], NORMAL[2]])
    found = made["findings"]
    silenced = (found["cluster_id"] == "cluster_a2") & (found["outcome"] == "FINDING")
    made["findings"] = found.assign(exclusion=found["exclusion"].mask(silenced, "prod: standby"))
    view = build(**made)
    assert view.facts.waste_micros == 0
    assert view.facts.unproven_micros == 700_250_000
    assert [row.name for row in view.findings.rows] == ["notebook"]
    assert [f.value for f in view.trust if f.term == "Excluded findings"] == ["2"]


def test_rows_beyond_the_limit_are_summed_and_left_to_the_csv() -> None:
    made = results(NORMAL, settings=Settings(report=Report(window="14d", max_rows=1)))
    table = build(**made).findings
    assert len(table.rows) == 1
    labels = [plain(total[0]) for total in table.totals]
    assert labels == ["The 1 shown", "3 more in findings.csv", "All 4 clusters", "Of that proven"]
    assert [total[-3] for total in table.totals] == [
        *("$7,900.50", "$700.25", "$8,600.75", "$7,900.50"),
    ]


def test_the_same_id_in_two_accounts_keeps_two_rows() -> None:
    one, two = (
        Cluster(
            "same", account, "p", 9.0, 0.0, found={"idle": "likely"}, waste=9.0, account=account
        )
        for account in ("first", "second")
    )
    rows = build(**results([one, two])).findings.rows
    assert len({row.anchor for row in rows}) == 2


def test_projects_beyond_six_are_added_up_and_nothing_is_lost() -> None:
    clusters = [Cluster(f"c{n}", f"c{n}", f"p{n}", 1.0 + n, 50.0) for n in range(12)]
    view = build(**results(clusters))
    assert [plain(p.name) for p in view.projects][-1] == "6 other projects"
    assert view.by_day.totals[0][-1] == "$26,208.00"
    assert view.facts.spend_micros == 26_208_000_000


def test_what_could_not_be_judged_is_counted_by_reason_not_by_number() -> None:
    clusters = [
        Cluster(
            *(f"c{n}", None, "p", 1.0, 50.0),
            insufficient={"idle": ("applies:running_hours>=30", "30", str(n))},
        )
        for n in range(3)
    ]
    (row,) = build(**results(clusters)).unjudged.rows
    assert row[:3] == ("Idle", "Running time is not at least 30 h", "3")


def test_a_version_2_account_is_told_what_it_cannot_know(views: dict[str, ReportView]) -> None:
    terms = {fact.term: fact for fact in views["all_unjudged"].trust}
    assert "not zero" in terms["API version 2"].meaning
    assert terms["Quarantined records"].value == "6"
    assert terms["Damaged files"].tone == "bad"
    values = {card.label: card.value for card in views["all_unjudged"].cards}
    assert values["GPU use"] == values["Proven waste"] == UNKNOWN


def test_yesterday_is_compared_with_the_days_before_it() -> None:
    made = results([Cluster("c1", "c1", "p", 1.0, 50.0)])
    ledger = made["ledger"]
    today = ledger["date"] == ledger["date"].max()
    made["ledger"] = ledger.assign(spend_micros=ledger["spend_micros"].mask(today, 12_000_000))
    assert build(**made).cards[0].note == f"{MINUS}50{NBSP}% vs the 7-day mean"


@pytest.mark.parametrize("name", SETS)
def test_a_view_is_a_pure_function_of_its_frames(views: dict[str, ReportView], name: str) -> None:
    shuffled: dict[str, Any] = make(name)
    for key in ("ledger", "utilization", "evidence", "findings"):
        shuffled[key] = shuffled[key].sample(frac=1, random_state=7).reset_index(drop=True)
    assert msgspec.json.encode(build(**shuffled)) == msgspec.json.encode(views[name])
