"""What a command costs before it does anything: CPU time against that of bare Python.

``status`` and ``findings`` read a store with snapshots, a ledger and findings.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from benchmarks.processes import in_turn, ratio, run, summary

COMMAND = Path(sys.executable).with_name("fleetledger")


def compare(store: Path, runs: int) -> dict[str, Any]:
    """Every command in turn with bare Python."""
    words = [str(COMMAND), "--data-dir", str(store)]
    rows = {
        "python -c pass": ([sys.executable, "-c", "pass"], {}),
        "import pandas, pyarrow.parquet": (
            [sys.executable, "-c", "import pandas, pyarrow.parquet"],
            {},
        ),
        "fleetledger --help": ([str(COMMAND), "--help"], {}),
        "completion": (
            [str(COMMAND)],
            {"_FLEETLEDGER_COMPLETE": "bash_complete", "COMP_WORDS": "fleetledger re",
             "COMP_CWORD": "1"},
        ),
        "fleetledger status": ([*words, "status"], {}),
        "fleetledger findings": ([*words, "findings"], {}),
        "fleetledger findings --format csv": ([*words, "findings", "--format", "csv"], {}),
    }  # fmt: skip
    for command, environment in rows.values():  # once, so that all files are in memory
        run(command, environment=os.environ | environment, accepted=(0, 3))
    costs = in_turn(
        {
            name: lambda c=command, e=environment: run(
                c, environment=os.environ | e, accepted=(0, 3)
            )
            for name, (command, environment) in rows.items()
        },
        runs,
    )
    bare = costs["python -c pass"]
    return {
        name: summary(row) | {"to_bare_python": ratio(row, bare)} for name, row in costs.items()
    }
