"""How a command becomes a job: its store, its secrets, its record and its exit code."""

from __future__ import annotations

import difflib
import logging
import os
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, NoReturn, TypeVar

from pipeline.cli.options import GLOBAL_OPTIONS, PROGRAM, Options, current_options
from pipeline.cli.outlet import Outlet
from pipeline.errors import Exit, FleetLedgerError, StorageError
from pipeline.keys import PASSWORD_VARIABLE, Secret, find_key, find_password
from pipeline.redact import Redactor
from pipeline.terminal import bars
from pipeline.terminal.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pipeline.jobs import Job

T = TypeVar("T")


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
    from pipeline.progress import NoProgress

    options = current_options()
    job = make_job(options)
    if needs_data and job.store.is_empty():
        raise StorageError(
            f"{job.settings.data_dir} ({options.sources.get('data_dir', 'data_dir')}): nothing is "
            f"stored there; give another --data-dir, or run `{PROGRAM} extract` first"
        )
    started_at = job.now()
    code, result = Exit.UNEXPECTED, dict[str, object]()
    try:
        with bars.progress() as shown:
            job.progress = shown or NoProgress()
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
    import msgspec

    told = {"exit_code": int(code), "messages": messages, "counts": counts}
    # Value by value, so that it stays JSON.
    clean = redactor.scrub_all(msgspec.to_builtins({**result, **told}))
    return printable(msgspec.json.encode(clean).decode())


def _record(job: Job, name: str, started_at: datetime, code: Exit, redactor: Redactor) -> None:
    """Keep what the run did; a store that cannot even take that has been reported already."""
    from pipeline.model import RunRecord

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
    from pipeline.jobs import Job
    from pipeline.settings import named
    from pipeline.store import Store

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
