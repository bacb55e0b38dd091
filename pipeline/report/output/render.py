"""The view as a page, as text and as the body of a mail. The only user of Jinja.

Templates (package ``reports``) lay out; a name missing from the view is an error, and everything is
escaped but the pictures drawn here. The page allows exactly its own style and script, by hash.
"""

from __future__ import annotations

import base64
import hashlib
import re
import textwrap
from functools import cache
from typing import TYPE_CHECKING

import css_inline
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from pipeline.report import chart_images, charts

if TYPE_CHECKING:
    from collections.abc import Collection

    from pipeline.report.model import Failure, ReportView


MAIL_CHART = "spend.png"
MAIL_CHART_WIDE = 590
_MAIL_SENTENCES = 2
_TEXT_SENTENCES = 3
_WARNINGS = 6
_NEGATIVE = re.compile("\N{MINUS SIGN}[^\\s&<]*[0-9]")
_TEXT_WIDE = 76


def html(view: ReportView, *, has_script: bool = True) -> str:
    """One self-contained page; it is complete without its script, which mail gateways remove."""
    style, script = _asset("report.css"), _asset("report.js") if has_script else ""
    return (
        _pages()
        .get_template("report.html")
        .render(
            view=view,
            style=Markup(style),  # noqa: S704  # our own file
            script=Markup(script),  # noqa: S704  # our own file
            style_hash=_hash(style),
            script_hash=_hash(script),
        )
    )


def link_to(base_url: str | None, folder: str, page: str = "report.html") -> str:
    """The address of the published page in ``folder``; empty where reports are not published."""
    place = folder.removeprefix("reports/")
    return f"{base_url.rstrip('/')}/{place}/{page}" if base_url else ""


def mail_text(view: ReportView, link: str = "", rest: str = "") -> str:
    """The text part of a mail: at most 60 lines that need neither the page nor the HTML part.

    ``link`` is the published page, ``rest`` a sentence about where the rest is.
    """
    template = _texts().get_template("mail.txt")
    return template.render(**_mail_parts(view, link, rest, _TEXT_SENTENCES))


def mail_pictures(view: ReportView) -> dict[str, bytes]:
    """The pictures of a mail by the names under which its HTML part shows them."""
    drawn = view.spend.chart.svg
    return {MAIL_CHART: chart_images.png(drawn, MAIL_CHART_WIDE)} if drawn else {}


def mail_html(
    view: ReportView, link: str = "", pictures: Collection[str] = (), rest: str = ""
) -> str:
    """The HTML part of a mail: the same facts in what mail programs can show.

    ``pictures`` are the names of those that the message carries.
    """
    parts = _mail_parts(view, link, rest, _MAIL_SENTENCES)
    chart = MAIL_CHART if MAIL_CHART in pictures else ""
    page = _pages().get_template("mail.html")
    return _inlined(page.render(**parts, chart=chart, wide=MAIL_CHART_WIDE, colors=charts.PALETTE))


def failure_text(failure: Failure) -> str:
    """The text part of the mail of a night without data."""
    return _texts().get_template("failure.txt").render(failure=failure)


def failure_html(failure: Failure) -> str:
    """The HTML part of the mail of a night without data."""
    return _inlined(_pages().get_template("failure.html").render(failure=failure))


def load_templates() -> None:
    """Read and compile every template; the error of one that is missing or invalid."""
    for environment, kind in ((_pages(), "html"), (_texts(), "txt")):
        for name in environment.list_templates(extensions=[kind]):
            environment.get_template(name)


def _mail_parts(view: ReportView, link: str, rest: str, sentences: int) -> dict[str, object]:
    """What both parts of a mail are laid out from."""
    ahead = next((part for part in view.before_findings if part.key == "ahead"), None)
    return {
        "view": view,
        "lede": view.headline.lede[:sentences],
        "ahead": ahead.sentences[:sentences] if ahead else (),
        "warnings": [fact for fact in view.data_quality if fact.tone != "plain"][:_WARNINGS],
        "link": link,
        "rest": rest,
    }


def _inlined(page: str) -> str:
    """``page`` with its style in its elements, but for the part for dark mode."""
    inliner = css_inline.CSSInliner(load_remote_stylesheets=False, keep_style_tags=False)
    return inliner.inline(page)


def _wrapped(text: str) -> str:
    """``text`` in lines that every mail program shows whole; addresses are not broken."""
    return textwrap.fill(text, _TEXT_WIDE, break_long_words=False, break_on_hyphens=False)


def _first_sentence(text: str) -> str:
    head, dot, _ = text.partition(". ")
    return head + dot.rstrip()


def _amounts(text: str) -> Markup:
    """``text``, escaped, in which no line breaks between a minus and its amount."""
    escaped = str(escape(text))
    return Markup(_NEGATIVE.sub(r'<span class="amount">\g<0></span>', escaped))  # noqa: S704  # escaped


def _hash(source: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()


@cache
def _pages() -> Environment:
    return _environment(autoescape=True)


@cache
def _texts() -> Environment:
    return _environment(autoescape=False)


def _environment(*, autoescape: bool) -> Environment:
    environment = Environment(
        loader=PackageLoader("pipeline.report.output"),
        autoescape=autoescape,  # noqa: S701  # off for the text part alone, which is not HTML
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["wrap_mail"] = _wrapped
    environment.filters["first_sentence"] = _first_sentence
    environment.filters["amounts"] = _amounts
    environment.filters["picture"] = Markup  # ours, which escapes what it is given
    return environment


@cache
def _asset(name: str) -> str:
    loader = _pages().loader
    assert loader is not None  # noqa: S101  # set above
    # Without space at its ends: validators leave it out when they check the hash.
    return loader.get_source(_pages(), name)[0].strip()
