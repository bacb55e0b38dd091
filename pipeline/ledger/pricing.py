"""Prices in whole micros and the whole seconds that money buys, without overflow.

Rates are in micros per hour; a rate of -1 is unknown and prices to 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pipeline.arrays import Ints

SECONDS_PER_HOUR = 3600


def price(rate: Ints, seconds: Ints) -> Ints:
    """Micros that ``seconds`` cost at ``rate`` (micros per hour), rounded down; 0 if unknown."""
    known = np.maximum(rate, 0)
    return (known // SECONDS_PER_HOUR) * seconds + (
        (known % SECONDS_PER_HOUR) * seconds
    ) // SECONDS_PER_HOUR


def price_up(rate: Ints, seconds: Ints) -> Ints:
    """The same, rounded up: an upper bound stays one."""
    part = (np.maximum(rate, 0) % SECONDS_PER_HOUR) * seconds % SECONDS_PER_HOUR
    return price(rate, seconds) + np.minimum(part, 1)


def bought_seconds(spend: Ints, rate: Ints, elapsed: Ints) -> Ints:
    """Seconds that ``spend`` buys at ``rate``, to the nearest, at most ``elapsed``."""
    safe = np.maximum(rate, 1)
    # The result is at most the elapsed time; capping the money first keeps the product in range.
    capped = np.minimum(spend, price_up(safe, elapsed))
    bought: Ints = np.minimum((capped * SECONDS_PER_HOUR + safe // 2) // safe, elapsed)
    return bought
