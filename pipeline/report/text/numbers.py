"""How numbers, money and times are written, everywhere.

Rounding never lies: a share is ``0 %`` or ``100 %`` and money is ``$0.00`` only when it is exactly
that; an unknown value is a dash, never a zero. Times are UTC. A no-break space stands before a
unit, the minus sign is U+2212, so that nothing breaks apart at a line's end.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pandas as pd

from pipeline.currency import MINOR_UNITS
from pipeline.schema import MICROS_PER_UNIT

if TYPE_CHECKING:
    from collections.abc import Mapping

UNKNOWN = "\N{EM DASH}"
MINUS = "\N{MINUS SIGN}"
NBSP = "\N{NO-BREAK SPACE}"

_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£"}
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_SECONDS_PER_HOUR = 3600
_CENTS_BELOW_UNITS = 100
"""Rounded money keeps its cents below this: $7 and $7.49 are different news."""


def known(value: Any) -> Any:  # noqa: ANN401 - any cell
    """``value`` of a frame's cell, with every kind of null as None."""
    return None if value is None or pd.isna(value) else value


@dataclass(frozen=True)
class Money:
    """Writes micros of one currency."""

    currency: str

    @property
    def digits(self) -> int:
        """Decimals of the currency."""
        return MINOR_UNITS[self.currency]

    @property
    def symbol(self) -> str:
        """What stands before an amount."""
        return _SYMBOLS.get(self.currency, self.currency + NBSP)

    def exact(self, micros: int | None) -> str:
        """To the cent: for tables."""
        return self._written(micros, self.digits)

    def rounded(self, micros: int | None) -> str:
        """To the unit where that hides nothing: for sentences, cards and charts."""
        small = micros is not None and abs(micros) < _CENTS_BELOW_UNITS * MICROS_PER_UNIT
        return self._written(micros, self.digits if small else 0)

    def signed(self, micros: int | None) -> str:
        """A difference, to the cent, with its sign."""
        plus = "+" if known(micros) is not None and int(micros) > 0 else ""  # type: ignore[arg-type]
        return plus + self.exact(micros)

    def rate(self, micros: int | None) -> str:
        """Price per hour."""
        return UNKNOWN if known(micros) is None else f"{self.exact(micros)}/h"

    def span(self, low: int | None, high: int | None) -> str:
        """``low`` to ``high``; an unknown upper end says so."""
        if low == high:
            return self.exact(low)
        return f"{self.exact(low)} to {'unknown' if high is None else self.exact(high)}"

    def _written(self, micros: int | None, digits: int) -> str:
        if known(micros) is None:
            return UNKNOWN
        amount = int(micros)  # type: ignore[arg-type]  # not None here
        step = MICROS_PER_UNIT // 10**digits
        shown = _nearest(abs(amount), step)
        below = "<" if amount and not shown else ""
        units, rest = divmod(max(shown, 1) if amount else shown, 10**digits)
        figures = f"{units:,}" + (f".{rest:0{digits}d}" if digits else "")
        return f"{below}{MINUS if amount < 0 else ''}{self.symbol}{figures}"


def _nearest(amount: int, step: int) -> int:
    """``amount`` in steps, half to even, without floats."""
    steps, rest = divmod(amount, step)
    return steps + (rest * 2 > step or (rest * 2 == step and steps % 2 == 1))


def decimal(micros: int | None) -> Decimal | None:
    """Money as an exact decimal number of the currency, for machines."""
    return None if known(micros) is None else Decimal(int(micros)).scaleb(-6)  # type: ignore[arg-type]


def percent(value: float | None, digits: int = 1) -> str:
    """A percentage; ``<0.1 %`` and ``>99.9 %`` rather than a false 0 or 100."""
    if known(value) is None:
        return UNKNOWN
    number = float(value)  # type: ignore[arg-type]
    if number < 0:
        return MINUS + percent(-number, digits)
    least = 10.0**-digits
    shown = round(number, digits)
    if number > 0 and shown == 0:
        return f"<{least:.{digits}f}{NBSP}%"
    if number < 100 <= shown:  # noqa: PLR2004 - percent
        return f">{100 - least:.{digits}f}{NBSP}%"
    if shown == int(shown) and shown == number:
        return f"{int(shown):,}{NBSP}%"
    return f"{shown:,.{digits}f}{NBSP}%"


