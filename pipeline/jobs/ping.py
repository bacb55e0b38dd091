"""The dead-man's switch: an address is asked when a run starts, and how it ended.

The service behind it raises an alarm if a night does not ask. A ping that fails is a message and a
count (``pings_failed``), never the reason a run fails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit, urlunsplit

from pipeline.deliver import http_post
from pipeline.errors import SUCCESSFUL, Exit, SettingsError
from pipeline.keys import Secret

if TYPE_CHECKING:
    from pipeline.jobs import Job

Event = Literal["start", "success", "fail"]
FAILED = "pings_failed"
_ATTEMPTS = 2


def event_of(code: int) -> Event:
    """How a run with this exit code ended: one with warnings made its report."""
    return "success" if code in SUCCESSFUL else "fail"


def ping(job: Job, event: Event) -> None:
    """Ask the address of ``ping`` for ``event``; nothing if the settings have none."""
    settings = job.settings.ping
    if not settings.url_file and not settings.url_env:
        return
    try:
        address = job.channel_secret("ping.url")
        url = _address(address, event)
        limits = http_post.Limits(_ATTEMPTS, settings.max_seconds, job.settings.proxy)
        outcome = http_post.send("GET", url, b"", {"User-Agent": "fleetledger"}, limits)
        reason = outcome.reason
        if outcome.is_refused:
            reason += f"; check the address in {address.source}"
    except SettingsError as error:
        reason = str(error)
    if reason:
        job.add(FAILED, 1)
        job.note(Exit.DONE, f"ping ({event}): {reason}")


def _address(url: Secret, event: Event) -> Secret:
    """The address for ``event``; a query stays at its end."""
    if event == "success":
        return url
    parts = urlsplit(url.reveal())
    return Secret(urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{event}")))
