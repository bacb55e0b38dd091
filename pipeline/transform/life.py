"""The life of a finding: new, open, gone and why, what waiting cost, what acting saved.

Method: findings(D) = f(what was judged on D, findings of the day before). Nothing else is
remembered, so a chain of days rebuilt from its first one is equal to the byte.

- new: found for the first time; open: found before; reopened: found again after it was gone.
- unjudged: it was open and could not be judged today. It is not gone: unknown is not solved.
- excluded: found, and silenced by an exclusion in force.
- gone: judged and no longer found. Reasons: terminated (no longer listed), stopped, rule changed
  (another version), cheaper (its rate fell), resumed work, no longer holds.

waiting cost: for each later day it is open, a thirtieth of the saving it promised the day before,
at most what the cluster cost that day. realised: for the 30 days after it is gone, a thirtieth of
its expected spend less what it cost that day: all of it for a terminated cluster, negative if it
costs more than before. Credit is taken only where somebody acted: terminated, stopped, cheaper.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipeline.rules import FINDING, INSUFFICIENT_DATA

if TYPE_CHECKING:
    from datetime import date

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

NEW, OPEN, REOPENED, UNJUDGED, EXCLUDED, GONE = (
    "new", "open", "reopened", "unjudged", "excluded", "gone",
)  # fmt: skip
STATES = (NEW, OPEN, REOPENED, UNJUDGED, EXCLUDED, GONE)
ACTIVE = (NEW, OPEN, REOPENED)

TERMINATED, STOPPED, CHEAPER = "terminated", "stopped", "cheaper"
RULE_CHANGED, RESUMED, NO_LONGER = "rule changed", "resumed work", "no longer holds"
ACTED_ON = (TERMINATED, STOPPED, CHEAPER)
FOLLOWED_DAYS = 30

_COLUMNS = (
    "state",
    "found_on",
    "gone_on",
    "gone_reason",
    "baseline_micros",
    "promised_micros",
    "realised_micros",
    "waiting_cost_micros",
)
_MONEY = ("baseline_micros", "promised_micros", "realised_micros", "waiting_cost_micros")
_ABOUT_USE = ("idle", "idle_loaded", "underutilized", "off_hours")


@dataclass(frozen=True)
class Today:
    """What was judged, one row per cluster and rule."""

    rows: pd.DataFrame
    """Findings columns, with ``baseline_micros`` for findings."""
    is_present: Bools
    is_running: Bools
    day_spend: Ints
    day: date


def carry(today: Today, previous: pd.DataFrame | None, position: Ints | None) -> pd.DataFrame:
    """``today.rows`` with their life so far.

    ``position`` says which row of today each row of ``previous`` lives on in.
    """
    before = _align(previous, position, len(today.rows))
    rows, was = today.rows, before["state"].to_numpy(object)
    outcome = rows["outcome"].to_numpy(object)
    excluded = (outcome == FINDING) & rows["exclusion"].notna().to_numpy(bool)
    found = (outcome == FINDING) & ~excluded
    had = pd.notna(was)
    was_open = np.isin(was, [*ACTIVE, UNJUDGED]) & had
    unjudged = (outcome == INSUFFICIENT_DATA) & was_open
    leaves = had & (was != GONE) & ~found & ~excluded & ~unjudged
    day = pd.Timestamp(today.day)
    age = (day - before["gone_on"]).dt.days.to_numpy(np.float64, na_value=np.nan)
    stays_gone = had & (was == GONE) & ~found & ~excluded & (age <= FOLLOWED_DAYS)

    state = np.full(len(rows), None, dtype=object)
    state[found & ~had], state[found & was_open] = NEW, OPEN
    state[found & had & ~was_open] = REOPENED
    state[excluded], state[unjudged], state[leaves | stays_gone] = EXCLUDED, UNJUDGED, GONE
    lives = pd.notna(state)
    reason = before["gone_reason"].where(stays_gone).astype("object")
    reason[leaves] = _reasons(today, before)[leaves]

    out = pd.DataFrame(index=rows.index)
    out["state"] = state
    out["found_on"] = before["found_on"].where(had, day).where(lives)
    out["gone_on"] = before["gone_on"].where(stays_gone).mask(leaves, day)
    out["gone_reason"] = reason.where(state == GONE, None)
    fresh = found | excluded
    out["baseline_micros"] = (
        rows["baseline_micros"].where(fresh, before["baseline_micros"]).where(lives)
    )
    counted = rows["counted_saving_micros"]
    out["promised_micros"] = counted.where(fresh, before["promised_micros"]).where(lives)
    out["waiting_cost_micros"] = _waiting(before, today.day_spend, found & was_open).where(lives)
    follows = stays_gone & reason.isin(ACTED_ON).to_numpy(bool)
    out["realised_micros"] = _realised(before, today.day_spend, follows).where(lives)
    return rows.drop(columns=["baseline_micros"]).join(out)


def changes(findings: pd.DataFrame, day: date) -> pd.DataFrame:
    """The findings that are new, reopened or gone on ``day``, most money first."""
    gone_today = (findings["state"] == GONE) & (findings["gone_on"] == pd.Timestamp(day))
    changed = findings[findings["state"].isin([NEW, REOPENED]) | gone_today]
    return changed.sort_values(
        ["promised_micros", "account", "cluster_id", "rule_id"],
        ascending=[False, True, True, True],
        na_position="last",
        kind="stable",
    ).reset_index(drop=True)


def _align(previous: pd.DataFrame | None, position: Ints | None, size: int) -> pd.DataFrame:
    """The life columns of ``previous`` on today's rows; null where there was no finding."""
    index = pd.RangeIndex(size)
    wanted = [*_COLUMNS, "rule_version", "hourly_rate_micros"]
    if previous is None or position is None:
        nothing: dict[str, Any] = {name: pd.Series(None, index, dtype="object") for name in wanted}
        nothing |= {n: pd.Series(pd.NaT, index, dtype="datetime64[us]") for n in _DAYS}
        nothing |= {n: pd.Series(pd.NA, index, dtype="Int64") for n in (*_MONEY, *wanted[-2:])}
        return pd.DataFrame(nothing)
    kept = (position >= 0) & previous["state"].notna().to_numpy(bool)
    aligned = previous.loc[kept, wanted].set_axis(position[kept]).reindex(index)
    aligned["state"] = aligned["state"].astype("object")
    aligned["gone_reason"] = aligned["gone_reason"].astype("object")
    return aligned


