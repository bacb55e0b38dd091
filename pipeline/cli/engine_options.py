"""The options of commands that can use several processes or machines."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import click

from pipeline.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.engine import Engine


def takes_engine(command: Callable[..., None]) -> Callable[..., None]:
    """Give ``command`` the options, and their engine as the argument ``engine``."""

    @click.option(
        "--engine",
        type=click.Choice(["local", "dask"]),
        default="local",
        show_default=True,
        help="What computes many days: processes of this machine, or the workers of Dask.",
    )
    @click.option(
        "--scheduler",
        metavar="URL",
        help="The Dask scheduler, such as tcp://host:8786. [default: one on this machine]",
    )
    @click.option(
        "--workers",
        type=click.IntRange(min=1),
        help="Processes on this machine, at most. [default: one per core]",
    )
    @functools.wraps(command)
    def with_engine(
        *args: Any,  # noqa: ANN401 - whatever the command takes
        engine: str,
        scheduler: str | None,
        workers: int | None,
        **options: Any,  # noqa: ANN401
    ) -> None:
        command(*args, engine=_engine(engine, scheduler, workers), **options)

    return with_engine


def _engine(name: str, scheduler: str | None, workers: int | None) -> Engine:
    from pipeline.engine import Dask, Local

    if scheduler == "":
        raise SettingsError("--scheduler is empty; give an address such as tcp://host:8786")
    if scheduler is not None and name != "dask":
        raise SettingsError("--scheduler needs --engine dask")
    if scheduler is not None and workers is not None:
        raise SettingsError(
            "give --scheduler or --workers, not both: a scheduler uses all workers it has"
        )
    return Dask(scheduler, workers) if name == "dask" else Local(workers)
