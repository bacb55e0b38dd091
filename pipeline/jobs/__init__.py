"""The five verbs as jobs: each joins one pure stage to the store and the API.

A :class:`Job` is what one run was given. Jobs read no clock, environment or command line. What
went wrong without stopping a run is collected in the job: a night with the API down still reports
from what exists.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pipeline.errors import Exit, worst
from pipeline.progress import NoProgress

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.errors import FleetLedgerError
    from pipeline.keys import Secret
    from pipeline.model import SnapshotRef
    from pipeline.progress import Progress
    from pipeline.settings import Account, Settings
    from pipeline.store import Store


@dataclass
class Job:
    """What one run was given, and what it has to say at its end."""

    store: Store
    settings: Settings
    find_key: Callable[[str, Account], Secret]
    """The API key of an account, by its name and settings."""
    now: Callable[[], datetime]
    password: Callable[[], Secret | None] = lambda: None
    """The mail server's password, looked up when it is needed."""
    progress: Progress = field(default_factory=NoProgress)
    messages: list[str] = field(default_factory=list)
    codes: set[Exit] = field(default_factory=set)
    counts: dict[str, int] = field(default_factory=dict)

    def latest(self) -> datetime:
        """The latest time a snapshot can have: the clock's, and what that may be off by."""
        extract = self.settings.extract
        if extract.clock == "simulated":
            return datetime.max.replace(tzinfo=UTC)
        return self.now() + timedelta(hours=extract.max_clock_skew_hours)

    def snapshots(self, account: str | None = None) -> list[SnapshotRef]:
        """The stored snapshots but for those from the future, whose clock was wrong."""
        latest = self.latest()
        return [ref for ref in self.store.snapshots(account) if ref.started_at <= latest]

    def note(self, code: Exit, message: str) -> None:
        """Something the user must be told, though the run goes on."""
        self.codes.add(code)
        if message not in self.messages:
            self.messages.append(message)

    def note_error(self, error: FleetLedgerError) -> None:
        """An error that does not end the run."""
        self.note(error.exit_code, str(error))

    def add(self, name: str, number: int) -> None:
        """Count something for the run's record."""
        self.counts[name] = self.counts.get(name, 0) + number

    @property
    def exit_code(self) -> Exit:
        """The one code for all that happened."""
        return worst(self.codes)
