"""Prints rows as a table, CSV or JSON; with ``--json`` nothing, since the one object holds them."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO

import click

from pipeline.cli.options import is_json, print_result
from pipeline.errors import SettingsError
from pipeline.terminal.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pandas as pd

format_option = click.option(
    "--format",
    "output_format",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
)


def print_rows(
    frame: pd.DataFrame,
    output_format: str,
    columns: Sequence[str],
    title: str,
    stays: Sequence[str] = (),
) -> None:
    """Print all rows of ``frame``; a table has only ``columns``, the most important first.

    ``stays``: those that a table has however narrow the terminal is.
    """
    import msgspec

    from pipeline.report.output.csv_files import table_csv
    from pipeline.terminal import tables

    if is_json():
        return
    if output_format == "csv":
        print_result(table_csv(frame).decode().rstrip("\r\n"))
    elif output_format == "json":
        rows = msgspec.json.format(msgspec.json.encode(tables.records(frame)), indent=2).decode()
        print_result(printable(rows))
    else:
        print_result(tables.table(frame[list(columns)], title, stays), is_drawn=True)


def write_file(path: Path, data: bytes) -> None:
    """Write ``data`` to a file that the user named.

    Raises:
        SettingsError: the file cannot be written.
    """
    try:
        path.write_bytes(data)
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}; give another file") from error


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """A file that the user named, open for writing; it is there only if the block succeeds.

    Raises:
        SettingsError: the file cannot be written.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(path)
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}; give another file") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
