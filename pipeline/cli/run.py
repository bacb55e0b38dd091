"""Runs a command as a job: its store, its secrets, its log, its record and its exit code."""

from __future__ import annotations

import logging
import os
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

from pipeline.cli.options import GLOBAL_OPTIONS, Options, current_options
from pipeline.cli.streams import PROGRAM
from pipeline.errors import Exit, FleetLedgerError, StorageError
from pipeline.keys import (
    PASSWORD_VARIABLE,
    Secret,
    channel_secrets,
    find_channel_secret,
    find_key,
    find_password,
    to_hide,
)
from pipeline.redact import Redactor
from pipeline.spelling import nearest
from pipeline.terminal import bars
from pipeline.terminal.text import printable
from pipeline.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pipeline.cli.streams import Streams
    from pipeline.jobs import Job
    from pipeline.keys import SecretSource
    from pipeline.model import RunRecord
    from pipeline.store import Store

T = TypeVar("T")

logger = logging.getLogger(__name__)


def run(
    name: str,
    action: Callable[[Job], dict[str, object]],
    *,
    is_recorded: bool = True,
    needs_data: bool = False,
    watch: Callable[[Job, Exit | None], None] = lambda _job, _code: None,
) -> None:
    """Run ``action`` as the command ``name``; print what it did and exit with its code.

    Args:
        name: the command, for the log and the run's record.
        action: does the work; returns the command's part of the ``--json`` object.
        is_recorded: whether the store keeps a record of the run.
        needs_data: whether an empty store is an error.
        watch: is called when the run starts, with None, and when it ended, with its exit code.

    Raises:
        SystemExit: always, with the exit code.
        StorageError: the command ``needs_data``, and the store is empty: new, or mistyped.
    """
    from pipeline.progress import NoProgress

    options = current_options()
    job = make_job(options)
    logger.info("%s started: version %s, data in %s", name, __version__, job.settings.data_dir)
    if needs_data:
        _check_data(job, options)
    started_at, began = job.now(), time.monotonic()
    watch(job, None)
    code, result, error_text = Exit.UNEXPECTED, dict[str, object](), None
    try:
        with bars.progress() as shown:
            job.progress = shown or NoProgress()
            result = action(job)
        code = job.exit_code
    except FleetLedgerError as error:
        code, error_text = error.exit_code, str(error)
        job.messages.append(error_text)
        # A mistyped argument did nothing that the history should keep.
        is_recorded = is_recorded and code != Exit.USAGE
    except BaseException as error:
        if not isinstance(error, KeyboardInterrupt):
            job.messages.append(describe_unexpected(error))  # for the record; main() prints it
        raise
    finally:
        seconds = time.monotonic() - began
        logger.info("%s ended: exit code %d (%s), %.3f s", name, code, code.name, seconds)
        watch(job, code)
        if is_recorded:
            _record(job, name, started_at, code, options.streams)
        for print_it in options.pending_output:
            print_it()
    for message in job.messages:
        level = logging.ERROR if message == error_text else logging.WARNING
        options.streams.message(message, level)
    if options.as_json:
        options.streams.out(json_result(result, code, job.messages, job.counts, options.streams))
    raise SystemExit(int(code))


def _check_data(job: Job, options: Options) -> None:
    if job.store.is_empty():
        raise StorageError(
            f"{job.settings.data_dir} ({options.sources.get('data_dir', 'data_dir')}): nothing is "
            f"stored there; give another --data-dir, or run `{PROGRAM} extract` first"
        )


def describe_unexpected(error: BaseException) -> str:
    """One line about an error that no handler expects."""
    reason = " ".join(str(error).split())
    return f"unexpected: {type(error).__name__}: {reason}; run again with -v for details"


def json_result(
    result: Mapping[str, object],
    code: int,
    messages: Sequence[str],
    counts: Mapping[str, int],
    streams: Streams,
) -> str:
    """The object that ``--json`` prints, however a run ended."""
    import msgspec

    outcome = {
        "exit_code": int(code),
        "messages": messages,
        "counts": counts,
        "run_id": streams.run_id,
    }
    # Value by value: stars in place of an escape or a quote would break the JSON.
    clean = streams.redactor.scrub_all(msgspec.to_builtins({**result, **outcome}))
    return printable(msgspec.json.encode(clean).decode())


def _record(job: Job, name: str, started_at: datetime, code: Exit, streams: Streams) -> None:
    """Store the run's record; the error of a store that cannot is already reported."""
    from pipeline.model import RunRecord

    run_record = RunRecord(
        command=name,
        run_id=streams.run_id,
        started_at=started_at,
        finished_at=job.now(),
        exit_code=int(code),
        messages=tuple(map(streams.redactor.scrub, job.messages)),
        counts=job.counts,
    )
    with suppress(FleetLedgerError):
        job.store.record_run(run_record)
    textfile = job.settings.metrics.textfile
    if textfile is not None:
        _write_metrics(job, run_record, Path(textfile))


