"""The only way to stdout and stderr: results, messages and log lines are written here.

Secrets are removed from the finished text as the last step. Control characters are escaped wherever
a person reads: on stderr and on terminals. In a pipe or a file, stdout is the unchanged data.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

import click

from pipeline.redact import Redactor
from pipeline.terminal.text import printable

PROGRAM = "fleetledger"

LogFormat = Literal["text", "json"]


def new_run_id() -> str:
    """Twelve hexadecimal digits that name one run in its log lines, its record and its JSON."""
    return os.urandom(6).hex()


@dataclass(frozen=True)
class Streams:
    """Prints the results and messages of one run."""

    redactor: Redactor = field(default_factory=Redactor)
    run_id: str = field(default_factory=new_run_id)
    log_format: LogFormat = "text"

    def out(self, text: str, *, is_drawn: bool = False) -> None:
        """Print ``text`` on stdout; ``is_drawn`` if it holds colours and styles of our own."""
        text = self.redactor.scrub(text)
        _echo(printable(text) if sys.stdout.isatty() and not is_drawn else text)

    def message(self, text: str, level: int = logging.WARNING) -> None:
        """Print exactly one line on stderr; a log line where the log format is JSON."""
        if self.log_format == "json":
            record = logging.LogRecord(PROGRAM, level, "", 0, text, None, None)
            _echo(self._formatter().format(record), err=True)
        else:
            _echo(_one_line(self.redactor.scrub(f"{PROGRAM}: {text}")), err=True)

    def log(self, level: int) -> None:
        """Write log records of ``level`` and above to stderr, in place of an earlier call's."""
        root = logging.getLogger()
        for handler in [known for known in root.handlers if isinstance(known, _Handler)]:
            root.removeHandler(handler)
        handler = _Handler(sys.stderr)
        handler.setFormatter(self._formatter())
        root.addHandler(handler)
        root.setLevel(level)

    def _formatter(self) -> logging.Formatter:
        kind = JsonFormatter if self.log_format == "json" else TextFormatter
        return kind(self.redactor, self.run_id)


class _Handler(logging.StreamHandler):  # type: ignore[type-arg]  # not generic at run time
    """Marks the handler of this program among those of others."""


class _RedactingFormatter(logging.Formatter):
    """Base of the formats: what they share of a record."""

    def __init__(self, redactor: Redactor, run_id: str) -> None:
        super().__init__()
        self._redactor = redactor
        self._run_id = run_id

    def _exception(self, record: logging.LogRecord) -> str | None:
        return self.formatException(record.exc_info) if record.exc_info else None


class TextFormatter(_RedactingFormatter):
    """``2026-03-02T02:20:00.123Z INFO run=0123456789ab pipeline.cli.run: message``."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, and the traceback below it."""
        head = f"{_time(record)} {record.levelname} run={self._run_id} {record.name}: "
        line = _one_line(self._redactor.scrub(head + record.getMessage()))
        exception = self._exception(record)
        if exception is None:
            return line
        return f"{line}\n{printable(self._redactor.scrub(exception))}"


class JsonFormatter(_RedactingFormatter):
    """One JSON object per line: time, level, run_id, logger, message, exception (or null)."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        values = {
            "time": _time(record),
            "level": record.levelname,
            "run_id": self._run_id,
            "logger": record.name,
            "message": record.getMessage(),
            "exception": self._exception(record),
        }
        # Value by value: stars in place of an escape or a quote would break the JSON.
        return json.dumps(self._redactor.scrub_all(values))


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def _one_line(text: str) -> str:
    return printable(text).replace("\n", "\\u000a")


def _echo(text: str, *, err: bool = False) -> None:
    with suppress(BrokenPipeError):  # a reader that stops early, such as head, is no error
        # color: click would remove escape sequences from data.
        click.echo(text, err=err, color=True)
