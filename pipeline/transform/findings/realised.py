"""What acting on findings saved on the days of a period, from the findings of each day.

A day's findings have what each of them has saved since it was gone. What was saved on one day is
the difference to the day before. The sum over the days of a period also has the findings that are
followed no longer at its end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from pipeline.schema import CLUSTER_KEY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pandas import DataFrame

_KEY = [*CLUSTER_KEY, "rule_id"]
DESCRIBED = ("name", "gone_on", "gone_reason", "state")
COLUMNS = (*_KEY, *DESCRIBED, "realised_micros")
"""Those that are read of a day's findings, and those of the result."""


def realised(before: DataFrame | None, days: Iterable[DataFrame]) -> DataFrame:
    """A row for each finding that saved something (or cost more) on ``days``, most first.

    Args:
        before: the findings of the day before the first; None where there are none.
        days: the findings of each day, in their order, with ``COLUMNS``.
    """
    previous = _saved(before) if before is not None else None
    parts = []
    for frame in days:
        now = _saved(frame)
        so_far = 0 if previous is None else previous["realised_micros"].reindex(now.index).fillna(0)
        added = now["realised_micros"] - so_far
        parts.append(now.assign(realised_micros=added)[added != 0])
        previous = now
    if not parts:
        return pd.DataFrame(columns=[*COLUMNS])
    rows = pd.concat(parts)
    described = rows.groupby(level=_KEY, sort=False)[[*DESCRIBED]].last()
    sums = rows.groupby(level=_KEY, sort=False)["realised_micros"].sum()
    table = described.assign(realised_micros=sums.astype("int64")).reset_index()
    table = table[table["realised_micros"] != 0]
    return table.sort_values(
        ["realised_micros", *_KEY], ascending=[False, True, True, True], kind="stable"
    ).reset_index(drop=True)[[*COLUMNS]]


def _saved(findings: DataFrame) -> DataFrame:
    """The findings that have saved something, by their key."""
    rows = findings[findings["realised_micros"].fillna(0) != 0]
    texts = [name for name in COLUMNS if name not in ("gone_on", "realised_micros")]
    return rows[[*COLUMNS]].astype(dict.fromkeys(texts, "object")).set_index(_KEY)
