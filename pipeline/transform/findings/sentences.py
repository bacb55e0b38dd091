"""Values in words, for the reasons of outcomes: many at a time.

Rounding may not lie: a share is never shown as 0 % or 100 % unless it is exactly that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipeline.rules import MEASURES
from pipeline.schema import MICROS_PER_UNIT

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from pipeline.arrays import Texts


_FULL = 100.0


def percent(value: float) -> str:
    """A percentage of 0-100 with one decimal, as exact as it looks at both ends."""
    text = f"{value:.1f}".removesuffix(".0")
    if text == "0" and value > 0:
        return "less than 0.1 %"
    if text == "100" and value < _FULL:
        return "more than 99.9 %"
    return f"{text} %"


def plain(value: float) -> str:
    """A number with at most one decimal."""
    return f"{value:,.1f}".removesuffix(".0")


def money(micros: float) -> str:
    """Micros as units of the currency: cents, or as much as it takes to not read 0."""
    units = micros / MICROS_PER_UNIT
    return f"{units:,.2f}" if abs(units) >= 0.01 or not units else f"{units:,.6f}"  # noqa: PLR2004


_WORDS: dict[str, Callable[[Any], str]] = {
    "pct": percent,
    "share": lambda value: percent(100.0 * value),
    "hours": lambda value: f"{plain(value)} h",
    "days": lambda value: f"{plain(value)} days",
    "count": plain,
    "times": lambda value: f"{value:.2f} times",
    "money": money,
    "text": str,
    "flag": lambda value: "yes" if value else "no",
}


def one(measure: str, value: object) -> str:
    """One value of a measure in words."""
    return _WORDS[MEASURES[measure].unit](value)


def words(measure: str, values: pd.Series[Any]) -> Texts:
    """Each value of a measure in words; equal values are worded once."""
    codes, distinct = pd.factorize(values, use_na_sentinel=True)
    texts = [one(measure, value) for value in distinct]
    return np.array([*texts, "unknown"], dtype=object)[codes]


def fill(template: str, evidence: pd.DataFrame, rows: NDArray[np.bool_]) -> list[str]:
    """``template`` with the values of each of ``rows`` in its braces, and a capital first."""
    names = [part.split("}")[0] for part in template.split("{")[1:]]
    columns = [words(name, evidence[name][rows]) for name in names]
    pattern = template
    for name in names:
        pattern = pattern.replace(f"{{{name}}}", "{}", 1)
    return [capital(pattern.format(*row)) for row in zip(*columns, strict=True)]


def capital(text: str) -> str:
    """``text`` with its first letter as at a sentence's beginning."""
    return text[:1].upper() + text[1:]
