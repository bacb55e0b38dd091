"""Owners: who is responsible for a cluster, by patterns over its id, name, project or template.

Input: the parsed value of a TOML file; of several patterns that match, the first one wins::

    [[owner]]
    match = "proj-vision"
    owner = "vision team"
    mail = "vision@example.com"
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pandas as pd

from pipeline.errors import SettingsError
from pipeline.schema import CLUSTER_KEY
from pipeline.transform.findings.patterns import matches
from pipeline.transform.fold import day_numbers, number
from pipeline.value_errors import entry_problem

if TYPE_CHECKING:
    from collections.abc import Sequence


class Owner(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry of the owners file."""

    match: str
    owner: str
    mail: str | None = None


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    owner: tuple[Owner, ...] = ()


def parse_owners(value: object, source: str) -> tuple[Owner, ...]:
    """The owners of a parsed TOML file.

    Raises:
        SettingsError: an unknown key, or a missing one.
    """
    try:
        return msgspec.convert(value, _File).owner
    except msgspec.ValidationError as error:
        raise SettingsError(f"{source}: {entry_problem(error)}") from error


def owner_of(owners: Sequence[Owner], clusters: pd.DataFrame) -> pd.Series[Any]:
    """The owner of each row of clusters (or findings, or spend); null where no pattern matches."""
    names = np.full(len(clusters), None, dtype=object)
    for owner in reversed(owners):
        names[matches(owner.match, clusters)] = owner.owner
    return pd.Series(names, index=clusters.index, dtype="object")


def owner_over_time(owners: Sequence[Owner], days: pd.DataFrame) -> pd.Series[Any]:
    """The owner of each ledger row: for all its days a cluster has the owner of its last day."""
    if not owners or days.empty:
        return pd.Series(None, index=days.index, dtype="object")
    code, size = number(days, CLUSTER_KEY)
    last = np.zeros(size, dtype=np.int64)
    order = np.argsort(day_numbers(days["date"]), kind="stable")
    last[code[order]] = order
    names = owner_of(owners, days.iloc[last]).to_numpy(object)
    return pd.Series(names[code], index=days.index, dtype="object")


def mail_of(owners: Sequence[Owner]) -> dict[str, str]:
    """Where each owner gets mail; the first address listed for a name."""
    addresses: dict[str, str] = {}
    for owner in owners:
        if owner.mail is not None:
            addresses.setdefault(owner.owner, owner.mail)
    return addresses
