"""How an answer is shown: as a table, CSV or JSON rows; with ``--json`` the one object says it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pipeline.cli.options import is_json, say
from pipeline.errors import SettingsError
from pipeline.terminal.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd

shape_option = click.option(
    "--format",
    "shape",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
)


def show(frame: pd.DataFrame, shape: str, columns: Sequence[str], title: str) -> None:
    """All of ``frame``; as a table only ``columns``, the most important first."""
    import msgspec

    from pipeline.report.output.csv_files import readable, to_csv
    from pipeline.terminal import tables

    if is_json():
        return
    if shape == "csv":
        say(to_csv(readable(frame)).decode().rstrip("\r\n"))
    elif shape == "json":
        rows = msgspec.json.format(msgspec.json.encode(tables.records(frame)), indent=2).decode()
        say(printable(rows))
    else:
        say(tables.table(frame[list(columns)], title), is_drawn=True)


def write_file(path: Path, data: bytes) -> None:
    """Write what the user asked for, where the user asked for it."""
    try:
        path.write_bytes(data)
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}; give another file") from error
