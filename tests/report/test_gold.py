"""Each renderer over each shared result set, against the accepted output in tests/gold/."""

from __future__ import annotations

import os
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from pipeline.report.output import csv_files, render
from pipeline.report.output.summary_json import summary_json
from tests.report.factories.clusters import DAY
from tests.report.factories.results import SETS

if TYPE_CHECKING:
    from pipeline.report.model import ReportView

GOLD = Path(__file__).parents[1] / "gold"
ACTUAL = Path(__file__).parents[1] / "actual"
LINK = "https://reports.example.com/gpu/2026-11-22/report.html"
REST = "The full report is attached."
VOID = {"meta", "input", "br", "link", "img", "hr", "source", "path", "line", "rect"}
PICTURE = re.compile(r'<svg viewBox="[^"]*" role="img" aria-label="([^"]*)">.*?</svg>', re.DOTALL)
ASSETS = re.compile(r"<(style|script)>.*?</\1>", re.DOTALL)
HASHES = re.compile(r"sha256-[A-Za-z0-9+/=]+")


def check(name: str, text: str) -> None:
    """Compare with the gold file; UPDATE_GOLD=1 accepts."""
    gold = GOLD / name
    if os.environ.get("UPDATE_GOLD") == "1":
        gold.write_text(text, encoding="utf-8", newline="")
        return
    accepted = gold.read_bytes().decode() if gold.exists() else ""
    if text != accepted:
        ACTUAL.mkdir(exist_ok=True)
        (ACTUAL / name).write_text(text, encoding="utf-8", newline="")
        pytest.fail(f"{name} is not as accepted: compare tests/gold/{name} tests/actual/{name}")


def without_pictures(page: str) -> str:
    """Pictures as their sentence, style and script as their names: those have their own tests, and
    the library that draws may move a line."""
    page = PICTURE.sub(r"[picture: \1]", page)
    return HASHES.sub("sha256", ASSETS.sub(r"[\1]", page))


@pytest.mark.parametrize("name", SETS)
def test_gold_page(views: dict[str, ReportView], name: str) -> None:
    check(f"{name}.html", without_pictures(render.html(views[name])))


@pytest.mark.parametrize("name", SETS)
def test_gold_text(views: dict[str, ReportView], name: str) -> None:
    check(f"{name}.txt", render.mail_text(views[name], LINK, REST))


@pytest.mark.parametrize("name", SETS)
def test_gold_mail(views: dict[str, ReportView], name: str) -> None:
    check(f"{name}.mail.html", render.mail_html(views[name], LINK, rest=REST))


@pytest.mark.parametrize("name", SETS)
def test_gold_summary(views: dict[str, ReportView], name: str) -> None:
    check(f"{name}.summary.json", summary_json(views[name]).decode())


@pytest.mark.parametrize("name", SETS)
def test_gold_findings(name: str) -> None:
    inputs = SETS[name]()
    findings = csv_files.findings_rows(inputs.findings, DAY, inputs.rule_text, inputs.not_observed)
    check(f"{name}.findings.csv", csv_files.to_csv(findings).decode())


class Outline(HTMLParser):
    """Whether every element is closed, which there are, and which attributes they carry."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.attributes: set[str] = set()
        self.addresses: list[str] = []
        self.text: list[str] = []
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def outline(page: str) -> Outline:
    parsed = Outline()
    parsed.feed(page)
    parsed.close()
    return parsed


@pytest.mark.parametrize("name", SETS)
def test_the_page_is_well_formed_and_its_ids_are_unique(
    views: dict[str, ReportView], name: str
) -> None:
    parsed = outline(render.html(views[name]))
    assert parsed.faults == []
    assert parsed.open == []
    assert len(parsed.ids) == len(set(parsed.ids))
    assert not any(re.search(r"\s", anchor) for anchor in parsed.ids)


def test_hostile_names_add_no_element_attribute_or_address(views: dict[str, ReportView]) -> None:
    for draw in (render.html, render.mail_html):
        kind = outline(draw(views["full"]))
        evil = outline(draw(views["hostile"]))
        assert evil.tags <= kind.tags
        assert evil.attributes <= kind.attributes
        assert all(address.startswith("#") for address in evil.addresses)
        assert "<img src=x onerror=alert(1)>" in "".join(evil.text)


@pytest.mark.parametrize("name", SETS)
def test_nothing_unprintable_or_endless_reaches_a_reader(
    views: dict[str, ReportView], name: str
) -> None:
    for text in (render.html(views[name]), render.mail_text(views[name])):
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", text)
        assert "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" not in text


def test_a_name_the_view_does_not_have_is_an_error_not_a_blank() -> None:
    with pytest.raises(Exception, match="no attribute 'nonsense'"):
        render._pages().from_string("{{ view.nonsense }}").render(view=msgspec.UNSET)
