"""The command spend: the money of some days, cut by any dimensions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from pipeline.cli.filters import not_one_of
from pipeline.cli.options import Command, print_result
from pipeline.cli.output import format_option, print_rows
from pipeline.cli.param_types import Day
from pipeline.cli.run import run
from pipeline.errors import SettingsError
from pipeline.terminal.amounts import money

if TYPE_CHECKING:
    from datetime import date

    import pandas as pd

    from pipeline.jobs import Job

DIMENSIONS = {
    "account": "account",
    "project": "project_id",
    "region": "region",
    "gpu_type": "gpu_type",
    "owner": "owner",
    "cluster": "cluster_id",
    "day": "date",
}
"""What money can be cut by, and its column."""
DEFAULT_DAYS, MOST_DAYS = 30, 36_600
SHOWN = (
    "spend_micros", "spend_low_micros", "spend_high_micros", "clusters", "metered_micros",
    "estimated_micros", "stopped_spend_micros", "unpriced_rows",
)  # fmt: skip
"""Columns of the table after the dimensions; CSV and JSON have all."""
STAYS = ("spend_micros",)


class Dimensions(click.ParamType[tuple[str, ...]]):
    """Names of dimensions, separated by commas."""

    name = "NAMES"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """The names; click's usage error if one is unknown or repeated."""
        if isinstance(value, tuple):
            return value
        names = [name.strip() for name in str(value).split(",")]
        for name in names:
            if name not in DIMENSIONS:
                self.fail(not_one_of(name, tuple(DIMENSIONS)), param, ctx)
        if len({*names}) < len(names):
            self.fail(f"{value!r} names a dimension twice", param, ctx)
        return tuple(names)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The names that are not named yet, after those that are."""
        del ctx, param
        before, comma, start = incomplete.rpartition(",")
        named = before.split(",")
        return [
            CompletionItem(f"{before}{comma}{name}")
            for name in DIMENSIONS
            if name.startswith(start) and name not in named
        ]


@click.command(cls=Command)
@click.option(
    "--by",
    "dimensions",
    type=Dimensions(),
    default="project",
    show_default=True,
    help=f"One or more of {', '.join(DIMENSIONS)}, with commas between them.",
)
@click.option("--from", "first", type=Day(), help="The first day.")
@click.option("--to", "last", type=Day(), help="The last day. [default: the last closed day]")
@click.option(
    "--days",
    type=click.IntRange(1, MOST_DAYS),
    help=f"This many days up to the last, instead of --from. [default: {DEFAULT_DAYS}]",
)
@format_option
def spend(
    dimensions: tuple[str, ...], first: date | None, last: date | None, days: int | None,
    output_format: str,
) -> None:  # fmt: skip
    """Sum the spend of closed days by project, day and other dimensions."""
    if first is not None and days is not None:
        raise SettingsError("give --from or --days, not both")
    if first is not None and last is not None and first > last:
        raise SettingsError(f"--from {first} is after --to {last}: swap them")

    def action(job: Job) -> dict[str, object]:
        from pipeline.jobs.ledger_window import closed_window
        from pipeline.jobs.spend import spend_of
        from pipeline.terminal.tables import records
        from pipeline.transform.spend import total

        columns = tuple(DIMENSIONS[name] for name in dimensions)
        window = closed_window(job, first, last, days or DEFAULT_DAYS)
        rows, currency = spend_of(job, columns, window), job.settings.currency
        period = f"{window.first} to {window.last}"
        shown = [*_cuts(rows, dimensions), *SHOWN]
        if output_format == "table" and not rows["unpriced_rows"].any():
            shown.remove("unpriced_rows")
        print_rows(rows, output_format, shown, f"spend of {period} in {currency}", STAYS)
        totals = total(rows)
        if output_format == "table":
            print_result(_in_words(totals, len(rows), currency))
        return {
            "from": window.first.isoformat(),
            "to": window.last.isoformat(),
            "currency": currency,
            "spend": records(rows),
            "total": totals,
        }

    run("spend", action, is_recorded=False, needs_data=True)


def _cuts(rows: pd.DataFrame, dimensions: tuple[str, ...]) -> list[str]:
    """The columns of the dimensions; an account that was not named only where there are several."""
    cuts = list(rows.columns[: list(rows.columns).index("clusters")])
    if "account" in cuts and "account" not in dimensions and len(rows["account"].unique()) <= 1:
        cuts.remove("account")
    return cuts


def _in_words(totals: dict[str, int | None], rows: int, currency: str) -> str:
    low, high = totals["spend_low_micros"] or 0, totals["spend_high_micros"]
    end = "unknown" if high is None else money(high)
    what = "1 row" if rows == 1 else f"{rows} rows"
    return (
        f"total of {what}: {money(totals['spend_micros'] or 0)} {currency} ({money(low)} to {end})"
    )


COMMANDS = (spend,)
