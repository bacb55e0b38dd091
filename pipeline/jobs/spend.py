"""Spend of closed days, cut by the dimensions that a user names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.jobs.coverage import closed_days, coverage, warn_of_missing
from pipeline.jobs.findings import read_policy
from pipeline.schema import SPEND
from pipeline.transform import spend
from pipeline.transform.findings.owners import owner_over_time
from pipeline.transform.observed import observed_days

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    import pandas as pd

    from pipeline.jobs import Job


@dataclass(frozen=True)
class Spend:
    """The spend of the days ``first`` to ``last``."""

    first: date
    last: date
    rows: pd.DataFrame


def spend_of(
    job: Job, dimensions: Sequence[str], first: date | None, last: date | None, days: int
) -> Spend:
    """The spend of ``first`` to ``last`` (by default the last closed day) by ``dimensions``.

    ``days``: how many days up to ``last`` are summed if ``first`` is not given; fewer where the
    ledger begins later.

    Raises:
        SettingsError: the dates are not within the closed days.
        StorageError: no day is closed yet.
    """
    known = coverage(job)
    since, until = closed_days(job, known, first, last, days)
    warn_of_missing(job, until, known.missing(until, tuple(job.settings.accounts)))
    names = [name for name in SPEND.names if name != "gpu_seconds"]
    ledger = observed_days(job.store.read_ledger(since, until, columns=names), known.until)
    if "owner" in dimensions:
        owners = read_policy(job.settings, until).owners
        ledger = ledger.assign(owner=owner_over_time(owners, ledger))
    rows = spend.by(ledger, *dimensions)
    if "cluster_id" in dimensions:
        rows = _with_names(rows, ledger)
    return Spend(since, until, rows)


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
