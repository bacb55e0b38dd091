"""The global options, and how a command becomes a job.

Only this package reads arguments, environment and clock. Option, environment variable, settings
file, default: in this order.
"""

from __future__ import annotations

import difflib
import logging
import os
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click
import msgspec

from pipeline import console
from pipeline.addresses import check_api_url
from pipeline.deliver.mail import PASSWORD_VARIABLE, find_password
from pipeline.errors import Exit, FleetLedgerError, SettingsError, StorageError
from pipeline.jobs import Job, Quiet
from pipeline.keys import find_key
from pipeline.model import RunRecord
from pipeline.settings import named, override, read_settings
from pipeline.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pipeline.settings import Settings

PROGRAM = "fleetledger"


@dataclass
class Options:
    """The global options, as far as given; before or after the command is the same."""

    given: dict[str, Any] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    """The option or variable each of them came from."""
    said: list[tuple[str, bool]] = field(default_factory=list)
    """What there is to say, and whether on stderr, once no progress bar moves the cursor."""

    def settings(self) -> Settings:
        """Option, environment variable, file, default: in this order.

        Raises:
            SettingsError: an invalid value; it names where the value came from.
        """
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


def run(
    name: str,
    action: Callable[[Job], dict[str, object]],
    *,
    is_recorded: bool = True,
    needs_data: bool = False,
) -> None:
    """Run one verb as a job: progress, results, messages, the run's record, the exit code.

    Raises:
        StorageError: it ``needs_data``, and there is none: the place is new, or mistyped.
    """
    options = _options()
    job = make_job(options)
    if needs_data and job.store.is_empty():
        raise StorageError(
            f"{job.settings.data_dir} ({options.sources.get('data_dir', 'data_dir')}): nothing is "
            f"stored there; give another --data-dir, or run `{PROGRAM} extract` first"
        )
    started_at = job.now()
    code, result = Exit.UNEXPECTED, dict[str, object]()
    try:
        with console.progress() as shown:
            job.steps = shown or Quiet()
            result = action(job)
        code = job.exit_code
    except FleetLedgerError as error:
        code = error.exit_code
        job.messages.append(str(error))
        # A typo did nothing that the history should tell.
        is_recorded = is_recorded and code != Exit.USAGE
    except BaseException as error:
        if not isinstance(error, KeyboardInterrupt):
            job.messages.append(unexpected(error))  # for the record; main() tells it
        raise
    finally:
        if is_recorded:
            _record(job, name, started_at, code)
        with suppress(BrokenPipeError):  # a reader that has seen enough changes nothing
            for text, is_aside in options.said:
                click.echo(text, err=is_aside)
    with suppress(BrokenPipeError):
        for message in job.messages:
            click.echo(f"{PROGRAM}: {message}", err=True)
        if options.as_json:
            click.echo(one_object(result, code, job.messages, job.counts))
    raise SystemExit(int(code))


def unexpected(error: BaseException) -> str:
    """What nobody foresaw, in one line."""
    reason = " ".join(str(error).split())
    return f"unexpected: {type(error).__name__}: {reason}; run again with -v for details"


def one_object(
    result: Mapping[str, object], code: int, messages: Sequence[str], counts: Mapping[str, int]
) -> str:
    """What ``--json`` prints, however a run ended."""
    told = {"exit_code": int(code), "messages": messages, "counts": counts}
    return msgspec.json.encode({**result, **told}).decode()


def _record(job: Job, name: str, started_at: datetime, code: Exit) -> None:
    """Keep what the run did; a store that cannot even take that has been reported already."""
    with suppress(FleetLedgerError):
        job.store.record_run(
            RunRecord(
                command=name,
                started_at=started_at,
                finished_at=job.now(),
                exit_code=int(code),
                messages=tuple(job.messages),
                counts=job.counts,
            )
        )


def make_job(options: Options, environment: Mapping[str, str] = os.environ) -> Job:
    """A job on the options' store, with the environment's keys and the real clock."""
    settings = options.settings()
    is_verbose = options.given.get("verbose")
    logging.basicConfig(level=logging.DEBUG if is_verbose else logging.WARNING, stream=sys.stderr)
    aws = {name: value for name, value in environment.items() if name.startswith("AWS_")}
    with named(options.sources.get("data_dir", "data_dir")):  # which only opening can refuse
        store = Store(settings.data_dir, aws, settings.lease_seconds)
    return Job(
        store=store,
        settings=settings,
        find_key=lambda name, account: find_key(name, account, settings, environment),
        now=lambda: datetime.now(UTC),
        password=lambda: find_password(settings.mail, environment),
        messages=_unknown_variables(environment),
    )


def _unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """A word on each variable that looks like ours and is not: most likely a typo."""
    known = [str(option.envvar) for option in GLOBAL_OPTIONS] + [PASSWORD_VARIABLE]
    return [
        f"the variable {name} means nothing here; "
        f"did you mean {difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]}?"
        for name in sorted(environment)
        if name.startswith("FLEETLEDGER_") and name not in known
    ]


def is_json() -> bool:
    """Whether stdout is to be one JSON object."""
    return _options().as_json


def say(text: str) -> None:
    """A result for a person: not where stdout is one JSON object."""
    if not is_json():
        _options().said.append((text, False))


def say_aside(text: str) -> None:
    """Something about the result, on stderr."""
    _options().said.append((f"{PROGRAM}: {text}", True))


def _options() -> Options:
    return click.get_current_context().ensure_object(Options)


def write_file(path: Path, data: bytes) -> None:
    """Write what the user asked for, where the user asked for it."""
    try:
        path.write_bytes(data)
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}; give another file") from error
