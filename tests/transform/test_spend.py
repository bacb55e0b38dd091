"""Spend by any dimension, with its bounds, and what could not be priced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from pipeline import schema
from pipeline.transform import spend

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., Any]

UNIT = schema.MICROS_PER_UNIT


def priced(
    row: Make, day: str, amount: int, low: int, high: int | None, **more: object
) -> dict[str, object]:
    made: dict[str, object] = row(
        day, spend_micros=amount, spend_low_micros=low, spend_high_micros=high, **more
    )
    return made


def test_a_row_of_spend_is_a_cluster_day_with_its_gpu_seconds(row: Make, ledger: Make) -> None:
    rows = spend.spend_rows(ledger(row("2026-03-01", hours=2, gpu_count=4)))
    assert rows["spend_micros"].tolist() == [20 * UNIT]
    assert rows["gpu_seconds"].tolist() == [2 * 3600 * 4]


def test_sums_by_a_dimension_are_the_sums_of_the_rows_most_money_first(
    row: Make, ledger: Make
) -> None:
    rows = spend.spend_rows(
        ledger(
            row("2026-03-01", cluster_id="a", project_id="x", spend_micros=5),
            row("2026-03-01", cluster_id="b", project_id="y", spend_micros=7),
            row("2026-03-02", cluster_id="a", project_id="x", spend_micros=1),
            row("2026-03-02", cluster_id="c", project_id=None, spend_micros=2),
        )
    )
    by_project = spend.by(rows, "project_id")
    assert by_project["project_id"].astype(object).fillna("-").tolist() == ["y", "x", "-"]
    assert by_project["spend_micros"].tolist() == [7, 6, 2]
    by_day = spend.by(rows, "date", "project_id")
    assert by_day["spend_micros"].tolist() == [7, 5, 2, 1]
    assert by_day["clusters"].tolist() == [1, 1, 1, 1]


def test_the_same_id_in_two_accounts_is_two_clusters(row: Make, ledger: Make) -> None:
    rows = spend.spend_rows(ledger(row("2026-03-01", account="a"), row("2026-03-01", account="b")))
    assert len(spend.by(rows, "cluster_id")) == 2
    assert spend.by(rows, "region")["clusters"].tolist() == [2]


def test_only_the_outer_two_cuts_widen_a_window(row: Make, ledger: Make) -> None:
    cuts = {"cut_start_micros": 3, "cut_end_micros": 4}
    rows = spend.spend_rows(
        ledger(*(priced(row, f"2026-03-0{d}", 100, 90, 120, **cuts) for d in (1, 2, 3)))
    )
    by_region = spend.by(rows, "region")
    assert by_region["spend_micros"].tolist() == [300]
    assert by_region["spend_low_micros"].tolist() == [263]
    assert by_region["spend_high_micros"].tolist() == [367]
    by_day = spend.by(rows, "date")
    assert by_day["spend_low_micros"].tolist() == [83, 83, 83]
    assert by_day["spend_high_micros"].tolist() == [127, 127, 127]


def test_a_cluster_that_came_later_is_not_cut_by_the_windows_start(row: Make, ledger: Make) -> None:
    rows = ledger(
        row("2026-03-01", cluster_id="a", spend_micros=10),
        priced(row, "2026-03-02", 10, 10, 10, cluster_id="b", cut_start_micros=5),
        row("2026-03-03", cluster_id="a", spend_micros=10),
    )
    assert spend.by(spend.spend_rows(rows), "region")["spend_low_micros"].tolist() == [30]


def test_unpriced_rows_are_counted_not_dropped_and_not_zero(row: Make, ledger: Make) -> None:
    unknown = {"spend_low_micros": 0, "spend_high_micros": None, "unpriced_seconds": 86400}
    rows = spend.spend_rows(
        ledger(
            row("2026-03-01", cluster_id="a", spend_micros=10),
            row("2026-03-01", cluster_id="b", spend_micros=None, **unknown),
            row("2026-03-01", cluster_id="c", region="eu", spend_micros=None, **unknown),
        )
    )
    cut = spend.by(rows, "region").set_index("region")
    assert cut.loc["us-east-1", "spend_micros"] == 10
    assert cut.loc["us-east-1", "unpriced_rows"] == 1
    assert cut["spend_high_micros"].isna().all()
    assert cut["spend_micros"].isna().tolist() == [False, True]
    table = spend.by(rows, "account")
    assert table[["spend_micros", "unpriced_rows"]].to_numpy().tolist() == [[10, 2]]
    assert table["spend_high_micros"].isna().all()


def test_metered_and_estimated_money_add_up_to_the_spend(row: Make, ledger: Make) -> None:
    rows = spend.spend_rows(ledger(row("2026-03-01", spend_micros=100, metered_micros=75)))
    table = spend.by(rows, "account")
    assert table[["metered_micros", "estimated_micros"]].to_numpy().tolist() == [[75, 25]]


def test_an_unknown_gpu_count_makes_gpu_time_unknown_only_if_it_ran(
    row: Make, ledger: Make
) -> None:
    rows = spend.spend_rows(
        ledger(
            row("2026-03-01", cluster_id="a", hours=0, gpu_count=None),
            row("2026-03-01", cluster_id="b", hours=1, gpu_count=2),
            row("2026-03-01", cluster_id="c", hours=1, gpu_count=None, region="eu"),
        )
    )
    cut = spend.by(rows, "region").set_index("region")["gpu_seconds"]
    assert cut["us-east-1"] == 7200
    assert pd.isna(cut["eu"])


def test_an_empty_ledger_has_no_spend(ledger: Make) -> None:
    assert spend.by(spend.spend_rows(ledger()), "date", "project_id").empty


def test_a_dimension_that_does_not_exist_is_named(ledger: Make) -> None:
    with pytest.raises(ValueError, match="colour"):
        spend.by(spend.spend_rows(ledger()), "colour")
