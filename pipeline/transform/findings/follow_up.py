"""What became of findings since a date, and what acting on them has saved.

Realised savings are those of findings that were acted on, over the days since then: at most 30.
What was promised by now is the part of the counted saving that falls on those days.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from pipeline.schema import CLUSTER_KEY
from pipeline.transform.findings.lifecycle import (
    ACTED_ON,
    ACTIVE,
    FOLLOWED_DAYS,
    GONE,
    REOPENED,
    UNJUDGED,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from pipeline.model import NotObserved


@dataclass(frozen=True, eq=False)
class FollowUp:
    """Rows of FINDINGS by what became of them; each frame has most money first."""

    new: pd.DataFrame
    """Found for the first time since then."""
    reopened: pd.DataFrame
    gone: pd.DataFrame
    acted_on: pd.DataFrame
    """Those that promised a saving and were acted on, with ``promised_by_now_micros``."""
    unjudged: int
    """Earlier findings that could not be judged again."""
    waiting_cost_micros: int
    """What clusters with open findings that promise a saving have cost since these were found."""

    @property
    def promised_micros(self) -> int:
        """What the findings acted on should have saved by now."""
        return int(self.acted_on["promised_by_now_micros"].fillna(0).sum())

    @property
    def realised_micros(self) -> int:
        """What they did save."""
        return int(self.acted_on["realised_micros"].sum())

    @property
    def gone_reasons(self) -> dict[str, int]:
        """How many findings are gone, by reason."""
        reasons = self.gone["gone_reason"].astype("str").value_counts().sort_index()
        return {str(reason): int(size) for reason, size in reasons.items()}


def follow_up(
    findings: pd.DataFrame,
    day: date,
    since: date,
    not_observed: Sequence[NotObserved] = (),
    not_observed_before: Sequence[NotObserved] = (),
) -> FollowUp | None:
    """What became of the findings after ``since``, as of ``day``; None where they have no past.

    Args:
        findings: every cluster under every rule, as of ``day``.
        day: the report's date.
        since: the date of the report before it.
        not_observed: the accounts without data on ``day``.
        not_observed_before: those without data on ``since``: of them, what came after their last
            known day is new.
    """
    known = findings[findings["state"].notna()]
    if known.empty:
        return None
    after = last_known(known, since, not_observed_before)
    state = known["state"].astype("object")
    active = state.isin(ACTIVE)
    return FollowUp(
        new=_ranked(known[active & (known["found_on"] > after) & (state != REOPENED)]),
        reopened=_ranked(known[state == REOPENED]),
        gone=_ranked(known[(state == GONE) & (known["gone_on"] > after)]),
        acted_on=_acted_on(known, day, not_observed),
        unjudged=int((state == UNJUDGED).sum()),
        waiting_cost_micros=_waiting_cost(known[active]),
    )


def _waiting_cost(open_rows: pd.DataFrame) -> int:
    """Each cluster counts once, with the finding that has been open longest."""
    saves = open_rows[open_rows["counted_saving_micros"].fillna(0) > 0]
    longest = saves.groupby(CLUSTER_KEY, observed=True)["waiting_cost_micros"].max()
    return int(longest.fillna(0).sum())


def last_known(
    findings: pd.DataFrame, day: date, not_observed: Sequence[NotObserved] = ()
) -> pd.Series[Any]:
    """The last day each finding has data of: ``day``, or the last one of its account."""
    ends = {
        lost.account: pd.Timestamp(lost.until) for lost in not_observed if lost.until is not None
    }
    known = findings["account"].astype("object").map(ends).astype("datetime64[us]")
    return known.fillna(pd.Timestamp(day))


def promised_by_now(
    findings: pd.DataFrame, day: date, not_observed: Sequence[NotObserved] = ()
) -> pd.Series[Any]:
    """Micros that findings acted on should have saved since they are gone: of at most 30 days."""
    acted = findings["gone_reason"].astype("object").isin(ACTED_ON)
    age = (last_known(findings, day, not_observed) - findings["gone_on"]).dt.days
    days = age.clip(upper=FOLLOWED_DAYS).astype("Int64")
    promised: pd.Series[Any] = findings["promised_micros"].astype("Int64") * days // FOLLOWED_DAYS
    return promised.where(acted)


def _acted_on(
    findings: pd.DataFrame, day: date, not_observed: Sequence[NotObserved]
) -> pd.DataFrame:
    is_gone = findings["state"].astype("object") == GONE
    acted = is_gone & findings["gone_reason"].astype("object").isin(ACTED_ON)
    promises = findings["promised_micros"].fillna(0) > 0
    realised = findings["realised_micros"].fillna(0)
    due = acted & (findings["gone_on"] < last_known(findings, day, not_observed))
    rows = findings[promises & (due | (realised != 0))]
    saved = rows["realised_micros"].fillna(0)
    # A cluster's saving is counted once, on its finding that promised most.
    rows = rows.assign(
        size=saved.abs(),
        realised_micros=saved,
        promised_by_now_micros=promised_by_now(rows, day, not_observed),
    ).sort_values(
        ["size", "promised_micros", *CLUSTER_KEY, "rule_id"],
        ascending=[False, False, True, True, True],
        na_position="last",
        kind="stable",
    )
    repeated = rows.duplicated(CLUSTER_KEY) & (rows["size"] == 0)
    return rows[~repeated].reset_index(drop=True)


def _ranked(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.sort_values(
        ["promised_micros", *CLUSTER_KEY, "rule_id"],
        ascending=[False, True, True, True],
        na_position="last",
        kind="stable",
    )
