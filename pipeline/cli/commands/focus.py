"""The command focus: spend for FinOps tools, as FOCUS rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from pipeline.cli.options import Command, print_result
from pipeline.cli.output import new_file
from pipeline.cli.param_types import Day
from pipeline.cli.run import run
from pipeline.errors import SettingsError
from pipeline.terminal.amounts import money

if TYPE_CHECKING:
    from datetime import date

    from pipeline.focus.columns import Version
    from pipeline.jobs import Job


@click.command(cls=Command)
@click.option(
    "--from",
    "first",
    type=Day(),
    help="The first day. [default: the first of the last day's month]",
)
@click.option("--to", "last", type=Day(), help="The last day. [default: the last closed day]")
@click.option(
    "--version",
    type=click.Choice(["1.2", "1.4"]),
    default="1.2",
    show_default=True,
    help="Of FOCUS.",
)
@click.option(
    "--format", "kind", type=click.Choice(["parquet", "csv"]), default="parquet", show_default=True
)
@click.option(
    "--output", type=click.Path(path_type=Path),
    help="The file to write. [default: focus-FIRST-LAST.parquet or .csv in this folder]",
)  # fmt: skip
def focus(
    first: date | None, last: date | None, version: Version, kind: Literal["parquet", "csv"],
    output: Path | None,
) -> None:  # fmt: skip
    """Write the spend of closed days as a FOCUS file, for FinOps tools.

    One row is a cluster on a day; docs/focus-conformance.md has the columns and what they lack.
    """
    if first is not None and last is not None and first > last:
        raise SettingsError(f"--from {first} is after --to {last}: swap them")

    def action(job: Job) -> dict[str, object]:
        from pipeline.jobs.focus import export

        done = export(job, version, first, last)
        path = output or Path(f"focus-{done.first}-{done.last}.{kind}")
        with new_file(path) as file:
            done.write(file, kind)
        currency = done.billing.currency
        rows = "1 row" if done.rows == 1 else f"{done.rows:,} rows"
        print_result(f"{path}: {rows}, {money(done.billed_micros)} {currency}")
        return {
            "path": str(path),
            "version": version,
            "from": done.first.isoformat(),
            "to": done.last.isoformat(),
            "currency": currency,
            "rows": done.rows,
            "unpriced_rows": done.unpriced_rows,
            "billed_cost_micros": done.billed_micros,
        }

    run("focus", action, is_recorded=False, needs_data=True)


COMMANDS = (focus,)
