"""Accounts that are not observed on a day: their clusters are not judged, and their findings wait.

``until`` gives the last day on which each account is observed; an account that is not in it never
was. On a later day its clusters are neither listed nor gone, so no rule can judge them. Their
findings keep their lifecycles (first date, cost of waiting, realised savings) and promise nothing.
A cluster that was gone before stays gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pandas as pd

from pipeline import schema
from pipeline.rules import INSUFFICIENT_DATA, NO_LONGER_LISTED, NOT_OBSERVED
from pipeline.transform.findings import lifecycle
from pipeline.transform.fold import day_number, day_numbers

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from pipeline.rules import Rule

Until = Mapping[str, date]

_LIFE = [name for name in lifecycle.REMEMBERED if name not in ("rule_digest", "hourly_rate_micros")]
_KEPT = (
    *(*schema.CLUSTER_KEY, "name", "project_id", "owner", "rule_id", "rule_version", "rule_digest"),
    *("samples", "busy_share_bound", "spend_micros", "hourly_rate_micros", "outcome"),
    *("decided_by", "decided_limit", "decided_value"),
    *_LIFE,
)
"""What a finding keeps while its account is not observed: not its grade, action or savings."""
_TEXTS = dict.fromkeys(
    (
        *("account", "rule_id", "rule_digest", "outcome", "decided_by", "decided_limit"),
        *("state", "gone_reason"),
    ),
    "object",
)


def observed_days(rows: pd.DataFrame, until: Until) -> pd.DataFrame:
    """The ledger rows of days on which their account is observed."""
    days = day_numbers(rows["date"])
    inside = days <= last_observed(rows, until, default=-1)
    return rows if inside.all() else rows[inside]


def observed_on(rows: pd.DataFrame, until: Until, day: date) -> pd.DataFrame:
    """The rows of all accounts that are observed on ``day``."""
    inside = last_observed(rows, until, default=-1) >= day_number(day)
    return rows if inside.all() else rows[inside]


def last_observed(rows: pd.DataFrame, until: Until, default: int) -> NDArray[np.int64]:
    """The number of the last day on which each row's account is observed."""
    code, accounts = pd.factorize(rows["account"])
    days = [day_number(until[name]) if name in until else default for name in accounts]
    return np.array([*days, default], dtype=np.int64)[code]


def waiting(
    previous: pd.DataFrame | None,
    rules: Sequence[tuple[Rule, str]],
    accounts: Collection[str],
    until: Until,
    day: date,
) -> pd.DataFrame:
    """The findings of accounts that are not observed on ``day``, from those of the day before.

    ``rules`` are the rules in force with their fingerprints. ``accounts`` are those the settings
    name (none: all there are); one that was taken out of them takes its findings with it.
    """
    lost = [
        name for name, last in until.items() if last < day and (not accounts or name in accounts)
    ]
    if previous is None or not (before := previous[previous["account"].isin(lost)]).shape[0]:
        return schema.FINDINGS.empty()
    rows = _of_rules(before.astype(_TEXTS), rules)
    ended = (rows["decided_by"] == NO_LONGER_LISTED).to_numpy(bool)
    last = {name: msgspec.json.encode(until[name]).decode() for name in lost}
    state = rows["state"]
    rows = rows.assign(
        outcome=rows["outcome"].where(ended, INSUFFICIENT_DATA),
        decided_by=rows["decided_by"].where(ended, NOT_OBSERVED),
        decided_limit=rows["decided_limit"].where(ended, msgspec.json.encode(day).decode()),
        decided_value=rows["decided_value"].where(ended, rows["account"].map(last)),
        state=state.where(state.isna() | (state == lifecycle.GONE), lifecycle.UNJUDGED),
    )
    is_over = (pd.Timestamp(day) - rows["gone_on"]).dt.days > lifecycle.FOLLOWED_DAYS
    for name in schema.FINDINGS.names:
        if name in _LIFE:
            rows[name] = rows[name].mask(is_over)
        elif name not in _KEPT:
            rows[name] = rows[name].mask(is_over.notna())
    return schema.FINDINGS.enforce(rows.astype(dict.fromkeys(_TEXTS, "category")))


def _of_rules(before: pd.DataFrame, rules: Sequence[tuple[Rule, str]]) -> pd.DataFrame:
    """A row per cluster and rule in force; a rule that is new has no past."""
    known = before["rule_id"].unique()
    clusters = before.drop_duplicates(schema.CLUSTER_KEY)
    fresh = [
        clusters.assign(
            rule_id=rule.id,
            rule_version=rule.version,
            rule_digest=digest,
            **dict.fromkeys(_LIFE),
        )
        for rule, digest in rules
        if rule.id not in known
    ]
    kept = before[before["rule_id"].isin([rule.id for rule, _ in rules])]
    return pd.concat([kept, *(rows.astype(before.dtypes) for rows in fresh)], ignore_index=True)
