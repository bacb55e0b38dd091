"""The lifecycle of a finding: new, open, gone and why, cost of waiting, realised savings.

Method: lifecycles(D) = f(outcomes of D, findings of the day before). Nothing else is remembered, so
a chain of days that is rebuilt from its first day is equal to the byte.

- new: found for the first time; open: found before; reopened: found again after it was gone.
- unjudged: it was open and could not be judged today. It is not gone: unknown is not solved.
  While its account is not observed, nothing of it changes (:mod:`~pipeline.transform.observed`).
- excluded: found, but an exclusion is in force.
- gone: judged and no longer found. Reasons, the first that is true: expired (no longer listed, and
  its expiry has passed), ended by itself (no longer listed, and last seen neither running nor
  stopped), terminated (no longer listed), stopped (and its rule does not apply to stopped
  clusters), rule changed (its version, its thresholds or the window), cheaper (rules about prices:
  its rate fell), resumed work (rules about use), no longer holds.

Waiting cost: what the cluster has cost on each later day that the finding was open. Realised
savings: for the 30 days after it is gone, a thirtieth of its expected spend less what it cost that
day, at most a thirtieth of what was promised; negative if it costs more than before. They are
realised only where the finding had promised a saving and an owner may have acted (terminated,
stopped, cheaper; the API does not say by whom), only for days whose spend is known, and once for
each cluster: by the finding that promised most. A finding that is reopened keeps what was realised
while it was gone.

Known limit: a rule that is taken out of the settings takes its findings with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipeline.rules import CLEAR, FINDING, INSUFFICIENT_DATA, NOT_APPLICABLE
from pipeline.schema import CLUSTER_KEY

if TYPE_CHECKING:
    from datetime import date

    from numpy.typing import NDArray

    from pipeline.arrays import Bools, Floats, Ints, Texts


NEW, OPEN, REOPENED, UNJUDGED, EXCLUDED, GONE = (
    "new", "open", "reopened", "unjudged", "excluded", "gone",
)  # fmt: skip
ACTIVE = (NEW, OPEN, REOPENED)

TERMINATED, STOPPED, CHEAPER = "terminated", "stopped", "cheaper"
EXPIRED, ENDED = "expired", "ended by itself"
RULE_CHANGED, RESUMED, NO_LONGER = "rule changed", "resumed work", "no longer holds"
ACTED_ON = (TERMINATED, STOPPED, CHEAPER)
FOLLOWED_DAYS = 30

REMEMBERED = (
    "state",
    "found_on",
    "gone_on",
    "gone_reason",
    "baseline_micros",
    "promised_micros",
    "realised_micros",
    "waiting_cost_micros",
    "rule_digest",
    "hourly_rate_micros",
)
"""All that a day needs to know of the day before."""


@dataclass(frozen=True)
class DayState:
    """The findings of a day, and what became of those of the day before: one row for each."""

    rows: pd.DataFrame
    """rule_digest, outcome, exclusion, hourly_rate_micros; of findings also baseline_micros and
    counted_saving_micros."""
    subject: Texts
    """What each row's rule is about."""
    cluster: Ints
    """A number for each row's cluster."""
    is_present: Bools
    is_stopped: Bools
    has_expired: Bools
    """Its expiry has passed."""
    is_failing: Bools
    """Last seen neither running, stopping nor stopped."""
    is_idle: Bools
    """Found by a rule that means the cluster does no work."""
    day_spend: Floats
    """What the cluster cost on the day; NaN where it is unknown."""
    day: date


def advance(today: DayState, before: pd.DataFrame) -> pd.DataFrame:
    """The lifecycle of each of today's rows, continued from the day before.

    ``before`` has what is ``REMEMBERED`` of each of them; null where there was no finding.
    """
    rows, was = today.rows, before["state"].to_numpy(object)
    outcome = rows["outcome"].to_numpy(object)
    excluded = (outcome == FINDING) & rows["exclusion"].notna().to_numpy(bool)
    is_found = (outcome == FINDING) & ~excluded
    had = pd.notna(was)
    was_open = np.isin(was, [*ACTIVE, UNJUDGED]) & had
    unjudged = (outcome == INSUFFICIENT_DATA) & (was_open | (was == EXCLUDED))
    leaves = had & (was != GONE) & ~is_found & ~excluded & ~unjudged
    day = pd.Timestamp(today.day)
    age = (day - before["gone_on"]).dt.days.to_numpy(np.float64, na_value=np.nan)
    stays_gone = had & (was == GONE) & ~is_found & ~excluded & (age <= FOLLOWED_DAYS)

    state = np.full(len(rows), None, dtype=object)
    state[is_found & ~had], state[is_found & was_open] = NEW, OPEN
    state[is_found & had & ~was_open] = REOPENED
    state[excluded], state[unjudged], state[leaves | stays_gone] = EXCLUDED, UNJUDGED, GONE
    lives = pd.notna(state)
    reason = before["gone_reason"].to_numpy(object).copy()
    reason[leaves] = _reasons(today, before)[leaves]

    fresh = is_found | excluded
    promised = before["promised_micros"].to_numpy(np.int64, na_value=0) > 0
    follows = stays_gone & promised & np.isin(reason, ACTED_ON) & ~np.isnan(today.day_spend)
    follows = _best_of_each(today.cluster, follows, before["promised_micros"])
    money = {
        "baseline_micros": rows["baseline_micros"].where(fresh, before["baseline_micros"]),
        "promised_micros": rows["counted_saving_micros"].where(fresh, before["promised_micros"]),
        "realised_micros": _realised(before, today.day_spend, follows),
        "waiting_cost_micros": _waiting(before, today.day_spend, is_found & was_open),
    }
    return pd.DataFrame(
        {
            "state": pd.Series(state, rows.index, dtype="object"),
            "found_on": before["found_on"].where(had, day).where(lives),
            "gone_on": before["gone_on"].where(stays_gone).mask(leaves, day),
            "gone_reason": pd.Series(reason, rows.index, dtype="object").where(state == GONE, None),
            **{name: micros.where(lives) for name, micros in money.items()},
        },
        index=rows.index,
    )


