"""Claims from samples against the truth, on real GPU series (benchmarks/data/README.md).

The series are the GPUs in use by 16 virtual clusters, every minute of a month. "Busy" is defined in
several ways, so that many schedules of different busy shares arise. Levels: at least one GPU in
use, or at least so many percent of the most that is ever used. A level of a whole virtual cluster
changes slowly; so there are short works too: more GPUs in use than at the quietest minute of the
hour, or the minutes after a job began.

Bound coverage: over 14-day windows, hourly samples at a fixed minute (each of the 60) or at a
random minute of each hour (many draws). How often is the true busy share above the bound that the
samples claim? At most 5 % is promised for each series and window, so those with more are counted,
with some tolerance for the number of draws.

Off-hours: claims from hourly samples on each day with at least two weeks before it, by the old rule
(never busy in two weeks, at least 40 hours a week in runs of 12) and by the present one. Is the
next week less busy in the claimed hours than in the others? Series that are idle are left out, as
in the rule. As a control the same series without their work at night and on weekends: a rule that
finds nothing there would be too strict.

Mean use: the error of the mean of samples against the mean of all minutes, by cadence.

    python benchmarks/real.py
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from pipeline.rules.catalogue import OFF_HOURS
from pipeline.settings import Rules
from pipeline.transform.findings.confidence import busy_share_bound
from pipeline.transform.findings.off_hours import off_hours, week_hours
from pipeline.transform.findings.rule_engine import truth_of
from pipeline.transform.fold import Fold

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]
    Ints = NDArray[np.int64]

SERIES = Path(__file__).parent / "data" / "helios_earth_vc_running_gpus.parquet"
LEVELS_PCT = (0, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95)
"""Busy: more than none (0) or at least so many percent of the most in use."""
ABOVE_HOURS_LEAST = (1, 4)
"""Busy: so many GPUs more than at the quietest minute of the hour."""
AFTER_A_START = (5, 15)
"""Busy: in the minutes since the GPUs in use became more."""
OFFICE_HOURS, WORKDAYS = (9, 19), 5
DAY_MINUTES, WEEK_DAYS, WINDOW_DAYS = 1440, 7, 14
DRAWS = 400
TOLERATED = 0.07
"""5 % are promised, and of 400 draws 7 % or less are expected in 97 of 100 cases then."""


def read_series() -> pd.DataFrame:
    """GPUs in use: a row per minute, a column per virtual cluster."""
    frame = pd.read_parquet(SERIES)
    frame.index = pd.to_datetime(frame.pop("t"), unit="s", utc=True)
    return frame


def levels(used: pd.DataFrame) -> dict[str, Bools]:
    """Busy minutes by virtual cluster and level."""
    return {
        f"{name} {level} %": gpus >= max(1.0, gpus.max() * level / 100)
        for name, gpus in columns(used)
        for level in LEVELS_PCT
    }


def short_works(used: pd.DataFrame) -> dict[str, Bools]:
    """Busy minutes by virtual cluster and kind of short work."""
    series = {}
    for name, gpus in columns(used):
        least = np.repeat(gpus.reshape(-1, 60).min(axis=1), 60)
        for more in ABOVE_HOURS_LEAST:
            series[f"{name} +{more}"] = gpus - least >= more
        began = np.diff(gpus, prepend=gpus[:1]) > 0
        for minutes in AFTER_A_START:
            recent = np.convolve(began, np.ones(minutes))[: len(gpus)] > 0
            series[f"{name} {minutes} min"] = recent
    return series


def columns(used: pd.DataFrame) -> Iterator[tuple[str, Ints]]:
    """Each virtual cluster's name and GPUs in use."""
    for name in used.columns:
        yield str(name), used[name].to_numpy(np.int64)


def changing(series: dict[str, Bools]) -> dict[str, Bools]:
    """Those that are neither always nor never busy, each once."""
    first = {busy.tobytes(): name for name, busy in reversed(series.items())}
    return {
        name: busy
        for name, busy in series.items()
        if 0 < busy.mean() < 1 and first[busy.tobytes()] == name
    }


class Coverage(NamedTuple):
    """Per series and window: draws, claims among them, and claims with a truth above the bound."""

    draws: int
    claims: Ints
    above: Ints


