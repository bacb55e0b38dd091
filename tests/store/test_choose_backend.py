"""The choice of a place by its URI."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from pipeline.errors import (
    SettingsError,
)
from pipeline.store import Store

NOON = datetime(2026, 10, 20, 12, tzinfo=UTC)
DAY = date(2026, 10, 20)


def test_an_unknown_scheme_is_refused_by_name() -> None:
    with pytest.raises(SettingsError, match="ftp://x"):
        Store("ftp://x")
