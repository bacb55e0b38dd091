"""The error for a file that is not what was written, with the remedy for its kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.errors import DamageError
from pipeline.store import layout

if TYPE_CHECKING:
    from pipeline.store.files import Files

WRONG_BYTES = "its bytes are not those that were written"


def damaged(files: Files, key: str, problem: str) -> DamageError:
    """The error that names the file, the problem and the remedy."""
    return DamageError(f"damaged file {files.url(key)}: {problem}; {_remedy(key)}")


def _remedy(key: str) -> str:
    """A snapshot can only come from a backup; what is made from snapshots can be made again."""
    if layout.parse_ledger(key):
        return "run: fleetledger ledger --rebuild; if its day is final, restore it from a backup"
    if match := layout.parse_findings(key) or layout.parse_report(key):
        return f"run: fleetledger report --date {match[0]}"
    return "restore it from a backup, or move it away"
