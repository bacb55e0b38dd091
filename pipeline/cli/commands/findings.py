"""The commands about findings: findings, replay."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import click

from pipeline.cli.engine_options import takes_engine
from pipeline.cli.filters import RuleId, check_rule, warn_of_no_match
from pipeline.cli.options import Command, is_json, print_result
from pipeline.cli.output import format_option, print_rows
from pipeline.cli.param_types import Day, Number
from pipeline.cli.run import run
from pipeline.terminal.amounts import MICROS, money

if TYPE_CHECKING:
    from datetime import date

    import pandas as pd

    from pipeline.engine import Engine
    from pipeline.jobs import Job
    from pipeline.jobs.findings import DayFindings
    from pipeline.jobs.open_findings import Filters, OpenFindings

OPEN = (
    "name", "action", "counted_saving_micros", "grade", "rule_id", "suspected_saving_micros",
    "provable_waste_micros", "found_on", "waiting_cost_micros", "owner", "project_id", "state",
)  # fmt: skip
CHANGED = (
    "name", "rule_id", "state", "gone_reason", "promised_micros", "realised_micros", "owner",
    "project_id",
)  # fmt: skip
"""Columns of the tables, the most important first: a narrow terminal leaves out the last ones."""
STAYS = ("name", "action", "counted_saving_micros")
"""What every terminal shows."""
UNWRAPPED = ("action", "found_on")
SHOWN_ROWS = 20
ACTED_ON = "acted_on_within_14_days"


@click.command(cls=Command)
@click.option(
    "--date", "day", type=Day(), help="As of this closed day. [default: the last closed day]"
)
@click.option(
    "--changes", is_flag=True, help="Only the findings that are new, reopened or gone on that day."
)
@click.option("--owner", metavar="NAME", help="Only this owner's clusters.")
@click.option(
    "--project", metavar="PATTERN", help="Only projects whose id matches; * and ? match anything."
)
@click.option("--rule", type=RuleId(), help="Only this rule's findings.")
@click.option(
    "--min-saving",
    type=Number(0, 1e12),
    metavar="AMOUNT",
    help="Only findings that save at least this much over 30 days.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    help="At most this many; 0 for all. [default: 20 in a table, else all]",
)
@click.option("--rebuild", is_flag=True, help="Judge every day again, from the first day on.")
@takes_engine
@format_option
def findings(
    day: date | None, limit: int | None, output_format: str, engine: Engine,
    *, changes: bool, rebuild: bool, owner: str | None, project: str | None, rule: str | None,
    min_saving: float | None,
) -> None:  # fmt: skip
    """List the open findings, those that save most first, or the changes."""

    def action(job: Job) -> dict[str, object]:
        from pipeline.jobs import open_findings

        job.engine = engine
        check_rule(rule, job.settings)
        minimum = None if min_saving is None else round(min_saving * MICROS)
        filters = open_findings.Filters(
            owner=owner, project=project, rule=rule, min_saving_micros=minimum
        )
        is_short = output_format == "table" and not (is_json() or changes or rebuild)
        if is_short and day is None and (kept := open_findings.kept(job)) is not None:
            _print_open(job, kept, filters, limit)
            return {}
        from pipeline.jobs.closed_findings import closed_findings

        judged = closed_findings(job, day, rebuild=rebuild)
        if not changes:
            rows = open_findings.ranked(judged.findings)
            listed = open_findings.OpenFindings(judged.day, open_findings.short(rows))
            if output_format == "table":
                _print_open(job, listed, filters, limit)
        else:
            from pipeline.transform.findings import lifecycle

            rows = lifecycle.changes(judged.findings, judged.day)
            listed = open_findings.OpenFindings(judged.day, open_findings.short(rows))
            warn_of_no_match(listed.rows, filters, "change")
        return _print_full(
            job, judged, rows, listed, filters, limit, output_format, changes=changes
        )

    run("findings", action, is_recorded=False, needs_data=True)


def _print_open(job: Job, listed: OpenFindings, filters: Filters, limit: int | None) -> None:
    """The table of those that save most, the total of all that match, and how many more exist."""
    from pipeline.terminal.drawing import Column, draw

    rows = [row for row in listed.rows if filters.match(row)]
    warn_of_no_match(listed.rows, filters, "open finding")
    most = SHOWN_ROWS if limit is None else limit or len(rows)
    shown, currency = rows[:most], job.settings.currency
    values = {name: [getattr(row, name) for row in shown] for name in OPEN}
    if not any(values["suspected_saving_micros"]):
        del values["suspected_saving_micros"]
    columns = [
        Column.of(name, cells, wraps=name not in UNWRAPPED, stays=name in STAYS)
        for name, cells in values.items()
    ]
    of_all = f" of {len(rows)}" if len(rows) > len(shown) else ""
    title = f"{len(shown)}{of_all} open findings of {listed.day}; {currency} over 30 days"
    print_result(draw(columns, title), is_drawn=True)
    total, in_shown = (sum(row.saving_micros for row in part) for part in (rows, shown))
    suspected = sum(row.suspected_saving_micros or 0 for row in rows)
    print_result(
        f"total saving {money(total)} {currency}"
        + (f", {money(in_shown)} of it in the rows shown" if len(rows) > len(shown) else "")
        + (f"; suspected besides {money(suspected)} {currency}" if suspected else "")
    )
    if len(rows) > len(shown):
        print_result(f"{len(rows) - len(shown)} more: --limit 0 shows all")


def _print_full(
    job: Job, judged: DayFindings, rows: pd.DataFrame, listed: OpenFindings, filters: Filters,
    limit: int | None, output_format: str, *, changes: bool,
) -> dict[str, object]:  # fmt: skip
    """The rows that match, with all columns; the command's part of the ``--json`` object."""
    from pipeline.report.output.csv_files import finding_cells, to_csv
    from pipeline.report.text.rules import RuleText
    from pipeline.terminal.tables import records

    matching = rows[[filters.match(row) for row in listed.rows]]
    if output_format != "table" and not changes:
        warn_of_no_match(listed.rows, filters, "open finding")
    kind = "changes" if changes else "findings"
    is_table = output_format == "table"
    shown = matching.head(limit) if limit else matching
    rule_text = RuleText(job.settings, judged.policy.applied.rulebook)
    if output_format == "csv" and not is_json():
        # The columns of a report's findings.csv, under the same names.
        cells = finding_cells(shown, judged.day, rule_text, judged.missing)
        print_result(to_csv(cells).decode().rstrip("\r\n"))
        return {}
    shown = rule_text.with_reasons(shown)
    if changes or not is_table:
        of_all = f" of {len(matching)}" if len(matching) > len(shown) else ""
        title = f"{len(shown)}{of_all} {kind} of {judged.day}"
        print_rows(shown, output_format, CHANGED if changes else OPEN, title)
    saving = matching["counted_saving_micros"].sum()
    return {
        "date": judged.day.isoformat(),
        kind: records(shown),
        "total": {kind: len(matching), "counted_saving_micros": int(saving)},
    }


