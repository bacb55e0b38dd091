"""The page for people who use a keyboard, a screen reader, large text or little contrast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.report.browsing import OPEN_ALL, PHONE, Visit
from tests.report.factories.results import SETS

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

WIDE = {"width": 1280, "height": 900}
SIZES = {"desk": WIDE, "phone": PHONE}
CORNERS = [("full", scheme, size) for scheme in ("light", "dark") for size in SIZES]
"""Colours depend on the scheme and the layout on the width: one set shows that they do not mix."""
AXE = """(withContrast) => axe.run({
    resultTypes: ["violations", "incomplete"], rules: {"color-contrast": {enabled: withContrast}},
})"""
CASES = [
    *CORNERS,
    *((name, *case) for name in SETS if name != "full"
      for case in (("light", "desk"), ("dark", "phone"))),
]  # fmt: skip


@pytest.mark.parametrize(("name", "scheme", "size"), CASES)
def test_axe_finds_nothing(
    browser: Browser, pages: dict[str, Path], name: str, scheme: str, size: str
) -> None:
    from axe_playwright_python.base import AXE_SCRIPT  # noqa: PLC0415  # half a megabyte

    url = pages[name].as_uri()
    with Visit(browser, url, color_scheme=scheme, viewport=SIZES[size]) as visit:
        visit.page.evaluate(OPEN_ALL)
        visit.page.evaluate(AXE_SCRIPT)
        # Its own measure of contrast takes seconds, so it is run on one set; ours is run on all.
        results = visit.page.evaluate(AXE, name == "full")
        assert [described(rule) for rule in results["violations"]] == []
        # What axe leaves open is decided by the test of contrast below: text over a picture, text
        # scrolled out of its table, a single letter.
        open_rules = [
            described(rule) for rule in results["incomplete"] if rule["id"] != "color-contrast"
        ]
        assert open_rules == []


def described(rule: dict[str, Any]) -> str:
    return f"{rule['id']}: {[node['html'][:200] for node in rule['nodes'][:5]]}"


CONTRAST = """() => {
    const ink = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
    const isClear = (c) => c.length < 3 || c[3] === 0;
    const light = (c) => {
        const [r, g, b] = c.slice(0, 3).map((v) => v / 255)
            .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = (e) => {
        for (; e; e = e.parentElement) {
            const color = ink(getComputedStyle(e).backgroundColor);
            if (!isClear(color)) { return color; }
        }
        return [255, 255, 255];
    };
    const ratio = (a, b) => {
        const [x, y] = [light(a), light(b)].sort((p, q) => q - p);
        return (x + 0.05) / (y + 0.05);
    };
    const weak = [];
    let seen = 0;
    const judge = (e, color, least) => {
        if (isClear(color)) { return; }
        seen += 1;
        const got = ratio(color, ground(e.parentElement));
        if (got < least) { weak.push(got.toFixed(2) + " " + e.outerHTML.slice(0, 160)); }
    };
    document.querySelectorAll("body *").forEach((e) => {
        const style = getComputedStyle(e);
        const hasText = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
        if (e.closest(".hidden, script, style") || !e.getClientRects().length) { return; }
        // Its outline in the colour of the ground; the text itself is drawn over it.
        if (e.matches("svg text") && e.getAttribute("fill") === e.getAttribute("stroke")) {
            return;
        }
        if (e.matches("svg text")) { judge(e, ink(style.fill), 4.5); }
        else if (hasText && !e.closest("svg")) { judge(e, ink(style.color), 4.5); }
        if (e.matches(".swatch, .spark path")) {
            judge(e, ink(e.matches("path") ? style.stroke : style.backgroundColor), 3);
        }
    });
    return {seen, weak};
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", SETS)
def test_every_text_has_contrast_in_charts_too(
    browser: Browser, pages: dict[str, Path], name: str, scheme: str
) -> None:
    """4.5 for text and 3 for the colours of charts, as WCAG 2.2 AA asks (1.4.3, 1.4.11)."""
    with Visit(browser, pages[name].as_uri(), color_scheme=scheme, viewport=WIDE) as visit:
        visit.page.evaluate(OPEN_ALL)
        results = visit.page.evaluate(CONTRAST)
        assert results["weak"] == []
        assert results["seen"] > 10


MARKS = """() => [...document.querySelectorAll(".chart svg *")]
    .filter((e) => e.getClientRects().length)
    .flatMap((e) => [e.getAttribute("fill"), e.getAttribute("stroke")])
    .filter((color) => color && color.startsWith("var("))"""


def test_marks_of_charts_have_colours_of_a_legend_or_of_text(
    browser: Browser, pages: dict[str, Path]
) -> None:
    """So that the contrast of every mark is that of a colour judged above."""
    decided = {f"var(--c{n})" for n in range(1, 8)} | {"var(--ink)", "var(--muted)", "var(--bad)"}
    # Lines of the grid and the shade of a region carry no information by their colour alone.
    decoration = {"var(--line)", "var(--shade)", "var(--card)"}
    with Visit(browser, pages["full"].as_uri(), viewport=WIDE) as visit:
        used = set(visit.page.evaluate(MARKS))
        assert used
        assert used <= decided | decoration


CONTROLS = "a[href], button, summary, input, [tabindex='0']"
FOCUSED = """() => {
    const e = document.activeElement;
    const style = getComputedStyle(e);
    return {
        place: [...document.querySelectorAll("CONTROLS")].indexOf(e),
        isMarked: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0,
        isSeen: e.getBoundingClientRect().height > 0,
        html: e.outerHTML.slice(0, 120),
    };
}""".replace("CONTROLS", CONTROLS)
REACHABLE = """() => [...document.querySelectorAll("CONTROLS")]
    .map((e, place) => [e, place]).filter(([e]) => e.checkVisibility()).map(([, place]) => place)
""".replace("CONTROLS", CONTROLS)


@pytest.mark.parametrize("size", SIZES)
def test_tab_reaches_every_control_in_order_and_shows_where_it_is(
    browser: Browser, pages: dict[str, Path], size: str
) -> None:
    with Visit(browser, pages["full"].as_uri(), viewport=SIZES[size]) as visit:
        visit.page.evaluate(OPEN_ALL)
        visit.page.wait_for_selector(".copy button")
        expected = visit.page.evaluate(REACHABLE)
        reached = []
        for _ in expected:
            visit.page.keyboard.press("Tab")
            focus = visit.page.evaluate(FOCUSED)
            assert focus["isMarked"], focus["html"]
            assert focus["isSeen"], focus["html"]
            reached.append(focus["place"])
        assert reached == expected
        assert len(reached) > 40


def test_everything_can_be_done_with_keys_alone(browser: Browser, pages: dict[str, Path]) -> None:
    with Visit(browser, pages["full"].as_uri(), viewport=WIDE) as visit:
        page, press = visit.page, visit.page.keyboard.press
        press("Tab")
        press("Enter")  # the link that skips to the first actions
        press("Tab")
        assert inside(page, "section[aria-labelledby='section:first'] li a")

        row = page.locator("tbody.finding").nth(1)
        for key, is_open in (("Enter", True), ("Space", False), ("Enter", True)):
            row.locator("summary").focus()
            press(key)
            assert row.locator("details").evaluate("d => d.open") is is_open

        head = page.locator("table.findings thead th").first
        for key, order in (("Enter", "ascending"), ("Space", "descending")):
            head.locator("button").focus()
            press(key)
            assert head.get_attribute("aria-sort") == order

        page.get_by_label("Filter").focus()
        page.keyboard.type("notebook")
        assert page.get_by_role("status").inner_text().startswith("1 of ")
        shown = page.locator("tbody.finding:visible")
        assert shown.locator("th a").all_inner_texts() == ["notebook"]
        shown.locator("summary").focus()
        if not shown.locator("details").evaluate("d => d.open"):
            press("Enter")
        shown.get_by_role("button", name="Copy ticket").focus()
        press("Enter")
        copied = shown.get_by_role("button", name="Copied")
        assert copied.evaluate("button => button === document.activeElement")
        assert visit.troubles == []


def inside(page: Page, selector: str) -> bool:
    return bool(page.evaluate(f"document.activeElement.matches(`{selector}`)"))


def test_arrow_keys_scroll_a_wide_table(browser: Browser, pages: dict[str, Path]) -> None:
    wide = ".scroll:visible:has(table:not(.findings))"
    with Visit(browser, pages["full"].as_uri(), viewport=PHONE) as visit:
        visit.page.evaluate(OPEN_ALL)
        tables = visit.page.locator(wide)
        hidden = tables.evaluate_all("all => all.map(e => e.scrollWidth - e.clientWidth)")
        table = tables.nth(hidden.index(max(hidden)))
        table.focus()
        visit.page.keyboard.press("ArrowRight")
        visit.page.wait_for_function("e => e.scrollLeft > 0", arg=table.element_handle())


MOTION = """() => [...document.querySelectorAll("*")].filter((e) => {
    const style = getComputedStyle(e);
    return style.transitionDuration !== "0s" || style.animationName !== "none"
        || style.scrollBehavior !== "auto";
}).length + document.getAnimations().length"""


def test_nothing_moves_by_itself(browser: Browser, pages: dict[str, Path]) -> None:
    """With the setting for less motion and without it: there is none to turn off."""
    for motion in ("reduce", "no-preference"):
        with Visit(browser, pages["full"].as_uri(), reduced_motion=motion) as visit:
            visit.page.locator("tbody.finding summary").first.click()
            assert visit.page.evaluate(MOTION) == 0
