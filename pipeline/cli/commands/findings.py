"""The commands about findings: findings, replay, what-if."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pipeline.cli.options import Command, print_result
from pipeline.cli.output import format_option, print_rows
from pipeline.cli.param_types import Day, Number
from pipeline.cli.run import run
from pipeline.errors import ReadOnlyError, SettingsError, StorageError

if TYPE_CHECKING:
    from datetime import date

    import pandas as pd

    from pipeline.jobs import Job
    from pipeline.jobs.findings import DayFindings

OPEN = (
    "name", "rule_id", "grade", "provable_waste_micros", "counted_saving_micros", "action",
    "found_on", "waiting_cost_micros", "owner", "project_id", "state",
)  # fmt: skip
CHANGED = (
    "name", "rule_id", "state", "gone_reason", "promised_micros", "realised_micros", "owner",
    "project_id",
)  # fmt: skip
"""Columns of the tables, the most important first: a narrow terminal leaves out the last ones."""


@click.command(cls=Command)
@click.option(
    "--date", "day", type=Day(), help="As of this closed day. [default: the last closed day]"
)
@click.option(
    "--changes", is_flag=True, help="Only the findings that are new, reopened or gone on that day."
)
@click.option("--owner", metavar="NAME", help="Only this owner's clusters.")
@click.option("--rebuild", is_flag=True, help="Judge every day again, from the first day on.")
@format_option
def findings(
    day: date | None, owner: str | None, output_format: str, *, changes: bool, rebuild: bool
) -> None:
    """List the open findings, most money first, or the changes."""

    def action(job: Job) -> dict[str, object]:
        from pipeline.jobs.coverage import warn_of_missing
        from pipeline.jobs.report import last_closed
        from pipeline.report.text.rules import RuleText
        from pipeline.terminal.tables import records
        from pipeline.transform.findings import lifecycle

        closed = last_closed(job)
        if closed is None:
            raise StorageError(
                "no day is closed yet, so there are no findings: a day closes with the first "
                "complete snapshot after its end (UTC)"
            )
        if day is not None and day > closed:
            raise SettingsError(f"--date {day}: the last closed day is {closed}")
        judged_day = day or closed
        judged = _judged(job, judged_day, rebuild=rebuild)
        missing = judged.coverage.missing(judged_day, judged.policy.accounts)
        warn_of_missing(job, judged_day, missing)
        table = judged.findings
        rows = lifecycle.changes(table, judged_day) if changes else _open(table)
        if owner is not None:
            rows = rows[rows["owner"].astype(object) == owner]
        rows = RuleText(job.settings, judged.policy.applied.rulebook).with_reasons(rows)
        kind = "changes" if changes else "findings"
        print_rows(
            rows, output_format, CHANGED if changes else OPEN, f"{len(rows)} {kind} of {judged_day}"
        )
        return {"date": judged_day.isoformat(), kind: records(rows)}

    run("findings", action, is_recorded=False, needs_data=True)


@click.command(cls=Command)
@click.option("--from", "first", type=Day(), required=True, help="The first day to judge.")
@click.option("--to", "last", type=Day(), required=True, help="The last day to judge.")
@click.option(
    "--settings",
    "other",
    metavar="FILE",
    help="Try the rules of this settings file instead of the current ones.",
)
@format_option
def replay(first: date, last: date, other: str | None, output_format: str) -> None:
    """Try the rules on past days.

    The table counts, for each rule, the clusters it flags and those of them that were stopped or
    terminated later; CSV lists the first flag of each cluster.
    """

    def action(job: Job) -> dict[str, object]:
        from pipeline.jobs.findings import replay as replay_rules
        from pipeline.settings import read_settings
        from pipeline.terminal.tables import records

        settings = job.settings if other is None else read_settings(other, "--settings")
        done = replay_rules(job, first, last, settings)
        rows = done.precision if output_format == "table" else done.flags
        print_rows(rows, output_format, list(rows.columns), f"{first} to {last}")
        return {"precision": records(done.precision), "flags": records(done.flags)}

    run("replay", action, is_recorded=False, needs_data=True)


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
    """Estimate the cost of 30 days after one change to the fleet."""
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
        from pipeline.terminal.tables import money, records

        rows = price_change(job, change)
        priced = rows[rows["is_priced"].astype(bool)]
        totals = {
            name: int(priced[f"{name}_micros"].sum())
            for name in ("before", "after", "difference", "saving", "run_rate_saving")
        }
        print_rows(rows, output_format, list(rows.columns), f"{len(rows)} clusters, 30 days")
        if output_format == "table":
            for name, micros in totals.items():
                label = name.replace("run_rate", "run-rate").replace("_", " ")
                print_result(f"{label:<16} {money(micros):>16} {job.settings.currency}")
            if len(priced) < len(rows):
                print_result(f"{len(rows) - len(priced)} of them have no price and are in no total")
        return {
            **{f"{name}_micros": micros for name, micros in totals.items()},
            "clusters": records(rows),
        }

    run("what-if", action, is_recorded=False, needs_data=True)


def _judged(job: Job, day: date, *, rebuild: bool) -> DayFindings:
    """The findings of ``day``; stored, unless the store is read-only."""
    from pipeline.jobs.findings import findings_of

    try:
        with job.store.lock("derive"):
            return findings_of(job, day, rebuild=rebuild)
    except ReadOnlyError:
        if rebuild:
            raise
        return findings_of(job, day, is_stored=False)


def _open(table: pd.DataFrame) -> pd.DataFrame:
    """The open findings that are not excluded, most money first."""
    rows = table[(table["outcome"] == "FINDING") & table["exclusion"].isna()]
    return rows.sort_values(
        ["provable_waste_micros", "counted_saving_micros", "spend_micros"],
        ascending=False,
        na_position="last",
        kind="stable",
    )


COMMANDS = (findings, replay, what_if)
