from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from pipeline.report.sections import data_quality
from pipeline.report.summary import Provenance
from pipeline.report.text.numbers import NBSP, UNKNOWN
from pipeline.report.view import build
from tests.report.factories.clusters import DAY, certificate
from tests.report.factories.results import LAST_14_DAYS, full, normal
from tests.report.reading import fact, plain

if TYPE_CHECKING:
    from pipeline.model import Certificate
    from pipeline.report.model import ReportView


def test_money_that_no_snapshot_shows_is_stated_and_in_no_total(
    views: dict[str, ReportView],
) -> None:
    assert fact(views["full"].data_quality, "Between snapshots").value == "$12.00"
    assert views["full"].totals.spend_micros == views["normal"].totals.spend_micros


def test_a_day_without_a_readable_ledger_is_unknown_not_free() -> None:
    inputs = normal()
    lost = DAY - timedelta(days=3)
    view = build(
        replace(
            inputs,
            ledger=inputs.ledger[inputs.ledger["date"] != pd.Timestamp(lost)],
            days=tuple(day for day in LAST_14_DAYS if day != lost),
        )
    )
    unknown = [UNKNOWN] * (len(view.spend.projects) + 1)
    assert view.spend.by_day.rows[3] == (f"19{NBSP}Nov", *unknown)
    assert plain(fact(view.data_quality, "Days").value) == "13 of 14 known"
    assert "Spend, 14 d (13 d known)" in [plain(card.label) for card in view.cards]


def test_incomplete_inputs_are_named_and_more_than_three_counted(
    views: dict[str, ReportView],
) -> None:
    incomplete = tuple(f"ledger/{n}: damaged" for n in range(5))
    provenance = Provenance(findings="d", findings_version=1, incomplete=incomplete)
    inputs = replace(normal(), provenance=provenance)
    facts = data_quality.data_quality(inputs, views["normal"].totals)
    row = fact(facts, "Incomplete inputs")
    assert row.value == "5"
    assert row.meaning.endswith(
        "ledger/0: damaged, ledger/1: damaged, ledger/2: damaged and 2 more."
    )


def test_a_clock_that_is_off_is_stated(views: dict[str, ReportView]) -> None:
    inputs = replace(normal(), certificates=(certificate(clock_skew_seconds=7200.0),))
    facts = data_quality.data_quality(inputs, views["normal"].totals)
    assert plain(fact(facts, "Clock").value) == "off by up to 2.0 h"


def test_the_hours_with_a_snapshot_are_counted_and_few_of_them_limit_the_figures(
    views: dict[str, ReportView],
) -> None:
    def taken(hours: int, account: str = "default") -> list[Certificate]:
        start = certificate().started_at - timedelta(days=14)
        return [
            certificate(account=account, started_at=start + timedelta(hours=hour, minutes=minute))
            for hour in range(hours)
            for minute in (5, 50)  # two of one hour are one hour
        ]

    def hours_of(certificates: list[Certificate]) -> tuple[str, str]:
        inputs = replace(normal(), certificates=tuple(certificates))
        seen = fact(
            data_quality.data_quality(inputs, views["normal"].totals), "Hours with a snapshot"
        )
        return plain(seen.value), seen.tone

    assert hours_of(taken(14)) == ("14 of 336 in 14 days", "warn")
    assert hours_of(taken(336)) == ("336 of 336 in 14 days", "plain")
    assert hours_of(taken(336) + taken(20, "lab")) == ("20 to 336 of 336 in 14 days", "warn")


@pytest.mark.parametrize(
    ("micros", "value"), [(1_240_000_000, "from $1,240 a day"), (None, "not judged")]
)
def test_the_smallest_unusual_change_is_stated(
    micros: int | None, value: str, views: dict[str, ReportView]
) -> None:
    inputs = replace(full(), detectable_micros=micros)
    facts = data_quality.data_quality(inputs, views["full"].totals)
    assert plain(fact(facts, "Unusual spend").value) == value


def billed(**micros: int) -> pd.DataFrame:
    names = ("billed", "spend", "matched", "unobserved", "residual")
    rows = pd.DataFrame({f"{name}_micros": [micros.get(name, 0)] for name in names})
    within = pd.array([micros.get("residual", 0) == 0], "boolean")
    return rows.assign(date=pd.Timestamp(DAY), is_within_bounds=within)


@pytest.mark.parametrize(
    ("micros", "tone", "words"),
    [
        (
            {"residual": 500_000},
            "plain",
            "Residual above 0: $0.50 was billed and is in no snapshot.",
        ),
        ({"residual": -2_000_000}, "warn", "Residual below 0: $2.00 of the ledger was not"),
        (
            {"residual": 1},
            "plain",
            "Outside the bounds of spend: the bill on 1 of 1 day observed in",
        ),
        ({"unobserved": 7_000_000}, "plain", "$7.00 was billed on days not observed in full. No"),
    ],
)
def test_a_bill_is_compared_with_the_ledger_and_nothing_is_scaled(
    micros: dict[str, int], tone: str, words: str
) -> None:
    rows = billed(billed=100_000_000, matched=90_000_000, **micros)
    view = build(replace(normal(), reconciliation=rows))
    row = fact(view.data_quality, f"Bill, 1{NBSP}day")
    assert plain(row.value) == "$90.00 of $100.00 matched"
    assert (row.tone, words in plain(row.meaning)) == (tone, True)
    assert view.totals == build(normal()).totals
