"""Nights in a row, as cron runs them: who gets which mail, over a real API and mail server."""

from __future__ import annotations

import email
import email.policy
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.store import Store
from tests.cli.conftest import SIMULATED, Api, Ran, make_run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.deliver.conftest import Inbox, Server

DAY = 24
Night = Callable[..., Ran]


@pytest.fixture
def night(tmp_path: Path, api: Api, plain_server: Server) -> Night:
    """``nightly`` at an hour of the simulated time, with two recipients."""
    config = tmp_path / "settings.toml"
    config.write_text(
        '[mail]\nto = ["a@example.com", "b@example.com"]\n'
        f'host = "127.0.0.1"\nport = {plain_server.port}\nsecurity = "none"\n' + SIMULATED
    )
    run = make_run(tmp_path, tmp_path / "data")

    def night(hour: float, *command: str) -> Ran:
        api.go_to(hour)
        return run(*(command or ("nightly",)), "--config", str(config), "--json", url=api.url)

    return night


def subjects(inbox: Inbox) -> list[str]:
    return [str(message["Subject"]) for message in messages(inbox)]


def messages(inbox: Inbox) -> list[Any]:
    return [email.message_from_bytes(b, policy=email.policy.default) for b in inbox.bodies]


def test_three_nights_are_three_mails_and_a_night_made_again_is_none(
    night: Night, plain_server: Server
) -> None:
    inbox = plain_server.inbox
    for hour in (2, 2 + DAY, 2 + 2 * DAY):
        assert night(hour).code == 0
    notice, first, second = subjects(inbox)
    assert "no closed day yet" in notice
    assert first.endswith("(2026-03-02)")
    assert second.endswith("(2026-03-03)")
    assert len({message["Message-ID"] for message in messages(inbox)}) == 3

    assert night(3 + 2 * DAY).code == 0
    assert len(inbox.bodies) == 3


def test_the_notice_of_a_day_is_mailed_once(night: Night, plain_server: Server) -> None:
    night(2)
    night(4)
    assert len(plain_server.inbox.bodies) == 1


def test_who_got_a_mail_from_an_earlier_version_does_not_get_it_twice(
    night: Night, plain_server: Server, tmp_path: Path
) -> None:
    """Earlier versions kept reports and notices alike under ``sent-DAY``."""
    night(2, "extract")
    _write_state(tmp_path / "data", "sent-2026-03-02", ["a@example.com"])
    night(3)
    night(2 + DAY)
    assert plain_server.inbox.recipients == [["b@example.com"], ["b@example.com"]]


def test_a_recipient_refused_for_good_is_asked_once_a_report(
    night: Night, plain_server: Server
) -> None:
    inbox = plain_server.inbox
    inbox.refuse = {"b@example.com"}
    assert night(2).code == 4
    again = night(4)
    assert (again.code, inbox.asked.count("b@example.com")) == (4, 1)
    assert "b@example.com was refused for good: 550" in again.err
    night(2 + DAY)
    assert inbox.asked.count("b@example.com") == 2

    inbox.refuse = set()
    assert night(3 + DAY, "send").code == 0
    assert night(4 + DAY).code != 4
    assert inbox.recipients == [["a@example.com"], ["a@example.com"], ["b@example.com"]]


def test_a_recipient_refused_for_now_is_asked_again(night: Night, plain_server: Server) -> None:
    inbox = plain_server.inbox
    inbox.replies = {"b@example.com": "450 4.2.1 greylisted"}
    assert night(2).code == 4
    inbox.replies = {}
    assert night(3).code == 0
    assert inbox.recipients == [["a@example.com"], ["b@example.com"]]


def test_a_connection_lost_after_the_message_repeats_the_same_message(
    night: Night, plain_server: Server
) -> None:
    """The server has it, and no client can know: mail programs show one Message-ID once."""
    inbox = plain_server.inbox
    inbox.hangs_up_after_data = True
    assert night(2).code == 4
    inbox.hangs_up_after_data = False
    assert night(3).code == 0
    assert night(4).code == 0
    assert len(inbox.bodies) == 2
    assert len({message["Message-ID"] for message in messages(inbox)}) == 1


def test_a_report_sent_again_on_purpose_is_no_mail_a_server_would_drop(
    night: Night, plain_server: Server
) -> None:
    night(2)
    night(2, "send", "--again")
    first, again = messages(plain_server.inbox)
    assert first["Message-ID"] != again["Message-ID"]


@pytest.mark.parametrize(
    ("fault", "cause", "code"),
    [("down", "the API is unavailable", 11), ("refused", "the API key was refused", 10)],
)
def test_a_night_without_data_is_a_mail_of_its_own_once(
    night: Night, plain_server: Server, api: Api, tmp_path: Path, fault: str, cause: str, code: int
) -> None:
    inbox = plain_server.inbox
    assert night(2).code == night(2 + DAY).code == 0
    inbox.bodies.clear()
    run = make_run(tmp_path, tmp_path / "data")
    command = ("nightly", "--config", str(tmp_path / "settings.toml"))
    api.go_to(3 + DAY)
    for _ in range(2):
        if fault == "down":  # a port without a server
            ran = run(*command, url="http://127.0.0.1:1")
        else:
            ran = run(*command, url=api.url, key="another-key-than-the-valid-one")
        assert ran.code == code, ran.err
    (message,) = messages(inbox)
    assert f"no new data: {cause}" in message["Subject"]
    text = message.get_body(("plain",)).get_content()
    assert text.splitlines()[2].startswith("No new data on")
    assert "The last report is of 2 March 2026: " in " ".join(text.split())


def test_a_recipient_refused_on_three_dates_is_tried_no_more_until_send(
    night: Night, plain_server: Server
) -> None:
    inbox = plain_server.inbox
    inbox.refuse = {"b@example.com"}
    # The first night's notice and the second night's report have the same date.
    codes = [night(2 + days * DAY) for days in range(6)]
    assert [ran.code for ran in codes] == [4, 4, 4, 4, 0, 0]
    assert inbox.asked.count("b@example.com") == 4
    assert "b@example.com was refused for good on 3 dates and is not tried any more" in codes[3].err
    status = night(2 + 5 * DAY, "status")
    assert status.code == 0
    assert list(json.loads(status.out)["refused_recipients"]) == ["b@example.com"]

    inbox.refuse = set()
    assert night(3 + 5 * DAY, "send").code == 0
    assert json.loads(night(3 + 5 * DAY, "status").out)["refused_recipients"] == {}
    assert night(2 + 6 * DAY).code == 0
    assert inbox.recipients[-1] == ["a@example.com", "b@example.com"]


def test_a_refusal_for_now_or_an_accepted_mail_between_ends_no_and_the_count(
    night: Night, plain_server: Server
) -> None:
    inbox = plain_server.inbox
    for days in range(5):
        inbox.refuse = {"b@example.com"} if days != 2 else set()
        night(2 + days * DAY)
    assert inbox.asked.count("b@example.com") == 5


def _write_state(data: Path, name: str, value: object) -> None:
    Store(str(data)).put_state(name, json.dumps(value).encode())
