from __future__ import annotations

import pandas as pd
import pytest

from pipeline.report.tables import Field, top_table

ROWS = pd.DataFrame({"name": ["a", "b", "c"], "money": [5, 3, 1]})
FIELDS = (
    Field("Name", lambda row: row["name"]),
    Field("Note", lambda _row: "-"),
    Field(
        "Money",
        lambda row: str(row["money"]),
        is_number=True,
        total=lambda rows: str(rows["money"].sum()),
    ),
)


@pytest.mark.parametrize(
    ("limit", "totals"),
    [
        (3, [("All", "", "9")]),
        (2, [("1 more, smaller", "", "1"), ("All", "", "9")]),
        (0, [("3 more, smaller", "", "9"), ("All", "", "9")]),
    ],
)
def test_rows_not_shown_have_a_line_and_the_sum_is_of_all(
    limit: int, totals: list[tuple[str, ...]]
) -> None:
    table = top_table("T", ROWS, FIELDS, limit, more="more, smaller", sum_label="All")
    assert [row[0] for row in table.rows] == ["a", "b", "c"][:limit]
    assert list(table.totals) == totals


def test_without_labels_there_are_no_lines_below() -> None:
    table = top_table("T", ROWS, FIELDS, 1)
    assert table.totals == ()
    assert [column.is_number for column in table.columns] == [False, False, True]
