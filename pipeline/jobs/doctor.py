"""Doctor: whether the set-up works, before a night has to.

Each check is a function that returns what it found, or raises: a :class:`FleetLedgerError` is a
failed check, whose message has the remedy, and :class:`NotSetUpError` a check of something that is
not set up. To add a check, write its function and add it to :func:`checks`.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

from pipeline.deliver.connect import connect
from pipeline.deliver.mail import check_login
from pipeline.errors import ApiError, Exit, FleetLedgerError, StorageError, install_extra
from pipeline.extract.api_errors import RefusedError
from pipeline.extract.probe import probe
from pipeline.jobs.extract import api_target
from pipeline.jobs.findings import read_policy
from pipeline.keys import channel_secrets
from pipeline.report.rehearsal import rehearse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pipeline.jobs import Job

MIN_FREE_BYTES = 2**30
"""A night of a large fleet writes some tens of megabytes, and a new file before it removes the old
one. Below this the disk is likely to be full within weeks."""
NOT_FOUND = 404
SMALL_SKEW_SECONDS = 60.0
_CONNECT_SECONDS = 10.0
NOTEBOOK = ("altair", "ipykernel", "jupytext", "nbclient")
"""What the extra ``notebook`` installs."""


class State(StrEnum):
    """The outcome of a check."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Result:
    """One check, in one sentence."""

    name: str
    state: State
    message: str
    exit_code: Exit = Exit.DONE

    def as_json(self) -> dict[str, object]:
        """The result in the ``--json`` object."""
        return {
            "check": self.name,
            "state": self.state.value,
            "message": self.message,
            "exit_code": int(self.exit_code),
        }


class NotSetUpError(Exception):
    """There is nothing to check."""


class DoubtError(FleetLedgerError):
    """It works, but not as it should."""

    exit_code = Exit.WARNINGS


def examine(job: Job) -> Iterator[Result]:
    """The results of all checks, in order."""
    for name, check in checks(job):
        try:
            yield Result(name, State.OK, check())
        except NotSetUpError as reason:
            yield Result(name, State.SKIPPED, str(reason))
        except FleetLedgerError as error:
            yield Result(name, State.FAILED, str(error), error.exit_code)


def checks(job: Job) -> Iterator[tuple[str, Callable[[], str]]]:
    """Every check with its name."""
    many = len(job.settings.all_accounts) > 1
    for account in job.settings.all_accounts:
        suffix = f" of {account}" if many else ""
        yield f"API key{suffix}", partial(_key, job, account)
        yield f"API{suffix}", partial(_api, job, account)
    yield "rules", partial(_policy, job)
    yield "store", partial(_store, job)
    yield "disk", partial(_disk, job)
    yield "mail", partial(_mail, job)
    yield "channels", partial(_channels, job)
    yield "metrics", partial(_metrics, job)
    yield "rendering", _rendering
    yield "notebook", _notebook


def _key(job: Job, account: str) -> str:
    return f"from {job.find_key(account, job.settings.all_accounts[account]).source}"


def _api(job: Job, account: str) -> str:
    """The API gives a page of clusters, in the known shape, and its clock agrees."""
    try:
        target = api_target(job, account)
    except FleetLedgerError as error:
        raise NotSetUpError("not asked without a key") from error
    try:
        page = probe(target, job.settings.extract)
    except RefusedError as error:
        if error.status != NOT_FOUND:
            raise
        version = job.named.get("api.version", "api.version")
        raise ApiError(
            f"{error}; check {target.named_by} and {version} ({target.version})"
        ) from error
    where = f"{target.base_url} ({target.version})"
    if page.unusable:
        raise DoubtError(
            f"{where}: {page.unusable} of {page.size} records have fields that cannot be read; "
            "check api.version, and what a snapshot warns of: fleetledger extract -v"
        )
    count = page.size if page.total_count is None else page.total_count
    return f"{where} lists {count} clusters; {_clocks(job, page.skew_seconds(job.now()), where)}"


