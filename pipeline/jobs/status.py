"""What a person who asks for the status should know and do next.

Only names, run records and the newest report's message are read, no tables.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from pipeline.deliver.channel_message import FILE
from pipeline.errors import SUCCESSFUL, Exit, FleetLedgerError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.jobs import Job
    from pipeline.model import RunRecord

_OLD = timedelta(hours=26)
"""A day and two hours: a night that came late is no reason to act."""


class _Alerts(msgspec.Struct):
    alerts: list[str] = []


def last_alerts(job: Job) -> list[str]:
    """The alerts of the newest report; none if it was made by an earlier version."""
    days = job.store.report_days()
    try:
        files = job.store.read_report(days[-1], [FILE]) if days else {}
    except FleetLedgerError as error:
        job.note(Exit.WARNINGS, str(error))
        return []
    data = files.get(FILE)
    return msgspec.json.decode(data, type=_Alerts).alerts if data else []


def next_step(job: Job, runs: Sequence[RunRecord]) -> str:
    """The most urgent step; ``runs``: the newest first."""
    complete = [ref.started_at for ref in job.snapshots() if ref.is_complete]
    if not complete:
        return "take a complete snapshot: fleetledger extract"
    last = runs[0] if runs else None
    if last is not None and last.exit_code not in SUCCESSFUL:
        reason = f": {last.messages[-1]}" if last.messages else ""
        return f"the last {last.command} failed with exit {last.exit_code}{reason}"
    if job.now() - max(complete) > _OLD:
        return "no complete snapshot for more than a day: fleetledger nightly, and check cron"
    days = job.store.report_days()
    if not days:
        return "make the first report: fleetledger nightly"
    if days[-1] < job.now().date() - timedelta(days=1):
        return f"the newest report is of {days[-1]}: fleetledger nightly"
    return "nothing to do"
