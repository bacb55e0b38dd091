"""Replay: what rules would have found on past dates, and how often owners then agreed.

Method: the findings of each day are made from the ledger up to that day, in a chain. Nothing later
has an influence, so a replay gives the same bytes whenever it is made, and other settings can be
tried on the past before they are used.

Precision: of the clusters a rule flagged (first found on a day), those that were then stopped, or
left the list, within ``horizon`` days. A flag that was not acted on and whose horizon is not over
is undecided and in neither number. Known limit: it measures what owners did, not what was right. A
cluster that ended for other reasons counts as agreement.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pipeline.rules import FINDING
from pipeline.schema import CLUSTER_KEY
from pipeline.transform.fold import day_number, day_numbers
from pipeline.transform.observed import last_observed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from pipeline.arrays import Floats, Ints
    from pipeline.transform.observed import Until


HORIZON_DAYS = 14
_FAR = 1 << 24
"""More days than any calendar has: cluster x this + day sorts by cluster, then day."""
_ENDED = ("stopped", "stopping")
LEDGER_COLUMNS = (*CLUSTER_KEY, "date", "status")
"""What :func:`precision` reads of the ledger."""
_KEPT = [*CLUSTER_KEY, "rule_id", "outcome", "grade", "state", "found_on"]


def flags(days: Iterator[tuple[date, pd.DataFrame]]) -> pd.DataFrame:
    """The first flag of each cluster by each rule: rule_id, grade, found_on, among others.

    ``days`` are those of :func:`~pipeline.transform.findings.judge.judge_days`.
    """
    parts = [frame.loc[frame["outcome"] == FINDING, _KEPT] for _, frame in days]
    if not parts:
        return pd.DataFrame(columns=_KEPT)
    rows = pd.concat([f.astype(dict.fromkeys(_KEPT[:5], "object")) for f in parts])
    return rows.drop_duplicates([*CLUSTER_KEY, "rule_id"]).reset_index(drop=True)


def precision(
    flagged: pd.DataFrame,
    ledger: pd.DataFrame,
    last: date,
    horizon: int = HORIZON_DAYS,
    until: Until | None = None,
) -> pd.DataFrame:
    """Per rule: ``flagged``, ``acted_on``, ``kept``, ``undecided`` and ``precision`` (0-1).

    ``ledger`` has the days from the first flag on and reaches to ``last``, the last day anything is
    known of; ``until`` is that of each account that is not observed to the end.
    """
    known = np.minimum(last_observed(flagged, until or {}, day_number(last)), day_number(last))
    ended = _first_end(flagged, ledger, known)
    found_on = day_numbers(flagged["found_on"])
    acted = ended <= found_on + horizon
    over = found_on + horizon <= known
    table = pd.DataFrame(
        {
            "rule_id": flagged["rule_id"].astype("str"),
            "flagged": 1,
            "acted_on": acted.astype(int),
            "kept": (~acted & over).astype(int),
            "undecided": (~acted & ~over).astype(int),
        }
    )
    out = table.groupby("rule_id").sum().reset_index()
    decided = (out["acted_on"] + out["kept"]).to_numpy(float)
    out["precision"] = np.divide(
        out["acted_on"].to_numpy(float), decided, out=np.full(len(out), np.nan), where=decided > 0
    )
    return out


def _first_end(flagged: pd.DataFrame, ledger: pd.DataFrame, known: Ints) -> Floats:
    """The first day after its flag on which each cluster was stopped or gone; infinite if none.

    ``known``: the number of the last day anything is known of each.
    """
    keys = pd.MultiIndex.from_frame(flagged[CLUSTER_KEY].astype("str"))
    clusters = keys.unique()
    code = clusters.get_indexer(pd.MultiIndex.from_frame(ledger[CLUSTER_KEY].astype("str")))
    day = day_numbers(ledger["date"])
    flag = clusters.get_indexer(keys)
    last = np.full(len(clusters), -1, dtype=np.int64)
    last[flag] = known
    mine = (code >= 0) & (day <= last[code])
    final = np.full(len(clusters), -1, dtype=np.int64)
    np.maximum.at(final, code[mine], day[mine])
    gone = np.where(final < last, final + 1.0, np.inf)[flag]
    stops = mine & ledger["status"].isin(_ENDED).to_numpy(bool)
    # One sorted list of cluster and day finds each flag's next stop.
    marks = np.sort(np.append(code[stops] * _FAR + day[stops], len(clusters) * _FAR))
    following = marks[
        np.searchsorted(marks, flag * _FAR + day_numbers(flagged["found_on"]), "right")
    ]
    stopped = np.where(following // _FAR == flag, following % _FAR, np.inf)
    return np.asarray(np.minimum(gone, stopped))