def _clocks(job: Job, skew: float | None, where: str) -> str:
    if job.settings.extract.clock == "simulated":
        return 'its clock is not checked (extract.clock = "simulated")'
    if job.settings.extract.clock == "local":
        return 'snapshots are dated by this machine\'s clock (extract.clock = "local")'
    if skew is None:
        return "it sends no time, so snapshots are dated by this machine's clock"
    limit = job.settings.extract.max_clock_skew_hours * 3600
    side = "ahead of" if skew > 0 else "behind"
    if abs(skew) > limit:
        raise DoubtError(
            f"{where}: this machine's clock is {abs(skew):,.0f} s {side} the API's, more than "
            "extract.max_clock_skew_hours; set this machine's clock (compare `date -u`), or if "
            'it is right, set extract.clock = "local"'
        )
    if abs(skew) > SMALL_SKEW_SECONDS:
        return f"this machine's clock is {abs(skew):.0f} s {side} its clock"
    return "the clocks agree"


def _policy(job: Job) -> str:
    policy = read_policy(job.settings, job.now().date())
    return (
        f"{len(policy.own_rules)} own rules, {len(policy.exclusions)} exclusions and "
        f"{len(policy.owners)} owners can be read"
    )


def _store(job: Job) -> str:
    job.store.rehearse()
    snapshots = len(job.store.snapshots())
    kept = f"{snapshots} snapshots" if snapshots else "no snapshots yet"
    return f"{job.settings.data_dir} can be written and locked; it holds {kept}"


def _disk(job: Job) -> str:
    place = job.store.files.path("")
    if place is None:
        raise NotSetUpError("an object store has no disk of this machine")
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < MIN_FREE_BYTES:
        raise StorageError(
            f"{free / 2**20:,.0f} MiB free at {job.settings.data_dir}, below 1,024 MiB; free some, "
            "or remove old snapshots: fleetledger prune"
        )
    return f"{free / 2**30:,.1f} GiB free at {job.settings.data_dir}"


def _mail(job: Job) -> str:
    mail = job.settings.mail
    if not mail.to and not mail.per_owner:
        raise NotSetUpError("no recipients (mail.to), so no mail is sent")
    check_login(mail, job.password())
    login = f"accepts the login of {mail.username}" if mail.username else "answers, without login"
    return f"{mail.host}:{mail.port} {login}; nothing was sent to {len(mail.to)} recipients"


def _channels(job: Job) -> str:
    """The secrets of webhooks and ping can be read, and the servers of their addresses reached; a
    post would be seen, so none is made.
    """
    sources = channel_secrets(job.settings)
    if not sources:
        raise NotSetUpError("no webhooks and no ping, so nothing is posted")
    secrets = {name: job.channel_secret(name) for name in sources}
    addresses = {name: url for name, url in secrets.items() if sources[name].is_address}
    proxy = job.settings.proxy
    if proxy is not None and proxy.startswith("https:"):
        return f"{', '.join(secrets)} can be read; not connected, since the proxy speaks https"
    failed = [
        f"{name}: no connection: {reason}; check the address in {url.source}"
        for name, url in addresses.items()
        if (reason := connect(url, _CONNECT_SECONDS, proxy))
    ]
    if failed:
        raise DoubtError(". ".join(failed))
    return (
        f"{', '.join(secrets)} can be read; the servers of {', '.join(addresses)} can be reached; "
        "nothing was posted, so whether they accept a post is not checked"
    )


def _metrics(job: Job) -> str:
    textfile = job.settings.metrics.textfile
    if textfile is None:
        raise NotSetUpError("no metrics.textfile, so no metrics are written")
    path = Path(textfile)
    if path.is_dir():
        raise DoubtError(f"metrics.textfile {path} is a folder; give a file in it")
    try:
        with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}."):
            pass
    except OSError as error:
        raise DoubtError(
            f"metrics.textfile {path}: its folder cannot be written: {error.strerror}; create it, "
            "or give this user the right to write there"
        ) from error
    return f"{path} can be written"


def _rendering() -> str:
    try:
        rehearse()
    except Exception as error:  # the libraries' own classes
        reason = " ".join(str(error).split())[:200]
        raise FleetLedgerError(
            f"a chart and a page cannot be made ({type(error).__name__}: {reason}); "
            "install FleetLedger again"
        ) from error
    return "charts, page and mail can be made"


def _notebook() -> str:
    missing = [name for name in NOTEBOOK if find_spec(name) is None]
    if missing:
        raise NotSetUpError(
            f"not installed ({', '.join(missing)}); for notebooks {install_extra('notebook')}"
        )
    return "the extra notebook is installed"
