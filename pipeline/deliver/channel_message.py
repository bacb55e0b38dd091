"""What every channel shows of a report, before it takes a vendor's form.

It is stored with the report as ``message.json``, so that a post needs only the stored report.
All texts come ready to be shown from the report's view; a channel places them and shortens none but
those beyond its vendor's limits.
"""

from __future__ import annotations

from collections.abc import Callable  # noqa: TC003  # used in a public signature
from datetime import date  # noqa: TC003  # msgspec reads the annotations
from typing import Any, Literal

import msgspec

Kind = Literal["report", "notice", "failure"]

FILE = "message.json"
"""Its name in the report's folder."""


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """One action that saves money."""

    action: str
    """In the imperative; the cluster's name follows."""
    cluster: str
    where: str
    """Project, and owner if one is named."""
    saving: str
    grade: str
    since: str
    is_final: bool
    """It cannot be undone."""
    instead: str = ""
    """When another action is right, and which."""

    def text(self) -> str:
        """The action on one line."""
        limits = ["cannot be undone"] * self.is_final + [self.instead] * bool(self.instead)
        final = f" ({'; '.join(limits)})" if limits else ""
        parts = [f"saves {self.saving} ({self.grade})", self.where]
        parts += [f"since {self.since}"] * bool(self.since)
        return f"{self.action} {self.cluster}{final}: {' · '.join(filter(None, parts))}"


class ChannelMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A report in a few sentences."""

    kind: Kind
    """A report, the notice that no day is closed yet, or that of a night without data."""
    day: date
    kicker: str
    """What this is, and of which day."""
    title: str
    sentences: tuple[str, ...] = ()
    summary: str = ""
    """What all actions save."""
    actions: tuple[Action, ...] = ()
    more: str = ""
    """How many others there are, and what those save."""
    alerts: tuple[str, ...] = ()
    """Budgets whose thresholds were crossed, unusual spend, and what limits the figures."""
    link: str = ""
    """The published page; empty where reports are not published."""
    owner: str | None = None
    """Whose part this is; None for the whole report."""
    has_findings: bool = False
    currency: str = ""
    figures: dict[str, int | None] = {}
    """Sums in micros; null where unknown."""

    def is_due(self, when: Literal["always", "findings"]) -> bool:
        """Whether a channel gets it; one for findings alone also gets a night without data."""
        return when == "always" or self.has_findings or self.kind == "failure"


def encode(message: ChannelMessage) -> bytes:
    """``message`` as it is stored."""
    return msgspec.json.format(msgspec.json.encode(message), indent=1) + b"\n"


def decode(data: bytes) -> ChannelMessage:
    """The message that :func:`encode` wrote."""
    return msgspec.json.decode(data, type=ChannelMessage)


def cut(text: str, longest: int) -> str:
    """``text`` of at most ``longest`` characters, with an ellipsis where it was longer."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def fitted(
    message: ChannelMessage, payload: Callable[[ChannelMessage], dict[str, Any]], most_bytes: int
) -> bytes:
    """The payload of ``message`` as JSON of at most ``most_bytes``: with fewer actions, then fewer
    alerts, where all are too many.
    """
    while len(body := msgspec.json.encode(payload(message))) > most_bytes:
        if message.actions:
            left_out = "The other actions are in the report."
            changes: dict[str, Any] = {"actions": message.actions[:-1], "more": left_out}
        elif message.alerts:
            changes = {"alerts": message.alerts[:-1]}
        else:
            break
        message = msgspec.structs.replace(message, **changes)
    return body
