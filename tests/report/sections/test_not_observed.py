from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from pipeline.model import NotObserved
from pipeline.report.view import build
from tests.report.factories.clusters import DAY
from tests.report.factories.results import empty_fleet
from tests.report.reading import plain, section_of, sentences

if TYPE_CHECKING:
    from pipeline.report.model import ReportView


def test_the_date_is_compared_without_the_accounts_not_observed_on_it(
    views: dict[str, ReportView],
) -> None:
    view = views["account_behind"]
    # The other accounts spend the same every day but one that began three days ago.
    assert view.totals.day_micros == views["normal"].totals.day_micros
    assert view.totals.week_before_micros == views["normal"].totals.week_before_micros
    for card in view.cards[:-1]:
        assert "without 2 accounts" in plain(card.note)
    for key in ("ahead", "causes", "unusual", "since"):
        assert "lab (since 20 November 2026)" in sentences(section_of(view, key))[-1]


def test_a_fleet_is_not_called_empty_while_an_account_is_not_observed() -> None:
    lost = (NotObserved(account="lab", until=DAY - timedelta(days=20)),)
    view = build(replace(empty_fleet(), not_observed=lost))
    assert "empty" not in view.headline.title + view.headline.subject
    assert plain(view.headline.title).endswith("; account lab not observed since 2 November 2026")
    assert view.totals.day_micros is None