def _write_metrics(job: Job, latest: RunRecord, path: Path) -> None:
    """Write the metrics again; a failure to do so is a message, never the reason a run fails."""
    from pipeline.jobs import metrics

    try:
        metrics.write(path, metrics.as_text(metrics.metrics(job, latest)))
    except OSError as error:
        job.note(Exit.DONE, f"metrics.textfile {path}: not written: {error.strerror}")


def make_job(options: Options, environment: Mapping[str, str] = os.environ) -> Job:
    """A job on the store of ``options``, with the keys of ``environment`` and the real clock.

    Keys and passwords are read here, once, so that they can be removed from all output; a missing
    one is an error when it is needed.
    """
    from pipeline.jobs import Job, no_secret
    from pipeline.settings import named

    level = logging.DEBUG if options.values.get("verbose") else logging.WARNING
    options.streams = replace(options.streams, log_format=options.values.get("log_format", "text"))
    options.streams.log(level)
    settings = options.settings()
    keys = {
        name: _once(
            partial(
                find_key,
                name,
                account,
                settings,
                environment,
                options.sources.get("api_key_file", "api.key_file"),
            )
        )
        for name, account in settings.all_accounts.items()
    }
    password = _once(partial(find_password, settings.mail, environment))
    sources = channel_secrets(settings)
    secrets = {
        name: _once(partial(find_channel_secret, name, source, environment))
        for name, source in sources.items()
    }
    hidden = [partial(_hidden, secrets[name], source) for name, source in sources.items()]
    redactor = redactor_of([*keys.values(), password, *hidden], environment)
    options.streams = replace(options.streams, redactor=redactor)
    options.streams.log(level)
    with named(options.sources.get("data_dir", "data_dir")):  # some URIs are refused only here
        store = open_store(settings.data_dir, settings.lease_seconds, environment)
    return Job(
        store=store,
        settings=settings,
        find_key=lambda name, _account: keys[name](),
        now=lambda: datetime.now(UTC),
        password=password,
        named=options.named,
        channel_secret=lambda name: secrets[name]() if name in secrets else no_secret(name),
        messages=_unknown_variables(environment),
        open_store=partial(open_store, _absolute(settings.data_dir), settings.lease_seconds),
    )


def open_store(uri: str, lease_seconds: int, environment: Mapping[str, str] | None = None) -> Store:
    """The store at ``uri``, with the ``AWS_`` variables of ``environment``, by default those here.

    A worker on another machine uses its own: keys are not sent to it.
    """
    from pipeline.store import Store

    variables = os.environ if environment is None else environment
    aws = {name: value for name, value in variables.items() if name.startswith("AWS_")}
    return Store(uri, aws, lease_seconds)


def _absolute(uri: str) -> str:
    """The same place from any working directory."""
    return uri if "://" in uri else str(Path(uri).expanduser().absolute())


SECRET_VARIABLES = (
    "TENSORONE_API_KEY",
    PASSWORD_VARIABLE,
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
)


def redactor_of(
    getters: Iterable[Callable[[], Secret | None]], environment: Mapping[str, str]
) -> Redactor:
    """A redactor of every secret that is available, used or not."""
    secrets = [Secret(environment[name]) for name in SECRET_VARIABLES if environment.get(name)]
    for get in getters:
        with suppress(FleetLedgerError):
            secrets += [secret for secret in (get(),) if secret is not None]
    return Redactor.of(secrets)


def _once(find: Callable[[], T]) -> Callable[[], T]:
    """``find``, called now and never again: a pipe can be read only once."""
    try:
        value = find()
    except FleetLedgerError as error:
        return partial(_raise, error)
    return lambda: value


def _hidden(find: Callable[[], Secret], source: SecretSource) -> Secret:
    return to_hide(find(), source)


def _raise(error: FleetLedgerError) -> NoReturn:
    raise error


def _unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """A warning for each variable with our prefix that is not ours: most likely a typo."""
    known = [str(option.envvar) for option in GLOBAL_OPTIONS] + [PASSWORD_VARIABLE]
    prefix = f"{PROGRAM.upper()}_"
    ends = {name.removeprefix(prefix): name for name in known if name.startswith(prefix)}
    messages = []
    for name in sorted(environment):
        if name.startswith(prefix) and name not in known:
            near = nearest(name.removeprefix(prefix), ends)
            hint = f"did you mean {ends[near]}?" if near else f"known are {', '.join(known)}"
            messages.append(f"the variable {name} is unknown and ignored; {hint}")
    return messages
