"""A bill against the ledger: what both have, and what only one has."""

from __future__ import annotations

from datetime import date
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pipeline.transform.reconcile import reconcile, sums
from tests.transform.conftest import UNIT, make_ledger, make_row

FIRST, SECOND = date(2026, 6, 1), date(2026, 6, 2)


def compared(
    billed: dict[date, int], *rows: dict[str, Any], observed: tuple[date, ...] = (FIRST, SECOND)
) -> list[dict[str, Any]]:
    table = reconcile({"default": billed}, make_ledger(*rows), {"default": observed})
    return table.astype(object).where(table.notna(), None).to_dict("records")


def money(row: dict[str, Any], *names: str) -> tuple[int | None, ...]:
    return tuple(row[f"{name}_micros"] for name in names)


def test_what_no_snapshot_shows_is_the_residual() -> None:
    [row] = compared({FIRST: 250 * UNIT}, make_row("2026-06-01"))
    assert money(row, "billed", "spend", "matched") == (250 * UNIT, 240 * UNIT, 240 * UNIT)
    assert money(row, "residual", "unobserved") == (10 * UNIT, 0)
    assert row["is_within_bounds"] is False


def test_what_was_not_billed_is_a_residual_below_zero() -> None:
    [row] = compared({FIRST: 200 * UNIT}, make_row("2026-06-01"))
    assert money(row, "matched", "residual") == (200 * UNIT, -40 * UNIT)


def test_residuals_above_and_below_zero_do_not_cancel() -> None:
    days = {FIRST: 250 * UNIT, SECOND: 235 * UNIT}
    ledger = make_ledger(make_row("2026-06-01"), make_row("2026-06-02"))
    total = sums(reconcile({"default": days}, ledger, {"default": [FIRST, SECOND]}))
    assert (total.above, total.below, total.residual) == (10 * UNIT, -5 * UNIT, 5 * UNIT)
    assert (total.outside_bounds, total.with_bounds) == (2, 2)
    unknown = sums(reconcile({"default": days}, ledger, {"default": [FIRST]}))
    assert (unknown.outside_bounds, unknown.with_bounds) == (1, 1)
    assert total.billed == total.spend + total.unobserved + total.residual


def test_a_day_that_was_not_observed_in_full_explains_what_is_missing() -> None:
    first, second = compared(
        {FIRST: 250 * UNIT, SECOND: 30 * UNIT}, make_row("2026-06-01"), observed=()
    )
    assert money(first, "matched", "unobserved", "residual") == (240 * UNIT, 10 * UNIT, 0)
    assert money(second, "spend", "unobserved", "residual") == (None, 30 * UNIT, 0)
    assert second["is_within_bounds"] is None


def test_a_day_without_clusters_that_was_observed_has_spent_nothing() -> None:
    _, second = compared({FIRST: 0, SECOND: 5}, make_row("2026-06-01"))
    assert money(second, "spend", "residual") == (0, 5)


def test_a_bill_within_the_bounds_of_an_estimate_is_marked() -> None:
    [row] = compared(
        {FIRST: 60}, make_row("2026-06-01", spend_micros=50, metered_micros=0, spend_low_micros=0,
                              spend_high_micros=70)
    )  # fmt: skip
    assert (row["is_within_bounds"], row["estimated_micros"]) == (True, 50)


def test_accounts_are_compared_apart() -> None:
    ledger = make_ledger(make_row("2026-06-01"), make_row("2026-06-01", account="lab"))
    bills = {"default": {FIRST: 240 * UNIT}, "lab": {FIRST: 0}}
    rows = reconcile(bills, ledger, {"default": (FIRST,), "lab": (FIRST,)})
    assert rows["residual_micros"].tolist() == [0, -240 * UNIT]


def test_no_bill_is_no_rows() -> None:
    assert reconcile({"default": {}}, make_ledger(make_row("2026-06-01")), {}).empty


@given(
    st.dictionaries(st.sampled_from([FIRST, SECOND]), st.integers(-(10**12), 10**12), min_size=1),
    st.lists(st.integers(0, 10**12), max_size=3),
    st.sets(st.sampled_from([FIRST, SECOND])),
)
def test_billed_is_spend_and_unobserved_and_residual(
    billed: dict[date, int], spent: list[int], observed: set[date]
) -> None:
    rows = [make_row("2026-06-01", cluster_id=f"c{n}", spend_micros=s) for n, s in enumerate(spent)]
    for row in compared(billed, *rows, observed=tuple(observed)):
        parts = money(row, "spend", "unobserved", "residual")
        assert row["billed_micros"] == sum(part or 0 for part in parts)
        assert row["unobserved_micros"] >= 0
