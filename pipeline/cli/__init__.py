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
from click.exceptions import NoArgsIsHelpError

from pipeline.cli.commands import findings, fleet, maintenance, pipeline, simulator
from pipeline.cli.options import PROGRAM, Options, Program, source_of
from pipeline.cli.outlet import Outlet
from pipeline.cli.run import one_object, redactor_of, unexpected
from pipeline.errors import Exit, FleetLedgerError, SettingsError
from pipeline.version import __version__


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
    options = Options(outlet=Outlet(redactor_of([], os.environ)))
    try:
        _refuse_bytes()
        cli.main(prog_name=PROGRAM, standalone_mode=False, obj=options)
    except SystemExit as end:
        # click replaces stdout, and fails, when its reader has seen enough (`--help | head -1`).
        return end.code if isinstance(end.code, int) and sys.stdout is stdout else Exit.DONE
    except click.ClickException as error:
        return _refused(options.outlet, error)
    except (click.Abort, KeyboardInterrupt):
        return _failed(options.outlet, INTERRUPTED, "interrupted; what was stored is whole")
    except FleetLedgerError as error:
        return _failed(options.outlet, error.exit_code, str(error))
    except BaseException as error:  # a panic of a library in Rust is no Exception
        logging.getLogger(PROGRAM).debug("unexpected", exc_info=True)
        return _failed(options.outlet, Exit.UNEXPECTED, unexpected(error))
    return Exit.DONE


def _refuse_bytes() -> None:
    """Arguments are text: bytes that are not would fail wherever they are first written.

    Raises:
        SettingsError: one of them is not.
    """
    for number, argument in enumerate(sys.argv[1:], 1):
        if not _is_text(argument):
            raise SettingsError(f"argument {number} ({ascii(argument)[:80]}) is not UTF-8 text")
    for name, value in os.environ.items():
        if name.startswith(f"{PROGRAM.upper()}_") and not _is_text(value):
            raise SettingsError(f"the variable {name} is not UTF-8 text")


def _is_text(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _refused(outlet: Outlet, error: click.ClickException) -> int:
    """Say what is wrong with the arguments, where it came from, and what the right ones are."""
    if isinstance(error, NoArgsIsHelpError):
        error.show()  # the whole help
        return Exit.USAGE
    message = " ".join(error.format_message().split())
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    if ctx is None:
        return _failed(outlet, Exit.USAGE, message)
    if isinstance(error, click.BadParameter) and error.param is not None:
        source = source_of(ctx, str(error.param.name))
        if source not in error.param.opts:  # a variable, which click's message does not name
            message = f"{source}: {message}"
    return _failed(
        outlet, Exit.USAGE, f"{message.removesuffix('.')}; see `{ctx.command_path} --help`"
    )


def _failed(outlet: Outlet, code: int, message: str) -> int:
    """Say why no command came to its end; ``code``."""
    outlet.message(f"{PROGRAM}: {message}")
    if _wants_json():
        outlet.out(one_object({}, code, [message], {}, outlet.redactor))
    return code


def _wants_json() -> bool:
    """Whether stdout is to be one JSON object, though the arguments could not be understood."""
    variable = os.environ.get("FLEETLEDGER_JSON", "").strip().lower()
    return "--json" in sys.argv[1:] or variable in {"1", "true", "t", "yes", "y", "on"}
