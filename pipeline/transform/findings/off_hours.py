"""Off-hours: hours of the week in which a cluster runs but does no work.

Method: the hour masks of the window's days, united by weekday, give for each of the 168 hours of
the week whether it has a sample and whether it was ever busy. An hour with samples that was never
busy is quiet; an hour without a sample is not. Only runs of at least 12 quiet hours count, also
across the end of the week: chance gaps between bursts are shorter, closing hours are not.

Assumption: hours of the week are UTC; a schedule in a zone with summer time moves by one cell twice
a year. Known limit: two weeks give two samples per cell, so the claim is never proven.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pipeline.arrays import Bools, Ints
    from pipeline.transform.fold import Fold


RUN_HOURS = 12


def off_hours(fold: Fold) -> tuple[Ints, Ints]:
    """Per cluster: off-hours a week, and the samples that lie in them."""
    seen, busy = fold.week("hours_observed"), fold.week("hours_busy")
    quiet = _cells(seen & ~busy)
    off = _in_runs(quiet)
    masks = _masks(off)
    weekday = (fold.day + 3) % 7
    there = fold["hours_observed"].to_numpy(np.int64) & masks[fold.code, weekday]
    samples = fold.add(np.bitwise_count(there).astype(np.int64))
    return off.sum(axis=1).astype(np.int64), samples


def _cells(masks: Ints) -> Bools:
    """Seven 24-bit masks per row as 168 booleans, Monday 0 o'clock first."""
    octets = masks.astype("<u4").view(np.uint8).reshape(len(masks), 7, 4)[:, :, :3]
    return np.unpackbits(octets, axis=2, bitorder="little").reshape(len(masks), 168).astype(bool)


def _masks(cells: Bools) -> Ints:
    """The inverse of ``_cells``."""
    octets = np.packbits(cells.reshape(len(cells), 7, 24), axis=2, bitorder="little")
    masks: Ints = octets.astype(np.int64) @ np.array([1, 1 << 8, 1 << 16])
    return masks


def _in_runs(quiet: Bools) -> Bools:
    """The cells that lie in a run of at least ``RUN_HOURS``, also across the week's end."""
    starts = quiet.copy()
    for shift in range(1, RUN_HOURS):
        starts &= np.roll(quiet, -shift, axis=1)
    inside = starts.copy()
    for shift in range(1, RUN_HOURS):
        inside |= np.roll(starts, shift, axis=1)
    return inside
