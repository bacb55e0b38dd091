"""Spend of closed days, cut by the dimensions that a user names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.jobs.findings import read_policy
from pipeline.jobs.ledger_window import read_window
from pipeline.schema import SPEND
from pipeline.transform import spend
from pipeline.transform.findings.owners import owner_over_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from pipeline.jobs import Job
    from pipeline.jobs.ledger_window import Window
    from pipeline.transform.findings.owners import Owner

LEDGER_COLUMNS = tuple(name for name in SPEND.names if name != "gpu_seconds")
"""The columns of the ledger that spend is made of."""


def spend_of(
    job: Job, dimensions: Sequence[str], window: Window, owners: Sequence[Owner] | None = None
) -> pd.DataFrame:
    """The spend of ``window`` by ``dimensions``; by cluster, also each one's last name.

    ``owners``: the entries of the owners file; by default those of the settings.

    Returns:
        ``transform.spend.by``; without dimensions ``schema.SPEND``, a row per cluster and day.
    """
    ledger = read_window(job, window, LEDGER_COLUMNS)
    if not dimensions:
        return spend.spend_rows(ledger)
    if "owner" in dimensions:
        if owners is None:
            owners = read_policy(job.settings, window.last).owners
        ledger = ledger.assign(owner=owner_over_time(owners, ledger))
    rows = spend.by(ledger, *dimensions)
    return _with_names(rows, ledger) if "cluster_id" in dimensions else rows


def _with_names(rows: pd.DataFrame, ledger: pd.DataFrame) -> pd.DataFrame:
    """``rows`` with each cluster's last name after its id."""
    key = ["account", "cluster_id"]
    newest = ledger.sort_values("date", kind="stable").drop_duplicates(key, keep="last")
    names = {
        (account, cluster): name
        for account, cluster, name in newest[[*key, "name"]].itertuples(index=False)
    }
    out = rows.copy(deep=False)
    pairs = zip(rows["account"], rows["cluster_id"], strict=True)
    out.insert(list(rows.columns).index("cluster_id") + 1, "name", [names[pair] for pair in pairs])
    return out
