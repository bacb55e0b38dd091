"""The bridge adds up exactly; a changed status has a name."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from pipeline import schema
from pipeline.transform import changes

if TYPE_CHECKING:
    from collections.abc import Callable

    Make = Callable[..., Any]

UNIT = schema.MICROS_PER_UNIT
MONDAY, TUESDAY = (date(2026, 3, 2), date(2026, 3, 2)), (date(2026, 3, 3), date(2026, 3, 3))


def causes(ledger: pd.DataFrame) -> dict[str, int]:
    table = changes.bridge(ledger, MONDAY, TUESDAY)
    assert table["cause"].tolist() == list(changes.CAUSES)
    return {c: m for c, m in zip(table["cause"], table["micros"], strict=True) if m}


def test_each_cause_has_its_money(row: Make, ledger: Make) -> None:
    one, two = "2026-03-02", "2026-03-03"
    off: dict[str, Any] = {"hours": 0, "spend_micros": 0}
    rows = ledger(
        row(two, cluster_id="new"),
        row(one, cluster_id="gone"),
        row(one, cluster_id="resumed", **off),
        row(two, cluster_id="resumed"),
        row(one, cluster_id="stopped"),
        row(two, cluster_id="stopped", **off),
        row(one, cluster_id="longer", hours=10),
        row(two, cluster_id="longer", hours=13),
        row(one, cluster_id="bigger", gpu_count=4),
        row(two, cluster_id="bigger", gpu_count=8, hourly_rate_micros=20 * UNIT),
        row(one, cluster_id="dearer"),
        row(two, cluster_id="dearer", hourly_rate_micros=11 * UNIT),
        row(one, cluster_id="same"),
        row(two, cluster_id="same"),
    )
    assert causes(rows) == {
        "new": 240 * UNIT,
        "gone": -240 * UNIT,
        "resumed": 240 * UNIT,
        "stopped": -240 * UNIT,
        "hours": 30 * UNIT,
        "GPUs": 240 * UNIT,
        "rate": 24 * UNIT,
    }


def test_storage_is_apart_and_unpriced_money_in_neither(row: Make, ledger: Make) -> None:
    kept = {"hours": 10, "spend_micros": 100 * UNIT}
    rows = ledger(
        row("2026-03-02", **kept),
        row(
            "2026-03-03", **(kept | {"spend_micros": 107 * UNIT, "stopped_spend_micros": 7 * UNIT})
        ),
        row("2026-03-03", cluster_id="dark", spend_micros=None),
    )
    assert causes(rows) == {"storage": 7 * UNIT}


days_of_clusters = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.sampled_from(["2026-03-02", "2026-03-03"]),
        st.integers(0, 24),
        st.one_of(st.none(), st.integers(0, 10**9)),
        st.one_of(st.none(), st.integers(0, 16)),
    ),
    unique_by=lambda t: t[:2],
    max_size=6,
)


@given(drawn=days_of_clusters)
def test_the_causes_add_up_to_the_difference_whatever_happened(
    row: Make, ledger: Make, drawn: list[Any]
) -> None:
    rows = ledger(
        *(row(day, cluster_id=c, hours=h, spend_micros=s, gpu_count=g) for c, day, h, s, g in drawn)
    )
    spend = rows.groupby(rows["date"].dt.day)["spend_micros"].sum()
    table = changes.bridge(rows, MONDAY, TUESDAY)
    assert table["micros"].sum() == spend.get(3, 0) - spend.get(2, 0)


def test_statuses_that_changed_are_named_and_others_left_out() -> None:
    def frame(**status: str | None) -> pd.DataFrame:
        return pd.DataFrame(
            [
                {"account": "a", "cluster_id": c, "name": c, "project_id": None, "status": s}
                for c, s in status.items()
            ],
            columns=["account", "cluster_id", "name", "project_id", "status"],
        )

    got = changes.status_changes(
        frame(a="running", b="stopped", c="running", d="running", e="running", f=None, g="pending"),
        frame(a="running", b="running", c="stopped", d="error", x="running", f=None, g="odd"),
    )
    assert dict(zip(got["cluster_id"], got["change"], strict=True)) == {
        "x": "new", "b": "started", "c": "stopped", "d": "failed", "e": "gone", "g": "other",
    }  # fmt: skip
    assert got.set_index("cluster_id").loc["e", "name"] == "e"
    assert changes.status_changes(frame(), frame()).empty
