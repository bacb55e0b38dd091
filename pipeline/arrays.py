"""Names for the kinds of arrays that the product computes with."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Texts = npt.NDArray[np.object_]
UnsignedInts = npt.NDArray[np.uint64]
Positions = npt.NDArray[np.intp]
"""Positions in other arrays."""
Columns = dict[str, npt.NDArray[Any]]
"""Arrays of equal length by name: a table without pandas."""
