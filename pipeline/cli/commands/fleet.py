"""The commands about the fleet as it is now: clusters, overview, dev-clusters, candidates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.filters import GPU_TYPES, REGIONS, STATUSES, OneOf, check_listed, others
from pipeline.cli.options import Command, print_note, print_result
from pipeline.cli.output import format_option, print_rows
from pipeline.cli.param_types import Age, Instant, Number
from pipeline.cli.run import run
from pipeline.cli.streams import PROGRAM
from pipeline.terminal.amounts import rate
from pipeline.terminal.text import age

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    import pandas as pd

    from pipeline.jobs import Job
    from pipeline.jobs.fleet import Source

SORT_KEYS = ("created_at", "name", "status", "gpu_count", "cost")
"""``sort_by`` of the API."""

SHOWN = (
    "cluster_id", "name", "status", "gpu_type", "gpu_count", "hourly_rate_micros",
    "gpu_utilization_pct", "total_cost_micros", "region", "project_id", "created_at",
)  # fmt: skip
"""Columns of a table, the most important first; CSV and JSON have all."""
SHOWN_CANDIDATES = (
    "cluster_id", "name", "hourly_rate_micros", "gpu_utilization_pct", "history", "grade",
    "provable_waste_micros", "since", "gpu_type", "gpu_count", "region", "project_id",
)  # fmt: skip
SHOWN_DEV = ("cluster_id", "name", "description", *SHOWN[2:])

age_option = click.option(
    "--max-age",
    type=Age(),
    default="10m",
    show_default=True,
    help="Use a stored snapshot younger than this, else the API; 0m always uses the API.",
)


@click.command(cls=Command)
@click.option("--page", type=click.IntRange(min=1), default=1, show_default=True)
@click.option(
    "--limit", type=click.IntRange(1, 100), default=20, show_default=True, help="Clusters per page."
)
@click.option("--status", type=OneOf(STATUSES), help=", ".join(STATUSES))
@click.option(
    "--gpu-type",
    type=OneOf(GPU_TYPES, is_closed=False),
    help=f"{', '.join(GPU_TYPES)}, or another that is listed",
)
@click.option(
    "--region",
    type=OneOf(REGIONS, is_closed=False),
    help=f"{', '.join(REGIONS)}, or another that is listed",
)
@click.option("--project-id")
@click.option("--template-id")
@click.option("--sort-by", type=click.Choice(SORT_KEYS), default="created_at", show_default=True)
@click.option("--sort-order", type=click.Choice(["asc", "desc"]), default="desc", show_default=True)
@click.option("--search", metavar="TEXT", help="In name or description.")
@click.option("--min-gpu-count", type=click.IntRange(min=0))
@click.option("--max-gpu-count", type=click.IntRange(min=0))
@click.option("--created-after", type=Instant(), help="ISO 8601; UTC if without an offset.")
@click.option("--created-before", type=Instant(), help="ISO 8601; UTC if without an offset.")
@age_option
@format_option
def clusters(max_age: timedelta, output_format: str, **parameters: Any) -> None:  # noqa: ANN401 - options of click
    """List clusters; takes all parameters of the API."""
    page, limit = parameters.pop("page"), parameters.pop("limit")

    def action(job: Job) -> dict[str, object]:
        from pipeline.terminal.tables import records
        from pipeline.transform import snapshot_queries

        fleet, sources = _fleet(job, max_age)
        check_listed("--gpu-type", parameters["gpu_type"], GPU_TYPES, fleet["gpu_type"])
        check_listed("--region", parameters["region"], REGIONS, fleet["region"])
        matched = snapshot_queries.select(fleet, limit=None, **parameters)
        _warn_of_unmatched(fleet, matched, parameters)
        pages = max(1, -(-len(matched) // limit))
        if page > pages:
            print_note(f"page {page} is beyond the last page, which is {pages}")
        rows = matched.iloc[(page - 1) * limit : page * limit]
        title = f"page {page} of {pages}: {len(rows)} of {len(matched)} clusters that match"
        print_rows(rows, output_format, SHOWN, f"{title}, {len(fleet)} in the fleet")
        return {
            "clusters": records(rows),
            # The API's own keys.
            "pagination": {
                "current_page": page,
                "total_pages": pages,
                "total_count": len(matched),
                "per_page": limit,
                "has_next": page < pages,
                "has_previous": page > 1,
            },
            "fleet": len(fleet),
            "sources": sources,
        }

    run("clusters", action, is_recorded=False)


GROUPS = {"status": "status", "type": "gpu_type", "region": "region", "project": "project_id"}
"""What an overview can be cut by, and its column."""
ALL = "all"
PLACES = ("name", "description", "project")


@click.command(cls=Command)
@click.option(
    "--status",
    type=OneOf((*STATUSES, ALL)),
    default="running",
    show_default=True,
    help="Only clusters of this status; all for every one.",
)
@click.option(
    "--by",
    "groups",
    type=click.Choice([*GROUPS]),
    multiple=True,
    default=tuple(GROUPS),
    show_default=True,
    help="Cut by this; may be repeated.",
)
@age_option
def overview(status: str, groups: tuple[str, ...], max_age: timedelta) -> None:
    """Show the number, GPUs, cost and GPU use of running clusters."""

    def action(job: Job) -> dict[str, object]:
        import msgspec

        from pipeline.terminal.tables import records, table
        from pipeline.transform import snapshot_queries

        fleet, sources = _fleet(job, max_age)
        wanted = None if status == ALL else status
        totals = snapshot_queries.overview(fleet, status=wanted)
        cost = f"{rate(totals.total_hourly_cost_micros)} {job.settings.currency}"
        print_result(f"{status} clusters        {totals.total_clusters}")
        print_result(
            f"GPUs                    {totals.total_gpus}"
            + (" or more" if totals.without_gpu_count else "")
        )
        # The rate of a cluster that does not run is a price, not a cost.
        label = "cost per hour" if status == "running" else "rates per hour"
        print_result(f"{label:<23} {cost}{' or more' if totals.without_rate else ''}")
        print_result(f"average GPU utilization {_percent(totals.average_gpu_utilization_pct)}")
        print_result(f"  weighted by GPUs      {_percent(totals.weighted_gpu_utilization_pct)}")
        if totals.without_utilization:
            print_result(f"without a GPU reading   {totals.without_utilization}")
        if totals.without_rate:
            print_result(f"without a known rate    {totals.without_rate}")
        parts = {}
        for name in groups:
            rows = snapshot_queries.overview_by(fleet, GROUPS[name], status=wanted)
            title = "all clusters" if name == "status" else f"{status} clusters"
            print_result(f"\n{table(rows, f'{title} by {name}')}", is_drawn=True)
            parts[GROUPS[name]] = records(rows)
        return {
            **msgspec.to_builtins(totals),
            "by": parts,
            "currency": job.settings.currency,
            "sources": sources,
        }

    run("overview", action, is_recorded=False)


def _percent(value: float | None) -> str:
    return "—" if value is None else f"{value:.1f} %"


@click.command("dev-clusters", cls=Command)
@click.option("--project-id", help="Only this project.")
@click.option("--status", type=OneOf(STATUSES), default="stopped", show_default=True)
@click.option(
    "--gpu-type", type=OneOf(GPU_TYPES, is_closed=False), default="RTX4090", show_default=True
)
@click.option("--word", "words", multiple=True, default=("dev", "sandbox"), show_default=True)
@click.option(
    "--in",
    "within",
    type=click.Choice(PLACES),
    multiple=True,
    default=PLACES,
    show_default=True,
    help="Where the words are searched, in any case of their letters; may be repeated.",
)
@age_option
@format_option
def dev_clusters(
    max_age: timedelta,
    output_format: str,
    within: tuple[str, ...],
    **parameters: Any,  # noqa: ANN401 - options of click
) -> None:
    """List development clusters that a team could use.

    By default stopped RTX4090 clusters whose name, description or project contains dev or sandbox.
    """

    def action(job: Job) -> dict[str, object]:
        from pipeline.terminal.tables import records
        from pipeline.transform import snapshot_queries

        fleet, sources = _fleet(job, max_age)
        check_listed("--gpu-type", parameters["gpu_type"], GPU_TYPES, fleet["gpu_type"])
        columns = [GROUPS.get(place, place) for place in within]
        rows = snapshot_queries.dev_clusters(fleet, within=columns, **parameters)
        _warn_of_unmatched(fleet, rows, parameters)
        print_rows(rows, output_format, SHOWN_DEV, f"{len(rows)} development clusters")
        return {"clusters": records(rows), "sources": sources}

    run("dev-clusters", action, is_recorded=False)


@click.command(cls=Command)
@click.option("--status", type=OneOf(STATUSES), default="running", show_default=True)
@click.option("--min-hourly-rate", type=Number(0, 1e9), default=10.0, show_default=True)
@click.option(
    "--below-utilization",
    type=Number(0, 100),
    default=30.0,
    show_default=True,
    help="Percent.",
)
@age_option
@format_option
def candidates(
    status: str, min_hourly_rate: float, below_utilization: float, max_age: timedelta,
    output_format: str,
) -> None:  # fmt: skip
    """List running clusters with a high rate and low GPU use.

    That is one reading. Beside it is what the history says: the open finding about the cluster with
    its grade, its waste (proven only if the grade is), and when it was first found.
    """

    def action(job: Job) -> dict[str, object]:
        from pipeline.jobs.fleet import newest_findings
        from pipeline.terminal.tables import records
        from pipeline.transform import snapshot_queries
        from pipeline.transform.candidate_history import COLUMNS, with_history

        fleet, sources = _fleet(job, max_age)
        result = snapshot_queries.candidates(
            fleet,
            min_hourly_rate=min_hourly_rate,
            below_utilization_pct=below_utilization,
            status=status,
        )
        known = newest_findings(job, COLUMNS)
        day, findings = known or (None, None)
        if day is None:
            print_note(f"no history yet: `{PROGRAM} nightly` makes findings from the second day on")
        else:
            print_note(f"history: the findings of {day}")
        rows, unjudged = (with_history(part, findings) for part in (result.rows, result.unjudged))
        print_rows(rows, output_format, SHOWN_CANDIDATES, f"{len(rows)} candidates")
        if output_format == "table" and len(unjudged):
            title = f"{len(unjudged)} could not be judged by one reading"
            print_rows(unjudged, output_format, SHOWN_CANDIDATES, title)
        return {
            "candidates": records(rows),
            "unjudged": records(unjudged),
            "history_date": None if day is None else day.isoformat(),
            "sources": sources,
        }

    run("candidates", action, is_recorded=False)


def _warn_of_unmatched(
    fleet: pd.DataFrame, matched: pd.DataFrame, parameters: Mapping[str, Any]
) -> None:
    """A line on stderr if nothing matches, which names a project or template that is not listed."""
    if len(matched) or fleet.empty:
        return
    for name in ("project_id", "template_id"):
        text = parameters.get(name)
        if text is not None and not (fleet[name] == text).any():
            option = f"--{name.replace('_', '-')}"
            print_note(f"no cluster matches {option} {text!r}{others(text, fleet[name].unique())}")
            return
    print_note("no cluster matches these options")


def _fleet(job: Job, max_age: timedelta) -> tuple[pd.DataFrame, list[Source]]:
    """The fleet and its sources, each of which is noted."""
    from pipeline.jobs.fleet import fleet_now

    fleet, sources = fleet_now(job, max_age)
    for source in sources:
        if source.source == "snapshot":
            print_note(
                f"{source.account}: from the snapshot of {source.observed_at:%Y-%m-%d %H:%M:%SZ}, "
                f"{age(source.age_seconds)} old; `{PROGRAM} extract` takes a new one, --max-age 0m "
                "asks the API"
            )
        else:
            print_note(f"{source.account}: from the API, just now")
    return fleet, sources


COMMANDS = (clusters, overview, dev_clusters, candidates)
