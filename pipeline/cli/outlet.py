"""The one way out to people and pipes: nothing is printed or logged but through here.

Secrets are taken out of the finished text, last of all. Control characters are escaped wherever a
person reads: on stderr and on terminals. Into a pipe or a file, stdout is the data as it is.
"""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from dataclasses import dataclass, field

import click

from pipeline.redact import Redactor
from pipeline.terminal.text import printable


@dataclass(frozen=True)
class Outlet:
    """Prints what one run may say."""

    redactor: Redactor = field(default_factory=Redactor)

    def out(self, text: str, *, is_drawn: bool = False) -> None:
        """A line or more on stdout; ``is_drawn`` if the console drew it, colours and all."""
        text = self.redactor.scrub(text)
        _echo(printable(text) if sys.stdout.isatty() and not is_drawn else text)

    def err(self, text: str) -> None:
        """A line or more on stderr."""
        _echo(printable(self.redactor.scrub(text)), err=True)

    def message(self, text: str) -> None:
        """Exactly one line on stderr, whatever it quotes."""
        line = printable(self.redactor.scrub(text))
        _echo(line.replace("\n", "\\u000a"), err=True)

    def log(self, level: int) -> None:
        """Send the log, tracebacks included, to stderr."""
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(_Formatter(self.redactor))
        logging.basicConfig(level=level, handlers=[handler])


class _Formatter(logging.Formatter):
    """The usual lines, fit to be seen."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__(logging.BASIC_FORMAT)
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        """The finished text, with what libraries and tracebacks quote."""
        return printable(self._redactor.scrub(super().format(record)))


def _echo(text: str, *, err: bool = False) -> None:
    with suppress(BrokenPipeError):  # a reader that has seen enough changes nothing
        # color: click would drop what looks like a colour from data.
        click.echo(text, err=err, color=True)