_DAYS = ("found_on", "gone_on")


def _reasons(today: Today, before: pd.DataFrame) -> pd.Series[Any]:
    rows = today.rows
    about_use = rows["rule_id"].isin(_ABOUT_USE).to_numpy(bool)
    reason = pd.Series(np.where(about_use, RESUMED, NO_LONGER), index=rows.index, dtype="object")
    cheaper = (rows["hourly_rate_micros"] < before["hourly_rate_micros"]).fillna(value=False)
    reason[cheaper.to_numpy(bool)] = CHEAPER
    changed = (rows["rule_version"] != before["rule_version"]).fillna(value=False)
    reason[changed.to_numpy(bool)] = RULE_CHANGED
    reason[about_use & ~today.is_running] = STOPPED
    reason[~today.is_present] = TERMINATED
    return reason


def _waiting(before: pd.DataFrame, day_spend: Ints, waited: Bools) -> pd.Series[Any]:
    so_far = before["waiting_cost_micros"].fillna(0)
    spared = (before["promised_micros"].fillna(0) // FOLLOWED_DAYS).clip(upper=pd.Series(day_spend))
    return so_far + spared.where(waited, 0)


def _realised(before: pd.DataFrame, day_spend: Ints, follows: Bools) -> pd.Series[Any]:
    so_far = before["realised_micros"].fillna(0)
    saved = before["baseline_micros"].fillna(0) // FOLLOWED_DAYS - pd.Series(day_spend)
    return so_far + saved.where(follows, 0)
