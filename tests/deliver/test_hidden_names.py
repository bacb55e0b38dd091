"""Reports without names: none leaves, and each has one pseudonym everywhere and every night."""

from __future__ import annotations

import csv
import email
import email.policy
import html
import io
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.simulator.app import make_app
from pipeline.simulator.clock import Clock
from pipeline.simulator.fleet import Fleet
from pipeline.simulator.server import serve
from tests.cli.conftest import KEY, SIMULATED, START, Api, Run, make_run
from tests.deliver.conftest import Server, _running
from tests.deliver.listener import Listener, listening
from tests.hostile.serving import PROVEN_IN_A_DAY, rewriting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CANARY = re.compile("canary", re.IGNORECASE)
"""In every name of the fleet and of the settings that stands for one of the fleet."""
PSEUDONYM = re.compile(r"\b(cluster|project|owner)-[0-9a-f]{8}\b")


def with_canaries(record: dict[str, Any]) -> dict[str, Any]:
    """Names with a canary in them, the same in every snapshot."""
    return {
        **record,
        "name": f"Canary cluster {record['name']}",
        "description": f"canary of {record['name']}",
        "project_id": f"canary-project-{record['project_id']}",
    }


SETTINGS = """
owners_file = "{folder}/owners.toml"
exclusions_file = "{folder}/exclusions.toml"

[report]
hide_names = true
base_url = "https://reports.example.com/"

[own_rules.mine]
when = "project_id not in 'canary-project-none' and name not like 'Canary x*' and gpu_count >= 0"
reason = "{{name}} of {{project_id}}"

[own_rules.needed]
when = "project_id in 'canary-project-none'"

[budgets.projects]
amount = 1
per = "project"

[mail]
to = ["a@example.com"]
host = "127.0.0.1"
port = {port}
security = "none"
per_owner = true

[webhooks.ops]
kind = "slack"
url_env = "HOOK"

[webhooks.teams]
kind = "teams"
url_env = "HOOK"

[webhooks.mine]
kind = "json"
url_env = "HOOK"
owner = "Canary owner 1"
"""
OWNERS = """
[[owner]]
match = "Canary cluster *1"
owner = "Canary owner 1"
mail = "one@example.com"

[[owner]]
match = "*"
owner = "Canary owner 2"
mail = "two@example.com"
"""
EXCLUSIONS = """
[[exclude]]
match = "Canary cluster *a"
rule = "mine"
owner = "Canary owner 2"
reason = "the canary is kept"
expires = 2027-01-01
"""


@dataclass(frozen=True)
class Nights:
    """Two nights, and all that was stored and sent."""

    run: Run
    reports: Path
    inbox: list[bytes]
    posts: Listener
    names: dict[str, str]
    """The clusters' names by their ids."""

    def text(self, day: str, name: str) -> str:
        return (self.reports / day / name).read_text("utf-8")


@pytest.fixture(scope="module")
def mail_server() -> Iterator[Server]:
    yield from _running()


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory, mail_server: Server) -> Iterator[Nights]:
    tmp_path = tmp_path_factory.mktemp("nights")
    clock, fleet = Clock(START, step_seconds=1), Fleet(3, 25, START, 10)
    (tmp_path / "owners.toml").write_text(OWNERS)
    (tmp_path / "exclusions.toml").write_text(EXCLUSIONS)
    run = make_run(tmp_path, tmp_path / "data")
    config = SETTINGS.format(folder=tmp_path, port=mail_server.port) + PROVEN_IN_A_DAY
    (tmp_path / "simulated.toml").write_text(config + SIMULATED)
    names: dict[str, str] = {}

    def renamed(record: dict[str, Any]) -> dict[str, Any]:
        changed = with_canaries(record)
        names[changed["id"]] = changed["name"]
        return changed

    app = rewriting(make_app(fleet, clock, keys=(KEY,)), renamed)
    with serve(app) as url, listening() as listener:
        api = Api(url, clock, fleet)
        for hours in (0, 6, 12, 18):
            api.go_to(hours)
            assert run("extract", url=url).code == 0
        for hours in (25, 49):
            api.go_to(hours)
            ran = run("nightly", url=url, HOOK=f"{listener.url}/hook")
            assert ran.code in {0, 3}, ran.err
        reports = tmp_path / "data" / "reports"
        yield Nights(run, reports, mail_server.inbox.bodies, listener, names)


