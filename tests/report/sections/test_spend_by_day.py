"""The chart of spend by day shows all money of the window."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from pipeline.report.sections import spend_by_day
from pipeline.transform.totals import Totals

FIRST, LAST = date(2026, 3, 1), date(2026, 3, 2)
TOTALS = Totals(currency="USD", day=LAST, first=FIRST)


@pytest.mark.parametrize("projects", [["a", None], [None, None], ["a", "b"]])
def test_money_without_a_project_has_a_column(projects: list[str | None]) -> None:
    window = pd.DataFrame(
        {
            "date": pd.to_datetime([FIRST, LAST, LAST]).astype("datetime64[us]"),
            "project_id": pd.Categorical([projects[0], *projects]),
            "spend_micros": pd.array([5_000_000, 1_000_000, 2_000_000], "Int64"),
        }
    )
    grid = spend_by_day._grid(window, TOTALS)
    assert grid is not None
    assert grid.to_numpy().sum() == 8_000_000
    assert list(grid.columns) == [
        spend_by_day.NO_PROJECT if name is None else name for name in dict.fromkeys(projects)
    ]
