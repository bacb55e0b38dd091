"""Money of a frame as floats of the currency, beside the exact micros."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipeline.schema import MICROS_PER_UNIT

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.arrays import Floats

_MICROS = "micros"


def with_money(frame: pd.DataFrame) -> pd.DataFrame:
    """``frame`` with ``NAME``, a float64 in the currency, before each ``NAME_micros``.

    A column that is only called ``micros`` gets ``amount``. Unknown money is NaN.
    """
    names: list[str] = []
    amounts: dict[str, Floats] = {}
    for name in map(str, frame.columns):
        if name == _MICROS or name.endswith(f"_{_MICROS}"):
            short = name.removesuffix(_MICROS).rstrip("_") or "amount"
            micros = frame[name].astype("Int64").to_numpy(np.float64, na_value=np.nan)
            amounts[short] = micros / MICROS_PER_UNIT
            names.append(short)
        names.append(name)
    return frame.assign(**amounts)[names]


def amount(micros: int | None) -> float | None:
    """``micros`` as a float of the currency; None is unknown."""
    return None if micros is None else micros / MICROS_PER_UNIT
