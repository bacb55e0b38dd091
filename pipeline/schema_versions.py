"""The versions of the stored tables; apart from the columns, so that reading them loads nothing."""

from __future__ import annotations

SCHEMA_VERSION = 2
"""Part of every ledger day's digest: raise it when a stored column changes meaning."""

FINDINGS_VERSION = 4
"""Part of every findings day's digest: raise it when a stored column or what it means changes."""
