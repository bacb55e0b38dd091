"""The commands that do something: the five verbs, the night, the demo."""

from __future__ import annotations

import re
import sys
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline import console
from pipeline.cli.options import PROGRAM, Command, Options, run, say, write_file
from pipeline.errors import SettingsError
from pipeline.jobs.bookkeeping import update_ledger
from pipeline.jobs.delivery import send as send_report
from pipeline.jobs.delivery import stored_message
from pipeline.jobs.looking import check_account
from pipeline.jobs.looking import extract as extract_account
from pipeline.jobs.reporting import make_report
from pipeline.nightly import nightly as run_nightly

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pipeline.jobs import Job
    from pipeline.jobs.reporting import Reported

DEMO_FOLDER = "data/demo"


class Day(click.ParamType[date]):
    """A UTC day, as YYYY-MM-DD."""

    name = "YYYY-MM-DD"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:  # noqa: ANN401
        """The day; click's usage error if it is none."""
        try:
            return value if isinstance(value, date) else date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a day, such as 2026-06-15", param, ctx)


@click.command(cls=Command)
@click.option("--account", metavar="NAME", help="Only this account of the settings.")
def extract(account: str | None) -> None:
    """Take one snapshot of the whole fleet; print its path."""

    def action(job: Job) -> dict[str, object]:
        names = [check_account(job, account)] if account else list(job.settings.all_accounts)
        paths = []
        for name in names:
            ref = extract_account(job, name)
            paths.append(job.store.url(ref.key))
            say(paths[-1])
        if sys.stderr.isatty():
            spent = f"{job.counts['clusters']} clusters in {job.counts['requests']} requests"
            click.echo(f"{PROGRAM}: {spent}", err=True)
        return {"snapshots": paths}

    run("extract", action)


@click.command(cls=Command)
@click.option("--rebuild", is_flag=True, help="Build every day again, not only stale ones.")
def ledger(*, rebuild: bool) -> None:
    """Build the ledger days that are stale or missing."""

    def action(job: Job) -> dict[str, object]:
        with job.store.lock("derive"):
            built = update_ledger(job, rebuild=rebuild)
        if sys.stdout.isatty():
            say(f"{len(built)} days built")
        return {"days": [day.isoformat() for day in built]}

    run("ledger", action)


@click.command(cls=Command)
@click.option("--date", "day", type=Day(), help="The report's date. [default: the last closed day]")
@click.option("--window", metavar="DAYS", help="Days the report covers, such as 30d.")
def report(day: date | None, window: str | None) -> None:
    """Make the report from what is stored; print its folder."""
    if window and not re.fullmatch(r"[1-9][0-9]{0,3}d", window):
        raise SettingsError(f"--window {window}: give a number of days, such as 30d")

    def action(job: Job) -> dict[str, object]:
        with job.store.lock("derive"):
            reported = make_report(job, day, window)
        say(reported.folder)
        return _told(reported)

    run("report", action)


@click.command(cls=Command)
@click.option("--date", "day", type=Day(), help="Which report. [default: the newest]")
@click.option(
    "--to-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the message there instead (.eml).",
)
@click.option("--again", is_flag=True, help="Also to those who have got it already.")
def send(day: date | None, to_file: Path | None, *, again: bool) -> None:
    """Mail a report to everyone who has not got it yet."""

    def action(job: Job) -> dict[str, object]:
        stored = job.store.report_days()
        if not stored and day is None:
            raise SettingsError("no report to send yet; make one with `fleetledger report`")
        which = day or stored[-1]
        if to_file is not None:
            write_file(to_file, stored_message(job, which).as_bytes())
            return {"date": which.isoformat(), "file": str(to_file)}
        results = send_report(job, which, again=again)
        if sys.stdout.isatty():
            accepted = sum(not refusal for refusal in results.values())
            say(f"report of {which}: accepted for {accepted} of {len(results)} recipients")
        return {"date": which.isoformat(), "recipients": results}

    run("send", action)


@click.command(cls=Command)
def nightly() -> None:
    """Extract, ledger, findings, report, deliver: the cron line."""

    def action(job: Job) -> dict[str, object]:
        reported = run_nightly(job)
        if reported and sys.stdout.isatty():
            _headline(reported)
        return _told(reported) if reported else {}

    run("nightly", action)


@click.command(cls=Command)
def demo() -> None:
    """A month of a simulated fleet over real HTTP, then the nightly job: a report to look at."""
    options = click.get_current_context().ensure_object(Options)
    options.given.setdefault("data_dir", DEMO_FOLDER)

    def action(job: Job) -> dict[str, object]:
        from pipeline.demo import demo as run_demo  # noqa: PLC0415 - the simulator is an extra

        reported = run_demo(job, job.settings.data_dir, _counted(job))
        if reported:
            _headline(reported)
        return _told(reported) if reported else {}

    run("demo", action)


def _counted(job: Job) -> Callable[[Sequence[datetime]], Iterator[datetime]]:
    """Shows how far the demo's looks are: a bar on a terminal, else a line for each ten days."""

    def each(looks: Sequence[datetime]) -> Iterator[datetime]:
        if isinstance(job.steps, console.Shown):
            yield from job.steps.bar.track(looks, description="looks at the fleet")
            return
        for number, when in enumerate(looks):
            if number % 240 == 0:
                click.echo(
                    f"{PROGRAM}: look {number + 1} of {len(looks)}, {when:%d %b %Y}", err=True
                )
            yield when

    return each


def _headline(reported: Reported) -> None:
    say(reported.view.title)
    say(f"{reported.folder}/report.html")


def _told(reported: Reported) -> dict[str, object]:
    return {
        "date": reported.day.isoformat(),
        "folder": reported.folder,
        "title": reported.view.title,
    }


COMMANDS = (extract, ledger, report, send, nightly, demo)
