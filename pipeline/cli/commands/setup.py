"""The commands of the first day: init, config show, config schema, doctor."""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli import settings_file
from pipeline.cli.options import FOUND, Command, Program, current_options, print_result
from pipeline.cli.run import run
from pipeline.errors import FleetLedgerError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.jobs import Job
    from pipeline.jobs.doctor import Result
    from pipeline.settings import Settings

STARTER = "starter_settings.toml"
HIDDEN = "***"
_PROXIES = ("HTTPS_PROXY", "ALL_PROXY")


@click.command(cls=Command)
def init() -> None:
    """Write a commented settings file, and print what to do next.

    The file is settings.toml in the data directory, or in the platform's config folder if the data
    is in an object store; --config names another place. An existing file is kept.
    """
    from importlib import resources

    options = current_options()
    config = options.values.get("config")
    path = Path(config).expanduser() if config else settings_file.places(options.data_dir)[0]
    _write_new(path, resources.files("pipeline.cli").joinpath(STARTER).read_bytes())

    def action(job: Job) -> dict[str, object]:
        steps = list(_next_steps(job, path, is_named=config is not None))
        print_result(f"{path}: written; every setting in it is a comment so far")
        print_result("Next:")
        for number, step in enumerate(steps, 1):
            print_result(f"{number}. {step}")
        return {"settings_file": str(path), "next": steps}

    run("init", action, is_recorded=False)


def _write_new(path: Path, text: bytes) -> None:
    """Write a file for its owner only; an existing one is an error."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Exclusive: what a person wrote is never replaced.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(text)
    except FileExistsError as error:
        raise SettingsError(
            f"{path}: exists and is kept; edit it, or give another file with --config"
        ) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SettingsError(f"{path}: {reason}; give another file with --config") from error


def _next_steps(job: Job, path: Path, *, is_named: bool) -> Iterator[str]:
    options = current_options()
    program = "fleetledger"
    if options.sources.get("data_dir") == "--data-dir":
        program += f" --data-dir {shlex.quote(options.data_dir)}"
    if is_named:
        yield f"Name the file in every call: export FLEETLEDGER_CONFIG={path}"
    try:
        for name, account in job.settings.all_accounts.items():
            job.find_key(name, account)
    except FleetLedgerError:
        yield (
            "Put an API key with read access to clusters into ~/.tensorone_api_key, then: "
            "chmod 600 ~/.tensorone_api_key; "
            "export TENSORONE_API_KEY_FILE=~/.tensorone_api_key"
        )
    yield f"Edit {path}: currency, mail, budgets"
    yield f"Check the set-up: {program} doctor"
    yield f"Take a snapshot and make the first report: {program} nightly"
    yield f"Run every hour: {program} extract --spread 60m"
    yield f"Run every night: {program} nightly (the crontab is in docs/first-night.md)"


@click.group(cls=Program)
def config() -> None:
    """Show the settings in force (show), or their JSON Schema (schema)."""


@config.command(cls=Command)
def show() -> None:
    """Show every setting, its value, and where the value came from.

    The lines are TOML. Passwords and keys are in no setting; what could be one by mistake is
    masked.
    """

    def action(job: Job) -> dict[str, object]:
        options = current_options()
        path, named_by = options.settings_path()
        rows = list(_rows(job.settings, path, named_by, options.named))
        for line in _file_lines(path, named_by, options.data_dir):
            print_result(line)
        for row in rows:
            value = None if row["value"] is None else f"{row['key']} = {row['text']}"
            print_result(f"{value}  # {row['source']}" if value else f"# {row['key']} is not set")
        keys = {name: _key_source(job, name) for name in job.settings.all_accounts}
        for name, source in keys.items():
            print_result(f"# API key of {name}: {source}")
        settings = [{name: row[name] for name in ("key", "value", "source")} for row in rows]
        return {"settings_file": path, "settings": settings, "api_keys": keys}

    run("config show", action, is_recorded=False)


@config.command(cls=Command)
def schema() -> None:
    """Print the JSON Schema of the settings file, for editors."""
    from pipeline.settings_reference import json_schema

    current_options().streams.out(json_schema().rstrip("\n"))


def _file_lines(path: str | None, named_by: str, data_dir: str) -> Iterator[str]:
    """Which settings file is used, and which others are not read."""
    others = [place for place in settings_file.places(data_dir) if str(place) != path]
    if path is None:
        verb = "does" if len(others) == 1 else "do"
        yield f"# no settings file; {' and '.join(map(str, others))} {verb} not exist"
        return
    yield f"# settings file: {path}" + ("" if named_by == FOUND else f" ({named_by})")
    for place in others:
        if os.path.lexists(place):
            yield f"# not read, because only one file is used: {place}"


def _rows(
    settings: Settings, path: str | None, named_by: str, named: dict[str, str]
) -> Iterator[dict[str, Any]]:
    """Each setting with its key, value, TOML text and source."""
    from pipeline.settings_reference import NAME, entries, toml_value
    from pipeline.toml_files import read_toml

    raw = {} if path is None else read_toml(path, named_by)
    for entry in entries():
        head, is_named, rest = entry.key.partition(f".{NAME}")
        if not is_named:
            keys = [entry.key.split(".")]
        else:
            keys = [[head, name, *rest.split(".")[1:]] for name in _value(settings, [head])]
        for key in keys:
            value = _masked(key, _value(settings, key))
            dotted = ".".join(part if _BARE.fullmatch(part) else toml_value(part) for part in key)
            is_in_file = _is_set(raw, key)
            source = named.get(entry.key) or (str(path) if is_in_file else "default")
            text = None if value is None else toml_value(value)
            yield {"key": dotted, "value": value, "text": text, "source": source}


_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SECRET_NAME = re.compile(r"secret|token|^webhooks?\..*url")
"""Settings whose value is a secret by itself: who knows a webhook's address can post to it."""
_USER = re.compile(r"//[^/@\s]*@")


