from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from pipeline.report import charts
from pipeline.report.output import render
from pipeline.report.sections.waste_charts import use_chart
from pipeline.report.view import build
from tests.report.factories.results import hostile, normal
from tests.report.reading import plain

if TYPE_CHECKING:
    from pipeline.report.model import ReportView


def test_two_renders_of_the_same_results_are_the_same_bytes(views: dict[str, ReportView]) -> None:
    # In one process: nothing may count up from render to render.
    assert render.html(build(normal())) == render.html(views["normal"])


def test_a_picture_is_one_labelled_image_without_colours_of_its_own(
    views: dict[str, ReportView],
) -> None:
    for chart in (views["normal"].spend.chart, views["normal"].waste_chart):
        assert chart.svg.startswith("<svg viewBox=")
        assert 'role="img" aria-label="' in chart.svg
        assert chart.svg.count("<title>") > 0
        assert "aria-roledescription" not in chart.svg
        assert "clip" not in chart.svg
        colours = re.findall(r'(?:fill|stroke)="([^"]+)"', chart.svg)
        assert {c for c in colours if not c.startswith("var(")} <= {"none", "transparent"}


def test_every_mark_has_its_number_as_a_title(views: dict[str, ReportView]) -> None:
    titles = re.findall(r"<title>([^<]*)</title>", views["normal"].waste_chart.svg)
    assert titles == ["forgotten · $7,900 · proven", "notebook · $700 · likely"]


def test_a_name_of_26_letters_is_not_cut_on_a_phone() -> None:
    inputs = normal()
    long = "recsys-serving-sandbox-180"
    findings = inputs.findings.assign(
        name=inputs.findings["name"].astype("object").replace({"forgotten": long})
    )
    view = build(replace(inputs, findings=findings))
    assert f">{long}</text>" in view.waste_chart.narrow


def test_names_cannot_break_out_of_a_picture(views: dict[str, ReportView]) -> None:
    view = views["hostile"]
    inputs = hostile()
    table = inputs.utilization.assign(unused_micros=range(1, len(inputs.utilization) + 1))
    named = use_chart(replace(inputs, utilization=table.astype({"unused_micros": "Int64"})))
    for chart in (view.spend.chart, view.waste_chart, view.use_chart, named):
        evil = ET.fromstring(chart.svg)  # noqa: S314  # that is the test
        tags = {element.tag for element in evil.iter()}
        assert tags <= {"svg", "g", "path", "text", "title", "line", "rect"}
        assert not any(key.startswith("on") for element in evil.iter() for key in element.attrib)


def test_a_picture_of_a_mail_is_small_and_the_same_each_time(
    views: dict[str, ReportView],
) -> None:
    (png,) = render.mail_pictures(views["normal"]).values()
    assert png.startswith(b"\x89PNG")
    assert 5_000 < len(png) < 60_000
    assert int.from_bytes(png[16:20]) == 2 * render.MAIL_CHART_WIDE
    assert render.mail_pictures(views["normal"])[render.MAIL_CHART] == png


def test_a_report_without_spend_has_no_picture(views: dict[str, ReportView]) -> None:
    assert render.mail_pictures(views["empty_fleet"]) == {}


def test_the_page_declares_the_colours_that_pictures_use() -> None:
    style = render._asset("report.css")
    declared = dict(re.findall(r"(--[a-z0-9]+):(#[0-9a-f]{6})", style[: style.index("@media")]))
    assert charts.PALETTE.items() <= declared.items()


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_marks_have_the_contrast_wcag_aa_asks_for(scheme: str) -> None:
    style = render._asset("report.css")
    light, dark = style.split("@media", 2)[:2]
    colours = dict(
        re.findall(r"(--[a-z0-9]+):(#[0-9a-f]{6})", light if scheme == "light" else dark)
    )

    def contrast(a: str, b: str) -> float:
        lighter, darker = sorted((luminance(colours[a]), luminance(colours[b])), reverse=True)
        return (lighter + 0.05) / (darker + 0.05)

    for surface in ("--card", "--page"):
        for text in ("--ink", "--muted", "--link", "--bad", "--warn", "--good"):
            assert contrast(text, surface) >= 4.5, (text, surface)
    for mark in (*charts.SERIES, *charts.GRADES.values()):
        assert contrast(mark, "--card") >= 3, mark


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ([], ""),
        ([None, None], ""),
        ([0.0, 100.0], "M2.0 20.0h.1L82.0 2.0"),
        ([0.0, None, 100.0], "M2.0 20.0h.1M82.0 2.0h.1"),
    ],
)
def test_the_small_line_breaks_where_nothing_was_read(
    values: list[float | None], path: str
) -> None:
    assert charts.line(values) == path


def test_the_clusters_with_most_unused_money_are_named_in_the_scatter_plot() -> None:
    inputs = normal()
    unused = {f"cluster_a{n}": micros for n, micros in enumerate((0, 70, 60, 50, 40, 90, 20), 1)}
    table = inputs.utilization
    table = table.assign(unused_micros=table["cluster_id"].map(unused).astype("Int64"))
    chart = use_chart(replace(inputs, utilization=table))
    for drawn in (chart.svg, chart.narrow):
        texts = re.findall(r"<text[^>]*>([^<]*)</text>", drawn)
        # cluster_a1 has nothing unused, and a6 has no readings.
        assert {text for text in texts if not re.match(r"[\d$]|mean", text)} == {
            *("forgotten", "notebook", "half-used", "night-batch", "waiting"),
        }
    assert plain(chart.summary).endswith("Named: the 5 with the most unused money.")


def test_marks_of_the_scatter_plot_stay_clear_of_the_axes(views: dict[str, ReportView]) -> None:
    marks = re.findall(
        r'<path transform="translate\(([\d.]+),([\d.]+)\)"', views["normal"].use_chart.svg
    )
    assert len(marks) >= 6
    assert min(float(x) for x, _ in marks) > 10
    assert max(float(y) for _, y in marks) < 245


def test_coordinates_have_at_most_two_decimals(views: dict[str, ReportView]) -> None:
    view = views["normal"]
    for drawn in (view.spend.chart.svg, view.use_chart.svg, view.waste_chart.svg):
        assert not re.search(r' (?:d|transform)="[^"]*\.\d{3}', drawn)
