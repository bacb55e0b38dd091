"""The utilization of each kind of cluster, as a pure function of the minute.

The API shows only the readings, never the profile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.simulator.noise import bell, uniform

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.arrays import Bools, Floats, Ints, UnsignedInts

PROFILES = (
    "busy",
    "office",
    "bursty",
    "underused",
    "idle",
    "zombie",
    "loaded",
    "parked",
)
"""GPU utilization: high; high in office hours; high in bursts; mean 8-22 %; at most 3 % (some with
rare blips); always exactly 0 %; 0 % with full memory; high, but mostly stopped."""

CODE = {name: code for code, name in enumerate(PROFILES)}

BLIP_SHARE = 0.3
"""Of the idle clusters, those that are busy for ten minutes every few days."""

_BLIP_CHANCE = 0.003
_BURST_CHANCE = 0.3
_OFFICE_OPENS, _OFFICE_CLOSES = 8, 19
_WORKDAYS = 5
_UNDERUSED_CEILING = 47.0


@dataclass(frozen=True)
class Readings:
    """Utilization in percent, one value per cluster."""

    gpu: Floats
    memory: Floats
    cpu: Floats


def in_office(seconds: int, utc_offset_hours: Ints) -> Bools:
    """Whether it is office time at these offsets."""
    local = seconds + utc_offset_hours * 3600
    # 1 January 1970 was a Thursday: three days after a Monday.
    weekday = (local // 86_400 + 3) % 7
    hour = local % 86_400 // 3600
    return (weekday < _WORKDAYS) & (hour >= _OFFICE_OPENS) & (hour < _OFFICE_CLOSES)


def readings(profile: Ints, keys: UnsignedInts, utc_offset_hours: Ints, seconds: int) -> Readings:
    """The readings of the clusters at this time, as if all were running."""
    gpu = np.zeros(len(profile))
    memory, cpu = gpu.copy(), gpu.copy()
    for code, name in enumerate(PROFILES):
        which = profile == code
        if which.any():
            of_profile = _SENSORS[name](keys[which], utc_offset_hours[which], seconds)
            gpu[which], memory[which] = of_profile.gpu, of_profile.memory
            cpu[which] = of_profile.cpu
    return Readings(_percent(gpu), _percent(memory), _percent(cpu))


def _percent(values: Floats) -> Floats:
    return np.asarray(np.round(np.clip(values, 0.0, 100.0), 1), np.float64)


def _trait(keys: UnsignedInts, channel: int, low: float, high: float) -> Floats:
    """A constant of each cluster, between ``low`` and ``high``."""
    return low + (high - low) * uniform(keys, 0, 1000 + channel)


def _working(keys: UnsignedInts, seconds: int, level: Floats) -> Readings:
    """Busy at a level, with an occasional dip (a checkpoint, a slow loader)."""
    minute = seconds // 60
    dip = np.where(uniform(keys, seconds // 1200, 1) < 0.07, 0.45, 1.0)  # noqa: PLR2004 - a share
    gpu = level * dip + 5.0 * bell(keys, minute, 2)
    memory = _trait(keys, 3, 55.0, 92.0) + 1.5 * bell(keys, minute, 4)
    cpu = _trait(keys, 5, 25.0, 65.0) + 6.0 * bell(keys, minute, 6)
    return Readings(gpu, memory, cpu)


def _quiet(keys: UnsignedInts, seconds: int) -> Readings:
    """Running without work."""
    minute = seconds // 60
    gpu = np.clip(0.8 + 0.6 * bell(keys, minute, 7), 0.0, 3.0)
    memory = _trait(keys, 8, 2.0, 12.0) + 0.3 * bell(keys, minute, 9)
    cpu = _trait(keys, 10, 1.0, 5.0) + 0.5 * bell(keys, minute, 11)
    return Readings(gpu, memory, cpu)


def _choose(which: Bools, yes: Readings, no: Readings) -> Readings:
    return Readings(
        np.where(which, yes.gpu, no.gpu),
        np.where(which, yes.memory, no.memory),
        np.where(which, yes.cpu, no.cpu),
    )


def _busy(keys: UnsignedInts, _offset: Ints, seconds: int) -> Readings:
    return _working(keys, seconds, _trait(keys, 12, 66.0, 94.0))


def _office(keys: UnsignedInts, offset: Ints, seconds: int) -> Readings:
    at_work = _working(keys, seconds, _trait(keys, 13, 45.0, 80.0))
    return _choose(in_office(seconds, offset), at_work, _quiet(keys, seconds))


def _bursty(keys: UnsignedInts, _offset: Ints, seconds: int) -> Readings:
    at_work = _working(keys, seconds, _trait(keys, 14, 75.0, 97.0))
    bursting = uniform(keys, seconds // 7200, 15) < _BURST_CHANCE
    return _choose(bursting, at_work, _quiet(keys, seconds))


def _underused(keys: UnsignedInts, _offset: Ints, seconds: int) -> Readings:
    level = _trait(keys, 16, 8.0, 22.0)
    slow = np.exp(0.3 * bell(keys, seconds // 3600, 17)) / 1.046  # keeps the mean at the level
    gpu = np.clip(level * slow + 2.0 * bell(keys, seconds // 60, 18), 0.3, _UNDERUSED_CEILING)
    at_work = _working(keys, seconds, level)
    return Readings(gpu, at_work.memory * 0.5, at_work.cpu * 0.5)


def _idle(keys: UnsignedInts, _offset: Ints, seconds: int) -> Readings:
    quiet = _quiet(keys, seconds)
    blips = (_trait(keys, 19, 0.0, 1.0) < BLIP_SHARE) & (
        uniform(keys, seconds // 600, 20) < _BLIP_CHANCE
    )
    return Readings(np.where(blips, 35.0, quiet.gpu), quiet.memory, quiet.cpu)


def _zombie(keys: UnsignedInts, _offset: Ints, seconds: int) -> Readings:
    quiet = _quiet(keys, seconds)
    return Readings(np.zeros(len(keys)), quiet.memory * 0.2, quiet.cpu * 0.3)


def _loaded(keys: UnsignedInts, _offset: Ints, seconds: int) -> Readings:
    memory = 95.0 + 0.5 * bell(keys, seconds // 60, 21)
    return Readings(np.zeros(len(keys)), memory, _quiet(keys, seconds).cpu)


_SENSORS: dict[str, Callable[[UnsignedInts, Ints, int], Readings]] = {
    "busy": _busy,
    "office": _office,
    "bursty": _bursty,
    "underused": _underused,
    "idle": _idle,
    "zombie": _zombie,
    "loaded": _loaded,
    "parked": _busy,
}
