"""Values of measures in plain text, for the reasons in CSV files: no currency, ordinary spaces.

A share is never shown as 0 % or 100 % unless it is exactly that.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pipeline.rules import MEASURES
from pipeline.schema import MICROS_PER_UNIT

if TYPE_CHECKING:
    from collections.abc import Callable

_FULL = 100.0
_CENT = 0.01


def plain_value(measure: str, value: object) -> str:
    """One value of a measure; None is unknown."""
    if value is None:
        return "unknown"
    unit = MEASURES[measure].unit
    return _BY_UNIT[unit](float("inf") if unit != "text" and value == "inf" else value)


def times(value: float, decimals: str = ".2f", space: str = " ") -> str:
    """A factor; where the denominator is 0, it is infinite."""
    return f"{value:{decimals}}{space}times" if math.isfinite(value) else "infinitely many times"


def _percent(value: float) -> str:
    text = f"{value:.1f}".removesuffix(".0")
    if text == "0" and value > 0:
        return "less than 0.1 %"
    if text == "100" and value < _FULL:
        return "more than 99.9 %"
    return f"{text} %"


def _number(value: float) -> str:
    return f"{value:,.1f}".removesuffix(".0")


def _money(micros: float) -> str:
    """Units of the currency: to the cent, or with all decimals where that would read 0."""
    units = micros / MICROS_PER_UNIT
    return f"{units:,.2f}" if abs(units) >= _CENT or not units else f"{units:,.6f}"


_BY_UNIT: dict[str, Callable[[Any], str]] = {
    "pct": _percent,
    "share": lambda value: _percent(100.0 * value),
    "hours": lambda value: f"{_number(value)} h",
    "days": lambda value: f"{_number(value)} days",
    "count": _number,
    "times": times,
    "money": _money,
    "text": str,
    "flag": lambda value: "yes" if value else "no",
}
