"""The commands that need no account: demo, and simulate, which serves the simulated API."""

from __future__ import annotations

import errno
import logging
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from pipeline.cli.commands.pipeline import print_headline, report_as_json
from pipeline.cli.options import Command, Options, current_options
from pipeline.cli.run import run
from pipeline.errors import SettingsError
from pipeline.terminal.bars import Bars

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pipeline.jobs import Job
    from pipeline.jobs.spread import RandomInstant

DEMO_FOLDER = "data/demo"
_PORT_ERRORS = (errno.EADDRINUSE, errno.EACCES)


@click.command(cls=Command)
def demo() -> None:
    """Try everything on a simulated fleet.

    Takes a snapshot of 120 clusters in every hour of 30 days over HTTP, then runs nightly; the
    report is the same every time. The data folder is emptied first if the demo made it, and
    refused if not.
    """
    options = click.get_current_context().ensure_object(Options)
    options.values.setdefault("data_dir", DEMO_FOLDER)

    def action(job: Job) -> dict[str, object]:
        from pipeline.demo import demo as run_demo

        reported = run_demo(job, job.settings.data_dir, _with_progress(job))
        if reported:
            print_headline(reported)
        return report_as_json(reported) if reported else {}

    run("demo", action)


def _with_progress(job: Job) -> Callable[[Sequence[RandomInstant]], Iterator[RandomInstant]]:
    """Shows the demo's progress: a bar on a terminal, else a line for every ten days."""
    streams = current_options().streams

    def each(instants: Sequence[RandomInstant]) -> Iterator[RandomInstant]:
        if isinstance(job.progress, Bars):
            yield from job.progress.each("snapshots", instants)
            return
        for number, drawn in enumerate(instants):
            if number % 240 == 0:
                streams.message(
                    f"snapshot {number + 1} of {len(instants)}, {drawn.at:%d %b %Y}", logging.INFO
                )
            yield drawn

    return each


def _sendable(_context: click.Context, _option: click.Parameter, key: str) -> str:
    if not re.fullmatch("[!-~]+", key):
        raise click.BadParameter("must be printable ASCII without blanks, and not empty")
    return key


@click.command(cls=Command)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True)
@click.option("--clusters", type=click.IntRange(min=0), default=120, show_default=True)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=1,
    show_default=True,
    help="Each seed makes a different fleet.",
)
@click.option(
    "--speed",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    help="Simulated seconds per second.",
)
@click.option("--latency-ms", type=click.FloatRange(min=0), default=0.0, show_default=True)
@click.option(
    "--rate-limit", type=click.IntRange(min=1), help="Requests per hour; more get HTTP 429."
)
@click.option(
    "--key", default="demo-key", show_default=True, callback=_sendable, help="The key it accepts."
)
def simulate(
    host: str, port: int, clusters: int, seed: int, speed: float, latency_ms: float,
    rate_limit: int | None, key: str,
) -> None:  # fmt: skip
    """Serve the List Clusters API for a simulated fleet."""
    from pipeline.simulator.app import make_app
    from pipeline.simulator.clock import Clock
    from pipeline.simulator.fleet import Fleet
    from pipeline.simulator.server import run_forever

    start = datetime.now(UTC).replace(microsecond=0)
    # Simulated time runs from 90 days before now to 90 days after.
    app = make_app(
        Fleet(seed, clusters, start - timedelta(days=90), 180),
        Clock(start, speed=speed),
        keys=(key,),
        latency_ms=latency_ms,
        rate_limit=rate_limit,
    )

    def ready(url: str) -> None:
        click.echo(f"List Clusters API at {url} (key: {key})", err=True)

    try:
        run_forever(app, host, port, ready)
    except OSError as error:
        named = f"--port {port}" if error.errno in _PORT_ERRORS else f"--host {host}"
        raise SettingsError(f"{named}: {error.strerror}; give another") from error


COMMANDS = (demo, simulate)
