"""The command what-if."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pipeline.cli.options import Command, print_note, print_result
from pipeline.cli.output import format_option, print_rows
from pipeline.cli.param_types import Number
from pipeline.cli.run import run
from pipeline.errors import SettingsError
from pipeline.terminal.amounts import money

if TYPE_CHECKING:
    from pipeline.jobs import Job

MEANINGS = {
    "before": "the next 30 days at the recent cost",
    "after": "the same after the change",
    "difference": "after minus before",
    "saving": "as findings count it: no cluster is taken to cost more than in the last 30 days",
}
SHOWN = (
    "account", "cluster_id", "name", "project_id", *(f"{name}_micros" for name in MEANINGS),
    "is_priced",
)  # fmt: skip


@click.command("what-if", cls=Command)
@click.option(
    "--stop", metavar="PATTERN", help="Stop the clusters whose id, name or project matches."
)
@click.option(
    "--match", default="*", show_default=True, help="The clusters that the other options change."
)
@click.option("--gpus", type=click.IntRange(1, 10_000), help="Give each cluster this many GPUs.")
@click.option("--hours-a-week", type=Number(1, 168), help="Run each cluster at most this long.")
@click.option(
    "--rate-card",
    metavar="FILE",
    help="Price the clusters by the [rate_card] of this settings file.",
)
@format_option
def what_if(
    stop: str | None, match: str, gpus: int | None, hours_a_week: float | None,
    rate_card: str | None, output_format: str,
) -> None:  # fmt: skip
    """Estimate the cost of 30 days after one change to the fleet.

    before: the next 30 days at each cluster's recent cost, its mean daily cost in the rules'
    window. after: the same after the change. difference: after minus before. saving: what a finding
    would count, where no cluster is taken to cost more than it cost in the last 30 days; of a new
    cluster it is below the difference.
    """
    from pipeline.settings import read_settings

    if sum(value is not None for value in (stop, gpus, hours_a_week, rate_card)) != 1:
        raise SettingsError("give one of --stop, --gpus, --hours-a-week, --rate-card")
    prices = {} if rate_card is None else read_settings(rate_card, "--rate-card").rate_card

    from pipeline.transform.what_if import Change

    if stop is not None:
        change = Change("stop", stop)
    elif gpus is not None:
        change = Change("gpus", match, gpus)
    elif hours_a_week is not None:
        change = Change("schedule", match, hours_a_week)
    else:
        change = Change("rate_card", match, rate_card=prices)

    def action(job: Job) -> dict[str, object]:
        from pipeline.jobs.findings import what_if as price_change
        from pipeline.terminal.tables import records
        from pipeline.transform.what_if import totals as sums

        rows = price_change(job, change)
        totals, priced = sums(rows), int(rows["is_priced"].sum())
        print_rows(rows, output_format, SHOWN, f"{len(rows)} clusters, 30 days")
        if rows.empty:
            option, pattern = ("--stop", stop) if stop is not None else ("--match", match)
            print_note(f"no cluster matches {option} {pattern!r}")
        if output_format == "table":
            for name, meaning in MEANINGS.items():
                amount = f"{money(totals[f'{name}_micros']):>16} {job.settings.currency}"
                print_result(f"{name:<10} {amount}  {meaning}")
            if priced < len(rows):
                print_result(f"{len(rows) - priced} of them have no price and are in no total")
        return {
            **totals,
            "clusters": records(rows),
        }

    run("what-if", action, is_recorded=False, needs_data=True)


COMMANDS = (what_if,)
