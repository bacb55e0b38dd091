from __future__ import annotations

from datetime import date

import pandas as pd

from pipeline.transform.spend_change import SpendChange, last_two_weeks


def test_the_last_two_weeks_end_on_the_day_and_do_not_overlap() -> None:
    assert last_two_weeks(date(2026, 11, 22)) == (
        (date(2026, 11, 9), date(2026, 11, 15)),
        (date(2026, 11, 16), date(2026, 11, 22)),
    )


def test_causes_are_summed_in_their_order_and_those_without_rows_left_out() -> None:
    rows = pd.DataFrame({"cause": ["rate", "new", "rate"], "micros": [3, 5, -1]})
    change = SpendChange(*last_two_weeks(date(2026, 11, 22)), rows)
    assert change.by_cause.to_dict("list") == {
        "cause": ["new", "rate"],
        "clusters": [1, 2],
        "micros": [5, 2],
    }
