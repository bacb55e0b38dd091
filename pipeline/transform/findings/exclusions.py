"""Exclusions: findings that an owner has accepted, until a date.

Input: the parsed value of a TOML file::

    [[exclude]]
    match = "prod-*"            # a cluster's id, name, project or template; * and ? are wildcards
    rule = "idle"               # or "*"
    owner = "ml-serving"
    reason = "standby for failover"
    expires = 2026-12-31        # the last date it works on

An excluded cluster is still judged. Its finding names the exclusion and counts no saving; what it
would have saved is the cost of the exclusion. An expired exclusion has no effect and is reported.
"""

from __future__ import annotations

from datetime import date  # noqa: TC003 (msgspec reads it at run time)
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pandas as pd

from pipeline.errors import SettingsError
from pipeline.schema import CLUSTER_KEY
from pipeline.transform.findings.patterns import matches
from pipeline.value_errors import entry_problem

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray


class Exclusion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry of the exclusions file."""

    match: str
    reason: str
    owner: str
    expires: date
    rule: str = "*"

    @property
    def text(self) -> str:
        """The exclusion in one line."""
        return f"{self.match}: {self.reason} ({self.owner}, until {self.expires})"

    def works_on(self, day: date) -> bool:
        """Whether it is in force."""
        return day <= self.expires


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    exclude: tuple[Exclusion, ...] = ()


def parse_exclusions(
    value: object, source: str, known_rules: Collection[str]
) -> tuple[Exclusion, ...]:
    """The exclusions of a parsed TOML file.

    Raises:
        SettingsError: an unknown key or rule, or a missing owner, reason or expiry.
    """
    try:
        exclusions = msgspec.convert(value, _File).exclude
    except msgspec.ValidationError as error:
        raise SettingsError(f"{source}: {entry_problem(error)}") from error
    for number, exclusion in enumerate(exclusions, 1):
        if exclusion.rule != "*" and exclusion.rule not in known_rules:
            raise SettingsError(
                f"{source}: exclude {number}: unknown rule {exclusion.rule!r}; "
                f"one of * {' '.join(sorted(known_rules))}"
            )
    return exclusions


def apply(
    exclusions: Sequence[Exclusion], clusters: pd.DataFrame, rule_id: str, day: date
) -> NDArray[np.object_]:
    """For each cluster the text of the first exclusion in force for the rule, else None."""
    texts = np.full(len(clusters), None, dtype=object)
    for exclusion in reversed(exclusions):
        if exclusion.works_on(day) and exclusion.rule in ("*", rule_id):
            texts[matches(exclusion.match, clusters)] = exclusion.text
    return texts


def costs(exclusions: Sequence[Exclusion], findings: pd.DataFrame, day: date) -> pd.DataFrame:
    """Each exclusion with the number of findings it excludes, and the savings they would offer.

    Actions on one cluster exclude each other here too: the best one is the cost.
    """
    excluded = findings[findings["exclusion"].notna()]
    best = excluded.groupby(["exclusion", *CLUSTER_KEY], observed=True)
    money = best["net_saving_micros"].max().groupby("exclusion").sum()
    count = excluded.groupby("exclusion", observed=True).size()
    rows = [
        {
            "match": e.match,
            "rule": e.rule,
            "owner": e.owner,
            "reason": e.reason,
            "expires": e.expires.isoformat(),
            "is_expired": not e.works_on(day),
            "findings": int(count.get(e.text, 0)),
            "cost_micros": int(money.get(e.text, 0)),
        }
        for e in exclusions
    ]
    columns = ["match", "rule", "owner", "reason", "expires", "is_expired", "findings"]
    return pd.DataFrame(rows, columns=[*columns, "cost_micros"])
