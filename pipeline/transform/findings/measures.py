"""The evidence that rules are evaluated on: one row per cluster, every measure of ``MEASURES``.

Method: the utilization table of the rules' window, and what follows from it. Everything is a fold
of ledger rows, so the evidence of a past date is the evidence that date had.

Most measures follow from the utilization table (``derive``); the others need the days themselves
(``off_hours``, ``stuck``) or the other clusters (``peer_prices``).

``week_coverage`` = hours of the week with a sample / running hours per week (at least one week, at
most 168 hours). A cluster that runs around the clock needs samples around the clock; one that runs
45 hours a week needs them in those hours. A sample at the same hour of every night covers 7 hours
of 168, however many nights there are. Known limit: a cluster that runs at different hours every
week appears better covered than it is.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pipeline.schema import BAND_COLUMNS
from pipeline.transform import anomalies
from pipeline.transform.anomalies import HISTORY_DAYS
from pipeline.transform.findings.off_hours import off_hours
from pipeline.transform.findings.peer_prices import peer_prices
from pipeline.transform.findings.savings import DAYS_AHEAD
from pipeline.transform.findings.stuck import stuck
from pipeline.transform.fold import HOURS_OF_WEEK, Fold, day_number
from pipeline.transform.utilization import facts

if TYPE_CHECKING:
    from datetime import date

    from pipeline import settings

HOUR_SECONDS = 3600
DAY_SECONDS = 86_400


def gather(ledger: pd.DataFrame, rules: settings.Rules, as_of: date) -> pd.DataFrame:
    """The evidence of ``as_of``: every measure, one row per cluster of the trailing 30 days.

    The rules' window is at most those 30 days long.
    """
    history = Fold.within(ledger, as_of - timedelta(days=HISTORY_DAYS), as_of)
    oldest = day_number(as_of) - DAYS_AHEAD
    history = history.of_clusters(history.any_of(history.day > oldest))
    if not history.size:
        return pd.DataFrame()
    trailing = history.only(history.day > oldest)
    is_recent = trailing.day > day_number(as_of) - rules.idle_window_days
    # A cluster that left before the window is described by its last days.
    window = trailing.only(is_recent | ~trailing.any_of(is_recent)[trailing.code])
    frame = derive(facts(window, last_day=as_of), as_of)
    frame = frame.join(_stuck(window)).assign(**peer_prices(frame))
    frame = frame.join(off_hours(trailing, window, day_number(as_of), rules.off_hours_min_per_week))
    frame["trailing_spend_micros"] = trailing.total(["spend_micros"])["spend_micros"]
    frame["provable_waste_micros"] = provable_waste(frame)
    least = frame["spend_low_micros"].fillna(0)
    frame["stuck_spend_micros"] = frame["stuck_spend_micros"].clip(upper=least)
    return frame.join(_anomalies(history, as_of))


def derive(utilization: pd.DataFrame, as_of: date | None = None) -> pd.DataFrame:
    """``utilization`` with the measures that follow from it.

    Ages are those at the end of ``as_of``; by default at the table's latest snapshot.
    """
    running = utilization["running_seconds"].to_numpy(np.float64)
    running_hours = running / HOUR_SECONDS
    cells = utilization["hour_of_week_coverage"].to_numpy(np.float64) * HOURS_OF_WEEK
    seen = utilization[list(BAND_COLUMNS)].to_numpy(np.int64).sum(axis=1)
    listed = (utilization["observed_seconds"] + utilization["gap_seconds"]).to_numpy(np.float64)
    weeks = np.maximum(listed / DAY_SECONDS / 7.0, 1.0)
    ran_in = np.clip(np.ceil(running_hours / weeks), 1, HOURS_OF_WEEK)
    return utilization.assign(
        running_hours=running_hours,
        stopped_hours=utilization["stopped_seconds"].to_numpy(np.float64) / HOUR_SECONDS,
        has_expiry=utilization["expires_at"].notna(),
        age_days=_age_days(utilization, as_of),
        week_coverage=np.minimum(cells / ran_in, 1.0),
        seen_seconds=seen,
        observed_days=listed / DAY_SECONDS,
        spend_share_of_mean=_share_of_mean(utilization),
    )


def _stuck(window: Fold) -> pd.DataFrame:
    """The streaks in which a cluster is stuck, which need the days themselves."""
    stuck_seconds, stuck_micros = stuck(window)
    return pd.DataFrame(
        {
            "stuck_hours": stuck_seconds / HOUR_SECONDS,
            "stuck_spend_micros": stuck_micros,
        }
    )


def _anomalies(history: Fold, as_of: date) -> pd.DataFrame:
    """The spend of ``as_of`` against each cluster's own past."""
    first = int(history.day.min())
    series = history.by_day("spend_micros", first, day_number(as_of))
    scores = anomalies.score(series, first, day_number(as_of) - first)
    return pd.DataFrame(
        {
            "earlier_days": scores.earlier_days,
            "history_days": scores.history_days,
            "day_spend_micros": scores.day,
            "usual_spend_micros": scores.usual,
            "deviation_micros": np.abs(scores.day - scores.usual),
            "anomaly_score": scores.score,
        }
    )


def _age_days(utilization: pd.DataFrame, as_of: date | None) -> pd.Series[float]:
    if as_of is None:
        end = utilization["last_observed_at"].max()
    else:
        end = pd.Timestamp(as_of, tz="UTC") + pd.Timedelta(days=1)
    born = utilization["created_at"].fillna(utilization["first_observed_at"])
    age: pd.Series[float] = (end - born).dt.total_seconds() / DAY_SECONDS
    return age


def _share_of_mean(utilization: pd.DataFrame) -> pd.Series[float]:
    spend = utilization["spend_micros"].astype("Float64").astype("float64")
    mean = spend[spend > 0].mean()
    return spend / mean if mean > 0 else spend * np.nan


def provable_waste(evidence: pd.DataFrame) -> pd.Series[int]:
    """Money that was spent without work, as far as the samples prove it.

    floor((spend_low - stopped_spend) x seen / running x (1 - busy_share_bound)), where seen is the
    running time within 30 minutes of a snapshot that read the GPU. It is conservative in four ways:
    it takes the least the spend can have been, only the part for running time, only the part near a
    sample, and of that only the share of time in which 95 % confidence excludes work. Hence it
    never exceeds the spend, grows with every sample, and is 0 without one.
    """
    low = evidence["spend_low_micros"].to_numpy(np.float64, na_value=0.0)
    stopped = evidence["stopped_spend_micros"].to_numpy(np.float64)
    running = evidence["running_seconds"].to_numpy(np.float64)
    seen = np.minimum(evidence["seen_seconds"].to_numpy(np.float64), running)
    share = np.divide(seen, running, out=np.zeros(len(seen)), where=running > 0)
    free = 1.0 - evidence["busy_share_bound"].fillna(1.0).to_numpy(np.float64)
    waste = np.floor(np.maximum(low - stopped, 0.0) * share * free)
    return pd.Series(waste, index=evidence.index).astype("int64")
