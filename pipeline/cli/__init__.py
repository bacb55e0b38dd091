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

import click

from pipeline import __version__
from pipeline.cli import inquiries, judgements, simulation, upkeep, verbs
from pipeline.cli.options import PROGRAM, Program
from pipeline.errors import Exit, FleetLedgerError


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name=PROGRAM)
def cli() -> None:
    """Where each dollar of a rented GPU fleet went, which of it was wasted, and what to do."""


INTERRUPTED = 130
"""What shells say of a program that Ctrl-C ended."""

for room in (verbs, inquiries, judgements, upkeep, simulation):
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
    code: int | str | None = Exit.DONE
    try:
        cli.main(prog_name=PROGRAM, standalone_mode=False)
    except SystemExit as end:
        code = end.code
    except click.exceptions.Exit as end:
        code = end.exit_code
    except click.ClickException as error:
        error.show()
        code = Exit.USAGE
    except (click.Abort, KeyboardInterrupt):
        _complain("interrupted; what was stored is whole")
        code = INTERRUPTED
    except FleetLedgerError as error:
        _complain(str(error))
        code = error.exit_code
    except BrokenPipeError:  # the reader has seen enough
        code = Exit.DONE
    except Exception as error:
        logging.getLogger(PROGRAM).debug("unexpected", exc_info=True)
        _complain(f"unexpected: {type(error).__name__}: {error}; run again with -v for details")
        code = Exit.UNEXPECTED
    return int(code) if isinstance(code, int) else int(Exit.UNEXPECTED)


def _complain(message: str) -> None:
    click.echo(f"{PROGRAM}: {message}", err=True)
