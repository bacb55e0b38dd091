"""What can go wrong, and the exit code each failure means to cron and monitors.

Every message is one line that names the thing, where its value came from, and the remedy.
"""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """The command contract: what a process's exit code says."""

    DONE = 0
    UNEXPECTED = 1
    USAGE = 2
    WARNINGS = 3
    """Done, but a snapshot is not complete, a gap opened (said once), or an account is missing."""
    NOT_DELIVERED = 4
    """The report was made and is on disk; at least one recipient did not get it."""
    KEY_REFUSED = 10
    API_UNAVAILABLE = 11
    """Nothing was stored."""
    STORAGE = 12
    """It cannot be read or written, or holds nothing to read yet."""
    DAMAGE = 13
    LOCKED = 75
    """Another run holds the lock (EX_TEMPFAIL: cron may simply try again)."""


WORST_FIRST = (
    Exit.DAMAGE,
    Exit.STORAGE,
    Exit.KEY_REFUSED,
    Exit.API_UNAVAILABLE,
    Exit.NOT_DELIVERED,
    Exit.WARNINGS,
)
"""Of several outcomes of one run, the first of these is its exit code."""


def worst(codes: set[Exit]) -> Exit:
    """The one exit code that stands for all of ``codes``."""
    return next((code for code in WORST_FIRST if code in codes), max(codes, default=Exit.DONE))


class FleetLedgerError(Exception):
    """Base of every failure a user is told about in one line."""

    exit_code = Exit.UNEXPECTED


class SettingsError(FleetLedgerError):
    """A setting, option or argument that cannot be meant."""

    exit_code = Exit.USAGE


class KeyRefusedError(FleetLedgerError):
    """No API key, or one that the API does not accept."""

    exit_code = Exit.KEY_REFUSED


class ApiError(FleetLedgerError):
    """The API could not give a usable answer within the run's budget."""

    exit_code = Exit.API_UNAVAILABLE


class StorageError(FleetLedgerError):
    """The store could not be read or written."""

    exit_code = Exit.STORAGE


class ReadOnlyError(StorageError):
    """The store may be read but not written."""


class AlreadyStoredError(StorageError):
    """Another writer has published this very name first."""


class DamageError(FleetLedgerError):
    """A stored file is not what was written."""

    exit_code = Exit.DAMAGE


class NotDeliveredError(FleetLedgerError):
    """A report exists but did not reach everyone."""

    exit_code = Exit.NOT_DELIVERED


class LockedError(FleetLedgerError):
    """Another run is at work on the same store."""

    exit_code = Exit.LOCKED
