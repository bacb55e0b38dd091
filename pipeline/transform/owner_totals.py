"""Spend and findings by owner; the rows add up to those of the fleet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pandas as pd

from pipeline.schema import CLUSTER_KEY
from pipeline.transform.findings.by_cluster import by_cluster, open_findings

if TYPE_CHECKING:
    from pandas.api.typing import DataFrameGroupBy

SUMS = ("clusters", "spend_micros", "findings", "waste_micros", "saving_micros")


def with_owner(rows: pd.DataFrame, owned: pd.DataFrame) -> pd.DataFrame:
    """``rows`` of clusters with the ``owner`` of their cluster in ``owned``; null where none is."""
    owners = owned[[*CLUSTER_KEY, "owner"]].drop_duplicates(CLUSTER_KEY)
    keys = pd.MultiIndex.from_frame(rows[CLUSTER_KEY].astype("str"))
    known = pd.MultiIndex.from_frame(owners[CLUSTER_KEY].astype("str"))
    position = known.get_indexer(keys)  # -1, the appended null, where there is none
    owner = pd.Series([*owners["owner"], None], dtype="object")
    return rows.assign(owner=owner.take(position).array)


def owner_totals(window: pd.DataFrame, findings: pd.DataFrame) -> pd.DataFrame:
    """A row per owner, most spend first: ``owner`` (null: none is named) and its ``SUMS``.

    ``window`` (ledger rows) and ``findings`` have an ``owner`` column.
    """
    open_rows = open_findings(findings)
    ranked = with_owner(by_cluster(open_rows), open_rows)
    sums = {
        "clusters": _by_owner(window.drop_duplicates(CLUSTER_KEY)).size(),
        "spend_micros": _by_owner(window)["spend_micros"].sum(),
        "findings": _by_owner(ranked).size(),
        "waste_micros": _by_owner(ranked)["waste"].sum(),
        "saving_micros": _by_owner(ranked)["saving"].sum(),
    }
    table = pd.DataFrame(sums).fillna(0).astype("int64").rename_axis("owner").reset_index()
    table["owner"] = table["owner"].where(table["owner"] != "", None)
    return table.sort_values(
        ["spend_micros", "owner"], ascending=[False, True], kind="stable"
    ).reset_index(drop=True)


def _by_owner(rows: pd.DataFrame) -> DataFrameGroupBy[str, Literal[True]]:
    return rows.groupby(rows["owner"].astype("object").fillna(""), sort=True)
