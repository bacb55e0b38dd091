"""Rows of a table, by account and cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from pipeline.schema import CLUSTER_KEY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Key = tuple[str, str]
    Record = Mapping[Any, Any]


def keys_of(frame: pd.DataFrame) -> list[Key]:
    """The account and the cluster id of each row."""
    return list(zip(frame["account"].astype("str"), frame["cluster_id"], strict=True))


def key_of(record: Record) -> Key:
    """The same of one row."""
    return str(record["account"]), record["cluster_id"]


def rows_of(frame: pd.DataFrame, keys: Sequence[Key]) -> pd.DataFrame:
    """The rows of the clusters ``keys``."""
    if not keys:
        return frame.iloc[:0]
    wanted = pd.MultiIndex.from_tuples(keys, names=CLUSTER_KEY)
    have = pd.MultiIndex.from_arrays([frame["account"].astype("str"), frame["cluster_id"]])
    return frame[have.isin(wanted)]


def records_of(frame: pd.DataFrame, keys: Sequence[Key]) -> dict[Key, Record]:
    """The same as records; a cluster has one row."""
    return {key_of(record): record for record in rows_of(frame, keys).to_dict("records")}
