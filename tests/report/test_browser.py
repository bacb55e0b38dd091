"""The page in a real Chromium: nothing fails, nothing is fetched, nothing overflows."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.report.output import render
from pipeline.report.view import build
from tests.report.browsing import DESK, OPEN_ALL, PHONE, Visit
from tests.report.factories.results import SETS
from tests.report.factories.states import STATES

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_opens_silently_and_fetches_nothing(
    browser: Browser, pages: dict[str, Path], name: str, scheme: str
) -> None:
    with Visit(browser, pages[name].as_uri(), color_scheme=scheme) as visit:
        assert visit.troubles == []
        assert visit.requests == [pages[name].as_uri()]


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_a_page_never_scrolls_sideways(
    browser: Browser, pages: dict[str, Path], name: str, viewport: dict[str, int]
) -> None:
    with Visit(browser, pages[name].as_uri(), viewport=viewport) as visit:
        visit.page.evaluate(OPEN_ALL)
        assert visit.page.evaluate("document.documentElement.scrollWidth") == viewport["width"]


CUT = """all => all.filter(e => e.checkVisibility() && e.scrollWidth > e.clientWidth + 1)
    .map(e => e.outerHTML)"""


@pytest.mark.parametrize("name", STATES)
def test_a_state_fits_a_phone(browser: Browser, tmp_path: Path, name: str) -> None:
    file = tmp_path / "page.html"
    file.write_text(render.html(build(STATES[name]())), encoding="utf-8")
    with Visit(browser, file.as_uri(), viewport=PHONE) as visit:
        visit.page.evaluate(OPEN_ALL)
        assert visit.page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
        cells = ".first .number, .cards dd, .findings td, h1, p"
        assert visit.page.locator(cells).evaluate_all(CUT) == []
        amounts = visit.page.locator(".first .number b").evaluate_all(
            "all => all.map(e => e.getClientRects().length)"
        )
        assert set(amounts) <= {1}
        assert visit.troubles == []


@pytest.mark.parametrize("name", ["normal", "full"])
@pytest.mark.parametrize("width", [390, 360, 300])
def test_no_line_breaks_in_a_negative_amount_or_between_a_grade_and_its_date(
    browser: Browser, pages: dict[str, Path], name: str, width: int
) -> None:
    with Visit(browser, pages[name].as_uri(), viewport={"width": width, "height": 900}) as visit:
        lines = "all => all.map(e => e.getClientRects().length)"
        assert set(visit.page.locator(".amount").evaluate_all(lines)) <= {1}
        assert set(visit.page.locator(".first .tag + small").evaluate_all(lines)) == {1}


@pytest.mark.parametrize("name", ["normal", "hostile"])
@pytest.mark.parametrize("width", [1200, 1060, 900, 390])
def test_nothing_of_the_findings_is_cut_or_needs_scrolling(
    browser: Browser, pages: dict[str, Path], name: str, width: int
) -> None:
    with Visit(browser, pages[name].as_uri(), viewport={"width": width, "height": 900}) as visit:
        spare = "t => t.closest('.scroll').clientWidth - t.scrollWidth"
        assert visit.page.locator("table.findings").evaluate(spare) >= 0
        cut = "all => all.filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.outerHTML)"
        assert visit.page.locator(".findings td, .findings tbody th").evaluate_all(cut) == []


def test_the_names_of_the_bars_are_whole_and_the_first_day_is_labelled(
    browser: Browser, pages: dict[str, Path]
) -> None:
    with Visit(browser, pages["normal"].as_uri()) as visit:
        names = visit.page.locator(".half").first.locator("text").all_text_contents()
        assert {"forgotten", "notebook"} <= set(names)
        days = visit.page.locator(".wide text").all_text_contents()
        assert {"9\N{NO-BREAK SPACE}Nov", "22\N{NO-BREAK SPACE}Nov"} <= set(days)


def test_a_link_to_a_cluster_opens_its_why(browser: Browser, pages: dict[str, Path]) -> None:
    with Visit(browser, pages["normal"].as_uri() + "#cluster_a3") as visit:
        row = visit.page.locator("#cluster_a3")
        assert row.locator("details").evaluate("d => d.open") is True
        assert row.get_by_text("Observations").is_visible()
        assert visit.page.locator("#cluster_a2 details").evaluate("d => d.open") is False


def test_rows_are_sorted_and_filtered_in_place(browser: Browser, pages: dict[str, Path]) -> None:
    with Visit(browser, pages["normal"].as_uri()) as visit:
        names = visit.page.locator("tbody.finding th a")
        assert names.all_inner_texts() == ["forgotten", "notebook", "half-used"]
        head = visit.page.locator("thead th", has_text="GPUs, price").first
        head.locator("button").click()
        assert head.get_attribute("aria-sort") == "descending"
        assert names.all_inner_texts() == ["forgotten", "half-used", "notebook"]
        visit.page.get_by_label("Filter").fill("vision A100")
        shown = visit.page.locator("tbody.finding:visible th a")
        assert shown.all_inner_texts() == ["half-used", "notebook"]
        assert visit.page.get_by_role("status").inner_text() == "2 of 3"
        assert visit.troubles == []


def test_without_javascript_everything_is_there_and_nothing_is_dead(
    browser: Browser, pages: dict[str, Path]
) -> None:
    with Visit(browser, pages["normal"].as_uri(), java_script_enabled=False) as visit:
        assert visit.page.locator("tbody.finding").count() == 3
        assert not visit.page.locator(".tools").is_visible()
        assert visit.page.locator("button").count() == 0
        visit.page.locator("#cluster_a2 summary").click()
        assert visit.page.locator("#cluster_a2").get_by_text("Observations").is_visible()


def test_a_filter_in_the_address_is_applied(browser: Browser, pages: dict[str, Path]) -> None:
    with Visit(browser, pages["normal"].as_uri() + "#filter=half-used") as visit:
        assert visit.page.locator("tbody.finding:visible th a").all_inner_texts() == ["half-used"]
        assert visit.page.get_by_label("Filter").input_value() == "half-used"


def test_a_row_is_copied_as_a_ticket_and_as_an_exclusion(
    browser: Browser, pages: dict[str, Path]
) -> None:
    # A page from a disk may have no clipboard: what it selects to copy is kept instead.
    watch = """
        Object.defineProperty(navigator, "clipboard", {value: undefined});
        window.copied = [];
        document.execCommand = () => { copied.push(document.activeElement.value); return true; };
        null;
    """
    with Visit(browser, pages["normal"].as_uri() + "#cluster_a2") as visit:
        visit.page.evaluate(watch)
        row = visit.page.locator("#cluster_a2")
        row.get_by_role("button", name="Copy ticket").click()
        row.get_by_role("button", name="Copy exclusion").click()
        ticket, exclusion = visit.page.evaluate("window.copied")
        assert ticket.startswith("**forgotten** (cluster\\_a2)")
        entry = tomllib.loads(exclusion)["exclude"][0]
        assert (entry["match"], entry["rule"]) == ("cluster_a2", "idle")
        assert visit.troubles == []


def test_an_injected_script_does_not_run(browser: Browser, tmp_path: Path, views: Any) -> None:  # noqa: ANN401
    page = render.html(views["normal"])
    evil = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    (tmp_path / "evil.html").write_text(page.replace("</main>", evil + "</main>"), encoding="utf-8")
    with Visit(browser, (tmp_path / "evil.html").as_uri()) as visit:
        assert visit.page.title() == views["normal"].title


def test_every_why_is_printed(browser: Browser, pages: dict[str, Path]) -> None:
    with Visit(browser, pages["normal"].as_uri()) as visit:
        visit.page.emulate_media(media="print")
        heights = visit.page.locator(".reasons").evaluate_all("e => e.map(x => x.offsetHeight)")
        assert len(heights) == 3
        assert min(heights) > 0