@click.command(cls=Command)
@click.option("--from", "first", type=Day(), required=True, help="The first day to judge.")
@click.option("--to", "last", type=Day(), required=True, help="The last day to judge.")
@click.option(
    "--settings",
    "other",
    metavar="FILE",
    help="Try the rules of this settings file instead of the current ones.",
)
@takes_engine
@format_option
def replay(first: date, last: date, other: str | None, output_format: str, engine: Engine) -> None:
    """Try the rules on past days.

    The table counts, for each rule, the clusters it flags and those of them that were stopped or
    gone within 14 days, with their share of those whose 14 days are over; CSV lists the first flag
    of each cluster.
    """

    def action(job: Job) -> dict[str, object]:
        from pipeline.jobs.findings import replay as replay_rules
        from pipeline.settings import read_settings
        from pipeline.terminal.tables import records

        job.engine = engine
        settings = job.settings if other is None else read_settings(other, "--settings")
        done = replay_rules(job, first, last, settings)
        counts = done.precision.assign(**{ACTED_ON: done.precision["precision"]})
        rows = _in_words(counts) if output_format == "table" else done.flags
        print_rows(rows, output_format, list(rows.columns), f"{first} to {last}")
        return {"precision": records(counts), "flags": records(done.flags)}

    run("replay", action, is_recorded=False, needs_data=True)


def _in_words(counts: pd.DataFrame) -> pd.DataFrame:
    """The share that was acted on, as a table shows it."""
    shares = [None if math.isnan(share) else f"{share:.0%}" for share in counts[ACTED_ON]]
    shown = counts.drop(columns="precision")
    shown[ACTED_ON] = shares
    return shown


COMMANDS = (findings, replay)
