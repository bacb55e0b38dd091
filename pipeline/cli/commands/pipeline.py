"""The commands that make something: extract, ledger, report, send, and nightly, which runs all."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.cli.engine_options import takes_engine
from pipeline.cli.options import Command, print_note, print_result
from pipeline.cli.output import write_file
from pipeline.cli.param_types import Day, PeriodName, SpreadLength
from pipeline.cli.run import run
from pipeline.errors import SettingsError

if TYPE_CHECKING:
    from datetime import date, timedelta

    from pipeline.engine import Engine
    from pipeline.errors import Exit
    from pipeline.jobs import Job
    from pipeline.jobs.report import StoredReport


REPORTED = ("anomalies", "status_changes", "account", "period")
"""The keys of a report's numbers that the ``--json`` object has."""


@click.command(cls=Command)
@click.option("--account", metavar="NAME", help="Only this account of the settings. [default: all]")
@click.option(
    "--spread",
    type=SpreadLength(),
    help="Begin at a random instant within this time, such as 60m in an hourly cron job, or 24h.",
)
def extract(account: str | None, spread: timedelta | None) -> None:
    """Take a snapshot of the whole fleet; print its path."""

    def action(job: Job) -> dict[str, object]:
        from pipeline.jobs.extract import check_account, extract_spread
        from pipeline.jobs.extract import extract as extract_account

        names = list(job.settings.all_accounts)
        if account is not None:
            names = [check_account(job, account)]
        refs = (
            (extract_account(job, name) for name in names)
            if spread is None
            else extract_spread(job, names, spread)
        )
        paths = []
        for ref in refs:
            paths.append(job.store.url(ref.key))
            print_result(paths[-1])
        if sys.stderr.isatty():
            print_note(f"{job.counts['clusters']} clusters in {job.counts['requests']} requests")
        return {"snapshots": paths}

    run("extract", action)


@click.command(cls=Command)
@click.option("--rebuild", is_flag=True, help="Build every day again, not only stale days.")
@takes_engine
def ledger(engine: Engine, *, rebuild: bool) -> None:
    """Build the ledger days that are stale or missing."""

    def action(job: Job) -> dict[str, object]:
        from pipeline.jobs.ledger import update_ledger

        job.engine = engine
        with job.store.lock("derive"):
            built = update_ledger(job, rebuild=rebuild)
        if sys.stdout.isatty():
            print_result(f"{len(built)} days built")
        return {"days": [day.isoformat() for day in built]}

    run("ledger", action, needs_data=True)


@click.command(cls=Command)
@click.option("--date", "day", type=Day(), help="The report's date. [default: the last closed day]")
@click.option("--window", metavar="DAYS", help="Days the report covers, such as 30d.")
@click.option(
    "--period",
    type=PeriodName(),
    help="A month, a day, or 'month' for the month to date, instead of --window.",
)
@click.option("--account", metavar="NAME", help="Only this account. [default: all]")
def report(day: date | None, window: str | None, period: str | None, account: str | None) -> None:
    """Make a report from the stored data; print its folder."""
    from pipeline.settings import WINDOW

    if window is not None and not re.match(WINDOW, window):
        raise SettingsError(f"--window {window[:40]!r}: give a number of days, such as 30d")
    for option, value in (("--window", window), ("--date", day)):
        if period is not None and value is not None:
            raise SettingsError(f"give --period or {option}, not both")

    def action(job: Job) -> dict[str, object]:
        from pipeline.jobs.report import make_report
        from pipeline.jobs.scoped_report import Asked, make_scoped_report

        with job.store.lock("derive"):
            if period is None and account is None:
                reported = make_report(job, day, window)
            else:
                asked = Asked(period=period, account=account, day=day, window=window)
                reported = make_scoped_report(job, asked)
        print_result(reported.folder)
        return report_as_json(reported)

    run("report", action, needs_data=True)


@click.command(cls=Command)
@click.option("--date", "day", type=Day(), help="The report's date. [default: the newest]")
@click.option(
    "--to-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the message to this file (.eml) instead of sending it.",
)
@click.option(
    "--again", is_flag=True, help="Send it also to recipients and webhooks that already have it."
)
def send(day: date | None, to_file: Path | None, *, again: bool) -> None:
    """Send a report to the recipients and webhooks that do not have it yet."""

    def action(job: Job) -> dict[str, object]:
        from pipeline.jobs.send import send as send_report
        from pipeline.jobs.send import stored_message
        from pipeline.jobs.webhooks import post_report

        stored = job.store.report_days()
        if not stored and day is None:
            raise SettingsError("no report to send yet; make one with `fleetledger report`")
        day_sent = day or stored[-1]
        if to_file is not None:
            write_file(to_file, stored_message(job, day_sent).as_bytes())
            return {"date": day_sent.isoformat(), "file": str(to_file)}
        mail, results = job.settings.mail, {}
        with job.store.lock("derive"):
            posted = post_report(job, day_sent, again=again)
            if mail.to or mail.per_owner or not job.settings.webhooks:
                results = send_report(job, day_sent, again=again)
        if not results and not posted:
            print_result(f"nothing to send: no mail or post of the report of {day_sent} is due")
        for what, each in (("recipients", results), ("webhooks", posted)):
            if each:
                accepted = sum(not refusal for refusal in each.values())
                print_result(f"report of {day_sent}: accepted for {accepted} of {len(each)} {what}")
        return {"date": day_sent.isoformat(), "recipients": results, "webhooks": posted}

    run("send", action, needs_data=True)


@click.command(cls=Command)
def nightly() -> None:
    """Run extract, ledger, findings, report, send and prune, for cron."""

    def action(job: Job) -> dict[str, object]:
        from pipeline.nightly import nightly as run_nightly

        reported = run_nightly(job)
        if reported and sys.stdout.isatty():
            print_headline(reported)
        return report_as_json(reported) if reported else {}

    run("nightly", action, watch=_ping)


def _ping(job: Job, code: Exit | None) -> None:
    """Ask the address of ``ping``, if there is one, when a night starts and ended."""
    if job.settings.ping.url_file or job.settings.ping.url_env:
        from pipeline.jobs.ping import event_of, ping

        ping(job, "start" if code is None else event_of(code))


def print_headline(reported: StoredReport) -> None:
    """Print the report's headline and its path."""
    print_result(reported.view.title)
    print_result(f"{reported.folder}/report.html")


def report_as_json(reported: StoredReport) -> dict[str, object]:
    """A report's part of the ``--json`` object."""
    numbers = reported.view.numbers.as_json()
    return {
        "date": reported.day.isoformat(),
        "folder": reported.folder,
        "title": reported.view.title,
        **{name: numbers[name] for name in REPORTED if name in numbers},
    }


COMMANDS = (extract, ledger, report, send, nightly)
