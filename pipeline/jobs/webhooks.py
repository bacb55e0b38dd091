"""Webhooks: post a stored report to each channel of the settings, once per date and channel.

A channel that cannot be reached is a message and a count (``webhooks_failed``), never the reason a
run fails: the report exists, and a chat is no place that a night depends on. All posts of a run
together take at most ``MOST_SECONDS``.
"""

from __future__ import annotations

import hashlib
import logging
import time
from typing import TYPE_CHECKING, assert_never

import msgspec

from pipeline.deliver import http_post, signed_json, slack, teams
from pipeline.deliver.channel_message import decode
from pipeline.deliver.http_post import Outcome
from pipeline.errors import Exit, SettingsError
from pipeline.jobs.channel_text import failure_message, file_of
from pipeline.jobs.hidden_names import names_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from pipeline.deliver.channel_message import ChannelMessage
    from pipeline.jobs import Job
    from pipeline.report.model import Failure
    from pipeline.settings import Webhook
    from pipeline.store import Store

log = logging.getLogger(__name__)

MOST_SECONDS = 300.0
FAILED = "webhooks_failed"
POSTED = "webhooks_posted"


def post_report(job: Job, day: date, *, again: bool = False) -> dict[str, str]:
    """Post the report of ``day`` to the channels that have not got it; each one's result.

    The result is empty for an accepted post, else the reason. Channels without a part in this
    report (an owner without clusters, no findings) have no result.

    Raises:
        StorageError: there is no such report.
        LockedError: this run lost its lock to another run, which posts in its place.
    """
    hooks = job.settings.webhooks
    if not hooks:
        return {}
    files = job.store.read_report(day)
    messages: dict[str, ChannelMessage] = {}
    names = names_of(job)
    for name, hook in hooks.items():
        data = files.get(file_of(None if hook.owner is None else names.owner(hook.owner)))
        if data is not None:
            messages[name] = decode(data)
        elif hook.owner is None:
            _fail(job, f"webhooks.{name}: the report of {day} was made by an earlier version; "
                  f"make it again: report --date {day}")  # fmt: skip
    return _post_each(job, messages, again=again)


def post_failure(job: Job, failure: Failure) -> dict[str, str]:
    """Post to the channels of the whole report, once a date, that no account could be read.

    Raises:
        LockedError: this run lost its lock to another run, which posts in its place.
    """
    hooks = job.settings.webhooks.items()
    message = failure_message(failure, job.now().date())
    return _post_each(job, {name: message for name, hook in hooks if hook.owner is None})


def _post_each(
    job: Job, messages: Mapping[str, ChannelMessage], *, again: bool = False
) -> dict[str, str]:
    until = time.monotonic() + MOST_SECONDS
    results: dict[str, str] = {}
    for name, message in messages.items():
        hook = job.settings.webhooks[name]
        sent = SentPosts(job.store, message.day)
        if not message.is_due(hook.when) or (not again and sent.has(message.kind, name)):
            continue
        left = min(hook.max_seconds, until - time.monotonic())
        outcome = (
            _post(job, name, hook, message, left)
            if left > 0
            else Outcome(f"not tried: all posts together took {MOST_SECONDS:g} s")
        )
        results[name] = outcome.reason
        if outcome.reason:
            _fail(job, f"webhooks.{name}: {outcome.reason}; {_remedy(job, name, outcome)}")
        else:
            sent.add(message.kind, name)
            job.add(POSTED, 1)
            log.info("posted %s of %s to webhooks.%s", message.kind, message.day, name)
    return results


def _remedy(job: Job, name: str, outcome: Outcome) -> str:
    """What helps: another attempt only if the same post may be accepted."""
    if not outcome.is_refused:
        return "try again with `fleetledger send`"
    source = job.channel_secret(f"webhooks.{name}.url").source
    return f"check the address in {source}, then: `fleetledger send`"


def _post(job: Job, name: str, hook: Webhook, message: ChannelMessage, seconds: float) -> Outcome:
    """Post a message to a channel."""
    try:
        url = job.channel_secret(f"webhooks.{name}.url")
        content, headers = _request(job, name, hook, message)
        job.store.confirm_locks()
        limits = http_post.Limits(hook.attempts, seconds, job.settings.proxy)
        return http_post.send("POST", url, content, headers, limits)
    except SettingsError as error:  # such as a missing file
        return Outcome(str(error))


def _request(
    job: Job, name: str, hook: Webhook, message: ChannelMessage
) -> tuple[bytes, dict[str, str]]:
    """The body and the headers in the form of the channel."""
    headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "fleetledger"}
    match hook.kind:
        case "slack":
            return slack.body(message), headers
        case "teams":
            return teams.body(message), headers
        case "json":
            content, signature = _signed(job, name, hook, message)
            return content, headers | signature
        case kind:
            assert_never(kind)


def _signed(
    job: Job, name: str, hook: Webhook, message: ChannelMessage
) -> tuple[bytes, dict[str, str]]:
    """The JSON of a message, and the header of its signature if there is a key."""
    parts = [*job.store.accounts(), message.day.isoformat(), message.kind, name]
    post_id = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
    content = signed_json.body(message, post_id)
    if not (hook.signing_key_file or hook.signing_key_env):
        return content, {}
    key = job.channel_secret(f"webhooks.{name}.signing_key")
    return content, {signed_json.SIGNATURE: signed_json.signature(content, key, job.now())}


def _fail(job: Job, message: str) -> None:
    """A message and a count; the exit code stays."""
    job.add(FAILED, 1)
    job.note(Exit.DONE, message)


class SentPosts:
    """Which channels got the posts of a date, by kind; kept so that each gets one."""

    def __init__(self, store: Store, day: date) -> None:
        self._store = store
        # "sent-" and the date: forgotten with a discarded report, like its mail.
        self._name = f"sent-{day}-webhooks"

    def has(self, kind: str, channel: str) -> bool:
        """Whether ``channel`` got the post."""
        return channel in self._all().get(kind, [])

    def add(self, kind: str, channel: str) -> None:
        """Keep that ``channel`` got the post."""
        sent = self._all()
        channels = sorted({*sent.get(kind, []), channel})
        self._store.put_state(self._name, msgspec.json.encode(sent | {kind: channels}))

    def _all(self) -> dict[str, list[str]]:
        return self._store.read_state(self._name, dict[str, list[str]]) or {}
