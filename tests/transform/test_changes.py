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
    rows = changes.bridge_rows(ledger, MONDAY, TUESDAY)
    assert (rows["micros"] != 0).all()
    assert list(dict.fromkeys(rows["cause"])) == [
        c for c in changes.CAUSES if c in set(rows["cause"])
    ]
    return {
        str(cause): int(micros) for cause, micros in rows.groupby("cause")["micros"].sum().items()
    }


def test_each_cause_has_its_money(row: Make, ledger: Make) -> None:
    before, after = "2026-03-02", "2026-03-03"
    off: dict[str, Any] = {"hours": 0, "spend_micros": 0}
    rows = ledger(
        row(after, cluster_id="new"),
        row(before, cluster_id="gone"),
        row(before, cluster_id="resumed", **off),
        row(after, cluster_id="resumed"),
        row(before, cluster_id="stopped"),
        row(after, cluster_id="stopped", **off),
        row(before, cluster_id="longer", hours=10),
        row(after, cluster_id="longer", hours=13),
        row(before, cluster_id="bigger", gpu_count=4),
        row(after, cluster_id="bigger", gpu_count=8, hourly_rate_micros=20 * UNIT),
        row(before, cluster_id="repriced"),
        row(after, cluster_id="repriced", hourly_rate_micros=11 * UNIT),
        row(before, cluster_id="same"),
        row(after, cluster_id="same"),
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
    moved = changes.bridge_rows(rows, MONDAY, TUESDAY)
    assert moved["micros"].sum() == spend.get(3, 0) - spend.get(2, 0)


def test_statuses_that_changed_are_named_and_others_left_out() -> None:
    def frame(**status: str | None) -> pd.DataFrame:
        return pd.DataFrame(
            [
                {"account": "a", "cluster_id": c, "name": c, "project_id": None, "status": s,
                 "spend_micros": 1}
                for c, s in status.items()
            ],
            columns=changes.STATUS_COLUMNS,
        )  # fmt: skip

    got = changes.status_changes(
        frame(a="running", b="stopped", c="running", d="running", e="running", f=None, g="pending",
              h="stopping", i="starting", j=None),
        frame(a="running", b="pending", c="stopping", d="error", x="running", f=None, g="odd",
              h="stopped", i="running", j="running"),
    )  # fmt: skip
    assert list(zip(got["cluster_id"], got["change"], strict=True)) == [
        ("d", "failed"), ("x", "new"), ("e", "gone"), ("b", "started"), ("c", "stopped"),
        ("g", "other"),
    ]  # fmt: skip
    gone = got.set_index("cluster_id").loc["e"]
    assert gone["name"] == "e"
    assert gone["spend_before_micros"] == 1
    assert pd.isna(gone["spend_micros"])
    assert changes.status_changes(frame(), frame()).empty


def test_a_cluster_that_vanished_during_the_day_is_gone_at_its_end(row: Make, ledger: Make) -> None:
    rows = ledger(
        row("2026-03-01", cluster_id="a"),
        row("2026-03-01", cluster_id="b"),
        row("2026-03-02", cluster_id="a", flags="vanished"),
        row("2026-03-03", cluster_id="b"),
    )
    days = [date(2026, 3, day) for day in (1, 2, 3)]
    first = changes.since(rows, days[0], days[1])
    assert first is not None
    assert first["change"].tolist() == ["gone", "gone"]
    over_two = changes.since(rows, days[0], days[2])
    assert over_two is not None
    assert over_two[["cluster_id", "change"]].to_numpy().tolist() == [["a", "gone"]]
    assert changes.since(rows, date(2026, 2, 28), days[0]) is None
