"""The commands that only ask: the fleet now, the state of the history, the simulated API."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.options import Command, say, say_stderr
from pipeline.cli.output import shape_option, show
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
"""What a table shows, most important first; CSV and JSON have all."""

age_option = click.option(
    "--max-age",
    type=Age(),
    default="10m",
    show_default=True,
    help="Answer from a snapshot younger than this, else ask the API; 0m always asks.",
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
@click.option("--created-after", type=Instant(), help="ISO 8601; UTC unless it says otherwise.")
@click.option("--created-before", type=Instant(), help="Likewise.")
@age_option
@shape_option
def clusters(max_age: timedelta, shape: str, **parameters: Any) -> None:  # noqa: ANN401
    """List clusters, with all parameters of the List Clusters API."""
    page, limit = parameters.pop("page"), parameters.pop("limit")

    def action(job: Job) -> dict[str, object]:
        from pipeline.terminal.tables import records
        from pipeline.transform import snapshot_queries

        whole, sources = _fleet(job, max_age)
        matched = snapshot_queries.select(whole, limit=None, **parameters)
        pages = max(1, -(-len(matched) // limit))
        found = matched.iloc[(page - 1) * limit : page * limit]
        title = f"page {page} of {pages}: {len(found)} of {len(matched)} clusters that match"
        show(found, shape, SHOWN, f"{title}, {len(whole)} in the fleet")
        return {
            "clusters": records(found),
            # As the API says it.
            "pagination": {
                "current_page": page,
                "total_pages": pages,
                "total_count": len(matched),
                "per_page": limit,
                "has_next": page < pages,
                "has_previous": page > 1,
            },
            "fleet": len(whole),
            "sources": sources,
        }

    run("clusters", action, is_recorded=False)


@click.command(cls=Command)
@click.option("--status", default="running", show_default=True)
@age_option
def overview(status: str, max_age: timedelta) -> None:
    """How many clusters run, what they cost an hour, how busy their GPUs are."""

    def action(job: Job) -> dict[str, object]:
        import msgspec

        from pipeline.terminal.tables import money
        from pipeline.transform import snapshot_queries

        whole, sources = _fleet(job, max_age)
        seen = snapshot_queries.overview(whole, status=status)
        mean = seen.average_gpu_utilization_pct
        cost = f"{money(seen.total_hourly_cost_micros)} {job.settings.currency}"
        say(f"{status} clusters        {seen.total_clusters}")
        say(f"cost per hour           {cost}{' or more' if seen.without_rate else ''}")
        say(f"average GPU utilization {'—' if mean is None else f'{mean:.1f} %'}")
        if seen.without_utilization:
            say(f"without a GPU reading   {seen.without_utilization}")
        if seen.without_rate:
            say(f"without a known rate    {seen.without_rate}")
        return {**msgspec.to_builtins(seen), "currency": job.settings.currency, "sources": sources}

    run("overview", action, is_recorded=False)


@click.command("dev-clusters", cls=Command)
@click.option("--project-id", help="Only this project.")
@click.option("--status", default="stopped", show_default=True)
@click.option("--gpu-type", default="RTX4090", show_default=True)
@click.option("--word", "words", multiple=True, default=("dev", "sandbox"), show_default=True)
@age_option
@shape_option
def dev_clusters(max_age: timedelta, shape: str, **parameters: Any) -> None:  # noqa: ANN401
    """Development clusters a team could use: stopped RTX4090s named dev or sandbox."""

    def action(job: Job) -> dict[str, object]:
        from pipeline.terminal.tables import records
        from pipeline.transform import snapshot_queries

        whole, sources = _fleet(job, max_age)
        found = snapshot_queries.dev_clusters(whole, **parameters)
        show(found, shape, SHOWN, f"{len(found)} development clusters")
        return {"clusters": records(found), "sources": sources}

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
@shape_option
def candidates(
    min_hourly_rate: float, below_utilization: float, max_age: timedelta, shape: str
) -> None:
    """Running clusters that cost much and do little at this moment, dearest first."""

    def action(job: Job) -> dict[str, object]:
        from pipeline.terminal.tables import records
        from pipeline.transform import snapshot_queries

        whole, sources = _fleet(job, max_age)
        seen = snapshot_queries.candidates(
            whole, min_hourly_rate=min_hourly_rate, below_utilization_pct=below_utilization
        )
        show(seen.found, shape, SHOWN, f"{len(seen.found)} candidates")
        if shape == "table" and len(seen.unjudged):
            show(seen.unjudged, shape, SHOWN, f"{len(seen.unjudged)} could not be judged")
        return {
            "candidates": records(seen.found),
            "unjudged": records(seen.unjudged),
            "sources": sources,
        }

    run("candidates", action, is_recorded=False)


def _fleet(job: Job, max_age: timedelta) -> tuple[pd.DataFrame, list[Source]]:
    """The fleet, and where it is from; what is not of this moment is said to be."""
    from pipeline.jobs.fleet import fleet_now

    whole, sources = fleet_now(job, max_age)
    for one in sources:
        if one.source == "snapshot":
            say_stderr(
                f"{one.account}: from the snapshot of {one.observed_at:%Y-%m-%d %H:%M:%SZ}, "
                f"{timedelta(seconds=one.age_seconds)} old; --max-age 0m asks the API"
            )
    return whole, sources


COMMANDS = (clusters, overview, dev_clusters, candidates)
