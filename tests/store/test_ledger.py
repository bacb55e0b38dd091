"""Ledger days: replaced as a whole, and read as one frame."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow.parquet as pq
import pytest

from pipeline.errors import (
    DamageError,
    Exit,
)
from pipeline.model import IdRange
from pipeline.schema import LEDGER
from pipeline.store import ledger

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.store import Store


NOON = datetime(2026, 10, 20, 12, tzinfo=UTC)
DAY = date(2026, 10, 20)


def test_the_ledger_days_of_a_window_are_read_as_one_frame(
    store: Store, ledger_day: Callable[..., pd.DataFrame]
) -> None:
    for offset in range(4):
        for account in ("x", "y"):
            frame = ledger_day(rows=2 + offset)
            store.publish_ledger_day(account, DAY + timedelta(days=offset), "abcd", frame)
    window = store.read_ledger(DAY + timedelta(days=1), DAY + timedelta(days=2))
    assert list(window.columns) == list(LEDGER.names)
    assert window.dtypes.astype(str).equals(LEDGER.empty().dtypes.astype(str))
    assert len(window) == 2 * (3 + 4)
    assert window.groupby(["account", "date"], observed=True).size().to_dict() == {
        (account, pd.Timestamp("2026-10-20") + pd.Timedelta(days=offset)): 2 + offset
        for account in ("x", "y")
        for offset in (1, 2)
    }
    some = store.read_ledger(DAY, DAY, accounts=["y"], columns=["spend_micros", "date"])
    assert list(some.columns) == ["date", "spend_micros"]
    assert some["spend_micros"].tolist() == [0, 1_000_001]


def test_a_window_without_ledger_days_is_an_empty_frame(store: Store) -> None:
    assert store.read_ledger(DAY, DAY).empty
    assert list(store.read_ledger(DAY, DAY, columns=["flags"]).columns) == ["flags"]


def test_a_new_digest_replaces_the_old_file_of_the_day(
    store: Store, ledger_day: Callable[..., pd.DataFrame]
) -> None:
    store.publish_ledger_day("default", DAY, "aaaa", ledger_day(rows=2))
    store.publish_ledger_day("default", DAY + timedelta(days=1), "cccc", ledger_day(rows=2))
    store.publish_ledger_day("default", DAY, "bbbb", ledger_day(rows=5))
    assert [ref.digest for ref in store.ledger_days()] == ["bbbb", "cccc"]
    assert len(store.read_ledger(DAY, DAY)) == 5


def test_damage_is_an_error_or_is_skipped_and_reported(
    store: Store, ledger_day: Callable[..., pd.DataFrame]
) -> None:
    for offset in range(3):
        day = DAY + timedelta(days=offset)
        ref = store.publish_ledger_day("default", day, "abcd", ledger_day(rows=2))
    path = store.files.path(ref.key)
    assert path is not None
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 8
    path.write_bytes(data)
    with pytest.raises(DamageError, match=ref.key) as caught:
        store.read_ledger(DAY, DAY + timedelta(days=2))
    assert caught.value.exit_code == Exit.DAMAGE
    damaged: list[str] = []
    rest = store.read_ledger(DAY, DAY + timedelta(days=2), damaged=damaged)
    assert len(rest) == 4
    assert len(damaged) == 1
    assert ref.key in damaged[0]


def names_of(*texts: str) -> list[str]:
    return sorted(texts, key=str.encode)


@pytest.mark.parametrize("group_rows", [3, 1000], ids=["row groups", "one row group"])
def test_ranges_of_ids_together_are_every_row_once(
    store: Store,
    ledger_day: Callable[..., pd.DataFrame],
    group_rows: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ledger, "GROUP_ROWS", group_rows)
    some, more = names_of("a", "B", "z", "ä", "\U0001f40d", "\uffee"), list("bcdefghij")
    for offset, ids in enumerate([more, some, [], [*more, *some]]):
        for account in ("x", "y"):
            frame = ledger_day(rows=len(ids)).assign(cluster_id=names_of(*ids))
            store.publish_ledger_day(account, DAY + timedelta(days=offset), "abcd", frame)
    refs = store.ledger_days()
    ranges = store.id_ranges(refs, 20)
    assert len(ranges) == 6  # 120 rows are expected: 15 clusters, 4 days, 2 accounts
    parts = [store.read_ledger_days(refs, ["date", "cluster_id"], ids=ids) for ids in ranges]
    assert all(len(part) for part in parts)
    key = ["date", "cluster_id"]
    read = pd.concat(parts).sort_values(key, ignore_index=True)
    every = store.read_ledger_days(refs, key).sort_values(key, ignore_index=True)
    pd.testing.assert_frame_equal(read, every)
    owners = [set(part["cluster_id"]) for part in parts]
    assert sum(map(len, owners)) == len(set().union(*owners))


def test_row_groups_without_a_wanted_cluster_are_not_read(
    store: Store, ledger_day: Callable[..., pd.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "GROUP_ROWS", 2)
    frame = ledger_day(rows=6).assign(cluster_id=list("abcdef"))
    ref = store.publish_ledger_day("x", DAY, "abcd", frame)
    groups: list[list[int]] = []
    read = pq.ParquetFile.read_row_groups
    monkeypatch.setattr(
        pq.ParquetFile,
        "read_row_groups",
        lambda self, wanted, *rest, **more: (
            groups.append(wanted) or read(self, wanted, *rest, **more)
        ),
    )
    rows = store.read_ledger_days([ref], ["cluster_id"], ids=IdRange("b", "d"))
    assert rows["cluster_id"].tolist() == ["b", "c"]
    assert groups == [[0, 1]]


def test_a_fleet_that_fits_is_one_range(
    store: Store, ledger_day: Callable[..., pd.DataFrame]
) -> None:
    assert store.id_ranges([], 5) == [IdRange()]
    ref = store.publish_ledger_day("x", DAY, "abcd", ledger_day(rows=5))
    assert store.id_ranges([ref], 5) == [IdRange()]
    assert len(store.id_ranges([ref], 4)) == 2


def test_a_damaged_newest_day_leaves_the_ranges_to_the_day_before(
    store: Store, ledger_day: Callable[..., pd.DataFrame]
) -> None:
    for offset in range(2):
        ref = store.publish_ledger_day("x", DAY + timedelta(offset), "abcd", ledger_day(rows=5))
    data = bytearray(store.files.read(ref.key))
    data[len(data) // 4] ^= 8  # its footer is intact
    store.files.replace(ref.key, bytes(data))
    assert len(store.id_ranges(store.ledger_days(), 4)) == 3
    store.files.replace(ref.key, b"no Parquet")
    assert len(store.id_ranges(store.ledger_days(), 4)) == 3


def test_days_whose_rows_are_all_damaged_are_one_range(
    store: Store, ledger_day: Callable[..., pd.DataFrame]
) -> None:
    ref = store.publish_ledger_day("x", DAY, "abcd", ledger_day(rows=5))
    data = bytearray(store.files.read(ref.key))
    data[len(data) // 4] ^= 8  # its footer is intact
    store.files.replace(ref.key, bytes(data))
    assert store.id_ranges([ref], 4) == [IdRange()]
