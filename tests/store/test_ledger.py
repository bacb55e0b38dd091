"""Ledger days: replaced as a whole, and read as one frame."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from pipeline.errors import (
    DamageError,
    Exit,
)
from pipeline.schema import LEDGER

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
