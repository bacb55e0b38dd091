"""How an answer is shown: as a table, CSV or JSON rows; with ``--json`` the one object says it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec

from pipeline import console
from pipeline.cli.options import is_json, say
from pipeline.report.output.csv_files import readable, to_csv

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    if is_json():
        return
    if shape == "csv":
        say(to_csv(readable(frame)).decode().rstrip("\r\n"))
    elif shape == "json":
        rows = msgspec.json.format(msgspec.json.encode(console.records(frame)), indent=2).decode()
        say(console.printable(rows))
    else:
        say(console.table(frame[list(columns)], title), is_drawn=True)
