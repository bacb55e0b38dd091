"""The steps of a run: functions that connect the pure stages to the store and the API.

Each takes a :class:`Job`, the inputs of one run, and reads no clock, environment or command line.
Problems that do not stop a run are collected in the job: with the API down, ``nightly`` still makes
a report from the stored data.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from pipeline.engine import Serial
from pipeline.errors import EngineError, Exit, SettingsError, worst
from pipeline.progress import NoProgress

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from pipeline.engine import Engine
    from pipeline.errors import FleetLedgerError
    from pipeline.keys import Secret
    from pipeline.model import SnapshotRef
    from pipeline.progress import Progress
    from pipeline.settings import Account, Settings
    from pipeline.store import Store

T = TypeVar("T")
R = TypeVar("R")


def no_secret(setting: str) -> Secret:
    """Of a job without secrets.

    Raises:
        SettingsError: always.
    """
    raise SettingsError(f"{setting} is not set")


@dataclass
class Job:
    """The inputs of a run, and the messages, exit codes and counts that it collects."""

    store: Store
    settings: Settings
    find_key: Callable[[str, Account], Secret]
    """Returns the API key of an account, by its name and settings."""
    now: Callable[[], datetime]
    password: Callable[[], Secret | None] = lambda: None
    """Returns the mail server's password; called when it is needed."""
    named: Mapping[str, str] = field(default_factory=dict)
    """The option or variable that set a setting, by the setting's key; the others are of the file
    or the default."""
    channel_secret: Callable[[str], Secret] = no_secret
    """Returns the secret of a webhook or ping by its setting, such as ``webhooks.ops.url``."""
    progress: Progress = field(default_factory=NoProgress)
    engine: Engine = field(default_factory=Serial)
    """Runs the tasks that only read, such as building a ledger day."""
    open_store: Callable[[], Store] | None = None
    """Opens the same store in another process; None: all tasks run here, with ``store``."""
    messages: list[str] = field(default_factory=list)
    codes: set[Exit] = field(default_factory=set)
    counts: dict[str, int] = field(default_factory=dict)

    def latest(self) -> datetime:
        """The latest valid time of a snapshot: the clock's, plus the allowed skew."""
        extract = self.settings.extract
        if extract.clock == "simulated":
            return datetime.max.replace(tzinfo=UTC)
        return self.now() + timedelta(hours=extract.max_clock_skew_hours)

    def snapshots(self, account: str | None = None) -> list[SnapshotRef]:
        """The stored snapshots, without those from the future, whose clock was wrong."""
        latest = self.latest()
        return [ref for ref in self.store.snapshots(account) if ref.started_at <= latest]

    def note(self, code: Exit, message: str) -> None:
        """Add a message for the user; the run goes on, and may exit with ``code``."""
        self.codes.add(code)
        if message not in self.messages:
            self.messages.append(message)

    def note_error(self, error: FleetLedgerError) -> None:
        """Add the message of an error that does not end the run."""
        self.note(error.exit_code, str(error))

    def each(
        self, function: Callable[[Store, T], R], tasks: Sequence[T]
    ) -> Generator[R, None, None]:
        """The results of ``function`` of the store and each task, in the order of ``tasks``.

        The engine may run it in other processes: it only reads the store.
        """
        if self.open_store is None or isinstance(self.engine, Serial):
            return Serial().map(partial(function, self.store), tasks, self.progress.line)
        work = partial(_in_any_process, function, self.open_store)
        return self.engine.map(work, tasks, self.progress.line)

    def add(self, name: str, number: int) -> None:
        """Add ``number`` to a count of the run's record."""
        self.counts[name] = self.counts.get(name, 0) + number

    @property
    def exit_code(self) -> Exit:
        """The exit code of the run, from all the codes noted."""
        return worst(self.codes)


def _in_any_process(
    function: Callable[[Store, T], R], open_store: Callable[[], Store], task: T
) -> R:
    store = open_store()
    if store.is_empty():  # a worker would take an empty folder for an empty history
        raise EngineError(
            f"a worker finds nothing in {store.url('')}; give a --data-dir that every worker "
            "reaches: a shared folder or s3://bucket/prefix"
        )
    return function(store, task)