def decoded(data: bytes) -> Iterator[str]:
    """A mail's headers and parts, as a reader gets them."""
    message = email.message_from_bytes(data, policy=email.policy.SMTP)
    for part in message.walk():
        yield from (f"{name}: {value}" for name, value in part.items())
        if part.get_content_maintype() != "multipart":
            content = part.get_content()
            yield content if isinstance(content, str) else content.decode("latin-1")


def test_no_name_is_in_any_file_mail_or_post(nights: Nights) -> None:
    assert all(map(CANARY.search, nights.names.values()))
    stored = [path for path in nights.reports.rglob("*") if path.is_file()]
    assert {"summary.json", "message.json", "mail.eml", "findings.csv", "report.html"} <= {
        path.name for path in stored
    }
    assert len([path for path in stored if path.name.startswith("mail-")]) == 4
    for path in stored:
        texts = [path.name, path.read_bytes().decode("latin-1")]
        texts += decoded(path.read_bytes()) if path.suffix == ".eml" else []
        for text in texts:
            hit = CANARY.search(html.unescape(text))
            assert not hit, (path.name, text[max(0, hit.start() - 200) : hit.end() + 100])
    assert len(nights.inbox) == 6
    for body in nights.inbox:
        assert not CANARY.search("".join(decoded(body)))
    assert len(nights.posts.received) == 6
    for post in nights.posts.received:
        assert not CANARY.search(post.body.decode())


def test_a_cluster_has_one_pseudonym_in_page_csv_mail_and_post_every_night(nights: Nights) -> None:
    of_days, compared = [], set()
    for day in ("2026-03-02", "2026-03-03"):
        rows = list(csv.DictReader(io.StringIO(nights.text(day, "spend.csv"), newline="")))
        of_days.append({row["cluster_id"]: row["name"] for row in rows})
        named = {row[column] for row in rows for column in ("name", "project_id", "owner")}
        mail = "".join(decoded((nights.reports / day / "mail.eml").read_bytes()))
        for text in (nights.text(day, "report.html"), nights.text(day, "message.json"), mail):
            shown = {hit[0] for hit in PSEUDONYM.finditer(text)}
            assert shown & named
            compared |= shown - named
    assert len(compared) == 2  # the texts that own rules compare names with
    assert len({*of_days[0].values()}) == len({nights.names[each] for each in of_days[0]})
    both = of_days[0].keys() & of_days[1].keys()
    assert len(both) >= 20
    assert all(of_days[0][each] == of_days[1][each] for each in both)


def test_why_finds_the_cluster_of_a_pseudonym_that_page_and_mail_explain(nights: Nights) -> None:
    [first, *_] = csv.DictReader(io.StringIO(nights.text("2026-03-03", "findings.csv"), newline=""))
    page = nights.text("2026-03-03", "report.html")
    assert "replaced by pseudonyms" in page
    assert "replaced by pseudonyms" in "".join(decoded(nights.inbox[-1]))
    ran = nights.run("why", first["name"], "--json")
    assert json.loads(ran.out)["cluster"]["name"] == nights.names[first["cluster_id"]]
    wrong = nights.run("why", "cluster-00000000")
    assert (wrong.code, wrong.err.count("\n")) == (2, 1)


def test_reports_of_periods_and_accounts_hide_them_too(nights: Nights) -> None:
    assert nights.run("report", "--period", "2026-03-02").code in {0, 3}
    for path in nights.reports.rglob("*"):
        if path.is_file():
            texts = decoded(path.read_bytes()) if path.suffix == ".eml" else [path.read_text()]
            assert not CANARY.search(html.unescape("".join(texts))), path
