"""Measures processes, one at a time, and sums up their runs."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Cost:
    """What one process used, imports included, and what it printed."""

    cpu: float
    """User and system seconds, of its children too."""
    wall: float
    peak_mb: float
    output: str

    @property
    def result(self) -> dict[str, Any]:
        """The JSON object of its last line."""
        return json.loads(self.output.strip().splitlines()[-1])


def run(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] = os.environ,
    accepted: Sequence[int] = (0,),
) -> Cost:
    """Run a process to its end, in the root of the project, and measure it.

    Raises:
        SystemExit: its exit code is not among the accepted ones.
    """
    began = time.monotonic()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, stdout=output, env=environment, cwd=ROOT)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - began
        output.seek(0)
        text = output.read()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in accepted:
        raise SystemExit(f"{' '.join(command[:4])} ended with {process.returncode}")
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024, text)


def in_turn(rows: Mapping[str, Callable[[], Cost]], runs: int) -> dict[str, list[Cost]]:
    """Every row ``runs`` times, one after the other, so that other load falls on all alike."""
    costs: dict[str, list[Cost]] = {name: [] for name in rows}
    for _ in range(runs):
        for name, row in rows.items():
            costs[name].append(row())
    return costs


def summary(costs: Sequence[Cost]) -> dict[str, Any]:
    """Medians of the runs, and their least and most CPU seconds."""
    cpu = [cost.cpu for cost in costs]
    return {
        "cpu_s": round(statistics.median(cpu), 3),
        "cpu_least_s": round(min(cpu), 3),
        "cpu_most_s": round(max(cpu), 3),
        "wall_s": round(statistics.median(cost.wall for cost in costs), 3),
        "peak_mb": round(statistics.median(cost.peak_mb for cost in costs), 1),
        "runs": len(costs),
    }


def ratio(costs: Sequence[Cost], base: Sequence[Cost]) -> dict[str, float]:
    """Median, least and most of the CPU ratios of runs that followed each other; and memory's."""
    ratios = [a.cpu / b.cpu for a, b in zip(costs, base, strict=True)]
    memory = [a.peak_mb / b.peak_mb for a, b in zip(costs, base, strict=True)]
    return {
        "cpu": round(statistics.median(ratios), 3),
        "cpu_least": round(min(ratios), 3),
        "cpu_most": round(max(ratios), 3),
        "memory": round(statistics.median(memory), 3),
    }
