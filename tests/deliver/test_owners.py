"""Each owner gets mail about their own clusters only, over a real server."""

from __future__ import annotations

import csv
import email
import email.policy
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from pipeline.errors import Exit, NotDeliveredError
from pipeline.jobs import Job
from pipeline.jobs.extract import extract
from pipeline.jobs.ledger import update_ledger
from pipeline.jobs.report import make_report
from pipeline.jobs.send import send
from pipeline.keys import Secret
from pipeline.nightly import nightly
from pipeline.notebook import OpenStore
from pipeline.settings import Api, Mail, Settings
from pipeline.simulator.app import make_app
from pipeline.simulator.clock import Clock
from pipeline.simulator.fleet import Fleet
from pipeline.simulator.server import serve
from pipeline.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from tests.deliver.conftest import Server

START = datetime(2026, 3, 2, tzinfo=UTC)
SNAPSHOTS = 13
OWNERS = """
[[owner]]
match = "vision-*"
owner = "vision team"
mail = "vision@example.com"

[[owner]]
match = "llm-*"
owner = "LLM"
mail = "llm@example.com"

[[owner]]
match = "speech-*"
owner = "no address"

[[owner]]
match = "none-*"
owner = "owns nothing"
mail = "nothing@example.com"
"""


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """Three closed days of six-hourly snapshots, and their ledger."""
    folder = tmp_path_factory.mktemp("owners")
    (folder / "owners.toml").write_text(OWNERS)
    clock, fleet = Clock(START, step_seconds=1), Fleet(3, 40, START, 10)
    with serve(make_app(fleet, clock, keys=("k",))) as url:
        job = Job(
            store=Store(str(folder / "data")),
            settings=Settings(api=Api(url=url), owners_file=str(folder / "owners.toml")),
            find_key=lambda _name, _account: Secret("k"),
            now=clock.now,
        )
        for number in range(SNAPSHOTS):
            clock.set(START + timedelta(hours=6 * number))
            extract(job, "default")
    update_ledger(job)
    return job


def mailing(job: Job, mail: Mail) -> Job:
    """The same store with mail settings, and no messages yet."""
    return replace(job, settings=with_mail(job.settings, mail), messages=[], codes=set(), counts={})


def with_mail(settings: Settings, mail: Mail) -> Settings:
    return Settings(api=settings.api, owners_file=settings.owners_file, mail=mail)


def arrived(server: Server) -> dict[str, Any]:
    """Each message by whom it was for."""
    return {
        ", ".join(to): email.message_from_bytes(body, policy=email.policy.default)
        for to, body in zip(server.inbox.recipients, server.inbox.bodies, strict=True)
    }


def attached(message: Any, name: str) -> bytes:  # noqa: ANN401 - the parser's type
    (part,) = (p for p in message.iter_attachments() if p.get_filename() == name)
    content: bytes = part.get_payload(decode=True)
    return content


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def test_each_owner_gets_their_part_and_the_recipients_all(
    watched: Job, plain_server: Server
) -> None:
    mail = plain_server.settings(to=("finops@example.com",), security="none", per_owner=True)
    job = mailing(watched, mail)
    reported = make_report(job)
    assert send(job, reported.day) == {
        "finops@example.com": "",
        "llm@example.com": "",
        "vision@example.com": "",
    }
    got = arrived(plain_server)
    assert {to: message["To"] for to, message in got.items()} == {to: to for to in got}
    assert len({message["Message-ID"] for message in got.values()}) == 3

    vision, complete = got["vision@example.com"], got["finops@example.com"]
    assert "vision team: " in vision["Subject"]
    mine, every = (rows(attached(message, "findings.csv")) for message in (vision, complete))
    assert mine
    assert {row["owner"] for row in mine} == {"vision team"}
    # The parts and the clusters without an owner add up: no finding twice, none lost.
    assert mine == [row for row in every if row["owner"] == "vision team"]
    assert "" in {row["owner"] for row in every}
    others = [r["name"] for r in every if r["owner"] != "vision team"]
    page = attached(vision, "report.html").decode()
    text = (
        page + vision.get_body(("plain",)).get_content() + vision.get_body(("html",)).get_content()
    )
    assert others
    assert not [name for name in others if name in text]
    assert send(job, reported.day) == {}


