"""The command line: ``fleetledger``, or ``python -m pipeline``.

Each command builds a :class:`~pipeline.jobs.Job`, runs one verb and prints what it did: results on
stdout (with ``--json`` exactly one object), messages on stderr. Success is silent where nobody
looks, so that cron has nothing to mail.
"""

from __future__ import annotations

import logging
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from pipeline import __version__
from pipeline.cli.commands import findings, fleet, maintenance, pipeline, simulator
from pipeline.cli.options import PROGRAM, Program, one_object
from pipeline.errors import Exit, FleetLedgerError

if TYPE_CHECKING:
    from collections.abc import Callable


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name=PROGRAM)
def cli() -> None:
    """Where each dollar of a rented GPU fleet went, which of it was wasted, and what to do."""


INTERRUPTED = 130
"""What shells say of a program that Ctrl-C ended."""

for room in (pipeline, fleet, findings, maintenance, simulator):
    for command in room.COMMANDS:
        cli.add_command(command)


def main() -> None:
    """Run, and leave with an exit code that says what happened.

    Raises no traceback at anyone: what nobody foresaw is one line too, its details with ``-v``.
    """
    code = _guarded()
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    # pyarrow's threads can abort the interpreter's own teardown after all work is done, which
    # would turn success into a failure for cron (apache/arrow issue 34314).
    os._exit(code)


def _guarded() -> int:
    """Run the program; its exit code, whatever happened."""
    stdout = sys.stdout
    try:
        cli.main(prog_name=PROGRAM, standalone_mode=False)
    except SystemExit as end:
        # click replaces stdout, and fails, when its reader has seen enough (`--help | head -1`).
        return end.code if isinstance(end.code, int) and sys.stdout is stdout else Exit.DONE
    except click.ClickException as error:
        return _failed(Exit.USAGE, error.format_message(), error.show)
    except (click.Abort, KeyboardInterrupt):
        return _failed(INTERRUPTED, "interrupted; what was stored is whole")
    except FleetLedgerError as error:
        return _failed(error.exit_code, str(error))
    except Exception as error:
        logging.getLogger(PROGRAM).debug("unexpected", exc_info=True)
        what = f"unexpected: {type(error).__name__}: {error}; run again with -v for details"
        return _failed(Exit.UNEXPECTED, what)
    return Exit.DONE


def _failed(code: int, message: str, show: Callable[[], None] | None = None) -> int:
    """Say why no command came to its end (``show`` does it for people); ``code``."""
    with suppress(BrokenPipeError):
        if show is None:
            click.echo(f"{PROGRAM}: {message}", err=True)
        else:
            show()
        if _wants_json():
            click.echo(one_object({}, code, [message], {}))
    return code


def _wants_json() -> bool:
    """Whether stdout is to be one JSON object, though the arguments could not be understood."""
    variable = os.environ.get("FLEETLEDGER_JSON", "").strip().lower()
    return "--json" in sys.argv[1:] or variable in {"1", "true", "t", "yes", "y", "on"}
