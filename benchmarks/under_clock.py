"""The program on a machine with another clock: ``python -m benchmarks.under_clock TIME ARGS...``.

The variable ``PEAK_MB_FILE`` names a file that gets the largest memory of the process: what
``wait4`` reports includes that of its parent, from before the program was started.
"""

from __future__ import annotations

import os
import re
import sys
from datetime import datetime, tzinfo
from pathlib import Path

from pipeline.cli import main, run


class Fixed(datetime):
    """A clock that stands still."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.fromisoformat(moment).astimezone(tz)


def peak_mb() -> float:
    """The largest resident memory of this process so far; Linux only."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024


def exit_with_peak(code: int) -> None:
    """End the process as ``main`` does, and leave its peak memory."""
    if peak_file := os.environ.get("PEAK_MB_FILE"):
        Path(peak_file).write_text(f"{peak_mb():.1f}", encoding="ascii")
    end_process(code)


if __name__ == "__main__":
    moment = sys.argv.pop(1)
    run.datetime = Fixed  # type: ignore[misc]
    end_process, os._exit = os._exit, exit_with_peak  # type: ignore[assignment]
    main()
