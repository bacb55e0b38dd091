"""A message for a Workflow of Microsoft Teams ("when a webhook request is received"): an Adaptive
Card 1.5.

Texts are text runs, which read no Markdown and no mentions, so a cluster's name cannot become a
link. Teams refuses messages beyond about 28 KB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.deliver.channel_message import cut, fitted

if TYPE_CHECKING:
    from pipeline.deliver.channel_message import ChannelMessage

MOST_BYTES = 25_000
VERSION = "1.5"
_LONGEST = 2000


def body(message: ChannelMessage) -> bytes:
    """The JSON to post."""
    return fitted(message, _payload, MOST_BYTES)


def _payload(message: ChannelMessage) -> dict[str, Any]:
    parts = [_text(message.kicker, isSubtle=True)]
    parts.append(_text(message.title, weight="Bolder", size="Large"))
    parts += map(_text, message.sentences)
    if message.actions:
        parts.append(_text("Do these first", weight="Bolder") | {"separator": True})
        parts.append(_text(message.summary))
        parts += [
            _text(f"{number}. {action.text()}") for number, action in enumerate(message.actions, 1)
        ]
        parts += [_text(message.more)] if message.more else []
    if message.alerts:
        parts.append(_text("Alerts", weight="Bolder") | {"separator": True})
        parts += map(_text, message.alerts)
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": VERSION,
        "fallbackText": cut(message.title, _LONGEST),
        "msteams": {"width": "Full"},
        "body": parts,
    }
    if message.link:
        card["actions"] = [
            {"type": "Action.OpenUrl", "title": "The full report", "url": message.link}
        ]
    return {
        "type": "message",
        "attachments": [
            {
                "contentType": "application/vnd.microsoft.card.adaptive",
                "contentUrl": None,
                "content": card,
            }
        ],
    }


def _text(text: str, **style: object) -> dict[str, Any]:
    run = {"type": "TextRun", "text": cut(text, _LONGEST), **style}
    return {"type": "RichTextBlock", "inlines": [run]}
