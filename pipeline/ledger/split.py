"""Whole seconds and whole micros cut at midnight so that the parts add up exactly.

An amount D spread over T seconds has accrued floor(D x / T) after x seconds; a part is the
difference of two such values, so the parts of any cutting sum to D to the last unit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pipeline.arrays import Ints


def accrued(amount: Ints, x: Ints, total: Ints) -> Ints:
    """floor(amount * x / total) without the product overflowing; all of it where total is 0.

    Exact for 0 <= x <= total < 2**31 and any non-negative amount: amount = q * total + r, and
    r * x stays below 2**62.
    """
    safe = np.maximum(total, 1)
    quotient, remainder = np.divmod(amount, safe)
    part: Ints = quotient * x + (remainder * x) // safe
    return np.where(total > 0, part, amount)


def shared(x: Ints, weights: tuple[Ints, ...], total: Ints) -> tuple[Ints, ...]:
    """How the first ``x`` of ``total`` units divide among parts of the given sizes, and the rest.

    The last element is what the parts leave, so the elements sum to x exactly. Each of them grows
    with x and none is negative, because each split divides what the split before it left.
    """
    parts: list[Ints] = []
    left, size = x, total
    for weight in weights:
        part = np.where(size > 0, accrued(weight, left, size), 0)
        parts.append(part)
        left, size = left - part, size - weight
    return (*parts, left)
