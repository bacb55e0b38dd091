"""A snapshot is taken and stored without pandas, which takes longer to import than that."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pipeline.simulator.app import make_app
from pipeline.simulator.bad_responses import damaged
from pipeline.simulator.churn import Churn
from pipeline.simulator.clock import Clock
from pipeline.simulator.faults import Faults
from pipeline.simulator.fleet import Fleet
from pipeline.simulator.server import serve

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 1, 20, 3, tzinfo=UTC)

EXTRACT = """
    import sys
    from datetime import datetime
    from pipeline.jobs import Job
    from pipeline.jobs.extract import extract
    from pipeline.keys import Secret
    from pipeline.settings import Api, Settings
    from pipeline.store import Store

    url, folder, now = sys.argv[1:]
    job = Job(
        store=Store(folder),
        settings=Settings(api=Api(url=url)),
        find_key=lambda _name, _check_count: Secret("demo-key"),
        now=lambda: datetime.fromisoformat(now),
    )
    for _ in range(2):  # the second one reads the certificate of the first
        extract(job, "default")
    print("pandas" in sys.modules, job.counts["clusters"] > 0)
"""


def test_extract_does_not_import_pandas(tmp_path: Path) -> None:
    fleet = Fleet(seed=1, clusters=250, start=NOW - timedelta(days=19), days=30)
    faults = Faults(always=[damaged(every=50)], churn=Churn(fleet))
    with serve(make_app(fleet, Clock(NOW, step_seconds=1), faults=faults)) as url:
        done = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-c", textwrap.dedent(EXTRACT), url, str(tmp_path), NOW.isoformat()],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.stdout, done.stderr) == ("False True\n", "")
