"""Frozen values that cross stages."""

from __future__ import annotations

from datetime import UTC, date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

FILE_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"
"""The names that files of the store may have: valid on every disk and in every object store."""
ACCOUNT_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,55}"
"""An account's name; with a prefix of eight characters (``extract-NAME``) it is a FILE_NAME too."""


class State(StrEnum):
    """What a snapshot may be trusted for."""

    COMPLETE = "complete"
    """Proven to hold every cluster that existed throughout the walk: a missing one is gone."""
    DRIFTED = "drifted"
    """The list changed during the walk and the parts do not add up."""
    UNPROVEN = "unproven"
    """Nothing contradicts it, nothing proves it."""
    SUSPECT = "suspect"
    """Complete by its own count, but too different from the last one to conclude anything from."""


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """The interval in which a walk began at a uniformly random instant."""

    start: datetime
    seconds: int


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """What one extraction proved, kept as JSON in the snapshot's Parquet footer."""

    account: str
    state: State
    started_at: datetime
    """The first page's time by the server's clock; part of the file's name."""
    finished_at: datetime
    """The last page's time by the server's clock."""
    api_version: str
    base_url: str
    requests: int
    pages: int
    unique_ids: int
    total_count: int | None
    """The length of the list as the API reports it; None if it does not (v2)."""
    proof: str
    """One sentence: how completeness was proven, or why it could not be."""
    quarantined: int = 0
    bad_fields: int = 0
    """Values that were unusable and stored as null."""
    clock_skew_seconds: float = 0.0
    """Local clock minus server clock: the largest difference of any response."""
    wrong_dates: int = 0
    """Responses dated by the local clock, because their Date differed from it, or from the walk's
    other responses, by more than ``extract.max_clock_skew_hours``."""
    spread: Spread | None = None
    """None: the walk began at an instant that was not random, such as a fixed minute."""
    request_ids: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    tool_version: str = ""
    schema_version: int = 0


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """What an account was billed for its clusters, by UTC day."""

    days: dict[date, int]
    """Micros."""
    currency: str | None = None
    """None: the bill does not name it."""
    others: dict[str, int] = {}
    """What the same bill has for other resources (storage, bandwidth), in micros; not compared."""


class Quarantined(msgspec.Struct, frozen=True, kw_only=True):
    """A record of the API without a usable id: kept raw, with the reason."""

    reason: str
    raw: str


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot in memory, before it is published or after it is read."""

    certificate: Certificate
    table: pa.Table
    """Rows of ``schema.SNAPSHOT.stored``."""
    quarantine: tuple[Quarantined, ...] = ()


class SnapshotRef(msgspec.Struct, frozen=True, order=True):
    """What a snapshot's path contains. Sorts by account, then time."""

    account: str
    started_at: datetime
    state: State
    key: str
    """Path below the store's root."""

    @property
    def day(self) -> date:
        """The UTC day its walk began on."""
        return self.started_at.astimezone(UTC).date()

    @property
    def is_complete(self) -> bool:
        """Whether a cluster that is missing from it is gone."""
        return self.state is State.COMPLETE


class LedgerRef(msgspec.Struct, frozen=True, order=True):
    """What a ledger day's path contains."""

    account: str
    day: date
    digest: str
    """Covers the names of its inputs and the schema version: that of a stale day differs."""
    key: str


class IdRange(msgspec.Struct, frozen=True):
    """The cluster ids from ``first`` on and before ``end``, in the order of their UTF-8 bytes."""

    first: str = ""
    end: str | None = None
    """None: all that follow."""


EVERY_ID = IdRange()


class NotObserved(msgspec.Struct, frozen=True, kw_only=True):
    """An account that is not observed on a report's day."""

    account: str
    until: date | None
    """The last day it was observed (``ledger.inputs.observed_until``); None if it never was."""
    in_settings: bool = True
    """Whether it should be observed; an account that was removed from the settings should not."""


class SnapshotInfo(msgspec.Struct, frozen=True, kw_only=True):
    """When a snapshot was taken and what it may be trusted for."""

    state: State
    started_at: datetime
    finished_at: datetime
    spread: Spread | None = None


class SnapshotRows(SnapshotInfo, frozen=True, kw_only=True):
    """A snapshot as the ledger reads it."""

    frame: pd.DataFrame
    """Columns of ``schema.SNAPSHOT``, one row per cluster, dtypes of ``Table.to_pandas``."""


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The record of one run: a JSON file each, for ``status`` and for monitors."""

    command: str
    started_at: datetime
    finished_at: datetime
    exit_code: int
    messages: tuple[str, ...] = ()
    """Warnings and errors, one line each, as they were shown."""
    counts: dict[str, int] = {}
    run_id: str = ""
    """As in the run's log lines; empty in records of earlier versions."""
