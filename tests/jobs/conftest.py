"""The snapshots and stores of the store's tests, for jobs that work on them."""

from __future__ import annotations

from tests.store.conftest import snapshot, store

__all__ = ["snapshot", "store"]  # fixtures
