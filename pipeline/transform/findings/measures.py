"""The evidence that rules are evaluated on: one row per cluster, every measure of ``MEASURES``.

Method: the utilization table of the rules' window, and what follows from it. Everything is a fold
of ledger rows, so the evidence of a past date is the evidence that date had.

Most measures follow from the utilization table (``derive``); the others need the days themselves
(``off_hours``, ``stuck``) or the other clusters (``compared``).

All but those of ``compared`` follow from a cluster's own rows. So evidence can be gathered from one
part of the clusters after the other, which bounds memory.

``week_coverage`` = hours of the week with a sample / running hours per week (at least one week, at
most 168 hours). A cluster that runs around the clock needs samples around the clock; one that runs
45 hours a week needs them in those hours. A sample at the same hour of every night covers 7 hours
of 168, however many nights there are. Known limit: a cluster that runs at different hours every
week appears better covered than it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pipeline.schema import BAND_COLUMNS, BAND_EDGES_PCT, CLUSTER_KEY
from pipeline.transform import anomalies
from pipeline.transform.anomalies import HISTORY_DAYS
from pipeline.transform.findings.confidence import busy_share_bound
from pipeline.transform.findings.off_hours import off_hours
from pipeline.transform.findings.peer_prices import peer_prices
from pipeline.transform.findings.savings import DAYS_AHEAD
from pipeline.transform.findings.streaks import stopped, stuck
from pipeline.transform.fold import HOURS_OF_WEEK, Fold, between, day_number, ratio, stacked
from pipeline.transform.utilization import facts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from numpy.typing import NDArray

    from pipeline import settings

SPEND_COLUMNS = ("date", *CLUSTER_KEY, "spend_micros")
"""What is needed of the days before the trailing 30."""
HOUR_SECONDS = 3600
_ROUNDING = 1e-9
DAY_SECONDS = 86_400


def gather(ledger: pd.DataFrame, rules: settings.Rules, as_of: date) -> pd.DataFrame:
    """The evidence of ``as_of``: every measure, one row per cluster of the trailing 30 days.

    The rules' window is at most those 30 days long.
    """
    return compared([of_clusters(EvidenceRows.of(ledger, as_of), rules, as_of)])


@dataclass(frozen=True)
class EvidenceRows:
    """The ledger rows of some clusters that the evidence of a day follows from."""

    trailing: pd.DataFrame
    """At least the trailing 30 days."""
    history: pd.DataFrame
    """At least ``LOOKBACK_DAYS`` days, with at least :data:`SPEND_COLUMNS`."""
    since: date | None
    """The first day of the look-back that the ledger has; None: it has none."""

    @classmethod
    def of(cls, ledger: pd.DataFrame, as_of: date) -> EvidenceRows:
        """That of ``as_of`` in rows of all clusters with all columns."""
        since = between(ledger, as_of - timedelta(days=HISTORY_DAYS), as_of)["date"].min()
        return cls(ledger, ledger, None if pd.isna(since) else since.date())


def of_clusters(rows: EvidenceRows, rules: settings.Rules, as_of: date) -> pd.DataFrame:
    """The measures that follow from a cluster's own rows, one row per cluster."""
    ledger = rows.trailing
    trailing = Fold.within(ledger, as_of - timedelta(days=DAYS_AHEAD - 1), as_of)
    if not trailing.size:
        return pd.DataFrame()
    last = day_number(as_of)
    is_recent = trailing.day > last - rules.idle_window_days
    # A cluster that left before the window is described by its last days.
    window = trailing.only(is_recent | ~trailing.any_of(is_recent)[trailing.code])
    frame = derive(facts(window, last_day=as_of), rules, as_of).join(_streaks(window))
    frame = frame.join(off_hours(trailing, window, last, rules.off_hours_min_per_week))
    frame["trailing_spend_micros"] = trailing.total(["spend_micros"])["spend_micros"]
    frame["provable_waste_micros"] = provable_waste(frame)
    least = frame["spend_low_micros"].fillna(0)
    frame["stuck_spend_micros"] = frame["stuck_spend_micros"].clip(upper=least)
    return frame.join(_anomalies(rows, as_of))


