"""Hostile texts through the whole chain: API, snapshots, ledger, findings, every file and message.

Each text of the corpus is in every text field of a cluster. The same fleet with benign texts gives
the files without an attack: those with one may have nothing more.
"""

from __future__ import annotations

import csv
import email
import email.policy
import glob
import io
import json
import re
import tomllib
import unicodedata
from collections import Counter
from dataclasses import dataclass
from datetime import date
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import msgspec
import pandas as pd
import pytest

from pipeline.deliver import slack, teams
from pipeline.deliver.channel_message import decode
from pipeline.report.text.cluster_text import exclusion_entries
from tests.hostile.corpus import LONE_SURROGATES, corpus
from tests.hostile.serving import Texts, reported
from tests.report.browsing import Visit, launched

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import EmailMessage
    from pathlib import Path

    from playwright.sync_api import Browser

    from tests.cli.conftest import Run

CLUSTERS = len(corpus())
DAY = "2026-03-02"
_ADDRESSES = {
    "href",
    "src",
    "action",
    "formaction",
    "data",
    "poster",
    "srcset",
    "style",
    "xlink:href",
}


@dataclass(frozen=True)
class Served:
    """What was made of a fleet."""

    run: Run
    folder: Path

    def text(self, name: str) -> str:
        """A file of the report."""
        return (self.folder / name).read_text("utf-8")

    def mail(self) -> EmailMessage:
        """The report as a mail."""
        data = (self.folder / "mail.eml").read_bytes()
        return email.message_from_bytes(data, policy=email.policy.SMTP)  # type: ignore[return-value]


def _served(home: Path, *, benign: bool) -> Served:
    texts = Texts(corpus(), benign=benign)
    # An owners file with control characters is refused.
    names = [text for text in corpus() if text.isprintable() and text.strip()]
    owners = [f"owner {at}" if benign else names[31 * at] for at in range(16)]
    entries = [
        f"[[owner]]\nmatch = '*r_?????????{at:x}'\nowner = {json.dumps(owner)}\n"
        for at, owner in enumerate(owners)
    ]
    (home / "owners.toml").write_text("\n".join(entries))
    run, ran = reported(home, texts, CLUSTERS, f'owners_file = "{home}/owners.toml"\n')
    assert ran.code == 0, ran.err
    return Served(run, home / "data" / "reports" / DAY)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Served:
    return _served(tmp_path_factory.mktemp("hostile"), benign=False)


@pytest.fixture(scope="module")
def benign(tmp_path_factory: pytest.TempPathFactory) -> Served:
    return _served(tmp_path_factory.mktemp("benign"), benign=True)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    yield from launched()


