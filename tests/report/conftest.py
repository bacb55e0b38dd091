from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline.report.view import build
from tests.report.factories.results import SETS

if TYPE_CHECKING:
    from pipeline.report.model import ReportView


@pytest.fixture(scope="session")
def views() -> dict[str, ReportView]:
    """The views of all sets."""
    return {name: build(make()) for name, make in SETS.items()}