def _value(settings: Settings, key: list[str]) -> Any:  # noqa: ANN401 - of any setting
    value: Any = settings
    for part in key:
        name = "stated_currency" if part == "currency" and value is settings else part
        value = value[part] if isinstance(value, dict) else getattr(value, name)
    return value


def _is_set(raw: dict[str, Any], key: list[str]) -> bool:
    value: Any = raw
    for part in key:
        if not isinstance(value, dict) or part not in value:
            return False
        value = value[part]
    return True


def _masked(key: list[str], value: Any) -> Any:  # noqa: ANN401 - of any setting
    """``value`` without what may be a secret: the user part of an address, or a key or password
    that was entered where the name of its file or variable belongs.
    """
    if not isinstance(value, str):
        return value
    name = key[-1]
    is_path = value.startswith(("/", "~", ".")) or os.access(value, os.F_OK)
    if name in {"key_file", "password_file"} and not is_path:
        return HIDDEN
    if name == "key_env" and re.fullmatch(r"[A-Z_][A-Z0-9_]*", value) is None:
        return HIDDEN
    if _SECRET_NAME.search(f"{key[0]}.{name}"):
        return HIDDEN
    return _USER.sub(f"//{HIDDEN}@", value)


def _key_source(job: Job, account: str) -> str:
    try:
        source = job.find_key(account, job.settings.all_accounts[account]).source
    except FleetLedgerError as error:
        return str(error)
    return f"from {source}, {HIDDEN}"


@click.command(cls=Command)
def doctor() -> None:
    """Check the set-up: key, API, rules, store, disk, mail, channels, metrics, rendering.

    Asks the API for one page, logs in to the mail server and connects to the servers of webhooks
    and ping, but stores no snapshot, sends no mail and posts nothing. Each problem is one sentence
    with its remedy; the exit code shows the worst.
    """

    def action(job: Job) -> dict[str, object]:
        from pipeline.jobs.doctor import Result, State, examine

        path, named_by = current_options().settings_path()
        where = "none; all settings are defaults (`fleetledger init` writes a file)"
        if path is not None:
            where = path if named_by == FOUND else f"{path} ({named_by})"
        results = [Result("settings", State.OK, where)]
        if (variable := _ignored_proxy(job)) is not None:
            remedy = 'if the API is behind it, name it in the settings: proxy = "http://…"'
            message = f"{variable} is set, which is not used; {remedy}"
            results.append(Result("proxy", State.SKIPPED, message))
        for result in results:
            print_result(_line(result))
        for result in examine(job):
            results.append(result)
            print_result(_line(result))
            if result.state is State.FAILED:
                job.codes.add(result.exit_code)
        failed = sum(result.state is State.FAILED for result in results)
        print_result(f"{failed} of {len(results)} checks failed" if failed else "All checks passed")
        return {"checks": [result.as_json() for result in results]}

    run("doctor", action, is_recorded=False)


def _ignored_proxy(job: Job) -> str | None:
    """The variable that names a proxy where the settings name none."""
    named = (name for name, value in os.environ.items() if value and name.upper() in _PROXIES)
    return None if job.settings.proxy else next(named, None)


def _line(result: Result) -> str:
    marks = {"ok": "✓", "failed": "✗", "skipped": "-"}
    encoding = sys.stdout.encoding or "ascii"
    mark = marks[result.state.value]
    try:
        mark.encode(encoding)
    except UnicodeEncodeError:  # a locale without the marks
        mark = result.state.value
    return f"{mark} {result.name}: {result.message}"


COMMANDS = (init, config, doctor)
