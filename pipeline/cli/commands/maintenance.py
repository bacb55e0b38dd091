"""The commands that maintain the stored history: status, check, prune, discard."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from pipeline.cli.options import Command, print_result
from pipeline.cli.param_types import Age
from pipeline.cli.run import run
from pipeline.errors import Exit
from pipeline.terminal.text import age, count_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime, timedelta

    from pipeline.jobs import Job
    from pipeline.model import SnapshotRef

MOST_DAYS = 36_600
"""As ``settings.MOST_DAYS``, which would load more than the help needs."""
TWO_DAYS_SECONDS = 2 * 86_400


@click.command(cls=Command)
@click.option("--max-age", type=Age(), help="Exit 3 if the newest complete snapshot is older.")
def status(max_age: timedelta | None) -> None:
    """Show the age of the newest snapshots, the last runs, open alerts and the next step."""

    def action(job: Job) -> dict[str, object]:
        import msgspec

        from pipeline.jobs.future_snapshots import warn_of_future_snapshots
        from pipeline.jobs.sent_mail import given_up, refusals
        from pipeline.jobs.status import failed_channels, last_alerts, next_step

        warn_of_future_snapshots(job)
        accounts = [_account_status(job, name, max_age) for name in _known_accounts(job)]
        last = job.store.runs(10)
        alerts = last_alerts(job)
        channels = failed_channels(job)
        step = next_step(job, last, channels, alerts)
        for entry in accounts:
            discarded = f", {entry['discarded']} discarded" if entry["discarded"] else ""
            print_result(
                f"{entry['account']}: {entry['snapshots']} snapshots{discarded}, "
                f"newest complete {entry['newest_complete'] or 'none'}{_ago(entry)}"
            )
        for record in last:
            started = f"{record.started_at:%Y-%m-%d %H:%M:%SZ}"
            print_result(f"{started}  {record.command:<8} exit {record.exit_code}")
        for alert in alerts:
            print_result(f"alert: {alert}")
        for message in channels.values():
            print_result(f"not reached: {message}")
        refused = {address: kept for address, kept in refusals(job.store).items() if kept.is_last}
        for address, kept in refused.items():
            print_result(given_up(address, len(kept.days), kept.reason))
        print_result(f"next: {step}")
        return {
            "accounts": accounts,
            "runs": msgspec.to_builtins(last),
            "refused_recipients": msgspec.to_builtins(refused),
            "alerts": alerts,
            "failed_channels": channels,
            "next_step": step,
        }

    run("status", action, is_recorded=False, needs_data=True)


def _known_accounts(job: Job) -> list[str]:
    return sorted({*job.settings.all_accounts, *job.store.accounts()})


def _account_status(job: Job, name: str, max_age: timedelta | None) -> dict[str, object]:
    refs = job.snapshots(name)
    complete = [ref.started_at for ref in refs if ref.is_complete]
    newest = complete[-1] if complete else None
    if max_age is not None and (newest is None or job.now() - newest > max_age):
        age = "none" if newest is None else f"of {newest:%Y-%m-%d %H:%M:%SZ}"
        job.note(Exit.WARNINGS, f"{name}: newest complete snapshot {age}, older than --max-age")
    return {
        "account": name,
        "snapshots": len(refs),
        "discarded": job.store.discarded(name),
        "newest": None if not refs else _stamp(refs[-1].started_at),
        "newest_complete": None if newest is None else _stamp(newest),
        "age_seconds": None if newest is None else int((job.now() - newest).total_seconds()),
    }


def _stamp(moment: datetime) -> str:
    """ISO 8601 in UTC, with a Z."""
    return moment.isoformat().replace("+00:00", "Z")


def _ago(entry: Mapping[str, object]) -> str:
    """The age of the newest complete snapshot in words; from two days on in its largest unit."""
    seconds = entry["age_seconds"]
    if not isinstance(seconds, int) or seconds < 0:
        return ""
    if seconds >= TWO_DAYS_SECONDS:
        return f", {age(seconds)} ago"
    hours, minutes = divmod(seconds // 60, 60)
    return f", {hours} h {minutes} min ago" if hours else f", {minutes} min ago"


@click.command(cls=Command)
@click.option("--read-data", is_flag=True, help="Read every byte, not only names and footers.")
def check(*, read_data: bool) -> None:
    """Check all stored files.

    Reports damaged files, invalid certificates, and stale days, findings and reports. Gaps in the
    history are printed, but are no problem: ledger and nightly warn of each once.
    """

    def action(job: Job) -> dict[str, object]:
        import msgspec

        from pipeline.jobs.check import check as check_store
        from pipeline.jobs.future_snapshots import warn_of_future_snapshots

        warn_of_future_snapshots(job)
        checked = check_store(job, read_data=read_data)
        for problem in checked.problems:
            job.note(checked.exit_code, problem.message)
        for gap in checked.gaps:
            print_result(gap.message)
        counts = [count_of(len(checked.problems), "problem")]
        counts += [count_of(len(checked.gaps), "gap")] if checked.gaps else []
        print_result(f"{count_of(checked.files, 'file')} checked, {', '.join(counts)}")
        return {
            "files": checked.files,
            "problems": msgspec.to_builtins(checked.problems),
            "gaps": msgspec.to_builtins(checked.gaps),
        }

    run("check", action, is_recorded=False, needs_data=True)


@click.command(cls=Command)
@click.option(
    "--thin-after",
    type=click.IntRange(1, MOST_DAYS),
    metavar="DAYS",
    help="Keep one snapshot of each older day. [default: retention.thin_after_days]",
)
@click.option(
    "--drop-after",
    type=click.IntRange(1, MOST_DAYS),
    metavar="DAYS",
    help="Keep no snapshot of older days; their ledger stays. [default: retention.drop_after_days]",
)
@click.option("--dry-run", is_flag=True, help="Only print what would be removed.")
def prune(thin_after: int | None, drop_after: int | None, *, dry_run: bool) -> None:
    """Remove old snapshots; the ledger keeps every amount.

    Ages are counted in days before the newest snapshot, not before today. An age that is given
    alone, by its option or in the settings, is the only one that holds. Without any, days are
    thinned after 90 days and dropped after 400.
    """

    def action(job: Job) -> dict[str, object]:
        from pipeline.jobs import prune as pruning

        policy = job.settings.retention
        ages = pruning.ages_of(
            job, thin_after or policy.thin_after_days, drop_after or policy.drop_after_days
        )
        done: pruning.Plan | pruning.Pruned
        if dry_run:
            done = pruning.plan(job, ages)
            final, removed = done.finalize, done.remove
        else:
            with job.store.lock("derive"):
                done = pruning.prune(job, ages)
            final, removed = done.final, done.removed
        for reason in pruning.reasons(done.blocked):
            # A plan succeeds even if a prune would keep something.
            job.note(Exit.DONE if dry_run else Exit.WARNINGS, reason)
        if not removed and not final:
            print_result(f"nothing to prune, counted from the newest snapshot ({ages.today})")
        else:
            would = "would be " if dry_run else ""
            freed = pruning.summary(len(removed), done.freed_bytes)
            print_result(f"{freed} {would}removed, {count_of(len(final), 'day')} {would}final")
        if dry_run:
            for line in _by_account(removed):
                print_result(line)
        return {
            "final": [str(ref.day) for ref in final],
            "removed": [ref.key for ref in removed],
            "freed_bytes": done.freed_bytes,
        }

    run("prune", action, needs_data=True)


def _by_account(removed: Sequence[SnapshotRef]) -> list[str]:
    """A line per account: how many snapshots of which days."""
    days: dict[str, list[date]] = {}
    for ref in removed:
        days.setdefault(ref.account, []).append(ref.day)
    return [
        f"{account}: {len(held)} snapshots of {len(set(held))} days, {min(held)} to {max(held)}"
        for account, held in sorted(days.items())
    ]


@click.command(cls=Command)
@click.argument("snapshot")
@click.option(
    "--reason", metavar="TEXT", default="", help="The reason, for the record of what was discarded."
)
def discard(snapshot: str, reason: str) -> None:
    """Move a bad snapshot out of the history.

    With it go the days and reports that only it caused. SNAPSHOT is a path, as extract prints it,
    or a file name. It is moved to discarded/, never deleted; the next ledger or nightly builds
    again what was made from it.
    """

    def action(job: Job) -> dict[str, object]:
        import msgspec

        from pipeline.jobs.discard import discard as discard_snapshot

        done = discard_snapshot(job, snapshot, _user(), reason)
        removed = done.removed
        print_result(done.moved_to)
        if sys.stdout.isatty():
            print_result(
                f"{len(removed.ledger_days)} days and {len(removed.report_days)} reports removed"
            )
        return {
            "snapshot": done.snapshot,
            "moved_to": done.moved_to,
            **msgspec.to_builtins(removed),
        }

    run("discard", action, needs_data=True)


def _user() -> str:
    """``user@host`` of this process."""
    import getpass
    import socket

    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container without a user database
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


COMMANDS = (status, check, prune, discard)