def nothing_before(index: pd.Index[Any]) -> pd.DataFrame:
    """``before`` of rows without a past."""
    kinds = {"found_on": "datetime64[us]", "gone_on": "datetime64[us]"}
    kinds |= {name: "Int64" for name in REMEMBERED if name.endswith("_micros")}
    return pd.DataFrame(
        {n: pd.Series(None, index, dtype=kinds.get(n, "object")) for n in REMEMBERED}
    )


def changes(findings: pd.DataFrame, day: date) -> pd.DataFrame:
    """The findings that are new, reopened or gone on ``day``, most money first."""
    gone_today = (findings["state"] == GONE) & (findings["gone_on"] == pd.Timestamp(day))
    changed = findings[findings["state"].isin([NEW, REOPENED]) | gone_today]
    return changed.sort_values(
        ["promised_micros", *CLUSTER_KEY, "rule_id"],
        ascending=[False, True, True, True],
        na_position="last",
        kind="stable",
    ).reset_index(drop=True)


def _reasons(today: DayState, before: pd.DataFrame) -> NDArray[np.object_]:
    """Why each row would be gone; later lines take precedence over earlier ones."""
    rows = today.rows
    outcome = rows["outcome"].to_numpy(object)
    reason = np.full(len(rows), NO_LONGER, dtype=object)
    reason[(today.subject == "use") & (outcome == CLEAR) & ~today.is_idle] = RESUMED
    fell = (rows["hourly_rate_micros"] < before["hourly_rate_micros"]).fillna(value=False)
    reason[(today.subject == "price") & fell.to_numpy(bool)] = CHEAPER
    known = before["rule_digest"].notna().to_numpy(bool)
    digest, earlier = (frame["rule_digest"].to_numpy(object) for frame in (rows, before))
    reason[known & (digest != earlier)] = RULE_CHANGED
    reason[today.is_stopped & (outcome == NOT_APPLICABLE)] = STOPPED
    reason[~today.is_present] = TERMINATED
    reason[~today.is_present & today.is_failing] = ENDED
    reason[~today.is_present & today.has_expired] = EXPIRED
    return reason


def _best_of_each(cluster: Ints, chosen: Bools, promised: pd.Series[Any]) -> Bools:
    """Of the chosen rows of each cluster the one that promised most, of equal ones the first."""
    rows = np.flatnonzero(chosen)
    most = promised.to_numpy(np.int64, na_value=0)[rows]
    order = rows[np.lexsort((rows, -most, cluster[rows]))]
    first = np.ones(len(order), dtype=bool)
    first[1:] = cluster[order][1:] != cluster[order][:-1]
    best = np.zeros(len(chosen), dtype=bool)
    best[order[first]] = True
    return best


def _waiting(before: pd.DataFrame, day_spend: Floats, waited: Bools) -> pd.Series[Any]:
    """With today's spend, which is 0 on a day whose spend is unknown."""
    spent = np.where(waited, np.nan_to_num(day_spend).astype(np.int64), 0)
    return before["waiting_cost_micros"].fillna(0) + spent


def _realised(before: pd.DataFrame, day_spend: Floats, follows: Bools) -> pd.Series[Any]:
    """With today's part."""
    expected, promised = (
        before[name].to_numpy(np.int64, na_value=0) // FOLLOWED_DAYS
        for name in ("baseline_micros", "promised_micros")
    )
    avoided = np.minimum(expected - np.nan_to_num(day_spend).astype(np.int64), promised)
    return before["realised_micros"].fillna(0) + np.where(follows, avoided, 0)
