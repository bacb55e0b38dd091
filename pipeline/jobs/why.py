"""All that is known about one cluster: its findings, what decided the other rules, and its days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pipeline.errors import SettingsError
from pipeline.jobs.hidden_names import stored_key
from pipeline.pseudonyms import is_pseudonym, pseudonym
from pipeline.report.text.action_text import with_gpu_need
from pipeline.schema import CLUSTER_KEY
from pipeline.spelling import near
from pipeline.transform import utilization
from pipeline.transform.fold import between
from pipeline.transform.observed import observed_days

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from pipeline.jobs import Job
    from pipeline.jobs.findings import DayFindings

HISTORY_DAYS = 30
_MPCT = 1000


@dataclass(frozen=True, eq=False)
class Cluster:
    """One cluster as of a day."""

    newest: Mapping[Any, Any]
    """Its newest ledger row."""
    outcomes: pd.DataFrame
    """Its rows of ``schema.FINDINGS``: one for each rule."""
    evidence: Mapping[Any, Any]
    """Its utilization over the rules' window, with the GPUs needed; empty if it is not in it."""
    days: pd.DataFrame
    """Its last days: date, status, money, running hours, mean and highest GPU use."""


def cluster_of(job: Job, judged: DayFindings, text: str) -> Cluster:
    """The cluster whose id or name is ``text``.

    Raises:
        SettingsError: there is none, or several have the name.
    """
    first = judged.day - timedelta(days=HISTORY_DAYS - 1)
    ledger = job.store.read_ledger(first, judged.day, damaged=[])
    ledger = observed_days(ledger, judged.coverage.until)
    account, cluster_id = _key_of(ledger, text, stored_key(job.store))
    mine, outcomes = (
        rows[((rows["account"] == account) & (rows["cluster_id"] == cluster_id)).to_numpy(bool)]
        for rows in (ledger, judged.findings)
    )
    mine = mine.sort_values("date", kind="stable")
    window = job.settings.rules.idle_window_days
    recent = utilization.rank(
        between(mine, judged.day - timedelta(days=window - 1), judged.day), judged.coverage.until
    )
    return Cluster(
        newest=mine.iloc[-1].to_dict(),
        outcomes=outcomes.reset_index(drop=True),
        evidence=next(iter(with_gpu_need(recent).to_dict("records")), {}),
        days=_days(mine),
    )


def _key_of(ledger: pd.DataFrame, text: str, key: bytes | None) -> tuple[str, str]:
    """The account and id of the cluster that ``text`` names; ``key``: that of pseudonyms."""
    newest = ledger.sort_values("date", kind="stable").drop_duplicates(CLUSTER_KEY, keep="last")
    for column, remedy in (("cluster_id", "accounts"), ("name", "clusters")):
        matching = newest[(newest[column] == text).to_numpy(bool, na_value=False)]
        keys = [(str(account), str(name)) for account, name in matching[CLUSTER_KEY].to_numpy()]
        if len(keys) > 1:
            named = ", ".join(f"{name} ({account})" for account, name in sorted(keys))
            raise SettingsError(f"CLUSTER {text!r}: {len(keys)} {remedy} have it: {named}")
        if keys:
            return keys[0]
    if keys := _with_pseudonym(newest, text, key):
        if len(keys) == 1:
            return keys[0]
        ids = ", ".join(cluster_id for _, cluster_id in keys)
        raise SettingsError(f"CLUSTER {text!r}: {len(keys)} clusters have this pseudonym: {ids}")
    names = [*newest["name"].dropna().astype(str), *newest["cluster_id"].astype(str)]
    meant = near(text, names) or [name for name in names if text and text in name][:3]
    hint = f"did you mean {' or '.join(meant)}?" if meant else "give a cluster's id or its name"
    raise SettingsError(
        f"CLUSTER {text!r}: no cluster of the last {HISTORY_DAYS} days has this id or name; {hint}"
    )


def _with_pseudonym(newest: pd.DataFrame, text: str, key: bytes | None) -> list[tuple[str, str]]:
    """The clusters whose names are hidden behind ``text``."""
    if key is None or not is_pseudonym(text):
        return []
    rows = newest[["account", "cluster_id", "name"]].dropna().astype("object").to_numpy()
    return [
        (str(account), str(cluster_id))
        for account, cluster_id, name in rows
        if pseudonym(key, "cluster", str(name)) == text
    ]


def _days(rows: pd.DataFrame) -> pd.DataFrame:
    """What ``rows`` of the ledger say of each day."""
    weight = rows["gpu_weight_seconds"].astype("float64")
    use = rows["gpu_sum_mpct_seconds"].astype("float64") / _MPCT / weight.where(weight > 0)
    columns = ["date", "status", "spend_micros", "spend_low_micros", "spend_high_micros"]
    return (
        rows[columns]
        .assign(
            running_hours=(rows["running_seconds"].astype("float64") / 3600).round(1),
            gpu_mean_pct=use.round(1),
            gpu_max_pct=rows["gpu_max_pct"],
        )
        .reset_index(drop=True)
    )
