"""The global options, and how a command becomes a job.

Only this package reads arguments, environment and clock. Option, environment variable, settings
file, default: in this order.
"""

from __future__ import annotations

import difflib
import logging
import os
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click
import msgspec

from pipeline import console
from pipeline.addresses import check_api_url
from pipeline.cli.outlet import Outlet
from pipeline.deliver.mail import PASSWORD_VARIABLE, find_password
from pipeline.errors import Exit, FleetLedgerError, SettingsError, StorageError
from pipeline.jobs import Job, Quiet
from pipeline.keys import Secret, find_key
from pipeline.model import RunRecord
from pipeline.redact import Redactor
from pipeline.settings import named, override, read_settings
from pipeline.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

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
            _record(job, name, started_at, code, options.outlet.redactor)
        for say_it in options.said:
            say_it()
    for message in job.messages:
        options.outlet.message(f"{PROGRAM}: {message}")
    if options.as_json:
        options.outlet.out(
            one_object(result, code, job.messages, job.counts, options.outlet.redactor)
        )
    raise SystemExit(int(code))


def unexpected(error: BaseException) -> str:
    """What nobody foresaw, in one line."""
    reason = " ".join(str(error).split())
    return f"unexpected: {type(error).__name__}: {reason}; run again with -v for details"


def one_object(
    result: Mapping[str, object],
    code: int,
    messages: Sequence[str],
    counts: Mapping[str, int],
    redactor: Redactor,
) -> str:
    """What ``--json`` prints, however a run ended."""
    told = {"exit_code": int(code), "messages": messages, "counts": counts}
    # Value by value, so that it stays JSON.
    clean = redactor.scrub_all(msgspec.to_builtins({**result, **told}))
    return console.printable(msgspec.json.encode(clean).decode())


def _record(job: Job, name: str, started_at: datetime, code: Exit, redactor: Redactor) -> None:
    """Keep what the run did; a store that cannot even take that has been reported already."""
    with suppress(FleetLedgerError):
        job.store.record_run(
            RunRecord(
                command=name,
                started_at=started_at,
                finished_at=job.now(),
                exit_code=int(code),
                messages=tuple(map(redactor.scrub, job.messages)),
                counts=job.counts,
            )
        )


def make_job(options: Options, environment: Mapping[str, str] = os.environ) -> Job:
    """A job on the options' store, with the environment's keys and the real clock.

    Keys and passwords are read here, once, so that the outlet knows them before anything happens;
    one that cannot be had is an error when it is needed.
    """
    settings = options.settings()
    keys = {
        name: _kept(partial(find_key, name, account, settings, environment))
        for name, account in settings.all_accounts.items()
    }
    password = _kept(partial(find_password, settings.mail, environment))
    options.outlet = Outlet(redactor_of([*keys.values(), password], environment))
    options.outlet.log(logging.DEBUG if options.given.get("verbose") else logging.WARNING)
    aws = {name: value for name, value in environment.items() if name.startswith("AWS_")}
    with named(options.sources.get("data_dir", "data_dir")):  # which only opening can refuse
        store = Store(settings.data_dir, aws, settings.lease_seconds)
    return Job(
        store=store,
        settings=settings,
        find_key=lambda name, _account: keys[name](),
        now=lambda: datetime.now(UTC),
        password=password,
        messages=_unknown_variables(environment),
    )


T = TypeVar("T")
SECRET_VARIABLES = (
    "TENSORONE_API_KEY",
    PASSWORD_VARIABLE,
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
)


def redactor_of(
    found: Iterable[Callable[[], Secret | None]], environment: Mapping[str, str]
) -> Redactor:
    """Knows every secret that could be had, used or not."""
    secrets = [Secret(environment[name]) for name in SECRET_VARIABLES if environment.get(name)]
    for get in found:
        with suppress(FleetLedgerError):
            secrets += [one for one in (get(),) if one is not None]
    return Redactor.of(secrets)


def _kept(find: Callable[[], T]) -> Callable[[], T]:
    """``find``, called now and never again: a pipe can be read once."""
    try:
        value = find()
    except FleetLedgerError as error:
        return partial(_refuse, error)
    return lambda: value


def _refuse(error: FleetLedgerError) -> NoReturn:
    raise error


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


def say(text: str, *, is_drawn: bool = False) -> None:
    """A result for a person: not where stdout is one JSON object."""
    if not is_json():
        options = _options()
        options.said.append(partial(options.outlet.out, text, is_drawn=is_drawn))


def say_aside(text: str) -> None:
    """Something about the result, on stderr."""
    options = _options()
    options.said.append(partial(options.outlet.message, f"{PROGRAM}: {text}"))


def _options() -> Options:
    return click.get_current_context().ensure_object(Options)


def write_file(path: Path, data: bytes) -> None:
    """Write what the user asked for, where the user asked for it."""
    try:
        path.write_bytes(data)
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}; give another file") from error
