"""Names for the kinds of arrays the simulator computes with."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Texts = npt.NDArray[np.object_]
U64 = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.intp]
"""Positions in other arrays."""
