"""The command why: all that is known about one cluster."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from pipeline.cli.options import Command, print_result
from pipeline.cli.param_types import Day
from pipeline.cli.run import run
from pipeline.terminal.text import printable

if TYPE_CHECKING:
    from datetime import date

    from pipeline.jobs import Job

_WIDTH = 100
"""Of the text in a pipe."""
_NARROWEST = 20


@click.command(cls=Command)
@click.argument("cluster")
@click.option(
    "--date", "day", type=Day(), help="As of this closed day. [default: the last closed day]"
)
def why(cluster: str, day: date | None) -> None:
    """Explain the findings of one cluster.

    CLUSTER is its id, its name if no other cluster has it, or the pseudonym that a report gives it.
    Prints the evidence and the arithmetic of each finding, what decided the other rules, the spend
    of the last 30 days, and how to exclude the cluster.
    """

    def action(job: Job) -> dict[str, object]:
        from shutil import get_terminal_size

        from pipeline.jobs.closed_findings import closed_findings
        from pipeline.jobs.why import cluster_of
        from pipeline.report.text import cluster_text
        from pipeline.report.text.rules import RuleText
        from pipeline.terminal.tables import records, table

        judged = closed_findings(job, day)
        explained = cluster_of(job, judged, cluster)
        rule_text = RuleText(job.settings, judged.policy.applied.rulebook)
        outcomes = rule_text.with_reasons(explained.outcomes)
        entries = cluster_text.exclusion_entries(outcomes, judged.day)
        width = get_terminal_size().columns if sys.stdout.isatty() else _WIDTH
        sections = cluster_text.sections(
            explained.newest, outcomes, explained.evidence, rule_text, judged.day
        )
        for line in sections:
            print_result(_fitted(line, width))
        print_result("")
        print_result(table(explained.days, f"spend by day, {job.settings.currency}"), is_drawn=True)
        if entries:
            where = job.settings.exclusions_file or "exclusions.toml"
            setting = "" if job.settings.exclusions_file else ' (setting exclusions_file = "…")'
            print_result(
                f"\nto accept a finding, complete its entry and add it to {where}{setting}:"
            )
            print_result("\n" + "\n".join(entries))
        return {
            "date": judged.day.isoformat(),
            "cluster": cluster_text.facts(explained.newest),
            "outcomes": records(outcomes),
            "days": records(explained.days),
            "exclusion_entries": entries,
        }

    run("why", action, is_recorded=False, needs_data=True)


def _fitted(line: str, width: int) -> str:
    """``line`` cut between words to ``width``; what goes on is indented once more."""
    from pipeline.terminal.drawing import wrapped

    text = printable(line.strip().replace("\N{NO-BREAK SPACE}", " ")).replace("\n", " ")
    indent = " " * (len(line) - len(line.lstrip()))
    first, *rest = wrapped(text, max(width - 2 * len(indent), _NARROWEST))
    return "\n".join([f"{indent}{first}", *(f"{2 * indent}{each}" for each in rest)])


COMMANDS = (why,)
