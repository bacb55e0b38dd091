"""The view as a page, as text and as the body of a mail. The only user of Jinja.

Templates (package ``reports``) lay out; a name missing from the view is an error, and everything is
escaped but the pictures drawn here. The page allows exactly its own style and script, by hash.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from typing import TYPE_CHECKING

import css_inline
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pipeline.report import charts

if TYPE_CHECKING:
    from collections.abc import Collection

    from pipeline.report.model import ReportView


TEXT_ROWS = 20
MAIL_ROWS = 10
"""Findings a mail shows; the attached report has the rest."""
MAIL_CHART = "spend.png"
MAIL_CHART_WIDE = 590


def html(view: ReportView) -> str:
    """One self-contained page."""
    style, script = _asset("report.css"), _asset("report.js")
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


def text(view: ReportView, rows: int = TEXT_ROWS) -> str:
    """Plain text, for terminals and the text part of a mail; at most ``rows`` findings."""
    shown = view.findings.rows[:rows]
    more = len(shown) < len(view.findings.rows)
    return _texts().get_template("report.txt").render(view=view, rows=shown, more=more)


def mail_pictures(view: ReportView) -> dict[str, bytes]:
    """The pictures of a mail by the names under which its HTML part shows them."""
    drawn = view.spend.chart.svg
    return {MAIL_CHART: charts.png(drawn, MAIL_CHART_WIDE)} if drawn else {}


def mail_html(
    view: ReportView,
    base_url: str | None = None,
    pictures: Collection[str] = (),
    published: str = "report.html",
    *,
    has_csv: bool = True,
) -> str:
    """The HTML part of a mail: the same facts in what mail programs can show.

    ``pictures`` are the names of those that the message carries, ``published`` is the page's where
    reports are published; ``has_csv`` says whether the message carries the findings too.
    """
    link = f"{base_url.rstrip('/')}/{view.totals.day}/{published}" if base_url else ""
    page = (
        _pages()
        .get_template("mail.html")
        .render(
            view=view,
            link=link,
            has_csv=has_csv,
            rows=view.findings.rows[:MAIL_ROWS],
            chart=MAIL_CHART if MAIL_CHART in pictures else "",
            wide=MAIL_CHART_WIDE,
            colors=charts.PALETTE,
        )
    )
    inliner = css_inline.CSSInliner(load_remote_stylesheets=False, keep_style_tags=False)
    return inliner.inline(page)


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
        loader=PackageLoader("reports", "templates"),
        autoescape=autoescape,  # noqa: S701  # off for the text part alone, which is not HTML
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["picture"] = Markup  # charts.svg is ours, and escapes what it is given
    return environment


@cache
def _asset(name: str) -> str:
    loader = _pages().loader
    assert loader is not None  # noqa: S101  # set above
    return loader.get_source(_pages(), name)[0]
