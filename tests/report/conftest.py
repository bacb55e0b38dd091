from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pipeline.report.output import render
from pipeline.report.view import build
from tests.report.browsing import launched
from tests.report.factories.results import SETS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

    from pipeline.report.model import ReportView


@pytest.fixture(scope="session")
def views() -> dict[str, ReportView]:
    """The views of all sets."""
    return {name: build(make()) for name, make in SETS.items()}


@pytest.fixture(scope="session")
def pages(
    views: dict[str, ReportView], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """The pages of all sets, as files."""
    folder = tmp_path_factory.mktemp("pages")
    files = {name: folder / f"{name}.html" for name in SETS}
    for name, file in files.items():
        file.write_text(render.html(views[name]), encoding="utf-8")
    return files


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real Chromium."""
    yield from launched()