def coverage(busy: Bools, below: float, rng: np.random.Generator) -> dict[str, Coverage]:
    """Claims with a bound of at most ``below``, by the choice of minutes."""
    days = busy.shape[1] // DAY_MINUTES
    parts: dict[str, list[tuple[Ints, Ints]]] = {"fixed minute": [], "random minute": []}
    for first in range(days - WINDOW_DAYS + 1):
        window = busy[:, first * DAY_MINUTES : (first + WINDOW_DAYS) * DAY_MINUTES]
        hours = window.reshape(len(busy), -1, 60)
        truth = hours.mean(axis=(1, 2))[:, None]
        every_hour = np.arange(hours.shape[1])
        drawn = [
            hours[:, every_hour, rng.integers(0, 60, len(every_hour))].sum(axis=1)
            for _ in range(DRAWS)
        ]
        for name, k in (("fixed minute", hours.sum(axis=1)), ("random minute", np.array(drawn).T)):
            bound = busy_share_bound(k.ravel(), np.full(k.size, hours.shape[1])).reshape(k.shape)
            claimed = bound <= below
            parts[name].append((claimed.sum(axis=1), (claimed & (truth > bound)).sum(axis=1)))
    draws = {"fixed minute": 60, "random minute": DRAWS}
    return {
        name: Coverage(draws[name], *(np.concatenate(part) for part in zip(*pairs, strict=True)))
        for name, pairs in parts.items()
    }


def print_coverage(kind: str, series: dict[str, Bools], rng: np.random.Generator) -> None:
    busy = np.array(list(changing(series).values()))
    print(f"bound coverage, {kind}: {len(busy)} series, 14-day windows, hourly samples")
    for below in (1.0, 0.2, 0.05):
        for name, (draws, claims, above) in coverage(busy, below, rng).items():
            shares = above / draws
            print(
                f"  bound at most {below:<4g} {name:<13} {claims.sum():>8} claims, "
                f"{above.sum() / claims.sum():.2%} with the truth above; more than {TOLERATED:.0%} "
                f"in {(shares > TOLERATED).sum()} of {len(shares)} series and windows, "
                f"worst {shares.max():.1%}"
            )


