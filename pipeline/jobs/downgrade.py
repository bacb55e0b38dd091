"""Refuses to derive from a store that a newer version of the program has derived from.

A stored column may mean something else there. Stale days would be built again, but pruned days
cannot be. The newest versions of the tables that a run has used are kept in the store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pipeline.errors import StorageError
from pipeline.schema_versions import FINDINGS_VERSION, SCHEMA_VERSION
from pipeline.version import __version__

if TYPE_CHECKING:
    from pipeline.store import Store

VERSIONS = "versions"
"""The name of the state."""


class Versions(msgspec.Struct, frozen=True):
    """The versions of the program and of its tables."""

    program: str = __version__
    ledger: int = SCHEMA_VERSION
    findings: int = FINDINGS_VERSION

    @property
    def tables(self) -> tuple[int, int]:
        """What decides which one is newer: a program may change without its tables."""
        return (self.ledger, self.findings)


def refuse_downgrade(store: Store, own: Versions | None = None) -> None:
    """Keep the program's versions in the store if they are newer.

    Raises:
        StorageError: those in the store are newer.
    """
    own = own or Versions()
    stored = store.read_state(VERSIONS, Versions)
    if stored and any(
        theirs > ours for theirs, ours in zip(stored.tables, own.tables, strict=True)
    ):
        raise StorageError(
            f"{store.url(f'state/{VERSIONS}')}: fleetledger {stored.program} has used this store, "
            f"and its tables are newer than those of {own.program}; install {stored.program} or "
            "newer, or restore a backup made before the upgrade"
        )
    if stored is None or stored.tables != own.tables:
        store.put_state(VERSIONS, msgspec.json.encode(own))
