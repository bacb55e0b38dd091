"""The global options, and what a command prints.

Only this package reads arguments, environment and clock. Option, environment variable, settings
file, default: in this order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from pipeline.addresses import check_api_url
from pipeline.cli.outlet import Outlet
from pipeline.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.settings import Settings

PROGRAM = "fleetledger"


@dataclass
class Options:
    """The global options, as far as given; before or after the command is the same."""

    given: dict[str, Any] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    """The option or variable each of them came from."""
    said: list[Callable[[], None]] = field(default_factory=list)
    """What there is to say once no progress bar moves the cursor."""
    outlet: Outlet = field(default_factory=Outlet)
    """Knows more secrets once the settings are read."""

    def settings(self) -> Settings:
        """Option, environment variable, file, default: in this order.

        Raises:
            SettingsError: an invalid value; it names where the value came from.
        """
        from pipeline.settings import named, override, read_settings

        for name, source in self.sources.items():
            if self.given[name] == "":
                raise SettingsError(f"{source} is empty; give it a value or leave it out")
        settings = read_settings(self.given.get("config"), self.sources.get("config", "--config"))
        settings = override(settings, None, data_dir=self.given.get("data_dir"))
        settings = override(
            settings,
            "api",
            url=self.given.get("api_url"),
            version=self.given.get("api_version"),
            key_file=self.given.get("api_key_file"),
        )
        if "api_url" in self.sources:
            with named(f"{self.sources['api_url']} (api.url)"):
                check_api_url(settings.api.url)
        return settings

    @property
    def as_json(self) -> bool:
        """Whether stdout is one JSON object."""
        return bool(self.given.get("as_json"))


GLOBAL_OPTIONS = (
    click.Option(
        ["--data-dir"], metavar="URI", envvar="FLEETLEDGER_DATA_DIR",
        help="Where everything is kept: a folder or s3://bucket/prefix. "
        "[default: data; of the demo: data/demo]",
    ),
    click.Option(
        ["--config"], metavar="FILE", envvar="FLEETLEDGER_CONFIG", help="Settings (TOML).",
    ),
    click.Option(
        ["--api-url"], metavar="URL", envvar="FLEETLEDGER_API_URL",
        help="Scheme and host of the API, without /v1.",
    ),
    click.Option(
        ["--api-version"], type=click.Choice(["v1", "v2"]), envvar="FLEETLEDGER_API_VERSION",
        help="Which List Clusters endpoint. [default: v1]",
    ),
    click.Option(
        ["--api-key-file"], metavar="FILE", envvar="FLEETLEDGER_API_KEY_FILE",
        help="A file that holds the API key; else TENSORONE_API_KEY_FILE or TENSORONE_API_KEY.",
    ),
    click.Option(
        ["--json", "as_json"], is_flag=True, default=None, envvar="FLEETLEDGER_JSON",
        help="One JSON object on stdout.",
    ),
    click.Option(
        ["-v", "--verbose"], is_flag=True, default=None, envvar="FLEETLEDGER_VERBOSE",
        help="Say more on stderr.",
    ),
)  # fmt: skip
_GLOBAL_NAMES = tuple(option.name for option in GLOBAL_OPTIONS)


class Command(click.Command):
    """A command that also takes the global options, and keeps them for :class:`Options`."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Its own, then the global ones."""
        return [*super().get_params(ctx), *GLOBAL_OPTIONS]

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's signature
        """Run it without them."""
        _keep_globals(ctx)
        return super().invoke(ctx)


class Program(click.Group):
    """The program itself: the global options may stand before the command."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Its own, then the global ones."""
        return [*super().get_params(ctx), *GLOBAL_OPTIONS]

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's signature
        """Run it without them."""
        _keep_globals(ctx)
        return super().invoke(ctx)


def _keep_globals(ctx: click.Context) -> None:
    """Move the global options out of the command's own; the one nearer to the command wins."""
    options = ctx.ensure_object(Options)
    for name in _GLOBAL_NAMES:
        value = ctx.params.pop(name or "", None)
        if value is None:
            continue
        source = ctx.get_parameter_source(name or "")
        is_explicit = source is click.core.ParameterSource.COMMANDLINE
        if is_explicit or name not in options.given:
            options.given[str(name)] = value
            options.sources[str(name)] = source_of(ctx, str(name))


def source_of(ctx: click.Context, name: str) -> str:
    """What gave the parameter ``name`` its value: the option as it is written, or a variable."""
    option = next(one for one in ctx.command.get_params(ctx) if one.name == name)
    if ctx.get_parameter_source(name) is click.core.ParameterSource.ENVIRONMENT:
        return str(option.envvar)
    return option.opts[-1]


def is_json() -> bool:
    """Whether stdout is to be one JSON object."""
    return current_options().as_json


def say(text: str, *, is_drawn: bool = False) -> None:
    """A result for a person: not where stdout is one JSON object."""
    if not is_json():
        options = current_options()
        options.said.append(partial(options.outlet.out, text, is_drawn=is_drawn))


def say_stderr(text: str) -> None:
    """Something about the result, on stderr."""
    options = current_options()
    options.said.append(partial(options.outlet.message, f"{PROGRAM}: {text}"))


def current_options() -> Options:
    """The global options of the command that runs."""
    return click.get_current_context().ensure_object(Options)
