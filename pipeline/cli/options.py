"""The global options, and the queue of what a command prints.

Only this package reads arguments, environment and clock. Precedence: option, environment variable,
settings file, default. The settings file is the one of ``--config`` or ``FLEETLEDGER_CONFIG``, else
the first of ``settings_file.places``.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from pipeline.addresses import check_api_url
from pipeline.cli import settings_file
from pipeline.cli.streams import Streams
from pipeline.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.settings import Settings


DATA_DIR = "data"
"""Without an option, variable or setting."""
FOUND = "the settings file"
"""What names a settings file in a default place, in errors."""
OPTION_KEYS = {
    "data_dir": "data_dir",
    "api_url": "api.url",
    "api_version": "api.version",
    "api_key_file": "api.key_file",
}
"""The setting that an option overrides."""


@dataclass
class Options:
    """The global options that were set, before or after the command."""

    values: dict[str, Any] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    """The option or variable each value came from."""
    pending_output: list[Callable[[], None]] = field(default_factory=list)
    """Printed once no progress bar moves the cursor any more."""
    streams: Streams = field(default_factory=Streams)
    """Knows more secrets once the settings are read."""

    def settings(self) -> Settings:
        """The settings: option, environment variable, file, default, in this order.

        Raises:
            SettingsError: an invalid value; the message names its source.
        """
        from pipeline.settings import Settings, named, override, read_settings

        for name, source in self.sources.items():
            if self.values[name] == "":
                raise SettingsError(f"{source} is empty; give it a value or leave it out")
        path, named_by = self.settings_path()
        settings = read_settings(path, named_by)
        if named_by == FOUND and settings.data_dir not in {Settings().data_dir, self.data_dir}:
            in_data = settings_file.places(self.data_dir)[0]
            if str(in_data) == path:
                raise SettingsError(
                    f"{path}: data_dir {settings.data_dir}: this file lies in another data "
                    f"directory; leave data_dir out, or move the file to {settings.data_dir}"
                )
        settings = override(settings, None, data_dir=self.values.get("data_dir"))
        settings = override(
            settings,
            "api",
            url=self.values.get("api_url"),
            version=self.values.get("api_version"),
            key_file=self.values.get("api_key_file"),
        )
        if "api_url" in self.sources:
            with named(f"{self.sources['api_url']} (api.url)"):
                check_api_url(settings.api.url)
        return settings

    @property
    def data_dir(self) -> str:
        """The data directory as far as it is known without a settings file."""
        return str(self.values.get("data_dir") or DATA_DIR)

    def settings_path(self) -> tuple[str | None, str]:
        """The settings file that is used, and what names it; None without one.

        Raises:
            SettingsError: a file in a default place could be another user's.
        """
        if self.values.get("config") is not None:
            return str(self.values["config"]), self.sources["config"]
        path = settings_file.find(self.data_dir)
        return (None, "") if path is None else (str(path), FOUND)

    @property
    def named(self) -> dict[str, str]:
        """The option or variable that set a setting, by the setting's key."""
        return {
            key: self.sources[name] for name, key in OPTION_KEYS.items() if name in self.sources
        }

    @property
    def as_json(self) -> bool:
        """Whether stdout is one JSON object."""
        return bool(self.values.get("as_json"))


GLOBAL_OPTIONS = (
    click.Option(
        ["--data-dir"], metavar="URI", envvar="FLEETLEDGER_DATA_DIR",
        help="Where everything is stored: a folder or s3://bucket/prefix. "
        "[default: data; of the demo: data/demo]",
    ),
    click.Option(
        ["--config"], metavar="FILE", envvar="FLEETLEDGER_CONFIG",
        help="The settings file (TOML). [default: settings.toml in the data directory, else in "
        "the platform's config folder]",
    ),
    click.Option(
        ["--api-url"], metavar="URL", envvar="FLEETLEDGER_API_URL",
        help="Scheme and host of the API, without /v1.",
    ),
    click.Option(
        ["--api-version"], type=click.Choice(["v1", "v2"]), envvar="FLEETLEDGER_API_VERSION",
        help="The version of the List Clusters API. [default: v1]",
    ),
    click.Option(
        ["--api-key-file"], metavar="FILE", envvar="FLEETLEDGER_API_KEY_FILE",
        help="A file that holds the API key; else TENSORONE_API_KEY_FILE or TENSORONE_API_KEY.",
    ),
    click.Option(
        ["--json", "as_json"], is_flag=True, default=None, envvar="FLEETLEDGER_JSON",
        help="Print one JSON object on stdout.",
    ),
    click.Option(
        ["-v", "--verbose"], is_flag=True, default=None, envvar="FLEETLEDGER_VERBOSE",
        help="Write a log to stderr.",
    ),
    click.Option(
        ["--log-format"], type=click.Choice(["text", "json"]), envvar="FLEETLEDGER_LOG_FORMAT",
        help="Lines on stderr: text, or one JSON object each. [default: text]",
    ),
)  # fmt: skip
_GLOBAL_NAMES = tuple(option.name for option in GLOBAL_OPTIONS)


class _TakesGlobalOptions(click.Command):
    """Accepts the global options and moves them to :class:`Options`."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Its own parameters, then the global options."""
        return [*super().get_params(ctx), *GLOBAL_OPTIONS]

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's signature
        """Run it without the global options."""
        _move_globals(ctx)
        return super().invoke(ctx)


class Command(_TakesGlobalOptions):
    """A command; the global options may follow it."""


class Program(_TakesGlobalOptions, click.Group):
    """The program itself; the global options may precede the command."""


def _move_globals(ctx: click.Context) -> None:
    """Move the global options out of the command's own; the one nearer to the command wins."""
    options = ctx.ensure_object(Options)
    for name in _GLOBAL_NAMES:
        value = ctx.params.pop(name or "", None)
        if value is None:
            continue
        source = ctx.get_parameter_source(name or "")
        is_explicit = source is click.core.ParameterSource.COMMANDLINE
        if is_explicit or name not in options.values:
            options.values[str(name)] = value
            options.sources[str(name)] = source_of(ctx, str(name))


def source_of(ctx: click.Context, name: str) -> str:
    """The option, as it is written, or the variable that set the parameter ``name``."""
    option = next(param for param in ctx.command.get_params(ctx) if param.name == name)
    if ctx.get_parameter_source(name) is click.core.ParameterSource.ENVIRONMENT:
        return str(option.envvar)
    return option.opts[-1]


def is_json() -> bool:
    """Whether stdout is one JSON object."""
    return current_options().as_json


def print_result(text: str, *, is_drawn: bool = False) -> None:
    """Print a result on stdout for a person; nothing where stdout is one JSON object."""
    if not is_json():
        options = current_options()
        options.pending_output.append(partial(options.streams.out, text, is_drawn=is_drawn))


def print_note(text: str) -> None:
    """Print something about the result on stderr."""
    options = current_options()
    options.pending_output.append(partial(options.streams.message, text, logging.INFO))


def current_options() -> Options:
    """The global options of the command that runs."""
    return click.get_current_context().ensure_object(Options)