def share(part: float | None, total: float | None, digits: int = 1) -> str:
    """``part`` of ``total`` in percent; unknown where either is, or the total is 0."""
    if known(part) is None or not known(total):
        return UNKNOWN
    return percent(100 * part / total, digits)  # type: ignore[operator]


def change(now: int | None, before: int | None) -> str:
    """How much ``now`` differs from ``before``, signed, in percent."""
    if known(now) is None or not known(before):
        return UNKNOWN
    difference = now - before  # type: ignore[operator]
    sign = "+" if difference > 0 else MINUS if difference < 0 else "±"
    return sign + share(abs(difference), before)


def compared(moved: str) -> str:
    """A :func:`change` in words: ``1.5 % more than``, ``the same as``."""
    if moved.startswith("±"):
        return "the same as"
    return f"{moved[1:]} {'more' if moved.startswith('+') else 'less'} than"


def by_grade(micros: Mapping[str, int], money: Money) -> str:
    """``$80 on proven findings and $20 on likely ones``: never one sum of sure and unsure.

    Empty: of findings without a grade, as own rules may have.
    """
    parts = [(money.rounded(amount), grade) for grade, amount in micros.items() if amount]
    words = [
        f"{amount} on {_graded('ones' if place else 'findings', grade)}"
        for place, (amount, grade) in enumerate(parts)
    ]
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def _graded(findings: str, grade: str) -> str:
    return f"{grade} {findings}" if grade else f"{findings} without a grade"


def count(number: int | None) -> str:
    """A whole number with thousands separators."""
    return UNKNOWN if known(number) is None else f"{int(number):,}"  # type: ignore[arg-type]


def count_of(number: int, singular: str, plural: str | None = None) -> str:
    """``1 cluster``, ``2 clusters``."""
    return f"{count(number)}{NBSP}{singular if number == 1 else plural or singular + 's'}"


def duration(seconds: int | None) -> str:
    """Hours; minutes or seconds where those are below an hour."""
    if known(seconds) is None:
        return UNKNOWN
    elapsed = int(seconds)  # type: ignore[arg-type]
    if elapsed >= 10 * _SECONDS_PER_HOUR or elapsed == 0:
        return f"{_nearest(elapsed, _SECONDS_PER_HOUR):,}{NBSP}h"
    if elapsed >= _SECONDS_PER_HOUR:
        return f"{elapsed / _SECONDS_PER_HOUR:.1f}{NBSP}h"
    return f"{_nearest(elapsed, 60)}{NBSP}min" if elapsed >= 60 else f"{elapsed}{NBSP}s"  # noqa: PLR2004 - seconds per minute


def day_long(day: date) -> str:
    """``22 November 2026``."""
    return f"{day.day}{NBSP}{_MONTHS[day.month - 1]}{NBSP}{day.year}"


def month_long(day: date) -> str:
    """``November 2026``."""
    return f"{_MONTHS[day.month - 1]}{NBSP}{day.year}"


def day_short(day: date) -> str:
    """``22 Nov``."""
    return f"{day.day}{NBSP}{_MONTHS[day.month - 1][:3]}"


def days_span(first: date, last: date) -> str:
    """``1 to 22 Nov 2026``, ``24 Oct to 22 Nov 2026``."""
    end = f"{day_short(last)}{NBSP}{last.year}"
    if first == last:
        return end
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} to {end}"
    return f"{day_short(first)}{f' {first.year}' if first.year != last.year else ''} to {end}"


def moment(at: datetime | None) -> str:
    """``22 Nov 2026 14:05 UTC``."""
    if known(at) is None:
        return UNKNOWN
    utc = at.astimezone(UTC)  # type: ignore[union-attr]
    return f"{day_short(utc.date())}{NBSP}{utc.year} {utc:%H:%M}{NBSP}UTC"
