"""Values of many observations or intervals, folded into one value per cluster.

Codes are sorted, so the values of a cluster are contiguous: the start of each run is found once,
and every column is then one ``reduceat``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.arrays import Bools, Ints


class Groups:
    """Values by cluster.

    Args:
        codes: the cluster of each value, ascending.
        clusters: the clusters wanted, ascending; those without values get an empty result.
    """

    def __init__(self, codes: Ints, clusters: Ints) -> None:
        # Where each run of equal codes begins, and its cluster's position in ``clusters``.
        starts = np.flatnonzero(np.append(True, codes[1:] != codes[:-1])) if len(codes) else codes
        place = np.full(1 + max(codes.max(initial=-1), clusters.max(initial=-1)), -1)
        place[clusters] = np.arange(len(clusters))
        at = place[codes[starts]]
        self.clusters = clusters
        self._codes, self._starts = codes, starts
        self._wanted = np.flatnonzero(at >= 0)
        self._at = at[self._wanted]

    def fold(
        self, ufunc: np.ufunc, values: NDArray[Any], empty: float | np.generic
    ) -> NDArray[Any]:
        """``ufunc`` over each cluster's values; ``empty`` for none."""
        result = np.full(len(self.clusters), empty, dtype=values.dtype)
        if len(self._starts):
            result[self._at] = ufunc.reduceat(values, self._starts)[self._wanted]
        return result

    def sum_of(self, values: Ints) -> Ints:
        """The sum of each cluster's values."""
        return self.fold(np.add, values, 0)

    def any_of(self, values: Bools) -> Bools:
        """Whether any of a cluster's values is true."""
        return self.fold(np.logical_or, values, np.False_)

    def firsts(self) -> Ints:
        """The position of each cluster's first value; every cluster must have one."""
        return self._starts[self._wanted]

    def positions(self) -> Ints:
        """The position in ``clusters`` of each value's cluster; every cluster must be wanted."""
        lengths = np.diff(np.append(self._starts, len(self._codes)))
        return np.repeat(self._at, lengths)
