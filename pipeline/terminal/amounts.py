"""Amounts of money as texts of a table: aligned, with two decimals."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

MICROS = 1_000_000
_CENTS = 2
_MOST = 6
"""Decimals of an exact amount."""


def money(micros: int) -> str:
    """An amount in units of the currency with two decimals; never zero for what is not zero."""
    return _written(micros, _CENTS)


def rate(micros: int) -> str:
    """A price: exact, with at least two decimals."""
    return _written(micros, _decimals(micros))


def amounts(values: Sequence[object], *, is_rate: bool = False) -> list[str | None]:
    """A column of amounts, all with the same decimals: two, of prices as many as one needs."""
    known = [None if value is None else int(str(value)) for value in values]
    needed = [_decimals(micros) for micros in known if micros is not None] if is_rate else []
    digits = max(needed, default=_CENTS)
    return [None if micros is None else _written(micros, digits) for micros in known]


def _decimals(micros: int) -> int:
    part = f"{abs(micros) % MICROS:0{_MOST}d}".rstrip("0")
    return max(_CENTS, len(part))


def _written(micros: int, digits: int) -> str:
    step = 10 ** (_MOST - digits)
    shown, rest = divmod(abs(micros), step)
    shown += rest * 2 > step or (rest * 2 == step and shown % 2 == 1)
    below = "<" if micros and not shown else ""
    units, part = divmod(max(shown, 1) if micros else 0, 10**digits)
    return f"{'-' if micros < 0 else ''}{below}{units:,}.{part:0{digits}d}"
