"""Off-hours: hours of the week in which a cluster runs but does no work, week after week.

Method: the last four weeks are the 7-day blocks that end on the report's date. In each, the hour
masks give for the 168 hours of the week whether they have a sample and whether they were busy. An
hour is quiet if it has a sample in some week and was busy in none; an hour without a sample is not.
Only runs of at least 12 quiet hours count, also across the end of the week: chance gaps between
bursts are shorter, closing hours are not. These are the off-hours.

That hours were quiet does not say that they will be. So the claim is tested on the past, one week
at a time:

- ``off_hours_busy_share``: the off-hours of the other weeks are a forecast for the week left out.
  The share of its samples in them that are busy; the highest of all weeks.
- ``off_hours_shift_rank``: the week left out is shifted in a circle by 0 to 167 hours against the
  others. The number of shifts that give at least as many off-hours as there are (0 is one of
  them); the highest of all weeks. This is a permutation test: without a weekly rhythm all shifts
  are alike, and a rank of 9 or less has a chance of 9 / 168 = 5.4 %. A rhythm that repeats every
  day has the rank 7, one for each day. A week without work fits every shift. It is skipped as a
  week off, unless it is the latest: then nothing shows that the rhythm still holds.

A week is tested if it has samples in at least half of the off-hours of the other weeks. With fewer
than two such weeks both measures are unknown.

Assumption: hours of the week are UTC; a schedule in a zone with summer time moves by one cell twice
a year, and may not be found for the four weeks around that day. Known limits: four weeks give four
samples per cell, so the claim is never proven; a schedule that is younger than the weeks is found
once they are over; with two weeks, a holiday on a working day in one of them hides it (that day is
quiet in this week and busy in the other), with more weeks it does not; one long evening is within
the 5 %, two usually are not.

A week is three words of 56 bits, one bit for each hour, from Monday 0 o'clock on: one row per word,
one column per cluster. The shifts take about 0.1 ms per cluster, so they are only tried for
clusters with enough off-hours.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from pipeline.transform.fold import HOURS_OF_WEEK, ratio

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.arrays import Bools, Floats, Ints
    from pipeline.transform.fold import Fold

RUN_HOURS = 12
WEEKS = 4
_STEPS = (1, 2, 4, 4)
"""Runs of an hour, doubled to 8 and prolonged by 4: ``RUN_HOURS``."""
_DAYS, _DAY_BYTES = 7, 3
_WORDS, _WORD_BYTES, _WORD = 3, 7, 56
_ALL_HOURS = (1 << _WORD) - 1
_TURNS: Ints = np.array([[0, 1, 2], [2, 0, 1], [1, 2, 0]])
"""The words of a week that is moved by 0, 1 and 2 words."""
_MIN_TESTED = 2
_CHUNK = 8192
"""Clusters at once: what a processor's cache holds."""


class Week(NamedTuple):
    """The hours of one week, or of several united, that have a sample and that were busy."""

    seen: Ints
    busy: Ints


class WeekHours(NamedTuple):
    """Hours of the week as seven 24-bit masks for each cluster, Monday first."""

    seen: Ints
    """With a sample in at least one week."""
    busy: Ints
    """Busy in at least one week."""
    off: Ints
    """The off-hours."""


def off_hours(trailing: Fold, window: Fold, last_day: int, min_per_week: int) -> pd.DataFrame:
    """Every off-hours measure, one row per cluster.

    Args:
        trailing: At least the four weeks that end on ``last_day``.
        window: The same clusters over the rules' window, in which samples are counted.
        last_day: Its day number.
        min_per_week: With fewer off-hours the shifts are not tried, and their rank is unknown.
    """
    weeks = _weeks(trailing, last_day)
    off = _off(_union(weeks))
    per_week = _count(off)
    others = [_union(weeks[:n] + weeks[n + 1 :]) for n in range(WEEKS)]
    tested, share = _held_out(weeks, others)
    enough = tested.sum(axis=0) >= _MIN_TESTED
    is_wanted = enough & (per_week >= min_per_week)
    has_worked = _count(_union(weeks).busy) > 0
    rank = np.where(is_wanted, float(HOURS_OF_WEEK), np.nan)  # without work all shifts are alike
    wanted = np.flatnonzero(is_wanted & has_worked)
    for start in range(0, len(wanted), _CHUNK):
        rows = wanted[start : start + _CHUNK]
        rank[rows] = _ranks(weeks, others, tested, per_week, rows)
    return pd.DataFrame(
        {
            "off_hours_per_week": per_week,
            "off_hours_weeks": tested.sum(axis=0).astype(np.int64),
            "off_hours_samples": _samples_in(off, window),
            "off_hours_busy_share": np.where(enough, share, np.nan),
            "off_hours_shift_rank": rank,
        }
    )


def week_hours(trailing: Fold, last_day: int) -> WeekHours:
    """The hours of the four weeks united: what the off-hours are claimed from."""
    united = _union(_weeks(trailing, last_day))
    return WeekHours(_unpack(united.seen), _unpack(united.busy), _unpack(_off(united)))


