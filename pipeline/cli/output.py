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

LONGEST = 160
"""Characters of a text that a table shows."""


def show(frame: pd.DataFrame, shape: str, columns: Sequence[str], title: str) -> None:
    """All of ``frame``; as a table only ``columns``, the most important first."""
    if is_json():
        return
    if shape == "csv":
        say(to_csv(readable(frame)).decode().rstrip("\r\n"))
    elif shape == "json":
        say(msgspec.json.format(msgspec.json.encode(console.records(frame)), indent=2).decode())
    else:
        say(console.table(_shortened(frame[list(columns)]), title))


def _shortened(frame: pd.DataFrame) -> pd.DataFrame:
    """Texts of a length that can be looked at: a table pads every row to the longest of them."""
    texts = {
        str(name): column.astype(object).map(_short, na_action="ignore")
        for name, column in frame.items()
        if column.dtype.kind == "O"
    }
    return frame.assign(**texts)


def _short(value: object) -> object:
    if not isinstance(value, str) or len(value) <= LONGEST:
        return value
    return f"{value[:LONGEST]}… ({len(value):,} characters; --format csv has all)"
