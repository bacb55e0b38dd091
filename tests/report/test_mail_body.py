"""The body of a mail: what mail programs can show, and what it says by itself."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING

import msgspec
import pytest

from pipeline.report.model import Fact
from pipeline.report.output import render
from pipeline.report.sections.failure import failure
from tests.report.factories.clusters import DAY
from tests.report.factories.results import SETS
from tests.report.test_gold import LINK, REST, outline

if TYPE_CHECKING:
    from pipeline.report.model import ReportView

BODY_BYTES, STYLE_BYTES = 80_000, 16_000
NOT_SHOWN = re.compile(
    r"<(?:svg|script|form|link|input|iframe|video|object)\b"
    r"|data:|var\(|calc\(|@import|@font-face"
    r"|display:\s*(?:flex|grid|inline-flex)|position:|float:|background-image|<style>",
    re.IGNORECASE,
)
"""What Gmail or Outlook do not show, by caniemail.com; a style that is kept says so."""


def faults(page: str) -> list[str]:
    """What the mail programs of caniemail.com would not show of ``page``."""
    wrong = [f"not shown: {match[0]}" for match in NOT_SHOWN.finditer(page)]
    for image in re.findall(r"<img [^>]*>", page):
        wrong += [f"{image} without {part}" for part in ('src="cid:', 'alt="', "width=")
                  if part not in image]  # fmt: skip
    wrong += [f"fixed width {width}" for width in re.findall(r"[^-]width:\s*(\d{3,}px)", page)]
    wrong += [
        f"fixed width {width} outside of mso"
        for width in re.findall(
            r'<table [^>]*width="(\d{3,})"', re.sub(r"<!--.*?-->", "", page, flags=re.DOTALL)
        )
    ]
    styles = re.findall(r"<style[^>]*>.*?</style>", page, re.DOTALL)
    if len(page.encode()) > BODY_BYTES or sum(len(s.encode()) for s in styles) > STYLE_BYTES:
        wrong.append("too large")
    return wrong


@pytest.mark.parametrize("name", SETS)
def test_mail_programs_show_all_of_a_mail(views: dict[str, ReportView], name: str) -> None:
    view = views[name]
    assert faults(render.mail_html(view, LINK, render.mail_pictures(view), REST)) == []


def test_mail_programs_show_all_of_the_mail_of_a_night_without_data() -> None:
    page = render.failure_html(failure({"default": "no answer"}, "no API", DAY, DAY, "x", LINK))
    assert faults(page) == []
    assert outline(page).faults == []


@pytest.mark.parametrize(
    "page",
    [
        "<svg/>",
        '<p style="display: flex">',
        '<p style="color:var(--ink)">',
        '<img src="cid:a" width="3">',
        '<img src="data:x" alt="" width="3">',
        '<table style="width:640px">',
        '<table class="x" width="640">',
        "x" * 80_001,
        '<style data-css-inline="keep">' + "x" * 16_000 + "</style>",
    ],
)
def test_what_mail_programs_do_not_show_is_found(page: str) -> None:
    assert faults(page)


def test_a_mail_follows_the_window_and_the_dark_mode(views: dict[str, ReportView]) -> None:
    page = render.mail_html(views["full"])
    (style,) = re.findall(r"<style[^>]*>(.*?)</style>", page, re.DOTALL)
    assert "prefers-color-scheme:dark" in style.replace(" ", "")
    assert "max-width:640px" in page.replace(" ", "")
    assert re.search(r"<!--\[if mso\]><table [^>]*width=.640", page)
    for name in re.findall(r"\.(\w+)\{", style.replace(" ", "")):
        # A name in the style that no element has would leave dark text on a dark ground.
        assert name in {"desk", "link", "warning"} or re.search(rf'class="[^"]*\b{name}\b', page)


def test_a_mail_shows_its_pictures_and_has_their_content_as_text(
    views: dict[str, ReportView],
) -> None:
    view = views["full"]
    page = render.mail_html(view, pictures=render.mail_pictures(view))
    (image,) = re.findall(r"<img [^>]*>", page)
    assert f'alt="{view.spend.chart.title}. {view.spend.chart.summary}"' in unescape(image)
    assert all(project.name in page for project in view.spend.projects)


def test_a_mail_links_to_the_row_of_the_published_report(views: dict[str, ReportView]) -> None:
    view = views["normal"]
    link = render.link_to("https://reports.example.com/gpu/", "reports/2026-11-22")
    assert link == LINK
    assert f'href="{LINK}#cluster_a2"' in render.mail_html(view, link)
    assert f"\n{LINK}\n" in render.mail_text(view, link)
    assert render.link_to(None, "reports/2026-11-22") == ""


@pytest.mark.parametrize("name", SETS)
def test_the_text_part_is_a_screen_that_needs_nothing_else(
    views: dict[str, ReportView], name: str
) -> None:
    view = views[name]
    warnings = tuple(Fact(term="Days", value="1 of 30 days", tone="warn") for _ in range(20))
    actions = view.first.rows[:1] * 10
    worst = msgspec.structs.replace(
        view,
        data_quality=(*view.data_quality, *warnings),
        first=msgspec.structs.replace(view.first, rows=actions, more="And more."),
    )
    assert len(render.mail_text(worst, LINK, REST).splitlines()) <= 60


def test_both_parts_have_the_headline_the_actions_the_month_and_the_warnings(
    views: dict[str, ReportView],
) -> None:
    view = views["account_behind"]
    text, html = render.mail_text(view, LINK, REST), render.mail_html(view, LINK, rest=REST)
    ahead = next(part for part in view.before_findings if part.key == "ahead")
    needed = [view.title, *view.headline.lede[:2], view.first.summary, *ahead.sentences[:2], REST]
    needed += [part for row in view.first.rows for part in (row.name, row.saving, row.grade)]
    needed += [f.term for f in view.data_quality if f.tone != "plain"]
    assert view.first.rows
    for part in (text, "".join(outline(html).text)):
        joined = " ".join(part.split())
        assert [each for each in needed if " ".join(each.split()) not in joined] == []


def test_an_account_behind_changes_the_subject_and_the_first_sentence(
    views: dict[str, ReportView],
) -> None:
    behind, clean = views["account_behind"], views["full"]
    assert "not observed" in behind.headline.subject
    assert "not observed" in behind.headline.lede[0]
    assert "not observed" not in clean.headline.subject + clean.headline.lede[0]