def compared(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The evidence from its ``parts``, each of other clusters, with the measures that compare a
    cluster with the others.
    """
    frame = stacked(parts)
    if frame.empty:
        return frame
    return frame.assign(spend_share_of_mean=_share_of_mean(frame), **peer_prices(frame))


def derive(
    utilization: pd.DataFrame, rules: settings.Rules, as_of: date | None = None
) -> pd.DataFrame:
    """``utilization`` with the measures that follow from it.

    Ages are those at the end of ``as_of``; by default at the table's latest snapshot.
    """
    high_use_pct = rules.underutilized_p95_pct
    running = utilization["running_seconds"].to_numpy(np.float64)
    running_hours = running / HOUR_SECONDS
    cells = utilization["hour_of_week_coverage"].to_numpy(np.float64) * HOURS_OF_WEEK
    listed = (utilization["observed_seconds"] + utilization["gap_seconds"]).to_numpy(np.float64)
    weeks = np.maximum(listed / DAY_SECONDS / 7.0, 1.0)
    ran_in = np.clip(np.ceil(running_hours / weeks), 1, HOURS_OF_WEEK)
    return utilization.assign(
        running_hours=running_hours,
        stopped_hours=utilization["stopped_seconds"].to_numpy(np.float64) / HOUR_SECONDS,
        has_expiry=utilization["expires_at"].notna(),
        age_days=_age_days(utilization, as_of),
        days_to_expiry=_days_to_expiry(utilization, as_of),
        week_coverage=np.minimum(cells / ran_in, 1.0),
        idle_streak_days=_streak_days(utilization, as_of),
        high_use_share_bound=_high_use_bound(utilization, high_use_pct),
        observed_days=listed / DAY_SECONDS,
    )


def _streaks(window: Fold) -> pd.DataFrame:
    """How long a cluster has been stuck, or stopped, which needs the days themselves."""
    stuck_seconds, stuck_micros = stuck(window)
    stopped_seconds, stopped_micros = stopped(window)
    return pd.DataFrame(
        {
            "stuck_hours": stuck_seconds / HOUR_SECONDS,
            "stuck_spend_micros": stuck_micros,
            "stopped_streak_hours": stopped_seconds / HOUR_SECONDS,
            "stopped_streak_spend_micros": stopped_micros,
        }
    )


def _anomalies(rows: EvidenceRows, as_of: date) -> pd.DataFrame:
    """The spend of ``as_of`` against each cluster's own past."""
    last = day_number(as_of)
    first = last - HISTORY_DAYS
    if rows.since is not None:
        first = max(first, day_number(rows.since))
    history = Fold.within(rows.history, as_of - timedelta(days=HISTORY_DAYS), as_of)
    history = history.of_clusters(history.any_of(history.day > last - DAYS_AHEAD))
    series = history.by_day("spend_micros", first, last)
    scores = anomalies.score(series, first, last - first)
    return pd.DataFrame(
        {
            "earlier_days": scores.earlier_days,
            "history_days": scores.history_days,
            "day_spend_micros": scores.day,
            "usual_spend_micros": scores.usual,
            "deviation_micros": scores.deviation,
            "past_deviation_ratio": np.divide(
                scores.deviation,
                scores.past_deviation,
                out=np.full(len(scores.day), np.inf),
                where=scores.past_deviation > 0,
            ),
            "anomaly_score": scores.score,
        }
    )


def _end(utilization: pd.DataFrame, as_of: date | None) -> pd.Timestamp:
    """The instant at which ages are measured."""
    if as_of is None:
        return pd.Timestamp(utilization["last_observed_at"].max())
    return pd.Timestamp(as_of, tz="UTC") + pd.Timedelta(days=1)


def _age_days(utilization: pd.DataFrame, as_of: date | None) -> pd.Series[float]:
    born = utilization["created_at"].fillna(utilization["first_observed_at"])
    age: pd.Series[float] = (_end(utilization, as_of) - born).dt.total_seconds() / DAY_SECONDS
    return age


def _days_to_expiry(utilization: pd.DataFrame, as_of: date | None) -> pd.Series[float]:
    """NaN for a cluster without an expiry."""
    left = utilization["expires_at"] - _end(utilization, as_of)
    days: pd.Series[float] = left.dt.total_seconds().clip(lower=0) / DAY_SECONDS
    return days


def _streak_days(utilization: pd.DataFrame, as_of: date | None) -> pd.Series[float]:
    """Since the last busy observation of the window, or the first observation if none is busy."""
    since = utilization["last_busy_at"].fillna(utilization["first_observed_at"])
    days: pd.Series[float] = (_end(utilization, as_of) - since).dt.total_seconds() / DAY_SECONDS
    return days


def _high_use_bound(utilization: pd.DataFrame, limit_pct: float) -> NDArray[np.float64]:
    """The highest share of time with GPU use above the limit that the samples do not exclude.

    k = samples x share of the banded time in bands that begin at or above the limit, rounded up.
    """
    bands = utilization[list(BAND_COLUMNS)].to_numpy(np.int64)
    above = bands[:, [low >= limit_pct for low in (0, *BAND_EDGES_PCT[:-1])]].sum(axis=1)
    share = ratio(above.astype(np.float64), bands.sum(axis=1).astype(np.float64))
    samples = utilization["samples"].to_numpy(np.int64)
    busy = np.ceil(np.nan_to_num(share) * samples - _ROUNDING).astype(np.int64)
    return np.where(np.isnan(share), np.nan, busy_share_bound(busy, samples))


def _share_of_mean(utilization: pd.DataFrame) -> pd.Series[float]:
    spend = utilization["spend_micros"].astype("Float64").astype("float64")
    mean = spend[spend > 0].mean()
    return spend / mean if mean > 0 else spend * np.nan


def provable_waste(evidence: pd.DataFrame) -> pd.Series[int]:
    """Money that was spent without work, as far as the samples prove it.

    floor((spend_low - stopped_spend) x (1 - busy_share_bound)). The bound speaks of the whole
    running time, and counts the part without a sample as busy: so this is the least that running
    can have cost, times the share of running time in which 95 % confidence excludes work. It never
    exceeds the spend, and is 0 without a sample.
    """
    low = evidence["spend_low_micros"].to_numpy(np.float64, na_value=0.0)
    stopped = evidence["stopped_spend_micros"].to_numpy(np.float64)
    free = 1.0 - evidence["busy_share_bound"].fillna(1.0).to_numpy(np.float64)
    waste = np.floor(np.maximum(low - stopped, 0.0) * free)
    return pd.Series(waste, index=evidence.index).astype("int64")
