"""Rows of a table, by account and cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipeline.schema import CLUSTER_KEY
from pipeline.transform.fold import number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.arrays import Bools

    Key = tuple[str, str]
    Record = Mapping[Any, Any]


def keys_of(frame: pd.DataFrame) -> list[Key]:
    """The account and the cluster id of each row."""
    return list(zip(frame["account"].astype("str"), frame["cluster_id"], strict=True))


def key_of(record: Record) -> Key:
    """The same of one row."""
    return str(record["account"]), record["cluster_id"]


def are_of(frame: pd.DataFrame, keys: Sequence[Key]) -> Bools:
    """Whether each row is of one of the clusters ``keys``."""
    # The id alone leaves few rows, which are then compared with their account.
    are = frame["cluster_id"].isin({cluster_id for _, cluster_id in keys}).to_numpy(bool, copy=True)
    few, wanted = frame.loc[are, CLUSTER_KEY], set(keys)
    are[are] = [key in wanted for key in keys_of(few)]
    return are


def rows_of(frame: pd.DataFrame, keys: Sequence[Key]) -> pd.DataFrame:
    """The rows of the clusters ``keys``."""
    return frame[are_of(frame, keys)]


def rows_among(frame: pd.DataFrame, clusters: pd.DataFrame) -> pd.DataFrame:
    """The rows of the clusters that have a row in ``clusters``, which may be many."""
    both = pd.concat([each[CLUSTER_KEY].astype("str") for each in (frame, clusters)])
    code, size = number(both, CLUSTER_KEY)
    wanted = np.zeros(size, dtype=bool)
    wanted[code[len(frame) :]] = True
    return frame[wanted[code[: len(frame)]]]


def records_of(frame: pd.DataFrame, keys: Sequence[Key]) -> dict[Key, Record]:
    """The same as records; a cluster has one row."""
    return {key_of(record): record for record in rows_of(frame, keys).to_dict("records")}
