"""Whether two runs of the same work wrote the same CSV files.

    python -m benchmarks.same_results OURS THEIRS

Rows are compared in the order of their keys, since no order is asked of the peers. Money, counts,
seconds, times and texts must be equal. Only the columns in ``REAL`` may differ, by a billionth of
their value: they are quotients of floating-point numbers, written with ten digits.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

KEYS = {
    "spend": ["date", "cluster_id"],
    "utilization": ["cluster_id"],
    "findings": ["cluster_id", "rule_id"],
}
REAL = {
    "gpu_mean_pct", "memory_mean_pct", "cpu_mean_pct", "gpu_p95_pct", "gpu_max_pct",
    "idle_share_pct", "busy_share_bound",
}  # fmt: skip
CLOSE = 1e-9


def differences(ours: Path, theirs: Path) -> list[str]:
    """What differs, in words; empty if nothing does."""
    return [
        problem
        for name, keys in KEYS.items()
        if _lines(ours, name) != _lines(theirs, name)
        for problem in _compare(name, keys, _read(ours, name), _read(theirs, name))
    ]


def _lines(folder: Path, name: str) -> list[bytes]:
    """The lines of a file in order: most files are equal as text, which is soon seen."""
    return sorted((folder / f"{name}.csv").read_bytes().replace(b"\r\n", b"\n").splitlines())


def _read(folder: Path, name: str) -> pd.DataFrame:
    texts = pd.read_csv(folder / f"{name}.csv", dtype=str, keep_default_na=False)
    return texts.sort_values(KEYS[name], ignore_index=True)


def _compare(name: str, keys: list[str], ours: pd.DataFrame, theirs: pd.DataFrame) -> list[str]:
    if list(ours.columns) != list(theirs.columns):
        return [f"{name}: columns {list(theirs.columns)}"]
    if len(ours) != len(theirs) or not ours[keys].equals(theirs[keys]):
        rows = ours.merge(theirs, on=keys, how="outer", indicator=True)
        sides = rows.loc[rows["_merge"] != "both", [*keys, "_merge"]]
        first = sides.head(3).to_dict("records")
        return [
            f"{name}: {len(ours)} and {len(theirs)} rows, {len(sides)} on one side only: {first}"
        ]
    problems = []
    for column in ours.columns:
        differs = (ours[column] != theirs[column]).to_numpy()
        if column in REAL:
            pairs = [pd.to_numeric(frame[column]).to_numpy(float) for frame in (ours, theirs)]
            differs = ~np.isclose(*pairs, rtol=CLOSE, atol=CLOSE, equal_nan=True)
        if differs.any():
            first = int(np.flatnonzero(differs)[0])
            values = ours[column][first], theirs[column][first]
            problems.append(
                f"{name}.{column}: {int(differs.sum())} of {len(ours)} rows differ, first "
                f"{ours.loc[first, keys].to_list()}: {values[0]!r} and {values[1]!r}"
            )
    return problems


def main() -> None:
    problems = differences(Path(sys.argv[1]), Path(sys.argv[2]))
    if problems:
        raise SystemExit("\n".join(problems))
    print("{}")


if __name__ == "__main__":
    main()
