"""What a person who asks for the status should know and do next.

Only names, run records and the newest report's message are read, no tables.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from pipeline.deliver.channel_message import FILE
from pipeline.errors import SUCCESSFUL, Exit, FleetLedgerError
from pipeline.keys import channel_secrets
from pipeline.store.layout import report

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import date

    from pipeline.jobs import Job
    from pipeline.model import RunRecord

_OLD = timedelta(hours=26)
"""A day and two hours: a night that came late is no reason to act."""


_RUNS = 60
"""The newest records that are read for the last night: of hourly runs two days."""
_POSTING = ("nightly", "send")
_CHANNEL = re.compile(r"(webhooks\.[^:]+|ping)(?: \(\w+\))?: ")
"""How a message about a channel begins, in ``webhooks.py`` and ``ping.py``."""


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


def failed_channels(job: Job) -> dict[str, str]:
    """The channels (``webhooks.NAME``, ``ping``) that the last run which posts did not reach, with
    its message about each.
    """
    if not channel_secrets(job.settings):
        return {}
    posting = (run for run in job.store.runs(_RUNS) if run.command in _POSTING)
    last = next(posting, None)
    matches = (_CHANNEL.match(message) for message in (last.messages if last else ()))
    return {match[1]: match.string for match in matches if match is not None}


def next_step(
    job: Job, runs: Sequence[RunRecord], channels: Collection[str], alerts: Sequence[str]
) -> str:
    """The most urgent step.

    Args:
        job: its store, clock and settings.
        runs: the newest first.
        channels: of :func:`failed_channels`.
        alerts: of :func:`last_alerts`.
    """
    days = job.store.report_days()
    if (step := _to_run(job, runs, days)) is not None:
        return step
    if channels:
        again = "" if set(channels) == {"ping"} else ", then: fleetledger send"
        return f"make {', '.join(channels)} reachable (reasons above){again}"
    if alerts:
        return f"read the alerts in the report: {job.store.url(report(days[-1]))}/report.html"
    return "nothing to do"


def _to_run(job: Job, runs: Sequence[RunRecord], days: Sequence[date]) -> str | None:
    """What must run before anything else, if anything; ``days``: those with a report."""
    complete = [ref.started_at for ref in job.snapshots() if ref.is_complete]
    last = runs[0] if runs else None
    if not complete:
        return "take a complete snapshot: fleetledger extract"
    if last is not None and last.exit_code not in SUCCESSFUL:
        reason = f": {last.messages[-1]}" if last.messages else ""
        return f"the last {last.command} failed with exit {last.exit_code}{reason}"
    if job.now() - max(complete) > _OLD:
        return "no complete snapshot for more than a day: fleetledger nightly, and check cron"
    if not days:
        return "make the first report: fleetledger nightly"
    if days[-1] < job.now().date() - timedelta(days=1):
        return f"the newest report is of {days[-1]}: fleetledger nightly"
    return None