class Tags(HTMLParser):
    """Every element with the names of its attributes, and every address."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: Counter[tuple[str, ...]] = Counter()
        self.addresses: set[str] = set()
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = tuple(name for name, _ in attrs)
        self.elements[tag, *names] += 1
        # A link to a row of the page leads nowhere else.
        values = (value or "" for name, value in attrs if name in _ADDRESSES)
        self.addresses |= {value for value in values if not value.startswith("#")}


def same_tags(hostile: str, benign: str) -> None:
    """Assert that ``hostile`` has no element, attribute or address that ``benign`` has not."""
    ours, others = Tags(hostile), Tags(benign)
    more = ours.elements - others.elements
    # A chart labels the points whose names find a place; long names find none.
    assert not {tags: n for tags, n in more.items() if tags[0] not in ("text", "tspan", "path")}
    assert ours.elements.keys() <= others.elements.keys()
    assert ours.addresses <= others.addresses


def test_the_corpus_is_large_and_every_text_was_served(hostile: Served) -> None:
    assert len(set(corpus())) == len(corpus()) >= 1000
    rows = list(csv.reader(io.StringIO(hostile.text("spend.csv"))))
    assert len(rows) - 1 >= CLUSTERS  # a simulated fleet may have births


def test_no_text_is_part_of_a_stored_path(hostile: Served, benign: Served) -> None:
    def names(served: Served) -> list[str]:
        data = served.folder.parents[1]
        return sorted(str(path.relative_to(data)) for path in data.rglob("*"))

    ours = names(hostile)
    assert not [name for name in ours if not re.fullmatch(r"[A-Za-z0-9_.=/-]+", name)]
    # Digests and the times of runs differ; a ticket's name has letters and digits of its id.
    assert len(ours) == len(names(benign))
    tickets = [path.name for path in hostile.folder.glob("ticket-*")]
    assert len(tickets) == 10
    assert all(re.fullmatch(r"ticket-[a-z0-9-]{1,49}\.md", name) for name in tickets)


def test_the_page_has_no_new_element_attribute_or_address(hostile: Served, benign: Served) -> None:
    page = hostile.text("report.html")
    same_tags(page, benign.text("report.html"))
    assert page.count('<tbody class="finding"') > 1000  # all are shown


@pytest.mark.browser
def test_a_browser_runs_nothing_of_it_and_reads_every_row(
    browser: Browser, hostile: Served, benign: Served
) -> None:
    count = "document.getElementsByTagName('*').length - document.querySelectorAll('svg *').length"
    counts = []
    for served in (hostile, benign):
        page = served.folder / "report.html"
        with Visit(browser, page.as_uri()) as visit:
            counts.append(visit.page.evaluate(count))
            keys = "all => all.map(e => JSON.parse(e.dataset.sort).length)"
            assert set(visit.page.locator("tbody.finding").evaluate_all(keys)) == {9}
            assert visit.troubles == []
            assert visit.requests == [page.as_uri()]
    assert counts[0] <= counts[1]


@pytest.mark.browser
def test_an_exclusion_that_the_page_offers_is_toml_for_that_cluster_alone(
    browser: Browser, hostile: Served
) -> None:
    copy = """all => Promise.all(all.filter((row, n) => n % 40 === 0).map(row => {
        const details = row.querySelector("details");
        const opened = new Promise(done => details.addEventListener("toggle", done));
        details.open = true;
        return opened.then(() => {
            [...row.querySelectorAll("button")].pop().click();
            return [JSON.parse(row.dataset.match), window.copied.pop()];
        });
    }))"""
    watch = """
        Object.defineProperty(navigator, "clipboard", {value: undefined});
        window.copied = [];
        window.field = () => document.querySelector("textarea");
        document.execCommand = () => { copied.push(field().value); return true; };
        null;
    """
    with Visit(browser, (hostile.folder / "report.html").as_uri()) as visit:
        visit.page.evaluate(watch)
        copied = visit.page.locator("tbody.finding").evaluate_all(copy)
    assert len(copied) > 30
    for pattern, entry in copied:
        [excluded] = tomllib.loads(entry)["exclude"]
        assert tomllib.loads(entry).keys() == {"exclude"}
        assert (excluded["match"], excluded["rule"]) == (pattern, excluded["rule"])
        assert excluded.keys() == {"match", "rule", "owner", "reason", "expires"}


def is_live_formula(cell: str) -> bool:
    """Whether a spreadsheet could calculate a cell, reading what it trims or takes for the same."""
    kept = (c for c in cell if unicodedata.category(c) not in {"Cc", "Cf", "Zs", "Zl", "Zp"})
    text = unicodedata.normalize("NFKC", "".join(kept))
    is_number = re.fullmatch(r"[+-]?\d+(\.\d+)?(e[+-]?\d+)?", cell)
    return not is_number and text.startswith(("=", "+", "-", "@", "|", "%"))


def test_no_cell_of_a_csv_file_is_a_formula_and_no_row_is_lost(
    hostile: Served, benign: Served
) -> None:
    files = sorted(path.name for path in hostile.folder.glob("*.csv"))
    assert len(files) == 7
    for name in files:
        rows, others = (
            list(csv.reader(io.StringIO(served.text(name), newline="")))
            for served in (hostile, benign)
        )
        assert [len(row) for row in rows] == [len(row) for row in others], name
        live = {cell for row in rows for cell in row if is_live_formula(cell)}
        assert not live, (name, sorted(live)[:9])


def test_json_files_and_attributes_parse(hostile: Served, benign: Served) -> None:
    for name in ("summary.json", "message.json"):
        ours, others = (json.loads(served.text(name)) for served in (hostile, benign))
        assert ours.keys() == others.keys(), name


def test_a_mail_has_no_new_header_part_or_element(hostile: Served, benign: Served) -> None:
    ours, others = hostile.mail(), benign.mail()
    parts = [
        [(part.get_content_type(), part.keys()) for part in mail.walk()] for mail in (ours, others)
    ]
    assert parts[0] == parts[1]
    assert not any(part.defects for part in ours.walk())
    assert len(str(ours["Subject"]).splitlines()) == 1
    for kind in ("To", "From", "Message-ID", "List-Id"):
        assert ours[kind] == others[kind]
    body, other = (mail.get_body(("html",)).get_content() for mail in (ours, others))
    same_tags(body, other)
    attached = [
        next(
            p for p in mail.iter_attachments() if p.get_content_type() == "text/html"
        ).get_content()
        for mail in (ours, others)
    ]
    same_tags(*attached)
    text = ours.get_body(("plain",)).get_content()
    assert not hidden(text.replace("\r\n", "\n"))


def hidden(text: str) -> set[str]:
    """What a terminal would obey, what changes the direction of text, and what breaks lines."""
    return set(
        re.findall(
            "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]", text
        )
    )


def test_nothing_that_a_person_reads_on_a_terminal_controls_it(
    hostile: Served,
) -> None:
    stored = ("--max-age", "9999d")
    commands = [
        ("status",), ("check",), ("findings", "--limit", "300"), ("findings", "--changes"),
        ("overview", *stored), ("overview", "--by", "project", *stored), ("candidates", *stored),
        ("dev-clusters", *stored), ("clusters", *stored),
    ]  # fmt: skip
    for command in commands:
        ran = hostile.run(*command)
        assert ran.code in {0, 2, 3}, (command, ran.err)
        assert not hidden(ran.out + ran.err), command


def test_why_prints_no_control_character_and_toml_that_is_the_id(hostile: Served) -> None:
    rows = csv.DictReader(io.StringIO(hostile.text("findings.csv"), newline=""))
    ids = sorted({row["cluster_id"].removeprefix("'") for row in rows})
    for cluster_id in ids[::150]:
        ran = hostile.run("why", "--", cluster_id)
        assert ran.code == 0, (cluster_id, ran.err)
        assert not hidden(ran.out + ran.err), cluster_id


@pytest.mark.parametrize("field", ["cluster_id", "owner"])
def test_an_exclusion_that_why_offers_is_toml_for_that_cluster_alone(field: str) -> None:
    usual = {
        "cluster_id": "c-1", "owner": "a", "rule_id": "idle", "outcome": "FINDING",
        "exclusion": None,
    }  # fmt: skip
    texts = [text for text in corpus() if text and text not in LONE_SURROGATES]
    rows = pd.DataFrame([{**usual, field: text} for text in texts])
    entries = exclusion_entries(rows, date(2026, 3, 2))
    assert not hidden("".join(entries))
    for text, entry in zip(texts, entries, strict=True):
        [excluded] = tomllib.loads(entry)["exclude"]
        key = "owner" if field == "owner" else "match"
        assert excluded[key] == (text if field == "owner" else glob.escape(text))


def test_webhooks_show_names_as_plain_text(hostile: Served) -> None:
    message = decode((hostile.folder / "message.json").read_bytes())
    for text in set(corpus()) - {*LONE_SURROGATES}:  # these are no text; none gets here
        action = msgspec.structs.replace(message.actions[0], cluster=text, where=text)
        each = msgspec.structs.replace(message, title=text, actions=(action,), alerts=(text,))
        post = json.loads(slack.body(each))
        assert not set("<>") & set(post["text"])
        kinds = {block["text"]["type"] for block in post["blocks"] if "text" in block}
        assert kinds == {"plain_text"}
        card = json.loads(teams.body(each))["attachments"][0]["content"]
        assert {part["type"] for part in card["body"]} == {"RichTextBlock"}
