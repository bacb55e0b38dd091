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
_MOST_DIGITS = 10


def plain_value(measure: str, value: object, digits: int = 1) -> str:
    """One value of a measure; None is unknown. ``digits``: decimals, of money one more."""
    if value is None:
        return "unknown"
    unit = MEASURES[measure].unit
    return _BY_UNIT[unit](float("inf") if unit != "text" and value == "inf" else value, digits)


def plain_pair(measure: str, value: object, limit: object) -> tuple[str, str]:
    """A value and the limit that decided, with as many decimals as distinguish them."""
    for digits in range(1, _MOST_DIGITS):
        pair = plain_value(measure, value, digits), plain_value(measure, limit, digits)
        if pair[0] != pair[1] or value == limit:
            break
    return pair


def times(value: float, decimals: str = ".2f", space: str = " ") -> str:
    """A factor; where the denominator is 0, it is infinite."""
    return f"{value:{decimals}}{space}times" if math.isfinite(value) else "infinitely many times"


def _percent(value: float, digits: int) -> str:
    text = _short(f"{value:.{digits}f}")
    if text == "0" and value > 0:
        return "less than 0.1 %" if digits == 1 else f"{value:g} %"
    if text == "100" and value < _FULL:
        return "more than 99.9 %" if digits == 1 else f"{value:.9g} %"
    return f"{text} %"


def _number(value: float, digits: int) -> str:
    return _short(f"{value:,.{digits}f}")


def _days(figures: str) -> str:
    return f"{figures} day" if figures == "1" else f"{figures} days"


def _short(figures: str) -> str:
    """Without zeros that say nothing."""
    return figures.rstrip("0").removesuffix(".") if "." in figures else figures


def _money(micros: float, digits: int) -> str:
    """Units of the currency: to the cent, or with all decimals where that would read 0."""
    units = micros / MICROS_PER_UNIT
    if abs(units) >= _CENT or not units:
        return f"{units:,.{digits + 1}f}"
    return f"{units:,.6f}"


_BY_UNIT: dict[str, Callable[[Any, int], str]] = {
    "pct": _percent,
    "share": lambda value, digits: _percent(100.0 * value, digits),
    "hours": lambda value, digits: f"{_number(value, digits)} h",
    "days": lambda value, digits: _days(_number(value, digits)),
    "count": _number,
    "times": lambda value, digits: times(value, f".{digits + 1}f"),
    "money": _money,
    "text": lambda value, _: str(value),
    "flag": lambda value, _: "yes" if value else "no",
}
