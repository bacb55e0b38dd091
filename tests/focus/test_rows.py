"""FOCUS rows: what the specification demands and its validator does not check."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.focus.columns import VERSIONS, Version, table_of
from pipeline.focus.rows import NEEDED, Billing, focus_rows
from tests.transform.conftest import UNIT, make_ledger, make_row

BILLING = Billing("EUR", {"default": ("acct-7", "Seven"), "lab": ("acct-9", "lab")})


def focus(*rows: dict[str, Any], version: Version = "1.2", owner: str | None = None) -> pa.Table:
    ledger = make_ledger(*rows)[list(NEEDED)]
    return focus_rows(ledger.assign(owner=owner), BILLING, version)


def lines(*rows: dict[str, Any], **options: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    return focus(*rows, **options).to_pylist()


def stopped(date: str, **values: Any) -> dict[str, Any]:  # noqa: ANN401
    """A cluster that was stopped all day and charged 2.40 for its storage."""
    charged = {"spend_micros": 2_400_000, "stopped_spend_micros": 2_400_000}
    return make_row(date, hours=0, **charged, **values)


AMOUNTS = st.integers(0, 10**13)
ROWS = st.builds(
    lambda spend, share, rate, seconds, gpus, day: make_row(
        f"2026-06-{day:02d}",
        spend_micros=spend,
        spend_low_micros=spend // 2,
        metered_micros=spend // 2,
        stopped_spend_micros=spend // 2 * share // 100,
        hourly_rate_micros=rate,
        running_seconds=seconds,
        stopped_seconds=86_400 - seconds,
        gpu_count=gpus,
        cut_start_micros=spend // 7,
    ),
    AMOUNTS,
    st.integers(0, 100),
    st.none() | st.integers(0, 10**9),
    st.integers(0, 86_400),
    st.none() | st.integers(0, 64),
    st.integers(1, 30),
)


@settings(max_examples=25)
@given(st.lists(ROWS, min_size=1, max_size=8))
def test_costs_are_the_ledgers_to_the_last_digit_and_list_costs_exact_products(
    rows: list[dict[str, Any]],
) -> None:
    got = lines(*rows)
    billed = sum(row["BilledCost"] for row in got)
    assert billed * UNIT == sum(row["spend_micros"] for row in rows)
    for row in got:
        assert row["EffectiveCost"] == row["BilledCost"]
        assert row["ContractedCost"] == row["ListCost"]
        if row["ListUnitPrice"] is None:
            assert row["ListCost"] == row["BilledCost"]
        else:
            assert row["ListCost"] == row["ListUnitPrice"] * row["PricingQuantity"]
        assert row["x_BilledCostLow"] <= row["BilledCost"] <= row["x_BilledCostHigh"]


@settings(max_examples=25)
@given(st.lists(ROWS, min_size=1, max_size=8))
def test_the_bounds_of_a_days_rows_add_up_to_those_of_the_ledger_day(
    rows: list[dict[str, Any]],
) -> None:
    got = lines(*rows)
    low = sum(row["x_BilledCostLow"] for row in got)
    high = sum(row["x_BilledCostHigh"] for row in got)
    assert low * UNIT == sum(max(r["spend_low_micros"] - r["cut_start_micros"], 0) for r in rows)
    assert high * UNIT == sum(r["spend_high_micros"] + r["cut_start_micros"] for r in rows)


def test_a_running_cluster_is_one_row_of_hours_and_gpu_hours() -> None:
    [row] = lines(make_row("2026-06-30", hours=3, gpu=2.0))
    assert (row["ListUnitPrice"], row["PricingQuantity"], row["PricingUnit"]) == (10, 3, "Hours")
    assert (row["ConsumedQuantity"], row["ConsumedUnit"]) == (24, "GPU-Hours")
    assert (row["BilledCost"], row["ListCost"], row["BillingCurrency"]) == (30, 30, "EUR")
    assert row["ChargeDescription"] == "8x A100 GPU cluster in us-east-1"
    assert row["SkuId"] == "gpu-cluster/A100/us-east-1"
    assert row["SkuPriceId"] == "gpu-cluster/A100/us-east-1/x8/10"
    assert (row["x_GpuCount"], row["x_GpuType"]) == (8, "A100")
    assert (row["x_IdleSeconds"], row["x_UnknownUseSeconds"]) == (3 * 3600, 0)
    assert (row["BillingAccountId"], row["BillingAccountName"]) == ("acct-7", "Seven")


def test_hours_are_rounded_and_their_product_is_not() -> None:
    [row] = lines(make_row("2026-06-30", running_seconds=1, hourly_rate_micros=1_234_567))
    assert row["PricingQuantity"] == Decimal("0.000278")
    assert row["ListCost"] == Decimal("0.000343209626")


def test_storage_of_a_stopped_cluster_is_a_row_of_its_own_kind() -> None:
    [row] = lines(stopped("2026-06-30"))
    assert (row["ServiceCategory"], row["ServiceSubcategory"]) == ("Storage", "Other (Storage)")
    assert (row["BilledCost"], row["ListCost"]) == (Decimal("2.4"), Decimal("2.4"))
    assert (row["PricingQuantity"], row["ConsumedUnit"]) == (24, "Hours")
    # The API gives no price of storage.
    assert [row[name] for name in ("ListUnitPrice", "SkuPriceId", "SkuPriceDetails")] == [None] * 3
    assert row["x_IdleSeconds"] is None


def test_a_cluster_that_ran_and_was_charged_while_stopped_has_two_rows() -> None:
    ran, kept = lines(
        make_row("2026-06-30", hours=6, spend_micros=61 * UNIT, stopped_spend_micros=UNIT)
    )
    assert (ran["ServiceCategory"], ran["BilledCost"]) == ("Compute", 60)
    assert (kept["ServiceCategory"], kept["BilledCost"]) == ("Storage", 1)
    assert (ran["PricingQuantity"], kept["PricingQuantity"]) == (6, 18)


def test_periods_are_half_open_and_the_day_lies_in_its_month() -> None:
    table = focus(make_row("2026-02-28"), make_row("2026-12-31"))
    wanted = {
        "ChargePeriodStart": ["2026-02-28", "2026-12-31"],
        "ChargePeriodEnd": ["2026-03-01", "2027-01-01"],
        "BillingPeriodStart": ["2026-02-01", "2026-12-01"],
        "BillingPeriodEnd": ["2026-03-01", "2027-01-01"],
    }
    for name, days in wanted.items():
        assert table.schema.field(name).type == pa.timestamp("us", tz="UTC")
        assert table[name].to_pylist() == [pd.Timestamp(day, tz="UTC") for day in days]


def test_names_and_projects_are_those_of_the_day() -> None:
    before, after = lines(
        make_row("2026-06-01", name="old", project_id="p1"),
        make_row("2026-06-02", name="new", project_id="p2"),
    )
    assert (before["ResourceName"], before["SubAccountId"]) == ("old", "p1")
    assert (after["ResourceName"], after["SubAccountName"]) == ("new", "p2")


def test_a_cost_that_is_unknown_is_marked_and_not_only_zero() -> None:
    nothing = dict.fromkeys(("spend_micros", "spend_low_micros", "spend_high_micros"))
    [row] = lines(
        make_row("2026-06-01", **nothing, hourly_rate_micros=None, unpriced_seconds=86_400)
    )
    assert (row["BilledCost"], row["x_CostBasis"]) == (0, "unpriced")
    assert (row["x_BilledCostLow"], row["x_BilledCostHigh"]) == (None, None)
    assert (row["ListUnitPrice"], row["x_UnpricedSeconds"]) == (None, 86_400)


@pytest.mark.parametrize(
    ("metered", "low", "basis"),
    [(10, 10, "metered"), (0, 0, "estimated"), (4, 4, "mixed"), (10, 8, "mixed")],
)
def test_the_basis_of_a_cost(metered: int, low: int, basis: str) -> None:
    money = {"spend_micros": 10, "metered_micros": metered, "spend_low_micros": low}
    assert lines(make_row("2026-06-01", **money))[0]["x_CostBasis"] == basis


def test_unknown_parts_are_null_and_never_empty_texts() -> None:
    unknown = dict.fromkeys(
        ("name", "project_id", "region", "gpu_type", "gpu_count", "template_id")
    )
    [row] = lines(make_row("2026-06-01", **unknown))
    for name in ("ResourceName", "SubAccountId", "SubAccountName", "RegionId", "RegionName"):
        assert row[name] is None
    assert (row["ConsumedQuantity"], row["ConsumedUnit"]) == (24, "Hours")
    assert (row["Tags"], row["SkuPriceDetails"]) == ("{}", "{}")
    assert row["ChargeDescription"] == "unknown GPU cluster"
    assert "" not in row.values()


def test_tags_are_flat_and_name_the_owner() -> None:
    [row] = lines(make_row("2026-06-01"), owner='the "A" team')
    assert json.loads(row["Tags"]) == {
        "tensorone:project_id": "p1",
        "tensorone:template_id": "t1",
        "owner": 'the "A" team',
    }
    assert json.loads(row["SkuPriceDetails"]) == {"GpuCount": 8, "x_GpuType": "A100"}


def test_one_price_has_one_id() -> None:
    rates = (10_000_000, 10_500_000)
    got = lines(*(make_row("2026-06-01", cluster_id=f"c{r}", hourly_rate_micros=r) for r in rates))
    assert [row["SkuPriceId"].rpartition("/")[2] for row in got] == ["10", "10.5"]
    assert len({row["SkuId"] for row in got}) == 1


def test_each_account_has_its_own_id() -> None:
    got = lines(make_row("2026-06-01"), make_row("2026-06-01", account="lab"))
    assert [row["BillingAccountId"] for row in got] == ["acct-7", "acct-9"]


def test_version_1_4_has_other_names_for_providers_and_no_invoice() -> None:
    old, new = (set(table_of(version).names) for version in VERSIONS)
    assert new - old == {"HostProviderName", "ServiceProviderName"}
    assert old - new == {"CommitmentDiscountStatus", "InvoiceId", "ProviderName", "PublisherName"}
    assert set(lines(make_row("2026-06-01"), version="1.4")[0]) == new


@pytest.mark.parametrize("version", VERSIONS)
def test_our_columns_are_last_and_begin_with_x(version: Version) -> None:
    names = table_of(version).names
    assert [name for name in names if name.startswith("x_")] == list(names[-10:])
    assert list(names) == sorted(names)


@settings(max_examples=25)
@given(st.lists(ROWS, min_size=1, max_size=8))
def test_only_columns_that_may_be_null_are(rows: list[dict[str, Any]]) -> None:
    for field, column in zip(table_of("1.2").arrow, focus(*rows).columns, strict=True):
        assert field.nullable or not column.null_count, field.name


def test_no_rows_are_a_table_without_rows() -> None:
    empty = make_ledger()[list(NEEDED)].assign(owner=None)
    assert focus_rows(empty, BILLING, "1.2").num_rows == 0


def test_pieces_give_the_rows_of_the_whole() -> None:
    ledger = make_ledger(*(make_row(f"2026-06-{d:02d}", hours=d) for d in range(1, 11)))
    ledger = ledger[list(NEEDED)].assign(owner=None)
    parts = [
        focus_rows(ledger.iloc[at : at + 3].reset_index(drop=True), BILLING, "1.2")
        for at in range(0, 10, 3)
    ]
    assert pa.concat_tables(parts).equals(focus_rows(ledger, BILLING, "1.2").combine_chunks())
    hours = pc.sum(pa.concat_tables(parts)["PricingQuantity"]).as_py()
    assert hours == int(np.arange(1, 11).sum())
