"""The commands that need no account: the demo, and the simulated API by itself."""

from __future__ import annotations

import errno
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from pipeline.cli.commands.pipeline import headline, told
from pipeline.cli.options import PROGRAM, Command, Options
from pipeline.cli.run import run
from pipeline.errors import SettingsError
from pipeline.terminal.bars import Bars

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pipeline.jobs import Job

DEMO_FOLDER = "data/demo"
_OF_THE_PORT = (errno.EADDRINUSE, errno.EACCES)


@click.command(cls=Command)
def demo() -> None:
    """A month of a simulated fleet over real HTTP, then the nightly job: a report to look at.

    120 clusters, looked at every hour of 30 days; the same report every time. The data folder is
    emptied first if the demo made it, and refused if not.
    """
    options = click.get_current_context().ensure_object(Options)
    options.given.setdefault("data_dir", DEMO_FOLDER)

    def action(job: Job) -> dict[str, object]:
        from pipeline.demo import demo as run_demo

        reported = run_demo(job, job.settings.data_dir, _counted(job))
        if reported:
            headline(reported)
        return told(reported) if reported else {}

    run("demo", action)


def _counted(job: Job) -> Callable[[Sequence[datetime]], Iterator[datetime]]:
    """Shows how far the demo's looks are: a bar on a terminal, else a line for each ten days."""

    def each(looks: Sequence[datetime]) -> Iterator[datetime]:
        if isinstance(job.progress, Bars):
            yield from job.progress.each("looks at the fleet", looks)
            return
        for number, when in enumerate(looks):
            if number % 240 == 0:
                click.echo(
                    f"{PROGRAM}: look {number + 1} of {len(looks)}, {when:%d %b %Y}", err=True
                )
            yield when

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
    help="Another seed, another fleet.",
)
@click.option(
    "--speed",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    help="Simulated seconds per second.",
)
@click.option("--latency-ms", type=click.FloatRange(min=0), default=0.0, show_default=True)
@click.option("--rate-limit", type=click.IntRange(min=1), help="Requests an hour, then 429.")
@click.option(
    "--key", default="demo-key", show_default=True, callback=_sendable, help="The key it accepts."
)
def simulate(
    host: str, port: int, clusters: int, seed: int, speed: float, latency_ms: float,
    rate_limit: int | None, key: str,
) -> None:  # fmt: skip
    """Serve the List Clusters API over a simulated fleet, until Ctrl-C."""
    from pipeline.simulator.app import make_app
    from pipeline.simulator.clock import Clock
    from pipeline.simulator.fleet import Fleet
    from pipeline.simulator.server import run_forever

    start = datetime.now(UTC).replace(microsecond=0)
    # The fleet lives for a quarter before and a quarter after now.
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
        named = f"--port {port}" if error.errno in _OF_THE_PORT else f"--host {host}"
        raise SettingsError(f"{named}: {error.strerror}; give another") from error


COMMANDS = (demo, simulate)