def ledger_of(
    busy: dict[str, Bools], first: pd.Timestamp, rng: np.random.Generator
) -> pd.DataFrame:
    """The hour masks of a random minute in each hour: all that off-hours are made of."""
    frames = []
    for name, minutes in busy.items():
        hours = minutes.reshape(-1, 24, 60)
        drawn = rng.integers(0, 60, hours.shape[:2])
        sampled = np.take_along_axis(hours, drawn[:, :, None], axis=2)[:, :, 0]
        masks = sampled.astype(np.int64) @ (1 << np.arange(24))
        frames.append(
            pd.DataFrame(
                {
                    "account": "a",
                    "cluster_id": name,
                    "date": pd.date_range(first.date(), periods=len(hours)),
                    "hours_observed": (1 << 24) - 1,
                    "hours_busy": masks,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def masks_to_hours(masks: Ints) -> Bools:
    """168 hours per row of seven 24-bit masks."""
    bits = masks[:, :, None] >> np.arange(24) & 1
    return np.asarray(bits.reshape(len(masks), -1), dtype=bool)


class Claim(NamedTuple):
    """The busy share of the week after a claim."""

    in_claimed_hours: float
    in_other_hours: float


def in_office_hours(series: dict[str, Bools], first: pd.Timestamp) -> dict[str, Bools]:
    """The same series without work at night and on weekends."""
    minutes = len(next(iter(series.values())))
    at = pd.date_range(first, periods=minutes, freq="min")
    opens, closes = OFFICE_HOURS
    is_open = (at.day_of_week < WORKDAYS) & (at.hour >= opens) & (at.hour < closes)
    return {name: busy & is_open for name, busy in series.items()}


def off_hours_claims(
    busy: dict[str, Bools], first: pd.Timestamp, rng: np.random.Generator
) -> tuple[int, dict[str, list[Claim]]]:
    """Series and days that were judged, and by rule what the week after each claim was like."""
    fold = Fold.of(ledger_of(busy, first, rng))
    minutes = np.array([busy[name] for name in sorted(busy)])
    rules, claims = Rules(), dict[str, list[Claim]]({"old rule": [], "new rule": []})
    start, judged = int(fold.day.min()), 0
    days = minutes.shape[1] // DAY_MINUTES
    for day in range(WINDOW_DAYS - 1, days - WEEK_DAYS):
        past = fold.only(fold.day <= start + day)
        window = past.only(past.day > start + day - WINDOW_DAYS)
        busy_pct = 100 * window.hours("hours_busy") / window.hours("hours_observed")
        is_idle = 100 - busy_pct >= rules.idle_suspected_share_pct
        judged += int((~is_idle).sum())
        after = weekly(minutes, day + 1, start)
        old = off_hours(window, window, start + day, rules.off_hours_min_per_week)
        new = off_hours(past, window, start + day, rules.off_hours_min_per_week)
        is_old = old["off_hours_per_week"].to_numpy() >= rules.off_hours_min_per_week
        is_new = truth_of(OFF_HOURS.when, new, rules).is_true
        for name, which, source in (("old rule", is_old, window), ("new rule", is_new, past)):
            claimed = masks_to_hours(week_hours(source, start + day).off)
            for row in np.flatnonzero(which & ~is_idle & ~claimed.all(axis=1)):
                inside = claimed[row]
                claims[name].append(Claim(after[row][inside].mean(), after[row][~inside].mean()))
    return judged, claims


def weekly(minutes: Bools, day: int, start: int) -> Floats:
    """The busy share of the 168 hours of the week from ``day`` on, Monday first."""
    week = minutes[:, day * DAY_MINUTES : (day + WEEK_DAYS) * DAY_MINUTES]
    hours = week.reshape(len(minutes), WEEK_DAYS, 24, 60).mean(axis=3)
    weekday = (start + day + 3) % WEEK_DAYS
    turned: Floats = np.roll(hours, weekday, axis=1).reshape(len(minutes), -1)
    return turned


def print_off_hours(
    kind: str, series: dict[str, Bools], first: pd.Timestamp, rng: np.random.Generator
) -> None:
    judged, by_rule = off_hours_claims(changing(series), first, rng)
    print(f"off-hours, {kind}: {judged} series and days; busy share of the week after the claim")
    for name, claims in by_rule.items():
        if not claims:
            print(f"  {name} no claims")
            continue
        inside, other = (float(np.mean(column)) for column in zip(*claims, strict=True))
        ratio = f"{inside / other:.2f}" if other else "-"
        print(
            f"  {name} {len(claims):>5} claims: {inside:.1%} in the claimed hours, "
            f"{other:.1%} in the others, ratio {ratio}"
        )


def mean_errors(used: Floats, hours: int, rng: np.random.Generator) -> Iterator[tuple[str, Floats]]:
    """Errors of the mean use over each window in percentage points, by the choice of instants."""
    stride = hours * 60
    errors: dict[str, list[Floats]] = {"fixed": [], "random": []}
    for first in range(0, used.shape[1] // DAY_MINUTES - WINDOW_DAYS + 1, 2):
        window = used[:, first * DAY_MINUTES : (first + WINDOW_DAYS) * DAY_MINUTES]
        strata = window.reshape(len(used), -1, stride)
        truth = window.mean(axis=1)[:, None]
        each = np.arange(strata.shape[1])
        drawn = [
            strata[:, each, rng.integers(0, stride, len(each))].mean(axis=1) for _ in range(DRAWS)
        ]
        errors["fixed"].append(strata.mean(axis=1) - truth)
        errors["random"].append(np.array(drawn).T - truth)
    for name, parts in errors.items():
        yield name, np.abs(np.concatenate([part.ravel() for part in parts]))


def print_mean_errors(used: pd.DataFrame, rng: np.random.Generator) -> None:
    shares = (100.0 * used / used.max()).to_numpy(np.float64).T
    print("mean use over 14 days: error in percentage points of the most in use")
    for cadence, hours in (("hourly", 1), ("six-hourly", 6), ("daily", 24)):
        for name, error in mean_errors(shares, hours, rng):
            print(
                f"  {cadence:<11} {name:<7} mean {error.mean():.2f}, "
                f"95 % within {np.quantile(error, 0.95):.2f}, largest {error.max():.2f}"
            )


def main() -> None:
    rng = np.random.default_rng(1)
    used = read_series()
    slow, short, first = levels(used), short_works(used), used.index[0]
    print_coverage("levels", slow, rng)
    print_coverage("short works", short, rng)
    print_off_hours("as they are", slow | short, first, rng)
    print_off_hours("office hours only", in_office_hours(slow | short, first), first, rng)
    print_mean_errors(used, rng)


if __name__ == "__main__":
    main()
