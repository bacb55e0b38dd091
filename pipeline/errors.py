"""The errors of the program and their exit codes.

Every message is one line: what is wrong, where its value came from, and the remedy.
"""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """The exit codes, a contract with cron and monitors."""

    DONE = 0
    UNEXPECTED = 1
    USAGE = 2
    WARNINGS = 3
    """Done, but a snapshot is incomplete, a gap is new, or an account is missing, for example."""
    NOT_DELIVERED = 4
    """The report was made and stored; at least one recipient did not get it."""
    KEY_REFUSED = 10
    API_UNAVAILABLE = 11
    """Nothing was stored."""
    STORAGE = 12
    """The store cannot be read or written, is empty, or has no closed day of what was asked for."""
    DAMAGE = 13
    WORKERS = 14
    """Worker processes or a Dask scheduler could not be reached, or were lost."""
    LOCKED = 75
    """Another run holds the lock (EX_TEMPFAIL: try again later)."""


WORST_FIRST = (
    Exit.DAMAGE,
    Exit.STORAGE,
    Exit.WORKERS,
    Exit.KEY_REFUSED,
    Exit.API_UNAVAILABLE,
    Exit.NOT_DELIVERED,
    Exit.WARNINGS,
)
"""A run with several outcomes exits with the first of these."""


SUCCESSFUL = frozenset({Exit.DONE, Exit.WARNINGS})
"""A run with one of these did what it is for."""


def worst(codes: set[Exit]) -> Exit:
    """The exit code of a run with the outcomes ``codes``."""
    return next((code for code in WORST_FIRST if code in codes), max(codes, default=Exit.DONE))


def install_extra(name: str) -> str:
    """How to install an extra of this package, from an installed one and in a checkout."""
    return (
        f"install the extra {name}: pip install 'fleetledger[{name}]', or '.[{name}]' in a checkout"
    )


class FleetLedgerError(Exception):
    """Base of every error that is reported in one line."""

    exit_code = Exit.UNEXPECTED


class SettingsError(FleetLedgerError):
    """An invalid setting, option or argument."""

    exit_code = Exit.USAGE


class KeyRefusedError(FleetLedgerError):
    """No API key, or a key that the API does not accept."""

    exit_code = Exit.KEY_REFUSED


class ApiError(FleetLedgerError):
    """The API gave no usable response within the run's budget."""

    exit_code = Exit.API_UNAVAILABLE


class StorageError(FleetLedgerError):
    """The store could not be read or written."""

    exit_code = Exit.STORAGE


class ReadOnlyError(StorageError):
    """The store is read-only."""


class AlreadyStoredError(StorageError):
    """Another writer published this name first."""


class EngineError(FleetLedgerError):
    """The workers of an engine are missing, or were lost."""

    exit_code = Exit.WORKERS


class DamageError(FleetLedgerError):
    """A stored file differs from what was written."""

    exit_code = Exit.DAMAGE


class NotDeliveredError(FleetLedgerError):
    """A report exists but did not reach all recipients."""

    exit_code = Exit.NOT_DELIVERED


class LockedError(FleetLedgerError):
    """Another run holds the lock."""

    exit_code = Exit.LOCKED