def _weeks(fold: Fold, last_day: int) -> list[Week]:
    """The last weeks, the latest first."""
    number = (last_day - fold.day) // _DAYS
    folds = [fold.only(number == n) for n in range(WEEKS)]
    return [Week(_pack(f.week("hours_observed")), _pack(f.week("hours_busy"))) for f in folds]


def _union(weeks: Sequence[Week]) -> Week:
    return Week(
        reduce(np.bitwise_or, [week.seen for week in weeks]),
        reduce(np.bitwise_or, [week.busy for week in weeks]),
    )


def _held_out(weeks: Sequence[Week], others: Sequence[Week]) -> tuple[Bools, Floats]:
    """Which weeks are tested (one row per week), and the highest busy share of the tested ones."""
    claims = [_off(week) for week in others]
    claimed = np.array([_count(claim) for claim in claims])
    pairs = list(zip(claims, weeks, strict=True))
    samples = np.array([_count(claim & week.seen) for claim, week in pairs])
    busy = np.array([_count(claim & week.busy) for claim, week in pairs])
    tested = (samples > 0) & (2 * samples >= claimed)
    shares = [
        ratio(k.astype(float), n.astype(float), 0.0) for k, n in zip(busy, samples, strict=True)
    ]
    return tested, np.where(tested, np.array(shares), 0.0).max(axis=0)


def _ranks(
    weeks: Sequence[Week], others: Sequence[Week], tested: Bools, per_week: Ints, rows: Ints
) -> Ints:
    """The highest rank of the weeks that count, of the clusters ``rows``."""
    highest = np.zeros(len(rows), dtype=np.int64)
    for n, (week, other) in enumerate(zip(weeks, others, strict=True)):
        seen, busy = week.seen[:, rows], week.busy[:, rows]
        other_seen, other_busy = other.seen[:, rows], other.busy[:, rows]
        rank = np.zeros(len(rows), dtype=np.int64)
        for hours in range(HOURS_OF_WEEK):
            quiet = (other_seen | _later(seen, hours)) & ~(other_busy | _later(busy, hours))
            able = np.flatnonzero(_count(quiet) >= per_week[rows])  # only these can have as many
            rank[able] += _count(_in_runs(quiet[:, able])) >= per_week[rows[able]]
        counts = tested[n, rows] & ((_count(busy) > 0) | (n == 0))
        highest = np.maximum(highest, np.where(counts, rank, 0))
    return np.where(highest > 0, highest, HOURS_OF_WEEK)


def _samples_in(off: Ints, window: Fold) -> Ints:
    """The samples of the window that lie in the off-hours."""
    weekday = (window.day + 3) % _DAYS
    there = window["hours_observed"].to_numpy(np.int64) & _unpack(off)[window.code, weekday]
    return window.add(np.bitwise_count(there).astype(np.int64))


def _off(week: Week) -> Ints:
    """The off-hours: quiet hours in long runs."""
    return _in_runs(week.seen & ~week.busy)


def _in_runs(quiet: Ints) -> Ints:
    """The hours that lie in a run of at least ``RUN_HOURS``, also across the week's end."""
    starts = quiet
    for step in _STEPS:
        starts = starts & _later(starts, -step)
    inside = starts
    for step in _STEPS:
        inside = inside | _later(inside, step)
    return inside


def _later(week: Ints, hours: int) -> Ints:
    """The week moved by so many hours; what leaves at one end enters at the other."""
    words, bits = divmod(hours, _WORD)
    moved: Ints = week[_TURNS[words % _WORDS]]
    if bits:
        carried = moved[_TURNS[1]] >> (_WORD - bits)
        moved = ((moved << bits) | carried) & _ALL_HOURS
    return moved


def _count(week: Ints) -> Ints:
    """Hours that are set, per cluster."""
    hours: Ints = np.bitwise_count(week).sum(axis=0, dtype=np.int64)
    return hours


def _pack(masks: Ints) -> Ints:
    """The words of seven 24-bit masks, one row per cluster, Monday first."""
    octets = masks.astype("<u4").view(np.uint8).reshape(len(masks), _DAYS, -1)[:, :, :_DAY_BYTES]
    padded = np.zeros((len(masks), _WORDS, 8), dtype=np.uint8)
    padded[:, :, :_WORD_BYTES] = octets.reshape(len(masks), _WORDS, _WORD_BYTES)
    words: Ints = np.ascontiguousarray(padded.view("<i8")[:, :, 0].T)
    return words


def _unpack(words: Ints) -> Ints:
    """The inverse of ``_pack``."""
    octets = np.ascontiguousarray(words.T).astype("<i8").view(np.uint8).reshape(-1, _WORDS, 8)
    padded = np.zeros((len(octets), _DAYS, 4), dtype=np.uint8)
    padded[:, :, :_DAY_BYTES] = octets[:, :, :_WORD_BYTES].reshape(-1, _DAYS, _DAY_BYTES)
    masks: Ints = padded.view("<u4")[:, :, 0].astype(np.int64)
    return masks
