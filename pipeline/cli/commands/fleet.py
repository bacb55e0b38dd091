"""The commands about the fleet as it is now: clusters, overview, dev-clusters, candidates."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.options import Command, print_note, print_result
from pipeline.cli.output import format_option, print_rows
from pipeline.cli.param_types import Age, Instant, Number
from pipeline.cli.run import run

if TYPE_CHECKING:
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
@click.option("--status", help="running, stopped, starting, stopping, error, pending")
@click.option("--gpu-type", help="A100, H100, RTX4090, V100, T4")
@click.option("--region", help="us-east-1, us-west-2, eu-west-1, ap-southeast-1")
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
    """List clusters, with all parameters of the List Clusters API."""
    page, limit = parameters.pop("page"), parameters.pop("limit")

    def action(job: Job) -> dict[str, object]:
        from pipeline.terminal.tables import records
        from pipeline.transform import snapshot_queries

        fleet, sources = _fleet(job, max_age)
        matched = snapshot_queries.select(fleet, limit=None, **parameters)
        pages = max(1, -(-len(matched) // limit))
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


@click.command(cls=Command)
@click.option("--status", default="running", show_default=True)
@age_option
def overview(status: str, max_age: timedelta) -> None:
    """Show the number, cost and GPU use of running clusters."""

    def action(job: Job) -> dict[str, object]:
        import msgspec

        from pipeline.terminal.tables import money
        from pipeline.transform import snapshot_queries

        fleet, sources = _fleet(job, max_age)
        totals = snapshot_queries.overview(fleet, status=status)
        mean = totals.average_gpu_utilization_pct
        cost = f"{money(totals.total_hourly_cost_micros)} {job.settings.currency}"
        print_result(f"{status} clusters        {totals.total_clusters}")
        print_result(f"cost per hour           {cost}{' or more' if totals.without_rate else ''}")
        print_result(f"average GPU utilization {'—' if mean is None else f'{mean:.1f} %'}")
        if totals.without_utilization:
            print_result(f"without a GPU reading   {totals.without_utilization}")
        if totals.without_rate:
            print_result(f"without a known rate    {totals.without_rate}")
        return {
            **msgspec.to_builtins(totals),
            "currency": job.settings.currency,
            "sources": sources,
        }

    run("overview", action, is_recorded=False)


@click.command("dev-clusters", cls=Command)
@click.option("--project-id", help="Only this project.")
@click.option("--status", default="stopped", show_default=True)
@click.option("--gpu-type", default="RTX4090", show_default=True)
@click.option("--word", "words", multiple=True, default=("dev", "sandbox"), show_default=True)
@age_option
@format_option
def dev_clusters(max_age: timedelta, output_format: str, **parameters: Any) -> None:  # noqa: ANN401 - options of click
    """List development clusters that a team could use.

    By default stopped RTX4090 clusters whose name contains dev or sandbox.
    """

    def action(job: Job) -> dict[str, object]:
        from pipeline.terminal.tables import records
        from pipeline.transform import snapshot_queries

        fleet, sources = _fleet(job, max_age)
        rows = snapshot_queries.dev_clusters(fleet, **parameters)
        print_rows(rows, output_format, SHOWN, f"{len(rows)} development clusters")
        return {"clusters": records(rows), "sources": sources}

    run("dev-clusters", action, is_recorded=False)


@click.command(cls=Command)
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
    min_hourly_rate: float, below_utilization: float, max_age: timedelta, output_format: str
) -> None:
    """List running clusters with a high rate and low GPU use."""

    def action(job: Job) -> dict[str, object]:
        from pipeline.terminal.tables import records
        from pipeline.transform import snapshot_queries

        fleet, sources = _fleet(job, max_age)
        result = snapshot_queries.candidates(
            fleet, min_hourly_rate=min_hourly_rate, below_utilization_pct=below_utilization
        )
        print_rows(result.rows, output_format, SHOWN, f"{len(result.rows)} candidates")
        if output_format == "table" and len(result.unjudged):
            print_rows(
                result.unjudged, output_format, SHOWN, f"{len(result.unjudged)} could not be judged"
            )
        return {
            "candidates": records(result.rows),
            "unjudged": records(result.unjudged),
            "sources": sources,
        }

    run("candidates", action, is_recorded=False)


def _fleet(job: Job, max_age: timedelta) -> tuple[pd.DataFrame, list[Source]]:
    """The fleet and its sources; a stored snapshot among them is noted with its age."""
    from pipeline.jobs.fleet import fleet_now

    fleet, sources = fleet_now(job, max_age)
    for source in sources:
        if source.source == "snapshot":
            print_note(
                f"{source.account}: from the snapshot of {source.observed_at:%Y-%m-%d %H:%M:%SZ}, "
                f"{timedelta(seconds=source.age_seconds)} old; --max-age 0m asks the API"
            )
    return fleet, sources


COMMANDS = (clusters, overview, dev_clusters, candidates)
