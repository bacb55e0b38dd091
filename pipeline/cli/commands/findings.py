"""The commands about findings: what is open, what changed, what another rule would have found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pipeline.cli.options import Command, say
from pipeline.cli.output import shape_option, show
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
"""Most important first: a narrow terminal has no room for the last ones."""


@click.command(cls=Command)
@click.option("--date", "day", type=Day(), help="As of this closed day. [default: the last]")
@click.option("--changes", is_flag=True, help="Only what is new, reopened or gone on that day.")
@click.option("--owner", metavar="NAME", help="Only this owner's clusters.")
@click.option("--rebuild", is_flag=True, help="Judge every day again, from the first.")
@shape_option
def findings(
    day: date | None, owner: str | None, shape: str, *, changes: bool, rebuild: bool
) -> None:
    """The open findings, most money first, or what changed in them."""

    def action(job: Job) -> dict[str, object]:
        from pipeline.jobs.coverage import warn_of_missing
        from pipeline.jobs.report import last_closed
        from pipeline.report.text.rules import RuleText
        from pipeline.terminal.tables import records
        from pipeline.transform.findings import lifecycle

        closed = last_closed(job)
        if closed is None:
            raise StorageError(
                "no day is closed yet, so nothing is judged: a day closes with the first "
                "complete snapshot after its end (UTC)"
            )
        if day is not None and day > closed:
            raise SettingsError(f"--date {day}: the last closed day is {closed}")
        which = day or closed
        judged = _judged(job, which, rebuild=rebuild)
        found, missing = judged.findings, judged.coverage.missing(which, judged.policy.accounts)
        warn_of_missing(job, which, missing)
        rows = lifecycle.changes(found, which) if changes else _open(found)
        if owner is not None:
            rows = rows[rows["owner"].astype(object) == owner]
        rows = RuleText(job.settings, judged.policy.applied.rulebook).with_reasons(rows)
        what = "changes" if changes else "findings"
        show(rows, shape, CHANGED if changes else OPEN, f"{len(rows)} {what} of {which}")
        return {"date": which.isoformat(), what: records(rows)}

    run("findings", action, is_recorded=False, needs_data=True)


@click.command(cls=Command)
@click.option("--from", "first", type=Day(), required=True, help="The first day to judge.")
@click.option("--to", "last", type=Day(), required=True, help="The last day to judge.")
@click.option(
    "--settings",
    "other",
    metavar="FILE",
    help="Settings to try, instead of those in force.",
)
@shape_option
def replay(first: date, last: date, other: str | None, shape: str) -> None:
    """Try the rules on the past: what they would have flagged, and what became of it.

    The table counts, for each rule, the flagged clusters that were then stopped or terminated; CSV
    lists each cluster's first flag.
    """

    def action(job: Job) -> dict[str, object]:
        from pipeline.jobs.findings import replay as replay_rules
        from pipeline.settings import read_settings
        from pipeline.terminal.tables import records

        settings = job.settings if other is None else read_settings(other, "--settings")
        done = replay_rules(job, first, last, settings)
        told = done.precision if shape == "table" else done.flags
        show(told, shape, list(told.columns), f"{first} to {last}")
        return {"precision": records(done.precision), "flags": records(done.flags)}

    run("replay", action, is_recorded=False, needs_data=True)


@click.command("what-if", cls=Command)
@click.option("--stop", metavar="PATTERN", help="Stop the clusters that fit (id, name, project).")
@click.option("--match", default="*", show_default=True, help="Which clusters the others change.")
@click.option("--gpus", type=click.IntRange(1, 10_000), help="So many GPUs in each.")
@click.option("--hours-a-week", type=Number(1, 168), help="Run at most so long.")
@click.option(
    "--rate-card",
    metavar="FILE",
    help="Settings whose [rate_card] to price them by.",
)
@shape_option
def what_if(
    stop: str | None, match: str, gpus: int | None, hours_a_week: float | None,
    rate_card: str | None, shape: str,
) -> None:  # fmt: skip
    """What 30 days of the fleet would cost under one change."""
    from pipeline.settings import read_settings
    from pipeline.transform.what_if import Change

    changes = []
    if stop is not None:
        changes.append(Change("stop", stop))
    if gpus is not None:
        changes.append(Change("gpus", match, gpus))
    if hours_a_week is not None:
        changes.append(Change("schedule", match, hours_a_week))
    if rate_card is not None:
        card = read_settings(rate_card, "--rate-card")
        changes.append(Change("rate_card", match, rate_card=card.rate_card))
    if len(changes) != 1:
        raise SettingsError("give one of --stop, --gpus, --hours-a-week, --rate-card")

    def action(job: Job) -> dict[str, object]:
        from pipeline.jobs.findings import what_if as price_change
        from pipeline.terminal.tables import money, records

        rows = price_change(job, changes[0])
        priced = rows[rows["is_priced"].astype(bool)]
        totals = {
            name: int(priced[f"{name}_micros"].sum()) for name in ("before", "after", "difference")
        }
        show(rows, shape, list(rows.columns), f"{len(rows)} clusters, 30 days")
        if shape == "table":
            for name, micros in totals.items():
                say(f"{name:<10} {money(micros):>16} {job.settings.currency}")
            if len(priced) < len(rows):
                say(f"{len(rows) - len(priced)} of them cannot be priced and are in no total")
        return {
            **{f"{name}_micros": micros for name, micros in totals.items()},
            "clusters": records(rows),
        }

    run("what-if", action, is_recorded=False, needs_data=True)


def _judged(job: Job, day: date, *, rebuild: bool) -> DayFindings:
    """The findings of ``day``, stored where the store may be written."""
    from pipeline.jobs.findings import findings_of

    try:
        with job.store.lock("derive"):
            return findings_of(job, day, rebuild=rebuild)
    except ReadOnlyError:
        if rebuild:
            raise
        return findings_of(job, day, is_stored=False)


def _open(found: pd.DataFrame) -> pd.DataFrame:
    """The findings nobody answered for, most money first."""
    rows = found[(found["outcome"] == "FINDING") & found["exclusion"].isna()]
    return rows.sort_values(
        ["provable_waste_micros", "counted_saving_micros", "spend_micros"],
        ascending=False,
        na_position="last",
        kind="stable",
    )


COMMANDS = (findings, replay, what_if)
