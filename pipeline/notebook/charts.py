"""The report's charts, live: the same definitions and figures, for a notebook.

Each takes an open store and what a report can be about: a period, or a day and a window. Altair
draws the result; ``chart.save("chart.svg")`` needs no browser.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.notebook import live_charts
from pipeline.report.sections import spend_by_day as spend_section
from pipeline.report.sections import spend_change, waste_charts
from pipeline.report.view import totals_of

if TYPE_CHECKING:
    from datetime import date

    import altair as alt

    from pipeline.notebook.open_store import OpenStore
    from pipeline.notebook.results import Changes
    from pipeline.report.charts import Picture


def spend_by_day(
    store: OpenStore, period: str | None = None, *, day: date | str | None = None,
    window: str | None = None,
) -> alt.Chart:  # fmt: skip
    """Spend by day and project, with the forecast and the fleet's budget where there are any.

    >>> import pipeline as fl
    >>> chart = fl.charts.spend_by_day(fl.open_store("data/sample"), window="14d")
    >>> chart.to_dict()["title"]["text"]
    'Spend by day and project'
    """
    inputs = store.report_inputs(period, day=day, window=window)
    picture = spend_section.picture(inputs, totals_of(inputs))
    return _titled(picture, "Spend by day and project")


def waste(
    store: OpenStore, period: str | None = None, *, day: date | str | None = None
) -> alt.Chart:
    """The clusters with most waste in the rules' window, coloured by grade."""
    inputs = store.report_inputs(period, day=day)
    return _titled(waste_charts.waste_picture(inputs), "Waste by cluster and grade")


def price_against_use(
    store: OpenStore, period: str | None = None, *, day: date | str | None = None,
    window: str | None = None,
) -> alt.Chart:  # fmt: skip
    """Price per hour against mean GPU use; expensive and little used is a shaded corner."""
    inputs = store.report_inputs(period, day=day, window=window)
    return _titled(waste_charts.use_picture(inputs), "Price against GPU use")


def waterfall(changes: Changes) -> alt.Chart:
    """The causes of ``store.changes(…)``, from the spend of one period to that of the other."""
    detail = changes.detail
    picture = spend_change.picture(detail.spend, detail.ledger, changes.money)
    return _titled(picture, "Change of spend by cause")


def _titled(picture: Picture | None, title: str) -> alt.Chart:
    return live_charts.empty(title) if picture is None else live_charts.live(picture, title)
