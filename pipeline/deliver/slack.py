"""A message for an incoming webhook of Slack, in Block Kit.

Texts are ``plain_text``: Slack reads neither mentions (``<!channel>``) nor links in it, so a
cluster's name cannot ring a channel. Limits are those of Slack's reference: 50 blocks, 150
characters in a header, 3000 in a text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.deliver.channel_message import cut, fitted

if TYPE_CHECKING:
    from pipeline.deliver.channel_message import ChannelMessage

MOST_BLOCKS, MOST_IN_HEADER, MOST_IN_TEXT = 50, 150, 3000
_MOST_BYTES = 100_000
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def body(message: ChannelMessage) -> bytes:
    """The JSON to post."""
    return fitted(message, _payload, _MOST_BYTES)


def _payload(message: ChannelMessage) -> dict[str, Any]:
    headline = " ".join((message.title, *message.sentences))
    blocks = [{"type": "header", "text": _plain(message.kicker, MOST_IN_HEADER)}]
    blocks.append(_section(headline))
    if message.actions:
        blocks += [{"type": "divider"}, _section(message.summary)]
        blocks += [
            _section(f"{number}. {action.text()}")
            for number, action in enumerate(message.actions, 1)
        ]
    blocks += [_section(message.more)] if message.actions and message.more else []
    if message.alerts:
        blocks += [{"type": "divider"}, *map(_section, message.alerts)]
    if message.link:
        address = message.link.replace("|", "%7C").translate(_ESCAPES)
        link = {"type": "mrkdwn", "text": cut(f"<{address}|The full report>", MOST_IN_TEXT)}
        blocks = [*blocks[: MOST_BLOCKS - 1], {"type": "section", "text": link}]
    # The text of notifications, the one place where markup would be read.
    text = cut(f"{message.kicker}: {message.title}", MOST_IN_TEXT // 5).translate(_ESCAPES)
    return {"text": text, "blocks": blocks[:MOST_BLOCKS]}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _plain(text, MOST_IN_TEXT)}


def _plain(text: str, longest: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": cut(text, longest) or "-", "emoji": False}
