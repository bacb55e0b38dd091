"""Pictures of what users see: ``python -m docs.screenshots --data-dir data/demo [--out FOLDER]``.

Page, mail and printed page are drawn by Chromium from the report of the demo; the output of
commands is that of a terminal of 60, 80 and 160 columns, as text and as a picture.
"""

from __future__ import annotations

import argparse
import csv
import email.policy
import fcntl
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import termios
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DESK, PHONE = 1280, 390
README_HEIGHT = 1700
"""Of docs/report.png, the top of the page: a copy of the ``report.png`` that this draws."""
COLUMNS = (60, 80, 160)
SCHEMES = ("light", "dark")


def main() -> None:
    """Draw all of them, and name the folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, default=Path("data/demo"))
    parser.add_argument("--out", type=Path, default=Path("build/screenshots"))
    options = parser.parse_args()
    report = options.data_dir / "reports" / "latest"
    if not (report / "report.html").is_file():
        sys.exit(f"{report}: no report here; run `make run` first")
    if not CHROMIUM:
        sys.exit("no Chromium on this machine; install it (apt-get install chromium)")
    options.out.mkdir(parents=True, exist_ok=True)
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  # after the checks above

    terminals = draw_terminals(options.data_dir, report, options.out)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        draw_page(browser, report / "report.html", options.out)
        draw_mail(browser, report / "mail.eml", options.out)
        for picture in terminals:
            draw_svg(browser, picture)
        browser.close()
    sys.stdout.write(f"{options.out}\n")


def draw_page(browser: Browser, page: Path, out: Path) -> None:
    """The page at a desk and on a phone, light and dark, and as printed."""
    for name, width in (("page-desk", DESK), ("page-phone", PHONE)):
        for scheme in SCHEMES:
            draw(browser, page.absolute().as_uri(), width, scheme, out / f"{name}-{scheme}.png")
    tab = browser.new_page(viewport={"width": DESK, "height": README_HEIGHT})
    tab.goto(page.absolute().as_uri())
    tab.screenshot(path=out / "report.png")
    margin = dict.fromkeys(("top", "right", "bottom", "left"), "12mm")
    tab.pdf(path=out / "page-print.pdf", format="A4", margin=margin)
    tab.close()


def draw_mail(browser: Browser, mail: Path, out: Path) -> None:
    """The HTML part of the mail in a window as wide as a phone; its text part as it is."""
    message = email.message_from_bytes(mail.read_bytes(), policy=email.policy.default)
    for kind in ("html", "plain"):
        part = message.get_body((kind,))
        if part is not None:
            suffix = {"html": "html", "plain": "txt"}[kind]
            (out / f"mail.{suffix}").write_text(part.get_content(), encoding="utf-8")
    for scheme in SCHEMES:
        url = (out / "mail.html").absolute().as_uri()
        draw(browser, url, PHONE, scheme, out / f"mail-phone-{scheme}.png")


def draw(browser: Browser, url: str, width: int, scheme: str, file: Path) -> None:
    """One page, from its top to its end."""
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    tab = context.new_page()
    tab.goto(url)
    tab.screenshot(path=file, full_page=True)
    context.close()


def draw_terminals(data: Path, report: Path, out: Path) -> list[Path]:
    """Each command at each width as text and SVG; the paths of the SVG files."""
    with (report / "findings.csv").open(encoding="utf-8", newline="") as file:
        first = next(csv.DictReader(file))
    commands = {
        "findings": ["findings"],
        "status": ["status"],
        "why": ["why", first["cluster_id"]],
        "spend": ["spend", "--by", "project,gpu_type"],
    }
    pictures = []
    for name, words in commands.items():
        for columns in COLUMNS:
            written = at_terminal([*words, "--data-dir", str(data)], columns)
            console = Console(record=True, width=columns, file=StringIO())
            console.print(Text.from_ansi(written), soft_wrap=False)
            base = out / f"terminal-{name}-{columns}"
            base.with_suffix(".txt").write_text(console.export_text(clear=False), encoding="utf-8")
            picture = base.with_suffix(".svg")
            picture.write_text(console.export_svg(title=" ".join(words)), encoding="utf-8")
            pictures.append(picture)
    return pictures


def at_terminal(words: list[str], columns: int) -> str:
    """What a command writes to a terminal of so many columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    process = subprocess.Popen(  # noqa: S603  # our own program
        [sys.executable, "-m", "pipeline", *words],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env={k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR")}
        | {"TERM": "xterm-256color"},
    )
    os.close(theirs)
    parts: list[bytes] = []
    with suppress(OSError):  # the end of a terminal whose program has ended
        while part := os.read(ours, 65536):
            parts.append(part)
    os.close(ours)
    process.wait()
    return b"".join(parts).decode().replace("\r\n", "\n")


def draw_svg(browser: Browser, file: Path) -> None:
    """A picture of a terminal as PNG, in a font of this machine: nothing is fetched."""
    svg = re.sub(r"@font-face \{.*?\}", "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
    width = re.search(r'viewBox="0 0 (\d+)', svg)
    tab = browser.new_page(viewport={"width": int(width[1]) if width else DESK, "height": 900})
    tab.set_content(f"<body style='margin:0'>{svg}", wait_until="domcontentloaded")
    tab.locator("svg").first.screenshot(path=file.with_suffix(".png"))
    tab.close()
    file.unlink()


if __name__ == "__main__":
    main()
