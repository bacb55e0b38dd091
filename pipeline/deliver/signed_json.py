"""A message as plain JSON, and the signature by which its receiver knows the sender.

``X-FleetLedger-Signature: t=SECONDS,v1=HEX``: HMAC-SHA256 with the signing key over the bytes
``SECONDS.BODY``. The receiver computes the same and refuses an old time, so that a recorded post
cannot be repeated later. All attempts and repetitions of a post have the same ``id``.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any

import msgspec

from pipeline.deliver.channel_message import fitted

if TYPE_CHECKING:
    from datetime import datetime

    from pipeline.deliver.channel_message import ChannelMessage
    from pipeline.keys import Secret

FORMAT = 1
SIGNATURE = "X-FleetLedger-Signature"
_MOST_BYTES = 1_000_000


def body(message: ChannelMessage, post_id: str) -> bytes:
    """The JSON to post."""

    def payload(fits: ChannelMessage) -> dict[str, Any]:
        return {"format": FORMAT, "id": post_id, **msgspec.to_builtins(fits)}

    return fitted(message, payload, _MOST_BYTES)


def signature(content: bytes, key: Secret, now: datetime) -> str:
    """The value of the header :data:`SIGNATURE`."""
    seconds = int(now.timestamp())
    digest = hmac.new(key.reveal().encode(), f"{seconds}.".encode() + content, hashlib.sha256)
    return f"t={seconds},v1={digest.hexdigest()}"
