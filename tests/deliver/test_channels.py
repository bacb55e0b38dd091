"""The payloads: each vendor's documented limits and required fields, with hostile names."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.models.blocks import Block

from pipeline.deliver import signed_json, slack, teams
from pipeline.deliver.channel_message import Action, ChannelMessage, decode, encode
from pipeline.keys import Secret

HOSTILE = "<!channel> *b* [x](https://evil.example) <at>all</at> & `c` | \u202e"


def action(name: str = "trainer-1") -> Action:
    return Action(
        action="Terminate",
        cluster=name,
        where="project vision",
        saving="$1,200",
        grade="proven",
        since="3 Nov",
        is_final=True,
    )


def message(name: str = "trainer-1", count: int = 1, **values: Any) -> ChannelMessage:  # noqa: ANN401
    fields: dict[str, Any] = {
        "kind": "report",
        "day": date(2026, 11, 22),
        "kicker": "GPU cost report · 22 November 2026 (UTC)",
        "title": f"$1,200 was spent on {name}",
        "sentences": ("12 clusters cost $8,000.",),
        "summary": "1 action would save $1,200.",
        "actions": (action(name),) * count,
        "more": "2 more actions save $10.",
        "alerts": ("Budget gpu: 80 % of $10,000 is spent ($8,000).",),
        "link": "https://reports.example.com/2026-11-22/report.html",
        "figures": {"spend_micros": 8_000_000_000, "waste_micros": None},
    }
    return ChannelMessage(**fields | values)


def test_an_action_that_cannot_be_undone_says_when_another_is_right() -> None:
    shown = msgspec.structs.replace(action(), instead="to keep its storage, stop it").text()
    assert "trainer-1 (cannot be undone; to keep its storage, stop it): saves" in shown


TEXTS = st.text(max_size=4000)
MESSAGES = st.builds(
    message,
    name=TEXTS,
    count=st.integers(0, 60),
    alerts=st.lists(TEXTS, max_size=60).map(tuple),
    sentences=st.lists(TEXTS, max_size=4).map(tuple),
    link=st.sampled_from(["", "https://reports.example.com/a|b"]),
)


def slack_payload(sent: ChannelMessage) -> Any:  # noqa: ANN401
    return msgspec.json.decode(slack.body(sent))


def card(sent: ChannelMessage) -> Any:  # noqa: ANN401
    body = msgspec.json.decode(teams.body(sent))
    assert body["type"] == "message"
    [attachment] = body["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    return attachment["content"]


def texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [text for part in parts for text in texts(part)]


@given(MESSAGES)
def test_slack_accepts_every_message_by_its_documented_limits(sent: ChannelMessage) -> None:
    payload = slack_payload(sent)
    assert payload.keys() == {"text", "blocks"}
    assert 1 <= len(payload["blocks"]) <= 50
    for block in payload["blocks"]:
        assert block["type"] in {"header", "section", "divider"}
        if block["type"] != "divider":
            text = block["text"]
            assert 1 <= len(text["text"]) <= (150 if block["type"] == "header" else 3000)
            assert text["type"] == "plain_text" or text["text"].startswith("<https://reports.")


@given(MESSAGES)
def test_slack_reads_every_block_as_its_own_library_writes_it(sent: ChannelMessage) -> None:
    for block in slack_payload(sent)["blocks"]:
        read = Block.parse(block)
        assert read is not None
        read.validate_json()
        assert read.to_dict() == block  # no field that Slack does not know


@given(MESSAGES)
def test_a_card_is_one_of_version_1_5_and_small_enough(sent: ChannelMessage) -> None:
    content = card(sent)
    assert (content["type"], content["version"]) == ("AdaptiveCard", "1.5")
    assert len(teams.body(sent)) <= 28_000
    for element in content["body"]:
        assert element["type"] == "RichTextBlock"
        [run] = element["inlines"]
        assert run["type"] == "TextRun"
        assert isinstance(run["text"], str)
    for each in content.get("actions", []):
        assert each["type"] == "Action.OpenUrl"
        assert each["url"].startswith("https://")


def test_a_name_is_shown_as_it_is_and_never_read_as_markup() -> None:
    payload, content = slack_payload(message(HOSTILE)), card(message(HOSTILE))
    marked = [each for each in payload["blocks"] if each.get("text", {}).get("type") == "mrkdwn"]
    assert texts([each["text"]["text"] for each in marked]) == [
        "<https://reports.example.com/2026-11-22/report.html|The full report>"
    ]
    assert "<" not in payload["text"]
    assert any(HOSTILE in text for text in texts(payload["blocks"]))
    # Text runs are the one element of a card whose text is not read as Markdown.
    assert not [text for text in texts(content["body"]) if text == "TextBlock"]
    assert any(HOSTILE in text for text in texts(content["body"]))


def test_a_card_with_too_many_actions_says_that_others_are_in_the_report() -> None:
    sent = texts(card(message("n" * 1500, count=30)))
    assert "The other actions are in the report." in sent


def test_json_holds_the_message_and_the_receiver_can_check_its_signature() -> None:
    sent, key = message(), Secret("signing-key")
    content = signed_json.body(sent, "abc")
    now = datetime(2026, 11, 23, 2, tzinfo=UTC)
    seconds, _, digest = signed_json.signature(content, key, now).partition(",v1=")
    # What docs/channels.md describes for a receiver.
    stamp = seconds.removeprefix("t=")
    assert int(stamp) == int(now.timestamp())
    expected = hmac.new(b"signing-key", f"{stamp}.".encode() + content, hashlib.sha256)
    assert hmac.compare_digest(digest, expected.hexdigest())
    decoded = msgspec.json.decode(content)
    assert (decoded["format"], decoded["id"], decoded["day"]) == (1, "abc", "2026-11-22")
    assert decoded["figures"] == {"spend_micros": 8_000_000_000, "waste_micros": None}


def test_a_stored_message_is_read_back_as_it_was() -> None:
    assert decode(encode(message(HOSTILE))) == message(HOSTILE)


@pytest.mark.parametrize(
    ("kind", "has_findings", "is_due"),
    [("report", False, False), ("report", True, True), ("failure", False, True)],
)
def test_a_channel_for_findings_gets_them_and_nights_without_data(
    kind: str, *, has_findings: bool, is_due: bool
) -> None:
    sent = message(kind=kind, has_findings=has_findings)
    assert sent.is_due("findings") is is_due
    assert sent.is_due("always")
