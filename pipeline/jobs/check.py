"""Check: whether everything that is stored is what was written, and follows from its inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pipeline.jobs import provenance, staleness
from pipeline.jobs.ledger import rate_card
from pipeline.store.check import check as check_files

if TYPE_CHECKING:
    from pipeline.jobs import Job
    from pipeline.store.check import Checked


def check(job: Job, *, read_data: bool = False) -> Checked:
    """Check everything that is stored; ``read_data``: every bit of it."""
    expected = provenance.expected_ledger(job, rate_card(job.settings))
    checked = check_files(job.store.files, read_data=read_data, expected=expected)
    stale = [*staleness.findings(job), *staleness.reports(job.store)]
    return msgspec.structs.replace(checked, problems=tuple(sorted([*checked.problems, *stale])))
