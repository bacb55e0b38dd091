"""The command line: ``fleetledger``, or ``python -m pipeline``.

Each command builds a :class:`~pipeline.jobs.Job`, runs one step and prints what it did: results on
stdout (with ``--json`` exactly one object), messages on stderr. Without a terminal, success prints
nothing on stderr, so that cron has nothing to mail.
"""

from __future__ import annotations

import logging
import os
import sys
from contextlib import suppress
from itertools import pairwise

import click
from click.exceptions import NoArgsIsHelpError

from pipeline.cli.commands import (
    assistants,
    findings,
    fleet,
    focus,
    maintenance,
    pipeline,
    reconcile,
    simulator,
    spend,
    what_if,
    why,
)
from pipeline.cli.options import Options, Program, source_of
from pipeline.cli.run import describe_unexpected, json_result, redactor_of
from pipeline.cli.streams import PROGRAM, LogFormat, Streams
from pipeline.errors import Exit, FleetLedgerError, SettingsError
from pipeline.version import __version__

INTERRUPTED = 130
"""The exit code by which shells report a program that Ctrl-C ended."""


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name=PROGRAM)
def cli() -> None:
    """Shows where each dollar of a rented GPU fleet went, how much was wasted, and what to do."""


for module in (
    pipeline,
    fleet,
    findings,
    why,
    spend,
    focus,
    reconcile,
    what_if,
    assistants,
    maintenance,
    simulator,
):
    for command in module.COMMANDS:
        cli.add_command(command)


def main() -> None:
    """Run the command line and end the process with its exit code.

    Prints no traceback: an unexpected error is one line too, with its details under ``-v``.
    """
    # Read when numpy is imported. On virtual machines, where the kernel compacts memory for them,
    # huge pages cost a fifth of a night of 100,000 clusters.
    os.environ.setdefault("NUMPY_MADVISE_HUGEPAGE", "0")
    code = run_command_line()
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    # pyarrow's threads can abort the interpreter's own teardown after all work is done, which
    # would turn success into a failure for cron (apache/arrow issue 34314).
    os._exit(code)


def run_command_line() -> int:
    """Run the command of ``sys.argv``; its exit code, whatever happened."""
    stdout = sys.stdout
    streams = Streams(redactor_of([], os.environ), log_format=_log_format())
    options = Options(streams=streams)
    try:
        _check_utf8()
        cli.main(prog_name=PROGRAM, standalone_mode=False, obj=options)
    except SystemExit as end:
        # click replaces stdout, and fails, when its reader stops early (`--help | head -1`).
        return end.code if isinstance(end.code, int) and sys.stdout is stdout else Exit.DONE
    except click.ClickException as error:
        return _report_usage_error(options.streams, error)
    except (click.Abort, KeyboardInterrupt):
        return _report(options.streams, INTERRUPTED, "interrupted; what was stored is whole")
    except FleetLedgerError as error:
        return _report(options.streams, error.exit_code, str(error))
    except BaseException as error:  # a panic in a Rust library is no Exception
        logging.getLogger(PROGRAM).debug("unexpected", exc_info=True)
        return _report(options.streams, Exit.UNEXPECTED, describe_unexpected(error))
    return Exit.DONE


def _check_utf8() -> None:
    """Check that arguments and variables are text; bytes would fail wherever they are written.

    Raises:
        SettingsError: an argument or variable is not UTF-8.
    """
    for number, argument in enumerate(sys.argv[1:], 1):
        if not _is_text(argument):
            raise SettingsError(f"argument {number} ({ascii(argument)[:80]}) is not UTF-8 text")
    for name, value in os.environ.items():
        if name.startswith(f"{PROGRAM.upper()}_") and not _is_text(value):
            raise SettingsError(f"the variable {name} is not UTF-8 text")


def _is_text(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _report_usage_error(streams: Streams, error: click.ClickException) -> int:
    """Print what is wrong with the arguments and which option or variable it is; the exit code."""
    if isinstance(error, NoArgsIsHelpError):
        error.show()  # the whole help
        return Exit.USAGE
    message = " ".join(error.format_message().split())
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    if ctx is None:
        return _report(streams, Exit.USAGE, message)
    if isinstance(error, click.BadParameter) and error.param is not None:
        source = source_of(ctx, str(error.param.name))
        if source not in error.param.opts:  # a variable, which click's message does not name
            message = f"{source}: {message}"
    return _report(
        streams, Exit.USAGE, f"{message.removesuffix('.')}; see `{ctx.command_path} --help`"
    )


def _report(streams: Streams, code: int, message: str) -> int:
    """Print why the command did not finish; returns ``code``."""
    streams.message(message, logging.ERROR)
    if _wants_json():
        streams.out(json_result({}, code, [message], {}, streams))
    return code


def _wants_json() -> bool:
    """Whether stdout is one JSON object, even if the arguments could not be parsed."""
    variable = os.environ.get("FLEETLEDGER_JSON", "").strip().lower()
    return "--json" in sys.argv[1:] or variable in {"1", "true", "t", "yes", "y", "on"}


def _log_format() -> LogFormat:
    """The format of lines on stderr, even if the arguments could not be parsed."""
    arguments = sys.argv[1:]
    if any(argument.startswith("--log-format") for argument in arguments):
        is_json = ("--log-format", "json") in pairwise(arguments)
        is_json |= "--log-format=json" in arguments
    else:
        is_json = os.environ.get("FLEETLEDGER_LOG_FORMAT") == "json"
    return "json" if is_json else "text"
