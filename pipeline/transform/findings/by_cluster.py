"""Findings per cluster: a cluster counts once, with its largest finding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.rules import FINDING, PROVEN
from pipeline.schema import CLUSTER_KEY

if TYPE_CHECKING:
    import pandas as pd


def open_findings(findings: pd.DataFrame) -> pd.DataFrame:
    """The findings that no exclusion covers."""
    are_open = (findings["outcome"] == FINDING) & findings["exclusion"].isna()
    return findings if are_open.all() else findings[are_open]


def clusters(frame: pd.DataFrame) -> pd.DataFrame:
    """The distinct clusters of ``frame``."""
    return frame[CLUSTER_KEY].drop_duplicates()


def repeated_ids(findings: pd.DataFrame) -> frozenset[str]:
    """Ids of clusters with open findings that occur in more than one account."""
    ids = clusters(open_findings(findings))["cluster_id"]
    return frozenset(ids[ids.duplicated(keep=False)])


def waste(findings: pd.DataFrame) -> pd.Series[Any]:
    """Micros wasted per cluster, whatever the grade: the largest of its findings."""
    open_rows = open_findings(findings)
    return open_rows.groupby(CLUSTER_KEY, observed=True)["provable_waste_micros"].max().fillna(0)


def proven_waste(findings: pd.DataFrame) -> pd.Series[Any]:
    """The same of proven findings alone; the findings of a rule without grades are certain."""
    is_proven = findings["grade"].isna() | (findings["grade"] == PROVEN)
    return waste(findings[is_proven.to_numpy(bool)])


def by_cluster(findings: pd.DataFrame) -> pd.DataFrame:
    """One row per cluster of ``findings`` (the open ones), most provable money first.

    Columns: account, cluster_id, and in micros ``waste``, ``spend``, ``saving`` and ``suspected``.
    """
    groups = findings.groupby(CLUSTER_KEY, observed=True, sort=True)
    ranked = groups.agg(
        waste=("provable_waste_micros", "max"),
        spend=("spend_micros", "max"),
        suspected=("suspected_saving_micros", "max"),
    ).reset_index()
    # A sum of unknown savings is unknown, not zero.
    ranked["saving"] = groups["counted_saving_micros"].sum(min_count=1).to_numpy()
    ranked["saving"] = ranked["saving"].astype("Int64")
    return ranked.sort_values(
        ["waste", "saving", "spend", *CLUSTER_KEY],
        ascending=[False, False, False, True, True],
        kind="stable",
        na_position="last",
    ).reset_index(drop=True)
