"""Changes: why this period cost more or less than that one, and which clusters changed status.

The bridge splits the difference of two periods into causes that add up to it exactly, in micros:

- new, gone: clusters listed in one period only;
- resumed, stopped: listed in both, but it ran in one only;
- storage: what was charged while stopped;
- hours: (hours after - hours before) x price before;
- GPUs: hours after x (GPUs after - GPUs before) x price per GPU before;
- rate: the rest, that is hours after x GPUs after x the change of the price per GPU.

price = running spend over running hours, what was really paid. Causes are taken in this order, so
their interaction (more hours at a new rate) goes to the later one. Periods of different length
differ in hours. Spend without a known price is in neither period.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipeline.schema import CLUSTER_KEY
from pipeline.transform.fold import Fold, between, day_number, day_numbers, has_flag, ratio, rows_at
from pipeline.transform.observed import last_observed

if TYPE_CHECKING:
    from datetime import date

    from numpy.typing import NDArray

    from pipeline.arrays import Floats, Ints
    from pipeline.transform.observed import Until


CAUSES = ("new", "gone", "resumed", "stopped", "storage", "hours", "GPUs", "rate")
DIMENSIONS = ("name", "project_id", "region", "gpu_type")
_NEEDED = (
    *CLUSTER_KEY,
    "date",
    *DIMENSIONS,
    "spend_micros",
    "stopped_spend_micros",
    "running_seconds",
    "gpu_count",
)
STATUS_CHANGES = ("failed", "new", "gone", "started", "stopped", "other")
"""In the order of the report: what may need action first."""
STATUS_COLUMNS = [*CLUSTER_KEY, "name", "project_id", "status", "spend_micros"]
CHANGED = (
    *("cluster_id", "account", "name", "project_id", "change", "status_before", "status"),
    *("spend_before_micros", "spend_micros"),
)
_TEXTS = dict.fromkeys((*CLUSTER_KEY, "name", "project_id", "status"), "object")
_REACHED_BY = {
    **dict.fromkeys(("running", "starting", "pending"), "started"),
    **dict.fromkeys(("stopped", "stopping"), "stopped"),
    **dict.fromkeys(("error", "failed"), "failed"),
}


def bridge_rows(
    ledger: pd.DataFrame, before: tuple[date, date], after: tuple[date, date]
) -> pd.DataFrame:
    """The causes per cluster: account, cluster_id, dimensions, ``cause``, ``micros`` (not 0)."""
    needed = ledger[[*_NEEDED]]
    was, now = between(needed, *before), between(needed, *after)
    fold = Fold.of(pd.concat([was, now], ignore_index=True))
    if not fold.size:
        return pd.DataFrame(columns=[*CLUSTER_KEY, *DIMENSIONS, "cause", "micros"])
    is_now = np.arange(len(fold.code)) >= len(was)
    earlier, later = _Side(fold, ~is_now), _Side(fold, is_now)
    names = fold.latest([*CLUSTER_KEY, *DIMENSIONS])
    parts = []
    for cause, micros in _causes(earlier, later).items():
        moved = micros != 0
        parts.append(names[moved].assign(cause=cause, micros=micros[moved]))
    rows: pd.DataFrame = pd.concat(parts, ignore_index=True)
    return rows


def since(
    ledger: pd.DataFrame, before: date, day: date, earlier: Until | None = None
) -> pd.DataFrame | None:
    """:func:`status_changes` from the end of ``before`` to that of ``day``.

    For the accounts in ``earlier``, from the end of their day there. None where one of the two
    moments has no rows.
    """
    # These columns alone: to select rows with all of theirs takes longer.
    rows = ledger[["date", "flags", *STATUS_COLUMNS]]
    begins = last_observed(rows, earlier or {}, day_number(before))
    was = rows_at(rows, np.flatnonzero(day_numbers(rows["date"]) == begins))
    now = between(rows, day, day)
    if was.empty or now.empty:
        return None
    return status_changes(_still_listed(was), _still_listed(now))


def status_changes(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """Clusters whose status differs between two moments: new, started, stopped, failed or gone.

    Both frames have a row per cluster with ``STATUS_COLUMNS``, such as ledger rows of two days.
    Starting counts as running and stopping as stopped, so that one stop is one change. A status
    that this version does not know is a change to ``other``; a missing one is no change.
    """
    old, new = (f[STATUS_COLUMNS].astype(_TEXTS) for f in (before, after))
    both = old.merge(new, on=CLUSTER_KEY, how="outer", suffixes=("_before", ""), indicator="side")
    was, now = _state(both["status_before"]), _state(both["status"])
    both["change"] = np.select(
        [
            both["side"] == "right_only",
            both["side"] == "left_only",
            was.eq(now) | was.isna() | now.isna(),
            *(now.eq(change) for change in ("failed", "started", "stopped")),
        ],
        ["new", "gone", "", "failed", "started", "stopped"],
        default="other",
    )
    for name in ("name", "project_id"):
        both[name] = both[name].where(both[name].notna(), both[f"{name}_before"])
    changed = both.rename(columns={"spend_micros_before": "spend_before_micros"})
    changed = changed[changed["change"] != ""]
    rank = changed["change"].map({name: rank for rank, name in enumerate(STATUS_CHANGES)})
    order = changed.assign(rank=rank).sort_values(["rank", *CLUSTER_KEY], kind="stable")
    return order[list(CHANGED)].reset_index(drop=True)


def _still_listed(day: pd.DataFrame) -> pd.DataFrame:
    """The rows of clusters that are still listed at the end of the day."""
    return day[~has_flag(day["flags"], "vanished")]


def _state(status: pd.Series[Any]) -> pd.Series[Any]:
    """The change that leads to a status: ``running`` is reached by having started."""
    return status.map(lambda name: _REACHED_BY.get(name, name), na_action="ignore")


class _Side:
    """One period of every cluster."""

    def __init__(self, fold: Fold, rows: NDArray[np.bool_]) -> None:
        self.listed = fold.any_of(rows)
        self.spend = fold.add(_only(fold["spend_micros"], rows))
        self.storage = fold.add(_only(fold["stopped_spend_micros"], rows))
        self.hours = fold.add(_only(fold["running_seconds"], rows)) / 3600.0
        seconds = fold["running_seconds"].to_numpy(np.float64)
        gpus = fold["gpu_count"].to_numpy(np.float64, na_value=np.nan)
        gpu_hours = np.zeros(fold.size)
        np.add.at(gpu_hours, fold.code, np.where(rows, seconds * gpus, 0.0) / 3600.0)
        self.gpus = ratio(gpu_hours, self.hours)

    @property
    def running(self) -> Ints:
        """What was paid for running."""
        return self.spend - self.storage


def _only(values: pd.Series[int], rows: NDArray[np.bool_]) -> Ints:
    return np.where(rows, values.fillna(0).to_numpy(np.int64), 0)


def _causes(before: _Side, after: _Side) -> dict[str, Ints]:
    change = after.spend - before.spend
    both = before.listed & after.listed
    is_new, is_gone = after.listed & ~before.listed, before.listed & ~after.listed
    resumed = both & (before.hours == 0) & (after.hours > 0)
    stopped = both & (before.hours > 0) & (after.hours == 0)
    kept = both & ~resumed & ~stopped
    storage = np.where(kept, after.storage - before.storage, 0)
    price = ratio(before.running.astype(np.float64), before.hours)
    hours = np.where(kept, _rounded((after.hours - before.hours) * price), 0)
    per_gpu = ratio(price, before.gpus)
    counted = kept & np.isfinite(per_gpu) & np.isfinite(after.gpus)
    gpus = np.where(counted, _rounded(after.hours * (after.gpus - before.gpus) * per_gpu), 0)
    return {
        "new": np.where(is_new, change, 0),
        "gone": np.where(is_gone, change, 0),
        "resumed": np.where(resumed, change, 0),
        "stopped": np.where(stopped, change, 0),
        "storage": storage,
        "hours": hours,
        "GPUs": gpus,
        "rate": np.where(kept, change - storage - hours - gpus, 0),
    }


def _rounded(values: Floats) -> Ints:
    return np.rint(np.nan_to_num(values)).astype(np.int64)
