"""Noise as a pure function: the same cluster and minute always give the same number.

With a stateful generator, a reading would depend on earlier requests. Here it is a hash (the
finalizer of splitmix64) of the cluster's own number, a tick of time and a channel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pipeline.arrays import Floats, UnsignedInts

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15
_TICK = 0xD1342543DE82EF95
_CHANNEL = 0xA0761D6478BD642F
_SALT = 0xE7037ED1A0B428DB


def mix(values: UnsignedInts) -> UnsignedInts:
    """Scramble 64-bit integers; one-to-one."""
    x = values + np.uint64(_GOLDEN)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def uniform(keys: UnsignedInts, tick: int, channel: int) -> Floats:
    """One number in [0, 1) per key, for this tick and channel."""
    return (_bits(keys, tick, channel) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def bell(keys: UnsignedInts, tick: int, channel: int) -> Floats:
    """Nearly normal numbers (mean 0, deviation 1, at most 3.5): sums of four uniform ones."""
    quarters = np.frombuffer(_bits(keys, tick, channel).tobytes(), "<u2").reshape(-1, 4)
    return np.asarray((quarters.sum(axis=1) * 2.0**-16 - 2.0) * 3.0**0.5, np.float64)


def _bits(keys: UnsignedInts, tick: int, channel: int) -> UnsignedInts:
    salt = ((tick * _TICK + channel * _CHANNEL) & _MASK) * _SALT & _MASK
    return mix(keys ^ np.uint64(salt ^ salt >> 32))