def test_sums_by_owner_are_those_of_the_report(watched: Job) -> None:
    job = mailing(watched, Mail())
    reported = make_report(job)
    summary = json.loads(job.store.read_report(reported.day)["summary.json"])
    owners = {entry["owner"]: entry for entry in summary["owners"]}
    assert {"vision team", "LLM", "no address", None} == set(owners)
    for column, total in (
        ("clusters", "clusters"),
        ("spend_micros", "spend_micros"),
        ("findings", "found"),
        ("saving_micros", "saving_micros"),
    ):
        assert sum(entry[column] for entry in owners.values()) == summary[total]
    spend = rows(job.store.read_report(reported.day)["spend.csv"])
    mine = sum(round(float(r["spend"] or 0) * 1e6) for r in spend if r["owner"] == "LLM")
    assert mine == owners["LLM"]["spend_micros"]


def test_a_notebook_cuts_spend_by_owner(watched: Job) -> None:
    reported = make_report(mailing(watched, Mail()))
    summary = json.loads(watched.store.read_report(reported.day)["summary.json"])
    store = OpenStore(str(watched.store.files.path("")))
    cut = store.spend("owner", last=reported.day)
    by_owner = {
        None if pd.isna(owner) else owner: int(micros)
        for owner, micros in zip(cut["owner"], cut["spend_micros"], strict=True)
    }
    assert by_owner == {entry["owner"]: entry["spend_micros"] for entry in summary["owners"]}


def test_without_the_setting_only_the_recipients_get_mail(
    watched: Job, plain_server: Server
) -> None:
    job = mailing(watched, plain_server.settings(to=("other@example.com",), security="none"))
    reported = make_report(job)
    assert send(job, reported.day) == {"other@example.com": ""}
    assert not [name for name in job.store.read_report(reported.day) if name.startswith("mail-")]


def test_a_night_mails_the_owners_even_where_no_other_recipient_is_named(
    watched: Job, plain_server: Server
) -> None:
    job = mailing(watched, plain_server.settings(to=(), security="none", per_owner=True))
    plain_server.inbox.refuse = {"llm@example.com"}
    for state in ("llm", "vision-team"):
        _forget(job, state)
    job = replace(job, settings=_without_api(job.settings))
    assert nightly(job) is not None
    assert sorted(arrived(plain_server)) == ["vision@example.com"]
    assert job.exit_code == Exit.NOT_DELIVERED
    assert "mail to llm@example.com refused: 550" in job.messages[-1]


def test_a_server_that_is_down_is_reported_after_every_part_was_tried(
    watched: Job,
) -> None:
    mail = Mail(host="127.0.0.1", port=1, security="none", per_owner=True)
    job = mailing(watched, mail)
    with pytest.raises(NotDeliveredError, match=r"check mail\.host"):
        send(job, make_report(job).day, again=True)


def test_an_owner_without_a_mail_address_that_is_one_costs_no_report(
    watched: Job, tmp_path: Path
) -> None:
    owners = '[[owner]]\nmatch = "*"\nowner = "all"\nmail = "nowhere"\n'
    (tmp_path / "owners.toml").write_text(owners)
    job = mailing(watched, Mail(per_owner=True))
    job = replace(
        job,
        settings=Settings(owners_file=str(tmp_path / "owners.toml"), mail=job.settings.mail),
        store=watched.store,
    )
    reported = make_report(job)
    assert "report.html" in job.store.read_report(reported.day)
    assert job.exit_code == Exit.USAGE
    assert job.messages == ["owner 'all': mail.to: 'nowhere' is not a mail address"]


def _forget(job: Job, owner: str) -> None:
    """Forget that ``owner`` got their part of the newest report."""
    day = make_report(job).day
    (name,) = (n for n in job.store.read_report(day) if n.startswith(f"mail-{owner}-"))
    part = name.removeprefix("mail").removesuffix(".eml")
    job.store.put_state(f"sent-{day}{part}", b"[]")


def _without_api(settings: Settings) -> Settings:
    """The newest snapshot is young enough: the night sends the API no request."""
    return Settings(owners_file=settings.owners_file, mail=settings.mail)
