"""Figures about runs and data as a text file for the textfile collector of node_exporter.

The format is OpenMetrics with gauges only and without timestamps, which is also valid in the older
text format that node_exporter reads. Times are Unix seconds: a monitor compares them with its own
clock, so that a file that is no longer written raises an alarm too. What is unknown has no line.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING

from pipeline.errors import SUCCESSFUL, FleetLedgerError
from pipeline.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date
    from pathlib import Path

    from pipeline.jobs import Job
    from pipeline.model import RunRecord

_RUNS = 200
"""The newest records that are read: of hourly runs a week."""
_PREFIX = "fleetledger_"


@dataclass(frozen=True)
class Metric:
    """A gauge: its name without the prefix, its meaning, and its values by labels."""

    name: str
    help: str
    values: Mapping[tuple[tuple[str, str], ...], float] = field(default_factory=dict)


def metrics(job: Job, latest: RunRecord) -> list[Metric]:
    """The gauges after the run ``latest``, which need not be stored; a store that cannot be read
    costs its own gauges only.
    """
    gauges = [
        Metric("build_info", "1, with the version.", {(("version", __version__),): 1}),
    ]
    try:
        runs = [latest, *job.store.runs(_RUNS)]
    except FleetLedgerError:
        runs = [latest]
    gauges += _of_runs(runs)
    with suppress(FleetLedgerError):
        gauges += _of_data(job)
    return gauges


def _of_runs(runs: Sequence[RunRecord]) -> list[Metric]:
    """``runs``: newest first."""
    last: dict[str, RunRecord] = {}
    succeeded: dict[str, RunRecord] = {}
    for run in runs:
        last.setdefault(run.command, run)
        if run.exit_code in SUCCESSFUL:
            succeeded.setdefault(run.command, run)

    def by_command(
        chosen: Mapping[str, RunRecord], value: Callable[[RunRecord], float]
    ) -> dict[tuple[tuple[str, str], ...], float]:
        return {(("command", name),): value(run) for name, run in sorted(chosen.items())}

    return [
        Metric(
            "last_run_timestamp_seconds",
            "When the last run of a command ended.",
            by_command(last, lambda run: run.finished_at.timestamp()),
        ),
        Metric(
            "last_run_exit_code",
            "Its exit code: 0 done, 3 with warnings, others failed.",
            by_command(last, lambda run: run.exit_code),
        ),
        Metric(
            "last_run_duration_seconds",
            "How long it took.",
            by_command(last, lambda run: (run.finished_at - run.started_at).total_seconds()),
        ),
        Metric(
            "last_success_timestamp_seconds",
            "When the last run with the exit code 0 or 3 ended.",
            by_command(succeeded, lambda run: run.finished_at.timestamp()),
        ),
        Metric(
            "last_run_count",
            "What the last run counted, such as requests and webhooks_failed.",
            {
                (("command", name), ("name", what)): number
                for name, run in sorted(last.items())
                for what, number in sorted(run.counts.items())
            },
        ),
    ]


def _of_data(job: Job) -> list[Metric]:
    newest: dict[tuple[tuple[str, str], ...], float] = {}
    number: dict[tuple[tuple[str, str], ...], float] = {}
    for account in sorted({*job.settings.all_accounts, *job.store.accounts()}):
        refs = job.snapshots(account)
        label = (("account", account),)
        number[label] = len(refs)
        complete = [ref.started_at for ref in refs if ref.is_complete]
        if complete:
            newest[label] = complete[-1].timestamp()
    days = job.store.report_days()
    return [
        Metric(
            "newest_complete_snapshot_timestamp_seconds",
            "The time of the newest complete snapshot of an account.",
            newest,
        ),
        Metric("snapshots", "Stored snapshots of an account.", number),
        Metric(
            "newest_report_date_timestamp_seconds",
            "The date of the newest report, at 00:00 UTC.",
            {(): _midnight(days[-1])} if days else {},
        ),
    ]


def _midnight(day: date) -> float:
    return datetime.combine(day, time.min, UTC).timestamp()


def write(path: Path, text: str) -> None:
    """Put ``text`` in place of the file at ``path``: a reader sees the old one or the new one.

    The collector runs as another user, so the file is readable by all; it holds no secret.

    Raises:
        OSError: it cannot be written; the old file stays.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")  # without the ending it reads
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        raise


def as_text(gauges: Sequence[Metric]) -> str:
    """``gauges`` in the text format; one without values is left out."""
    lines = []
    for gauge in gauges:
        if not gauge.values:
            continue
        name = _PREFIX + gauge.name
        lines += [f"# HELP {name} {gauge.help}", f"# TYPE {name} gauge"]
        for labels, value in gauge.values.items():
            inner = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels)
            lines.append(f"{name}{{{inner}}} {value:.15g}" if inner else f"{name} {value:.15g}")
    return "\n".join([*lines, "# EOF", ""])


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
