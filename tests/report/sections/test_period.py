"""A month's headline: what it cost, what changed, what acting saved, and what is not known."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from pipeline.periods import Period, parse
from pipeline.report.view import build
from pipeline.settings import Report, Settings
from pipeline.transform.findings.realised import COLUMNS
from pipeline.transform.period_review import PeriodReview, review
from tests.report.factories.clusters import DAY, UNIT
from tests.report.factories.results import full
from tests.report.reading import plain, section_of, sentences, table

if TYPE_CHECKING:
    from pipeline.report.inputs import ReportInputs

MONTH = parse("2026-11", DAY)
"""Its days up to ``DAY``, the 22nd, are known from the 9th on."""


def saved(*micros: int) -> pd.DataFrame:
    rows = [
        ("lab", f"c{n}", "idle", f"box-{n}", pd.Timestamp("2026-11-10"), "stopped", "gone", amount)
        for n, amount in enumerate(micros)
    ]
    return pd.DataFrame(rows, columns=[*COLUMNS])


def of_month(reviewed: PeriodReview) -> ReportInputs:
    window = f"{(DAY - reviewed.period.first).days + 1}d"
    settings = Settings(report=Report(window=window))
    return replace(full(), review=reviewed, settings=settings, spend_change=None)


def test_a_month_that_is_partly_known_is_not_compared_and_names_its_days() -> None:
    known = {"default": full().days}
    view = build(of_month(review(MONTH, DAY, known, saved(80 * UNIT, 5 * UNIT))))
    assert plain(view.title) == (
        "November 2026 (14 of 30 days): $23,292.00 spent; acting on findings saved $85.00"
    )
    assert [plain(sentence) for sentence in view.headline.lede[:2]] == [
        (
            "No data: 1 to 8 Nov 2026, 23 to 30 Nov 2026. What these days cost is unknown and "
            "not included."
        ),
        ("Not compared with 1 to 22 Oct 2026: no data of 1 to 22 Oct 2026; 1 to 8 Nov 2026."),
    ]
    assert plain(view.headline.kicker) == (
        "GPU cost report · November 2026 (14 of 30 days), findings as of 22 November 2026 (UTC)"
    )
    assert plain(view.headline.subject) == (
        "November 2026 (14 of 30 days): $23,292 spent, $85.00 saved"
    )
    assert "Spend, November 2026 (14 of 30 days)" in [plain(card.label) for card in view.cards]
    since = section_of(view, "since")
    assert plain(since.title) == "Changes in November 2026 (14 of 30 days)"
    assert "$85.00 was not spent in November 2026 (14 of 30 days)." in sentences(since)[-1]
    assert table(since, "Realised").totals == (("All 2", "", "", "", "$85.00"),)


@pytest.mark.parametrize(
    ("realised", "words"),
    [
        (saved(), "no realised savings"),
        (saved(-3 * UNIT), "clusters acted on cost $3.00 more than expected"),
        (None, "realised savings are unknown"),
    ],
)
def test_no_saving_is_claimed_that_was_not_measured(
    realised: pd.DataFrame | None, words: str
) -> None:
    view = build(of_month(review(MONTH, DAY, {"default": full().days}, realised)))
    assert view.title.endswith(f"; {words}")


def test_two_periods_that_are_known_are_compared_per_day_too() -> None:
    """The last five known days against the nine before them, as if those were a month."""
    inputs = full()
    first = DAY - timedelta(days=4)
    earlier = Period("window", inputs.days[0], first - timedelta(days=1))
    reviewed = PeriodReview(
        period=Period("month to date", first, DAY),
        missing=(),
        before=earlier,
        incomparable=(),
        realised=saved(),
    )
    view = build(of_month(reviewed))
    spend = inputs.ledger.groupby(inputs.ledger["date"] >= pd.Timestamp(first))["spend_micros"]
    before, now = spend.sum()[False], spend.sum()[True]
    assert now == view.totals.spend_micros < before
    difference = f"${(before - now) / UNIT:,.2f}"
    assert plain(view.title).startswith(
        f"18-22 November 2026, month to date: ${now / UNIT:,.2f} spent, {difference} ("
    )
    assert " less than from 9 to 17 Nov 2026; " in plain(view.title)
    assert plain(view.headline.lede[0]).endswith("than from 9 to 17 Nov 2026, which has 9 days.")
    numbers = view.numbers.period
    assert numbers is not None
    assert (numbers.before_micros, numbers.days_known) == (before, 5)
    assert date(2026, 11, 22) == numbers.last
