"""Opens a page in a real Chromium and notes what goes wrong on it."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any, Self

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1200, "height": 900}
OPEN_ALL = "document.querySelectorAll('details').forEach(d => d.open = true)"


def launched() -> Iterator[Browser]:
    """Chromium; a test without it is skipped, but not in CI."""
    if not CHROMIUM:
        if os.environ.get("CI") == "true":
            pytest.fail("no chromium on this machine, and CI must open the page")
        pytest.skip("no chromium on this machine: apt-get install chromium")
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  # needless without a browser

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield started
        started.close()


class Visit:
    """One page, and what went wrong on it."""

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:  # noqa: ANN401
        self.troubles: list[str] = []
        self.requests: list[str] = []
        self.context = browser.new_context(**{"viewport": DESK} | options)
        self.page: Page = self.context.new_page()
        self.page.on("console", lambda message: self.troubles.append(message.text))
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("dialog", lambda dialog: self.troubles.append(dialog.message))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(url)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()
